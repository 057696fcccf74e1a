//! Connections that a journey keeps for its own next steps.

use super::{http1, http2};

/// At most one for each target.
#[derive(Debug, Default)]
pub(crate) struct Held(Vec<(usize, Kept)>);

#[derive(Debug)]
pub(super) enum Kept {
    Http1(http1::Connection),
    Http2(http2::Connection),
}

/// Who may use a connection again.
pub(super) enum Whose<'a> {
    Everybody,
    Journey(&'a mut Held),
    Nobody,
}

impl Held {
    /// The one to a target, if there is one.
    pub(super) fn take(&mut self, target: usize) -> Option<Kept> {
        let at = self.0.iter().position(|(of, _)| *of == target)?;
        Some(self.0.swap_remove(at).1)
    }

    pub(super) fn keep(&mut self, target: usize, kept: Kept) {
        self.take(target);
        self.0.push((target, kept));
    }

    /// Takes in those of a copy, which are the newer ones.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (target, kept) in other.0 {
            self.keep(target, kept);
        }
    }
}
