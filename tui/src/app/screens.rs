//! The choices of each screen, and who is asked what a key means there.

use std::collections::BTreeMap;

use model::edge::Edge;

use super::line::Line;
use super::{App, Effects};
use crate::filter::{FieldTable, Filter, FilterError, fields};
use crate::keys::{Action, Screen};
use crate::screen::{Detail, Snapshot, Subject};

mod faults;
pub(super) mod load;
pub(super) mod logs;
mod moves;
mod overview;
mod own;
pub(super) mod topology;
pub(super) mod traces;
mod verdicts;

pub use overview::Mode;
pub use own::own_selected;

/// What is chosen on each screen; it stays when one goes elsewhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Screens {
    pub overview: overview::Choices,
    pub topology: topology::Choices,
    pub traces: traces::Choices,
    pub logs: logs::Choices,
    pub faults: faults::Choices,
    pub verdicts: verdicts::Choices,
    pub load: load::Choices,
    pub own: own::Choices,
    /// What the list of each screen is narrowed to.
    pub filter: BTreeMap<Screen, Filter>,
    /// Filters and commands that were written before, the newest first.
    pub filters: Vec<String>,
    pub commands: Vec<String>,
}

/// What the open screen wants to be shown.
pub(super) fn detail(app: &App) -> Detail {
    match app.screen {
        Screen::Overview => Detail::Overview,
        Screen::Topology => Detail::Topology(topology::query(app)),
        Screen::Traces => Detail::Traces(traces::query(app)),
        Screen::Logs => Detail::Logs(logs::query(app)),
        Screen::Faults => Detail::Faults(faults::query(app)),
        Screen::Verdicts => Detail::Verdicts(verdicts::query(app)),
        Screen::Load => Detail::Load(load::query(app)),
        Screen::OwnLog => Detail::Own,
    }
}

/// What an action means on the open screen; `None` is what it means everywhere.
pub(super) fn act(app: &mut App, action: Action, seen: &Snapshot) -> Option<Effects> {
    match app.screen {
        Screen::Overview => overview::act(app, action, seen),
        Screen::Topology => topology::act(app, action, seen),
        Screen::Traces => traces::act(app, action, seen),
        Screen::Logs => logs::act(app, action, seen),
        Screen::Faults => faults::act(app, action, seen),
        Screen::Verdicts => verdicts::act(app, action, seen),
        Screen::Load => load::act(app, action, seen),
        Screen::OwnLog => own::act(app, action, seen),
    }
}

/// A click on a row of the list.
pub(super) fn click(app: &mut App, seen: &Snapshot, row: usize) -> Effects {
    match app.screen {
        Screen::Overview => overview::click(app, seen, row),
        Screen::Topology => topology::click(app, seen, row),
        Screen::Traces => traces::click(app, seen, row),
        Screen::Logs => logs::click(app, seen, row),
        Screen::Faults => faults::click(app, seen, row),
        Screen::Verdicts => verdicts::click(app, seen, row),
        Screen::Load => load::click(app, seen, row),
        Screen::OwnLog => own::click(app, seen, row),
    }
}

/// The fields that the list of a screen can be filtered by; `None` without a list.
pub fn fields(screen: Screen) -> Option<&'static FieldTable> {
    match screen {
        Screen::Overview => Some(&fields::OVERVIEW),
        Screen::Topology => Some(&fields::TOPOLOGY),
        Screen::Traces => Some(&fields::TRACES),
        Screen::Logs => Some(&fields::LOGS),
        Screen::Faults => Some(&fields::FAULTS),
        Screen::Verdicts => Some(&fields::VERDICTS_LIST),
        Screen::Load | Screen::OwnLog => None,
    }
}

impl App {
    /// What the list of a screen is narrowed to; `None` shows everything.
    pub fn filter(&self, screen: Screen) -> Option<&Filter> {
        self.screens.filter.get(&screen)
    }

    /// Narrows the list of a screen, if the text is a filter there.
    pub fn set_filter(&mut self, screen: Screen, text: &str) -> Result<(), FilterError> {
        let Some(fields) = fields(screen) else { return Ok(()) };
        let filter = Filter::parse(text, fields)?;
        if filter.is_empty() {
            self.screens.filter.remove(&screen);
        } else {
            self.screens.filter.insert(screen, filter);
        }
        Ok(())
    }
}

