//! The keys that move in a list, the same on every screen.

use crate::keys::Action;

/// The row after a key that moves in a list; `None` when the key does something else.
pub(super) fn moved(action: Action, at: usize, count: usize, page: usize) -> Option<usize> {
    let last = count.saturating_sub(1);
    let to = match action {
        Action::Up => at.saturating_sub(1),
        Action::Down => at.saturating_add(1),
        Action::PageUp => at.saturating_sub(page),
        Action::PageDown => at.saturating_add(page),
        Action::HalfUp => at.saturating_sub(page / 2),
        Action::HalfDown => at.saturating_add(page / 2),
        Action::First => 0,
        Action::Last => last,
        _ => return None,
    };
    Some(to.min(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_move_by_rows_and_pages_and_stop_at_the_ends() {
        for (action, at, to) in [
            (Action::Up, 5, Some(4)),
            (Action::Up, 0, Some(0)),
            (Action::Down, 5, Some(6)),
            (Action::Down, 19, Some(19)),
            (Action::PageUp, 5, Some(0)),
            (Action::PageDown, 5, Some(13)),
            (Action::HalfUp, 5, Some(1)),
            (Action::HalfDown, 5, Some(9)),
            (Action::First, 5, Some(0)),
            (Action::Last, 5, Some(19)),
            (Action::Open, 5, None),
        ] {
            assert_eq!(moved(action, at, 20, 8), to, "{action:?}");
        }
        assert_eq!(moved(Action::Last, 3, 0, 8), Some(0), "an empty list");
    }
}
