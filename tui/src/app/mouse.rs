//! What a pointer does: the wheel moves, a click chooses, dragging moves the time cursor.

use super::{App, Dialog, Effects, screens};
use crate::keys::Action;
use crate::screen::Snapshot;
use crate::view::Hit;

/// What a pointer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pointer {
    Pressed,
    /// Moved while pressed.
    Dragged,
    WheelUp,
    WheelDown,
}

pub(super) fn act(app: &mut App, seen: &Snapshot, pointer: Pointer, hit: Option<Hit>) -> Effects {
    let wheel = match pointer {
        Pointer::WheelUp => Some(Action::Up),
        Pointer::WheelDown => Some(Action::Down),
        Pointer::Pressed | Pointer::Dragged => None,
    };
    match (wheel, &app.dialog) {
        // The text of a line is not a list.
        (Some(_), Some(Dialog::Line(_))) => return Effects::default(),
        (Some(action), _) => return super::act(app, action, seen),
        // A dialog keeps what lies behind it from the pointer.
        (None, Some(_)) => return Effects::default(),
        (None, None) => {},
    }
    match hit {
        Some(Hit::Column(column)) => app.look_at_column(&seen.axis, column),
        // Only the time cursor follows a pointer that is held down.
        _ if pointer == Pointer::Dragged => return Effects::default(),
        Some(Hit::Tab(screen)) => app.go(screen),
        Some(Hit::Row(row)) => return screens::click(app, seen, row),
        Some(Hit::Panel(panel)) => app.focus = panel,
        None => return Effects::default(),
    }
    Effects::redraw()
}
