//! Log lines: which one is selected, and what is shown of each.

use std::fmt::Write as _;

use super::moves::moved;
use super::traces;
use crate::app::{App, Dialog, Effects, Menu, MenuKind, Order, Toast};
use crate::filter::Filter;
use crate::keys::{Action, Screen};
use crate::screen::logs::{LineId, LogRow, LogsQuery, LogsView};
use crate::screen::{DetailView, Snapshot};

/// Panels: the list, the record, the volume.
pub(super) const PANELS: usize = 3;

/// What the time of a line is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineTimes {
    /// The start of the run.
    Run,
    /// The first line of the list.
    First,
    /// The line before.
    Before,
}

/// What stands before the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineColumn {
    Time,
    Source,
    Level,
    /// The correlation id, else the trace.
    Request,
}

impl LineColumn {
    pub const ALL: [Self; 4] = [Self::Time, Self::Source, Self::Level, Self::Request];

    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Source => "source",
            Self::Level => "level",
            Self::Request => "request",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// `None` follows the newest line; of one request, it is the first that tells what went wrong.
    pub selected: Option<LineId>,
    /// `None` is since the first line for one request, and since the start of the run else.
    pub times: Option<LineTimes>,
    pub wrap: bool,
    pub context: bool,
    pub patterns: bool,
    /// Template of the selected pattern; `None` is the most frequent one.
    pub pattern: Option<String>,
    /// Which of [`LineColumn::ALL`] are shown.
    pub columns: [bool; 4],
    /// Lines of the record that are scrolled out of sight.
    pub offset: usize,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            selected: None,
            times: None,
            wrap: false,
            context: false,
            patterns: false,
            pattern: None,
            columns: [true, true, true, false],
            offset: 0,
        }
    }
}

impl Choices {
    /// The list is another one.
    pub(super) fn begin(&mut self) {
        (self.selected, self.patterns, self.pattern, self.offset) = (None, false, None, 0);
    }

    pub fn times(&self, view: &LogsView) -> LineTimes {
        let usual = if view.of_request { LineTimes::First } else { LineTimes::Run };
        self.times.unwrap_or(usual)
    }

    /// Does the selection go with new lines?
    pub fn follows(&self, view: &LogsView) -> bool {
        self.selected.is_none() && !view.of_request
    }

    /// Where the selection stands among the patterns.
    pub fn pattern_place(&self, view: &LogsView) -> usize {
        let wanted = self.pattern.as_ref();
        let found =
            wanted.and_then(|it| view.patterns.iter().position(|known| known.template == *it));
        found.unwrap_or(0)
    }
}

pub(super) fn query(app: &App) -> LogsQuery {
    let choices = &app.screens.logs;
    LogsQuery {
        filter: app.filter(Screen::Logs).cloned(),
        selected: choices.selected,
        context: choices.context,
        patterns: choices.patterns,
    }
}

fn view(seen: &Snapshot) -> Option<&LogsView> {
    match &seen.detail {
        DetailView::Logs(view) => Some(view),
        _ => None,
    }
}

fn select(choices: &mut Choices, view: &LogsView, index: usize) {
    if let Some(row) = view.rows.get(index) {
        (choices.selected, choices.offset) = (Some(row.id), 0);
    }
}

fn said(app: &mut App, text: &str) -> Effects {
    app.toast = Some(Toast::bad(text));
    Effects::redraw()
}

/// `None` is what the action means everywhere.
pub(super) fn act(app: &mut App, action: Action, seen: &Snapshot) -> Option<Effects> {
    let view = view(seen)?;
    if let Some(effects) = shown(app, action, view) {
        return Some(effects);
    }
    let page = usize::from(app.stage_rows() / 2).max(1);
    let choices = &mut app.screens.logs;
    if app.focus == 1
        && let Some(to) = moved(action, choices.offset, view.record.len(), page)
    {
        choices.offset = to;
        return Some(Effects::redraw());
    }
    if action == Action::Back && app.focus > 0 && !app.zoomed {
        app.focus = 0;
        return Some(Effects::redraw());
    }
    if app.screens.logs.patterns {
        return patterns(app, action, view, page);
    }
    list(app, action, view, page)
}

/// What a key changes of how lines are shown.
fn shown(app: &mut App, action: Action, view: &LogsView) -> Option<Effects> {
    let choices = &mut app.screens.logs;
    match action {
        Action::Wrap => choices.wrap = !choices.wrap,
        Action::Context => choices.context = !choices.context,
        Action::Patterns => {
            choices.patterns = !choices.patterns;
            app.focus = 0;
        },
        Action::Delta => {
            choices.times = Some(match choices.times(view) {
                LineTimes::Run => LineTimes::Before,
                LineTimes::Before => LineTimes::First,
                LineTimes::First => LineTimes::Run,
            });
        },
        Action::Columns => {
            let items = LineColumn::ALL.map(|it| it.name().to_owned()).to_vec();
            let menu = Menu::new(MenuKind::Columns, "Columns", items, 0);
            let on = choices.columns.to_vec();
            app.dialog = Some(Dialog::Menu(Menu { on, ..menu }));
        },
        Action::Follow if view.of_request => {
            return Some(said(app, "these are all lines of one request: nothing to follow"));
        },
        Action::Follow if choices.follows(view) => {
            select(choices, view, view.rows.len().saturating_sub(1));
        },
        Action::Follow => (choices.selected, choices.patterns, choices.offset) = (None, false, 0),
        _ => return None,
    }
    Some(Effects::redraw())
}

