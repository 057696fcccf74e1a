//! Every fault at full length: what is chosen there, and what keys mean there.

use crate::app::{App, Control, Effects, Toast, ask_control};
use crate::keys::{Action, Screen};
use crate::screen::faults::{FaultOrder, FaultsQuery, FaultsView, Moment};
use crate::screen::{Cursor, DetailView, Snapshot};
use crate::view::FaultsPanel;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choices {
    /// Name of a fault.
    pub selected: Option<String>,
    pub order: FaultOrder,
    pub reverse: bool,
}

pub(super) fn query(app: &App) -> FaultsQuery {
    let choices = &app.screens.faults;
    FaultsQuery {
        filter: app.filter(Screen::Faults).cloned(),
        selected: choices.selected.clone(),
        order: choices.order,
        reverse: choices.reverse,
    }
}

fn shown(seen: &Snapshot) -> Option<&FaultsView> {
    match &seen.detail {
        DetailView::Faults(view) => Some(view),
        _ => None,
    }
}

/// The selected fault; the screen may be one snapshot behind.
fn name(app: &App, view: &FaultsView) -> Option<String> {
    view.rows.get(row(app, view)).map(|row| row.lane.name.clone())
}

fn row(app: &App, view: &FaultsView) -> usize {
    let wanted = app.screens.faults.selected.as_deref();
    let found = wanted.and_then(|name| view.rows.iter().position(|row| row.lane.name == name));
    found.unwrap_or(view.selected)
}

fn select(app: &mut App, view: &FaultsView, row: usize) {
    let last = view.rows.len().saturating_sub(1);
    if let Some(row) = view.rows.get(row.min(last)) {
        app.screens.faults.selected = Some(row.lane.name.clone());
    }
}

impl App {
    /// The panel of this screen that Tab has gone to.
    pub fn faults_panel(&self) -> FaultsPanel {
        FaultsPanel::ALL[self.focus % FaultsPanel::ALL.len()]
    }
}

/// `None` is what the action means everywhere.
pub(super) fn act(app: &mut App, action: Action, seen: &Snapshot) -> Option<Effects> {
    let view = shown(seen)?;
    if app.faults_panel() == FaultsPanel::Events && matches!(action, Action::Up | Action::Down) {
        let events = view.detail.as_ref().map_or(&[][..], |detail| &detail.events);
        step(app, seen, events, action == Action::Down);
        return Some(Effects::redraw());
    }
    let at = row(app, view);
    let page = usize::from(app.stage_rows() / 4).max(2);
    if let Some(to) = super::moves::moved(action, at, view.rows.len(), page) {
        select(app, view, to);
        return Some(Effects::redraw());
    }
    match action {
        Action::NextHit => step(app, seen, &view.moments, true),
        Action::PrevHit => step(app, seen, &view.moments, false),
        Action::Sort => {
            let choices = &mut app.screens.faults;
            let next = FaultOrder::ALL.iter().position(|it| *it == choices.order).unwrap_or(0) + 1;
            choices.order = FaultOrder::ALL[next % FaultOrder::ALL.len()];
        },
        Action::SortReverse => app.screens.faults.reverse = !app.screens.faults.reverse,
        _ => return about_selected(app, action, (seen, view)),
    }
    Some(Effects::redraw())
}

/// What is done with the selected fault.
fn about_selected(
    app: &mut App,
    action: Action,
    (seen, view): (&Snapshot, &FaultsView),
) -> Option<Effects> {
    let wanted = matches!(
        action,
        Action::Open
            | Action::TracesOf
            | Action::LogsOf
            | Action::Copy
            | Action::Arm
            | Action::Disarm
    );
    if !wanted {
        return None;
    }
    let Some(name) = name(app, view) else {
        app.toast = Some(Toast::bad("there is no fault"));
        return Some(Effects::redraw());
    };
    match action {
        Action::Open | Action::TracesOf => {
            super::show(app, Screen::Traces, &format!("fault={name:?}"));
        },
        Action::LogsOf => {
            let attribute = model::names::attribute::FAULT;
            super::show(app, Screen::Logs, &format!("{attribute}={name:?}"));
        },
        Action::Copy => return Some(Effects::order(crate::app::Order::Copy(name))),
        Action::Arm => return Some(ask_control(app, seen, Control::Arm(name))),
        _ => return Some(ask_control(app, seen, Control::Disarm(name))),
    }
    Some(Effects::redraw())
}

/// Moves the cursor to the next moment, or to the one before, and says what happened then.
fn step(app: &mut App, seen: &Snapshot, moments: &[Moment], forward: bool) {
    let at = match app.cursor {
        Cursor::At(second) => second,
        Cursor::Live => app.paused_at.or(seen.axis.newest_s).unwrap_or(0),
    };
    let found = if forward {
        moments.iter().find(|moment| moment.unix_s > at)
    } else {
        moments.iter().rev().find(|moment| moment.unix_s < at)
    };
    match found {
        Some(moment) => {
            app.look_at(&seen.axis, moment.unix_s);
            let clock = crate::format::clock(moment.clock_s);
            app.toast = Some(Toast::good(format!("{clock} {}", moment.text)));
        },
        None => {
            let way = if forward { "later" } else { "earlier" };
            app.toast = Some(Toast::bad(format!("nothing happened to a fault {way}")));
        },
    }
}

pub(super) fn click(app: &mut App, seen: &Snapshot, row: usize) -> Effects {
    if let Some(view) = shown(seen) {
        app.focus = 0;
        select(app, view, row);
    }
    Effects::redraw()
}

#[cfg(test)]
mod tests;
