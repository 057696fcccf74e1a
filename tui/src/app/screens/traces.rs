//! Traces: which one is open, and which part of it the keys move in.

use model::frame::SpanLink;
use model::id::{SpanId, TraceId};

use super::moves::moved;
use crate::app::{App, Dialog, Effects, Menu, MenuKind, Order, Toast};
use crate::derive::waterfall::Clocks;
use crate::derive::words;
use crate::keys::{Action, Screen};
use crate::screen::traces::{LineId, Opened, TraceRow, TracesQuery, TracesView};
use crate::screen::{DetailView, Snapshot};

/// Panels: the list, the waterfall, the critical path, the span.
pub(super) const PANELS: usize = 4;

/// Links in a menu.
const LINKS_MAX: usize = 200;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choices {
    pub slowest: bool,
    pub reversed: bool,
    pub grouped: bool,
    /// First span of the selected group; `None` is the first group.
    pub group: Option<String>,
    /// `None` is the first of the list, whichever that is.
    pub selected: Option<LineId>,
    /// Row of the waterfall; `None` is that of `span`, or the one that tells what went wrong.
    pub row: Option<usize>,
    pub span: Option<SpanId>,
    /// Times as they were sent.
    pub raw: bool,
    /// At most two.
    pub marked: Vec<TraceId>,
    pub comparing: bool,
    /// Lines of the details that are scrolled out of sight.
    pub offset: usize,
    /// Where the menu of links leads.
    pub linked: Vec<(TraceId, SpanId)>,
}

pub(super) fn query(app: &App) -> TracesQuery {
    let choices = &app.screens.traces;
    let compared = match (choices.comparing, &choices.marked[..]) {
        (true, [first, second]) => Some((*first, *second)),
        _ => None,
    };
    TracesQuery {
        filter: app.filter(Screen::Traces).cloned(),
        slowest: choices.slowest,
        reversed: choices.reversed,
        grouped: choices.grouped,
        open: compared.map_or(choices.selected.map(|it| it.trace_id), |(first, _)| Some(first)),
        compared: compared.map(|(_, second)| second),
        clocks: if choices.raw { Clocks::Raw } else { Clocks::Corrected },
        row: choices.row,
        span: choices.span,
    }
}

impl Choices {
    fn choose(&mut self, row: Option<usize>) {
        (self.row, self.span, self.offset) = (row, None, 0);
    }

    /// Where the selection stands in the open trace; the screen may be one snapshot behind it.
    pub fn row_of(&self, open: &Opened) -> usize {
        self.row.unwrap_or(open.row)
    }
}

/// The keys move in the open trace, not in the list.
pub fn is_inside(app: &App) -> bool {
    app.focus > 0
}

/// Where the selection stands in the list.
pub fn selected(app: &App, view: &TracesView) -> usize {
    let wanted = app.screens.traces.selected;
    wanted.and_then(|it| view.rows.iter().position(|row| row.id == it)).unwrap_or(0)
}

/// Where the selection stands among the groups.
pub fn selected_group(app: &App, view: &TracesView) -> usize {
    let wanted = app.screens.traces.group.as_ref();
    wanted.and_then(|it| view.groups.iter().position(|group| group.root == *it)).unwrap_or(0)
}

fn view(seen: &Snapshot) -> Option<&TracesView> {
    match &seen.detail {
        DetailView::Traces(view) => Some(view),
        _ => None,
    }
}

fn select(app: &mut App, view: &TracesView, index: usize) {
    let last = view.rows.len().saturating_sub(1);
    let choices = &mut app.screens.traces;
    if let Some(row) = view.rows.get(index.min(last)) {
        choices.selected = Some(row.id);
        choices.comparing = false;
        choices.choose(None);
    }
}

/// `None` is what the action means everywhere.
pub(super) fn act(app: &mut App, action: Action, seen: &Snapshot) -> Option<Effects> {
    let view = view(seen)?;
    if let Some(effects) = either(app, action, view) {
        return Some(effects);
    }
    if is_inside(app) { inside(app, action, view) } else { list(app, action, view) }
}