fn list(app: &mut App, action: Action, view: &LogsView, page: usize) -> Option<Effects> {
    let choices = &mut app.screens.logs;
    let at = view.place_of(choices.selected);
    if let Some(to) = moved(action, at, view.rows.len(), page) {
        if action == Action::Last && !view.of_request {
            (choices.selected, choices.offset) = (None, 0);
        } else if to != at || choices.selected.is_some() {
            select(choices, view, to);
        }
        return Some(Effects::redraw());
    }
    let telling = |index: &usize| view.rows[*index].telling;
    match action {
        Action::NextHit => match (at + 1..view.rows.len()).find(telling) {
            Some(next) => select(choices, view, next),
            None => return Some(said(app, "no later line tells of an error or a fault")),
        },
        Action::PrevHit => match (0..at.min(view.rows.len())).rev().find(telling) {
            Some(before) => select(choices, view, before),
            None => return Some(said(app, "no earlier line tells of an error or a fault")),
        },
        Action::Open | Action::TracesOf => {
            let row = view.rows.get(at)?;
            let Some(id) = row.trace_id else {
                return Some(said(app, "this line belongs to no trace"));
            };
            traces::open(app, id, row.span_id);
        },
        Action::LogsOf => return Some(narrow(app, view.rows.get(at)?)),
        Action::Copy => return Some(Effects::order(Order::Copy(line_text(view.rows.get(at)?)))),
        _ => return None,
    }
    Some(Effects::redraw())
}

/// To all lines of the request of this line.
fn narrow(app: &mut App, row: &LogRow) -> Effects {
    let filter = match (&row.correlation_id, row.trace_id) {
        (Some(id), _) => format!("corr={id:?}"),
        (None, Some(id)) => format!("trace:{id}"),
        (None, None) => return said(app, "this line belongs to no request"),
    };
    if app.filter(Screen::Logs).is_some_and(|known| known.text() == filter) {
        return said(app, "these are the lines of its request already");
    }
    refine(app, &filter);
    app.screens.logs.selected = Some(row.id);
    Effects::redraw()
}

/// To another filter, so that one can come back.
fn refine(app: &mut App, filter: &str) {
    let here = app.here();
    match app.set_filter(Screen::Logs, filter) {
        Ok(()) => {
            app.places.leave(here);
            app.screens.logs.begin();
            app.focus = 0;
        },
        Err(error) => app.toast = Some(Toast::bad(error.to_string())),
    }
}

fn patterns(app: &mut App, action: Action, view: &LogsView, page: usize) -> Option<Effects> {
    let choices = &mut app.screens.logs;
    let at = choices.pattern_place(view);
    if let Some(to) = moved(action, at, view.patterns.len(), page) {
        choices.pattern = view.patterns.get(to).map(|pattern| pattern.template.clone());
        return Some(Effects::redraw());
    }
    match action {
        Action::Open => {
            let Some(expression) = view.patterns.get(at)?.expression() else {
                return Some(said(app, "these lines have no pattern in common"));
            };
            let known = app.filter(Screen::Logs).map(Filter::text).unwrap_or_default();
            let known = match known {
                "" => String::new(),
                text => format!("({text}) "),
            };
            let quoted = expression.replace('\\', "\\\\").replace('"', "\\\"");
            refine(app, &format!("{known}~\"{quoted}\""));
        },
        Action::Copy => {
            let template = view.patterns.get(at)?.template.clone();
            return Some(Effects::order(Order::Copy(template)));
        },
        Action::Back if !app.zoomed => choices.patterns = false,
        // Of which line they would be is not to be seen.
        Action::NextHit | Action::PrevHit | Action::TracesOf | Action::LogsOf => {
            return Some(said(app, "p shows the lines again"));
        },
        _ => return None,
    }
    Some(Effects::redraw())
}

/// A line for a report.
fn line_text(row: &LogRow) -> String {
    let time = model::units::utc_time(row.id.unix_ns / 1_000_000);
    let mut text = format!("{time} {} {} {}", row.service, row.severity.as_str(), row.message);
    if let Some(id) = &row.correlation_id {
        let _ = write!(text, " corr={id}");
    }
    if let Some(id) = row.trace_id {
        let _ = write!(text, " trace={id}");
    }
    text
}

pub(super) fn click(app: &mut App, seen: &Snapshot, row: usize) -> Effects {
    let Some(view) = view(seen) else { return Effects::default() };
    app.focus = 0;
    let choices = &mut app.screens.logs;
    if choices.patterns {
        choices.pattern = view.patterns.get(row).map(|pattern| pattern.template.clone());
    } else {
        select(choices, view, row);
    }
    Effects::redraw()
}

pub(in crate::app) fn picked(app: &mut App, menu: &Menu) {
    if menu.kind == MenuKind::Columns {
        let columns = &mut app.screens.logs.columns;
        columns.iter_mut().zip(&menu.on).for_each(|(column, on)| *column = *on);
    }
}

#[cfg(test)]
mod tests;
