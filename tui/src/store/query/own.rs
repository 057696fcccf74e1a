//! What the dashboard says about itself: what is shown of it.

use super::time::Times;
use crate::ask::Question;
use crate::screen::own::{OwnQuery, OwnView};
use crate::store::Store;
use crate::store::answers::{Answers, Slot};

/// What has to be asked for it.
pub(super) fn questions(
    _store: &Store,
    _answers: &Answers,
    _times: &Times,
    _query: &OwnQuery,
) -> Vec<(Slot, Question)> {
    Vec::new()
}

/// It is there before the first frame.
pub(super) fn build(store: &Store, _query: &OwnQuery) -> OwnView {
    OwnView {
        entries: store.own.entries(),
        counts: store.own.counts(),
        forgotten: store.own.forgotten(),
    }
}
