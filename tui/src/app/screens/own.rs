//! What the dashboard says about itself: what is chosen there, and what keys mean there.

use crate::app::{App, Effects, Order};
use crate::keys::Action;
use crate::screen::own::OwnView;
use crate::screen::{DetailView, Snapshot};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choices {
    /// Number of an entry; `None` stays with the newest.
    pub selected: Option<u64>,
}

fn shown(seen: &Snapshot) -> Option<&OwnView> {
    match &seen.detail {
        DetailView::Own(view) => Some(view),
        _ => None,
    }
}

/// Where the selection stands: an entry that was forgotten gives way to the oldest.
pub fn own_selected(app: &App, view: &OwnView) -> usize {
    let last = view.entries.len().saturating_sub(1);
    match app.screens.own.selected {
        None => last,
        Some(number) => view.entries.partition_point(|entry| entry.number < number).min(last),
    }
}

/// `None` is what the action means everywhere.
pub(super) fn act(app: &mut App, action: Action, seen: &Snapshot) -> Option<Effects> {
    let view = shown(seen)?;
    let at = own_selected(app, view);
    let page = usize::from(app.stage_rows()).max(2);
    if let Some(to) = super::moves::moved(action, at, view.entries.len(), page) {
        let is_last = to + 1 >= view.entries.len();
        let chosen = view.entries.get(to).map(|entry| entry.number);
        app.screens.own.selected = if is_last { None } else { chosen };
        return Some(Effects::redraw());
    }
    match action {
        Action::Follow => {
            let now = view.entries.get(at).map(|entry| entry.number);
            let choices = &mut app.screens.own;
            choices.selected = if choices.selected.is_some() { None } else { now };
        },
        Action::Copy => {
            let entry = view.entries.get(at)?;
            return Some(Effects::order(Order::Copy(entry.text.clone())));
        },
        _ => return None,
    }
    Some(Effects::redraw())
}

pub(super) fn click(app: &mut App, seen: &Snapshot, row: usize) -> Effects {
    let entry = shown(seen).and_then(|view| view.entries.get(row));
    app.screens.own.selected = entry.map(|entry| entry.number);
    Effects::redraw()
}
