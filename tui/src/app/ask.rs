//! Changes of faults: what is asked about first, and what is refused without a question.

use model::fault::FaultState;

use super::{App, Control, Effects, Toast};
use crate::control::{BY_HAND, NOT_ALLOWED};
use crate::screen::{Cursor, FaultLane, Link, Snapshot};

fn active(seen: &Snapshot) -> impl Iterator<Item = &FaultLane> + Clone {
    seen.faults.iter().filter(|fault| fault.state == FaultState::Active)
}

/// Where no fault is selected, the active one is meant, else the first. Of the active ones, that
/// which no plan has is the one to disarm.
pub(super) fn of_interest(
    app: &mut App,
    seen: &Snapshot,
    change: fn(String) -> Control,
) -> Effects {
    let mut active = active(seen);
    let first = active.clone().next().or(seen.faults.first());
    match active.find(|fault| !fault.planned).or(first) {
        Some(fault) => ask_control(app, seen, change(fault.name.clone())),
        None => {
            app.toast = Some(Toast::bad("there is no fault"));
            Effects::redraw()
        },
    }
}

/// Nothing is changed without a question, and nothing at all unless it was allowed.
pub(crate) fn ask_control(app: &mut App, seen: &Snapshot, control: Control) -> Effects {
    let not_allowed = (!app.control).then(|| NOT_ALLOWED.to_owned());
    if let Some(why) = not_allowed.or_else(|| nothing_comes(app, seen, &control)) {
        app.toast = Some(Toast::bad(why));
        return Effects::redraw();
    }
    let text = match &control {
        Control::Arm(name) => format!("Arm {name} for one minute?"),
        Control::Disarm(name) => format!("Disarm {name}?"),
        Control::ClearAll => "Disarm all faults that were armed by hand?".to_owned(),
    };
    app.dialog = Some(super::Dialog::Sure { text, control });
    Effects::redraw()
}

/// Why nothing can come of a change. Only a screen that shows this moment can tell.
fn nothing_comes(app: &App, seen: &Snapshot, control: &Control) -> Option<String> {
    let is_now = app.cursor == Cursor::Live
        && app.paused_at.is_none()
        && seen.axis.newest_s.is_some()
        && !matches!(seen.link, Link::Lost { .. } | Link::Ended);
    // What was armed just now is still to come.
    if !is_now || app.armed.is_some() {
        return None;
    }
    let mut by_hand = active(seen).filter(|fault| !fault.planned);
    match control {
        Control::Arm(_) => None,
        Control::Disarm(name) => {
            let planned = seen.faults.iter().any(|fault| fault.planned && fault.name == *name);
            let beside = format!("{name}{BY_HAND}");
            let text = "belongs to the plan; only what was armed by hand can be disarmed";
            (planned && by_hand.all(|it| it.name != beside)).then(|| format!("{name} {text}"))
        },
        Control::ClearAll => {
            by_hand.next().is_none().then(|| "no fault is armed by hand".to_owned())
        },
    }
}

/// An order is on its way.
pub(super) fn ordered(app: &mut App, control: &Control) {
    if let Control::Arm(name) = control {
        let plain = name.strip_suffix(BY_HAND).unwrap_or(name);
        app.armed = Some(format!("{plain}{BY_HAND}"));
    }
}

/// What was armed is on the screen by now, or is not.
pub(super) fn told(app: &mut App, seen: &Snapshot) {
    app.armed.take_if(|name| active(seen).any(|fault| fault.name == *name));
}
