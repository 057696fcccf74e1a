//! A piece of a payload: where it begins and how long it is.

use std::borrow::Cow;

use crate::decode::AnyView;

/// A range of bytes of a batch's payload. One that is absent is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Part {
    offset: u32,
    length: u32,
}

impl Part {
    /// Where `piece`, a slice of `payload`, lies in it. One that lies elsewhere is absent.
    pub(crate) fn of(payload: &[u8], piece: &[u8]) -> Self {
        let offset = piece.as_ptr().addr().wrapping_sub(payload.as_ptr().addr());
        match (u32::try_from(offset), u32::try_from(piece.len())) {
            (Ok(offset), Ok(length)) if length > 0 => Self { offset, length },
            _ => Self::default(),
        }
    }

    pub(crate) fn is_absent(self) -> bool {
        self.length == 0
    }

    pub(crate) fn bytes(self, payload: &[u8]) -> &[u8] {
        let start = self.offset as usize;
        payload.get(start..start + self.length as usize).unwrap_or_default()
    }

    /// The bytes as text; they were found to be UTF-8 when they were decoded.
    pub(crate) fn text(self, payload: &[u8]) -> &str {
        str::from_utf8(self.bytes(payload)).unwrap_or_default()
    }

    /// The bytes as an attribute value; `None` when it is absent.
    pub(crate) fn value(self, payload: &[u8]) -> Option<AnyView<'_>> {
        if self.is_absent() {
            return None;
        }
        AnyView::read(self.bytes(payload)).ok()
    }

    /// The text of an attribute value: a text as it is, a number written out, the first of a list.
    pub(crate) fn value_text(self, payload: &[u8]) -> Option<Cow<'_, str>> {
        self.value(payload)?.to_text()
    }
}