/// What a key means in the list and in the open trace alike.
fn either(app: &mut App, action: Action, view: &TracesView) -> Option<Effects> {
    let open = view.open.as_ref();
    let at = selected(app, view);
    let choices = &mut app.screens.traces;
    match action {
        Action::Sort => choices.slowest = !choices.slowest,
        Action::SortReverse => choices.reversed = !choices.reversed,
        Action::Group => choices.grouped = !choices.grouped,
        Action::RawTimes => choices.raw = !choices.raw,
        Action::Follow => {
            (choices.slowest, choices.reversed, choices.selected) = (false, false, None);
            app.focus = 0;
        },
        // No trace of a group is the one that is meant.
        Action::Mark if !choices.grouped => {
            mark(choices, view.rows.get(at).map(|row| row.id.trace_id)?);
        },
        Action::Compare => return Some(compare(app)),
        Action::Attributes => {
            app.focus = 3;
            app.zoomed = !app.zoomed;
        },
        Action::Links => links(app, open?),
        Action::LogsOf => {
            let id = open.map(|open| open.waterfall.trace_id)?;
            super::show(app, Screen::Logs, &format!("trace:{id}"));
        },
        Action::FaultsOf => {
            let fault = view.rows.get(at).and_then(|row| row.fault.clone());
            let name = fault.as_deref().and_then(|it| it.split(',').next()).unwrap_or_default();
            let filter = if name.is_empty() { String::new() } else { format!("fault={name:?}") };
            super::show(app, Screen::Faults, &filter);
        },
        Action::Copy => {
            let id = open.map(|open| open.waterfall.trace_id)?;
            return Some(Effects::order(Order::Copy(id.to_string())));
        },
        _ => return None,
    }
    Some(Effects::redraw())
}

/// Goes to exactly this trace, whether or not the list has it, and to one of its spans.
pub(super) fn open(app: &mut App, trace_id: TraceId, span: Option<SpanId>) {
    super::show(app, Screen::Traces, &format!("trace:{trace_id}"));
    let choices = &mut app.screens.traces;
    choices.selected = Some(LineId { trace_id, start_unix_ns: 0 });
    choices.comparing = false;
    choices.choose(None);
    choices.span = span;
    app.focus = 1;
}

/// Goes to what the selected span links to; of several the user chooses one.
fn links(app: &mut App, open: &Opened) {
    // The rows of a comparison are of two traces.
    let rows = if open.comparison.is_some() { &[][..] } else { &open.waterfall.rows };
    let row = rows.get(app.screens.traces.row_of(open));
    let span = row.and_then(|row| open.trace.spans.get(row.span?));
    let links = span.map_or(&[][..], |span| &span.links);
    app.screens.traces.linked = links.iter().map(|link| (link.trace_id, link.span_id)).collect();
    match links {
        [] => app.toast = Some(Toast::bad("this span links to no other one")),
        [_] => picked(app, 0),
        links => {
            let item = |link: &SpanLink| {
                let pairs = words::pairs(&link.attributes);
                format!("{} / {} {pairs}", link.trace_id, link.span_id).trim_end().to_owned()
            };
            let items = links.iter().take(LINKS_MAX).map(item).collect();
            app.dialog = Some(Dialog::Menu(Menu::new(MenuKind::Links, "Links", items, 0)));
        },
    }
}

/// Goes where a link leads; one can come back.
pub(in crate::app) fn picked(app: &mut App, index: usize) {
    if let Some((trace_id, span_id)) = app.screens.traces.linked.get(index).copied() {
        let here = app.here();
        app.places.leave(here);
        open(app, trace_id, Some(span_id));
    }
}

fn mark(choices: &mut Choices, id: TraceId) {
    choices.comparing = false;
    if choices.marked.contains(&id) {
        choices.marked.retain(|marked| *marked != id);
        return;
    }
    if choices.marked.len() == 2 {
        choices.marked.remove(0);
    }
    choices.marked.push(id);
}

fn compare(app: &mut App) -> Effects {
    let choices = &mut app.screens.traces;
    if choices.marked.len() == 2 {
        choices.comparing = !choices.comparing;
        choices.choose(Some(0));
        app.focus = 1;
    } else {
        app.toast = Some(Toast::bad("mark two traces first"));
    }
    Effects::redraw()
}

