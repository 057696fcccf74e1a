//! The exemplars of an edge, packed: of an hour only those are read that are shown.

use model::frame::TraceHead;
use model::id::{CorrelationId, TraceId};

const HAS_ERROR: u8 = 1;
const HAS_CORRELATION: u8 = 2;
const HAS_FAULT: u8 = 4;

/// For each head its marks, its id, its start and duration, and its texts behind their lengths,
/// numbers with the least byte first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heads(Box<[u8]>);

impl Heads {
    /// `bytes` is room to work in; what it holds is replaced.
    pub(super) fn of(heads: &[TraceHead], bytes: &mut Vec<u8>) -> Self {
        bytes.clear();
        for head in heads {
            push(head, bytes);
        }
        Self(bytes.as_slice().into())
    }

    pub fn iter(&self) -> impl Iterator<Item = TraceHead> + '_ {
        let mut rest = &*self.0;
        std::iter::from_fn(move || take(&mut rest))
    }
}

fn push(head: &TraceHead, bytes: &mut Vec<u8>) {
    let marks = [
        (head.error, HAS_ERROR),
        (head.correlation_id.is_some(), HAS_CORRELATION),
        (head.fault.is_some(), HAS_FAULT),
    ];
    bytes.push(marks.iter().filter(|(is, _)| *is).map(|(_, mark)| mark).sum());
    bytes.extend(head.trace_id.as_bytes());
    bytes.extend(head.start_unix_ns.to_le_bytes());
    bytes.extend(head.duration_ns.to_le_bytes());
    let id = head.correlation_id.as_ref().map(CorrelationId::as_str);
    for text in [id, head.fault.as_deref()].into_iter().flatten() {
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
}

fn take(bytes: &mut &[u8]) -> Option<TraceHead> {
    let [marks] = take_array(bytes)?;
    let has = |mark: u8| marks & mark != 0;
    Some(TraceHead {
        trace_id: TraceId::from_bytes(take_array(bytes)?)?,
        start_unix_ns: u64::from_le_bytes(take_array(bytes)?),
        duration_ns: u64::from_le_bytes(take_array(bytes)?),
        error: has(HAS_ERROR),
        correlation_id: if has(HAS_CORRELATION) {
            Some(take_text(bytes)?.parse().ok()?)
        } else {
            None
        },
        fault: if has(HAS_FAULT) { Some(take_text(bytes)?.to_owned()) } else { None },
    })
}

fn take_array<const LENGTH: usize>(bytes: &mut &[u8]) -> Option<[u8; LENGTH]> {
    let (array, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*array)
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = u32::from_le_bytes(take_array(bytes)?) as usize;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}
