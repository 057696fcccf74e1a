//! Who calls whom: which picture, which edge, and what keys mean there.
//!
//! The selected edge is the one that all screens are about. Keys go through the edges line by
//! line: of the tree, also in the graph, or of the matrix.

use model::fault::FaultState;

use super::moves::moved;
use crate::app::{App, Control, Effects, Order, Toast, ask_control};
use crate::keys::{Action, Screen};
use crate::layout::Layout;
use crate::screen::topology::{EdgeNumbers, TopologyQuery, TopologyView};
use crate::screen::{DetailView, Snapshot, Subject};

/// Panels: the picture, the edge, its history, the other picture.
pub(super) const PANELS: usize = 4;

/// How the calls are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    Graph,
    Tree,
    Matrix,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choices {
    /// `None` is the one that fits the terminal.
    pub picture: Option<Picture>,
}

/// The picture that is drawn.
pub fn picture(app: &App) -> Picture {
    let fitting = match app.layout() {
        Layout::Wide(_) => Picture::Graph,
        Layout::Small(_) | Layout::TooSmall => Picture::Tree,
    };
    app.screens.topology.picture.unwrap_or(fitting)
}

pub(super) fn query(app: &App) -> TopologyQuery {
    TopologyQuery { filter: app.filter(Screen::Topology).cloned(), selected: app.selected.clone() }
}

fn view(seen: &Snapshot) -> Option<&TopologyView> {
    match &seen.detail {
        DetailView::Topology(view) => Some(view),
        _ => None,
    }
}

/// The links in the order in which keys go through them.
fn order(app: &App, view: &TopologyView) -> Vec<usize> {
    let matrix = &view.matrix;
    match picture(app) {
        Picture::Graph | Picture::Tree => view.tree.iter().filter_map(|row| row.link).collect(),
        Picture::Matrix => {
            let cells = |row: &usize| {
                let row = *row;
                matrix.callees.iter().filter_map(move |column| matrix.links.get(&(row, *column)))
            };
            matrix.callers.iter().flat_map(cells).copied().collect()
        },
    }
}

/// The selected link; the screen may be one snapshot behind the selection.
pub fn selected(app: &App, view: &TopologyView) -> Option<usize> {
    let wanted = match &app.selected {
        Some(Subject::Edge(edge)) => view.edges.iter().position(|it| it.edge == *edge),
        _ => None,
    };
    wanted.or(view.selected)
}

fn select(app: &mut App, view: &TopologyView, link: usize) {
    if let Some(numbers) = view.edges.get(link) {
        app.selected = Some(Subject::Edge(numbers.edge.clone()));
    }
}

/// `None` is what the action means everywhere.
pub(super) fn act(app: &mut App, action: Action, seen: &Snapshot) -> Option<Effects> {
    let view = view(seen)?;
    let order = order(app, view);
    let link = selected(app, view);
    let at = order.iter().position(|it| Some(*it) == link);
    let page = usize::from(app.stage_rows() / 2).max(1);
    if let Some(to) = moved(action, at.unwrap_or(0), order.len(), page) {
        select(app, view, *order.get(to)?);
        return Some(Effects::redraw());
    }
    let is_hit = |at: &usize| view.edges[order[*at]].is_hit();
    match action {
        Action::Mode => {
            app.screens.topology.picture = Some(match picture(app) {
                Picture::Graph => Picture::Tree,
                Picture::Tree => Picture::Matrix,
                Picture::Matrix => Picture::Graph,
            });
        },
        Action::NextHit => {
            let next = (at? + 1..order.len()).find(is_hit)?;
            select(app, view, order[next]);
        },
        Action::PrevHit => {
            let before = (0..at?).rev().find(is_hit)?;
            select(app, view, order[before]);
        },
        Action::Arm | Action::Disarm => return Some(control(app, action, (seen, view), link?)),
        _ => return on_edge(app, action, view, link?),
    }
    Some(Effects::redraw())
}

/// What a key does with the selected edge.
fn on_edge(app: &mut App, action: Action, view: &TopologyView, link: usize) -> Option<Effects> {
    let numbers = view.edges.get(link)?;
    let edge = &numbers.edge;
    match action {
        Action::Open | Action::TracesOf => {
            select(app, view, link);
            super::show(app, Screen::Traces, &traces_filter(numbers));
        },
        Action::LogsOf => {
            select(app, view, link);
            let filter = format!("(svc={:?} or svc={:?})", edge.caller, edge.callee);
            super::show(app, Screen::Logs, &filter);
        },
        Action::FaultsOf => {
            select(app, view, link);
            super::show(app, Screen::Faults, &format!("edge:{}", edge.short()));
        },
        Action::Copy => return Some(Effects::order(Order::Copy(edge.to_string()))),
        _ => return None,
    }
    Some(Effects::redraw())
}

/// Traces of an edge, those with errors when there are any. Calls that pass no gateway are known
/// by the service that got them.
fn traces_filter(numbers: &EdgeNumbers) -> String {
    let mut filter = match &numbers.row {
        Some(_) => format!("edge:{}", numbers.edge.short()),
        None => format!("svc={:?}", numbers.edge.callee),
    };
    if numbers.error_percent().is_some_and(|share| share > 0.0) {
        filter.push_str(" error=true");
    }
    filter
}

/// Asks about the first fault of the edge that is not in that state already; of those to disarm,
/// one that no plan has.
fn control(
    app: &mut App,
    action: Action,
    (seen, view): (&Snapshot, &TopologyView),
    link: usize,
) -> Effects {
    let open = view.open.as_ref().filter(|_| view.selected == Some(link));
    let faults = open.map_or(&[][..], |open| &open.faults);
    let wants_active = action == Action::Disarm;
    let fault = faults
        .iter()
        .filter(|it| (it.state == FaultState::Active) == wants_active)
        .min_by_key(|it| wants_active && it.planned);
    match (fault, wants_active) {
        (Some(fault), true) => ask_control(app, seen, Control::Disarm(fault.name.clone())),
        (Some(fault), false) => ask_control(app, seen, Control::Arm(fault.name.clone())),
        (None, true) => refuse(app, "no fault is active on this edge"),
        (None, false) => refuse(app, "no fault of the plan that could be armed is on this edge"),
    }
}

fn refuse(app: &mut App, why: &str) -> Effects {
    app.toast = Some(Toast::bad(why));
    Effects::redraw()
}

/// `row` is a link.
pub(super) fn click(app: &mut App, seen: &Snapshot, row: usize) -> Effects {
    let Some(view) = view(seen) else { return Effects::default() };
    select(app, view, row);
    Effects::redraw()
}

#[cfg(test)]
mod tests;