/// What a key does in the list of groups.
fn groups(app: &mut App, action: Action, view: &TracesView) -> Option<Effects> {
    let at = selected_group(app, view);
    let page = usize::from(app.stage_rows() / 2).max(1);
    let failed = |index: &usize| view.groups[*index].failed > 0;
    let to = match action {
        Action::Open => {
            open_group(app, &view.groups.get(at)?.root);
            return Some(Effects::redraw());
        },
        Action::NextHit => (at + 1..view.groups.len()).find(failed)?,
        Action::PrevHit => (0..at).rev().find(failed)?,
        _ => moved(action, at, view.groups.len(), page)?,
    };
    app.screens.traces.group = view.groups.get(to).map(|group| group.root.clone());
    Some(Effects::redraw())
}

/// Narrows the list to the traces of a group; one can come back.
fn open_group(app: &mut App, root: &str) {
    let terms = match root.split_once(' ') {
        Some((service, name)) => format!("root={service:?} name={name:?}"),
        None if root.is_empty() => {
            app.toast = Some(Toast::bad("the first span of these traces has not come in"));
            return;
        },
        None => format!("root={root:?}"),
    };
    let filter = match app.filter(Screen::Traces) {
        Some(before) => format!("({}) {terms}", before.text()),
        None => terms,
    };
    let here = app.here();
    if let Err(error) = app.set_filter(Screen::Traces, &filter) {
        app.toast = Some(Toast::bad(error.to_string()));
        return;
    }
    app.places.leave(here);
    let choices = &mut app.screens.traces;
    (choices.grouped, choices.selected, choices.comparing) = (false, None, false);
    choices.choose(None);
}

fn list(app: &mut App, action: Action, view: &TracesView) -> Option<Effects> {
    if app.screens.traces.grouped {
        return groups(app, action, view);
    }
    let at = selected(app, view);
    let page = usize::from(app.stage_rows() / 2).max(1);
    if let Some(to) = moved(action, at, view.rows.len(), page) {
        select(app, view, to);
        return Some(Effects::redraw());
    }
    let failed = |row: &TraceRow| row.error || row.fault.is_some();
    match action {
        Action::Open if !view.rows.is_empty() => {
            select(app, view, at);
            app.focus = 1;
        },
        Action::NextHit => {
            let next = (at + 1..view.rows.len()).find(|index| failed(&view.rows[*index]))?;
            select(app, view, next);
        },
        Action::PrevHit => {
            let before = (0..at).rev().find(|index| failed(&view.rows[*index]))?;
            select(app, view, before);
        },
        _ => return None,
    }
    Some(Effects::redraw())
}

fn inside(app: &mut App, action: Action, view: &TracesView) -> Option<Effects> {
    let page = usize::from(app.stage_rows() / 2).max(1);
    let open = view.open.as_ref();
    let rows = open.map_or(0, |open| match &open.comparison {
        Some((_, comparison)) => comparison.rows.len(),
        None => open.waterfall.rows.len(),
    });
    let choices = &mut app.screens.traces;
    if app.focus == 3
        && let Some(to) = moved(action, choices.offset, open?.details.len(), page)
    {
        choices.offset = to;
        return Some(Effects::redraw());
    }
    let at = open.map_or(0, |open| choices.row_of(open));
    if let Some(to) = moved(action, at, rows, page) {
        choices.choose(Some(to));
        return Some(Effects::redraw());
    }
    match action {
        Action::NextHit => choices.choose(Some(open?.waterfall.next_failed(at)?)),
        Action::PrevHit => choices.choose(Some(open?.waterfall.previous_failed(at)?)),
        Action::Back if app.zoomed => return None,
        Action::Back => {
            choices.comparing = false;
            app.focus = 0;
        },
        Action::Open => app.focus = if app.focus == 3 { 1 } else { 3 },
        _ => return None,
    }
    Some(Effects::redraw())
}

pub(super) fn click(app: &mut App, seen: &Snapshot, row: usize) -> Effects {
    let Some(view) = view(seen) else { return Effects::default() };
    if is_inside(app) {
        app.screens.traces.choose(Some(row));
    } else if app.screens.traces.grouped {
        app.screens.traces.group = view.groups.get(row).map(|group| group.root.clone());
    } else {
        select(app, view, row);
    }
    Effects::redraw()
}

#[cfg(test)]
mod tests;
