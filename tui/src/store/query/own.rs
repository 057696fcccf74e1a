//! What the dashboard says about itself: what is shown of it.

use crate::screen::own::OwnView;
use crate::store::Store;

/// It is there before the first frame.
pub(super) fn build(store: &Store) -> OwnView {
    OwnView {
        entries: store.own.entries(),
        counts: store.own.counts(),
        forgotten: store.own.forgotten(),
    }
}