/// Why a text is no filter here.
pub(super) fn check(app: &App, text: &str) -> Option<String> {
    Filter::parse(text, fields(app.screen)?).err().map(|error| error.to_string())
}

/// How a filter could go on, as whole lines.
pub(super) fn complete(app: &App, line: &Line, seen: &Snapshot) -> Vec<String> {
    let Some(fields) = fields(app.screen) else { return Vec::new() };
    let known = |field: &str| known(seen, field);
    let completion = crate::filter::complete(&line.text, line.cursor, fields, &known);
    let letters: Vec<char> = line.text.chars().collect();
    let before: String = letters.iter().take(completion.from).collect();
    let after: String = letters.iter().skip(line.cursor).collect();
    completion.words.iter().map(|word| format!("{before}{word}{after}")).collect()
}

/// Values of a field that are on the screen.
fn known(seen: &Snapshot, field: &str) -> Vec<String> {
    let edges = || {
        seen.rows.iter().filter_map(|row| match &row.subject {
            Subject::Edge(edge) => Some(edge),
            Subject::Flow(_) => None,
        })
    };
    let mut values: Vec<String> = match field {
        "edge" => edges().map(Edge::short).collect(),
        "svc" | "caller" | "callee" | "root" => {
            edges().flat_map(|edge| [edge.caller.clone(), edge.callee.clone()]).collect()
        },
        "fault" => seen.faults.iter().map(|fault| fault.name.clone()).collect(),
        "flow" => seen
            .rows
            .iter()
            .filter_map(|row| match &row.subject {
                Subject::Flow(flow) => Some(flow.clone()),
                Subject::Edge(_) => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    values.sort();
    values.dedup();
    values
}

/// What a subject is called in the filters of traces and logs.
fn subject_filter(seen: &Snapshot, row: usize) -> String {
    match seen.rows.get(row).map(|row| &row.subject) {
        Some(Subject::Edge(edge)) => format!("edge:{}", edge.short()),
        Some(Subject::Flow(flow)) => format!("span={flow:?}"),
        None => String::new(),
    }
}

/// Traces of what is selected, those with errors when there are any.
pub(super) fn traces_of(app: &mut App, seen: &Snapshot) {
    let row = app.selected_row(seen);
    let mut filter = subject_filter(seen, row);
    let failed = seen.rows.get(row).and_then(|row| row.error_percent).unwrap_or(0.0);
    if failed > 0.0 {
        filter.push_str(" error=true");
    }
    show(app, Screen::Traces, &filter);
}

/// Log lines of what is selected: of the services on both sides of an edge.
pub(super) fn logs_of(app: &mut App, seen: &Snapshot) {
    let row = app.selected_row(seen);
    let filter = match seen.rows.get(row).map(|row| &row.subject) {
        Some(Subject::Edge(edge)) => format!("(svc={:?} or svc={:?})", edge.caller, edge.callee),
        Some(Subject::Flow(_)) | None => String::new(),
    };
    show(app, Screen::Logs, &filter);
}

/// Goes to a list that is narrowed to something.
pub(super) fn show(app: &mut App, screen: Screen, filter: &str) {
    app.go(screen);
    // A name that cannot be written as a filter shows everything.
    if app.set_filter(screen, filter).is_err() {
        app.screens.filter.remove(&screen);
    }
    if screen == Screen::Logs {
        app.screens.logs.begin();
    }
}

impl App {
    /// Panels between which Tab goes.
    fn panels(&self) -> usize {
        match self.screen {
            Screen::Overview => crate::view::OverviewPanel::ALL.len(),
            Screen::Load => load::PANELS,
            Screen::Topology => topology::PANELS,
            Screen::Faults => crate::view::FaultsPanel::ALL.len(),
            Screen::Traces => traces::PANELS,
            Screen::Verdicts => verdicts::PANELS,
            Screen::Logs => logs::PANELS,
            Screen::OwnLog => 1,
        }
    }

    pub(super) fn focus_by(&mut self, steps: isize) {
        let panels = self.panels().cast_signed();
        let next = |focus: usize| (focus.cast_signed() + steps).rem_euclid(panels).cast_unsigned();
        self.focus = next(self.focus);
        // The plot that a small screen does not show is passed over.
        if self.screen == Screen::Overview && self.panel() as usize != self.focus {
            self.focus = next(self.focus);
        }
    }
}
