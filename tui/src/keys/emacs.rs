//! The preset for people whose fingers know Emacs: what differs from the table.

use super::action::Action;

const KEYS: &[(Action, &[&str])] = &[
    (Action::Up, &["ctrl-p", "up"]),
    (Action::Down, &["ctrl-n", "down"]),
    (Action::First, &["alt-<", "home"]),
    (Action::Last, &["alt->", "end"]),
    (Action::PageUp, &["alt-v", "pgup"]),
    (Action::PageDown, &["ctrl-v", "pgdn"]),
    (Action::ScrubBack, &["ctrl-b", "left"]),
    (Action::ScrubForward, &["ctrl-f", "right"]),
    (Action::ScrubBackTen, &["alt-b", "{", "shift-left"]),
    (Action::ScrubForwardTen, &["alt-f", "}", "shift-right"]),
    (Action::Back, &["ctrl-g", "esc"]),
    (Action::Cancel, &["ctrl-g", "esc"]),
    (Action::Filter, &["ctrl-s", "/"]),
    (Action::Command, &["alt-x", ":"]),
    (Action::FocusNext, &["ctrl-x o", "tab"]),
    (Action::ZoomPanel, &["ctrl-x 1", "z"]),
    (Action::Quit, &["ctrl-x ctrl-c", "q"]),
    (Action::Copy, &["alt-w", "y"]),
    (Action::Older, &["ctrl-p", "up"]),
    (Action::Newer, &["ctrl-n", "down"]),
];

/// `None` where the table's own keys hold.
pub(super) fn keys(action: Action) -> Option<&'static [&'static str]> {
    KEYS.iter().find(|(known, _)| *known == action).map(|(_, keys)| *keys)
}
