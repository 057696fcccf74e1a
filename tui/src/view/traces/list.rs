//! The list of traces, with the durations and faults of all that match.

use ratatui::layout::Rect;

use super::has_keys;
use crate::app::{App, selected_group, selected_trace};
use crate::derive::words;
use crate::filter::Filter;
use crate::format;
use crate::keys::Screen;
use crate::screen::traces::{Group, TraceRow, TracesView};
use crate::theme::Role;
use crate::view::{Canvas, Hit};
use crate::widget::paint;
use crate::widget::shares::{Share, Shares};
use crate::widget::table::{Column, Table, TableRow};

/// Rows that the list keeps before anything is shown below it.
const ROWS_MIN: u16 = 8;
/// Digits of a trace id that tell traces of one run apart.
const ID: usize = 8;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, view: &TracesView, area: Rect) {
    let filter = app.filter(Screen::Traces).map(Filter::text).unwrap_or_default();
    let title = if filter.is_empty() { "Traces".to_owned() } else { format!("/ {filter}") };
    let choices = &app.screens.traces;
    let order = match (choices.slowest, choices.reversed) {
        (true, false) => "slowest",
        (true, true) => "fastest",
        (false, false) => "newest",
        (false, true) => "oldest",
    };
    let more = if view.cut { "+" } else { "" };
    let note = format!("{order}  {}{more}", view.rows.len());
    let inside = canvas.framed(area, &title, &note, (0, has_keys(app, 0)));
    if view.rows.is_empty() {
        let nothing = if filter.is_empty() {
            "no trace in the time that is shown"
        } else {
            "no trace in the time that is shown matches the filter"
        };
        canvas.waiting(&view.asked, nothing, paint::line(inside, 0));
        return;
    }
    let below = below(view).min(inside.height.saturating_sub(ROWS_MIN));
    let list = Rect { height: inside.height - below, ..inside };
    if choices.grouped {
        groups(canvas, &view.groups, selected_group(app, view), list);
    } else {
        table(canvas, app, view, list);
    }
    let rest = Rect { y: list.bottom(), height: below, ..inside };
    summary(canvas, view, rest);
}

fn below(view: &TracesView) -> u16 {
    let faults = if view.faults.is_empty() { 0 } else { view.faults.len() as u16 + 2 };
    view.durations.len() as u16 + 2 + faults
}

fn table(canvas: &mut Canvas<'_>, app: &App, view: &TracesView, area: Rect) {
    let mut columns = vec![
        Column { title: "trace", width: 10, right: false },
        Column { title: "ms", width: 7, right: true },
        Column { title: "sp", width: 4, right: true },
        Column { title: "err", width: 4, right: true },
    ];
    let wide = area.width >= 60;
    columns.push(Column { title: "fault", width: if wide { 18 } else { 7 }, right: false });
    if wide {
        columns.push(Column { title: "first span", width: area.width - 56, right: false });
    }
    let marked = |row: &TraceRow| app.screens.traces.marked.contains(&row.id.trace_id);
    let rows: Vec<TableRow> =
        view.rows.iter().map(|row| table_row(canvas, row, marked(row))).collect();
    let table = Table {
        name_title: "start",
        columns: &columns,
        rows: &rows,
        selected: selected_trace(app, view),
        pinned: 0,
        header: canvas.style(Role::Header),
        select: canvas.style(Role::Select),
        select_symbol: canvas.theme.glyphs.selected,
        ellipsis: canvas.theme.glyphs.ellipsis,
    };
    for (index, line) in table.draw(canvas.buffer, area) {
        canvas.hit(line, Hit::Row(index));
    }
}

fn table_row(canvas: &Canvas<'_>, row: &TraceRow, marked: bool) -> TableRow {
    let mark = if marked { "*" } else { " " };
    let clock = format::clock(row.at_ms / 1_000);
    let errors = if row.errors > 0 { row.errors.to_string() } else { String::new() };
    let failed = if row.error { Role::Error } else { Role::Text };
    let id: String = row.id.trace_id.to_string().chars().take(ID).collect();
    TableRow {
        name: canvas.piece(format!("{clock}.{:03}", row.at_ms % 1_000), Role::Dim),
        cells: vec![
            canvas.piece(format!("{mark}{id}"), Role::Text),
            canvas.piece(format::milliseconds(Some(row.duration_ns as f64 / 1e6)), failed),
            canvas.piece(row.spans.to_string(), Role::Dim),
            canvas.piece(errors, Role::Error),
            canvas.piece(words::safe(row.fault.as_deref().unwrap_or_default()), Role::Fault),
            canvas.piece(words::safe(&row.root), Role::Text),
        ],
    }
}

fn groups(canvas: &mut Canvas<'_>, groups: &[Group], selected: usize, area: Rect) {
    let rows: Vec<TableRow> = groups
        .iter()
        .map(|group| {
            let failed = if group.failed > 0 { Role::Error } else { Role::Dim };
            TableRow {
                name: canvas.piece(words::safe(&group.root), Role::Text),
                cells: vec![
                    canvas.piece(group.traces.to_string(), Role::Text),
                    canvas.piece(group.failed.to_string(), failed),
                    canvas.piece(
                        format::milliseconds(Some(group.slowest_ns as f64 / 1e6)),
                        Role::Text,
                    ),
                ],
            }
        })
        .collect();
    let number = |title| Column { title, width: 8, right: true };
    let table = Table {
        name_title: "first span",
        columns: &[number("traces"), number("failed"), number("max ms")],
        rows: &rows,
        selected,
        pinned: 0,
        header: canvas.style(Role::Header),
        select: canvas.style(Role::Select),
        select_symbol: canvas.theme.glyphs.selected,
        ellipsis: canvas.theme.glyphs.ellipsis,
    };
    for (index, line) in table.draw(canvas.buffer, area) {
        canvas.hit(line, Hit::Row(index));
    }
}

/// Durations and faults of all rows, as bars.
fn summary(canvas: &mut Canvas<'_>, view: &TracesView, area: Rect) {
    let durations: Vec<Share> = view
        .durations
        .iter()
        .map(|bin| Share {
            label: canvas.piece(words::duration(bin.from_ns), Role::Dim),
            numbers: vec![bin.count.to_string()],
            value: bin.count as f64,
            style: canvas.style(Role::Series(1)),
        })
        .collect();
    let faults: Vec<Share> = view
        .faults
        .iter()
        .map(|(name, count)| Share {
            label: canvas.piece(words::safe(name), Role::Fault),
            numbers: vec![count.to_string()],
            value: *count as f64,
            style: canvas.style(Role::Fault),
        })
        .collect();
    let from = bars(canvas, "duration from", &durations, area);
    if !faults.is_empty() {
        bars(canvas, "hit by", &faults, from);
    }
}

/// A title and its bars; gives the area below them.
fn bars(canvas: &mut Canvas<'_>, title: &str, rows: &[Share], area: Rect) -> Rect {
    let used = (rows.len() as u16 + 2).min(area.height);
    canvas.text(paint::after(paint::line(area, 1), 1), title, Role::Header);
    let full = rows.iter().map(|row| row.value).fold(0.0, f64::max);
    let room = Rect { y: area.y + used.min(2), height: used.saturating_sub(2), ..area };
    let shares = Shares {
        rows,
        full,
        symbol: canvas.theme.glyphs.span[0],
        number_style: canvas.style(Role::Text),
        ellipsis: canvas.theme.glyphs.ellipsis,
    };
    shares.draw(canvas.buffer, paint::after(paint::first(room, room.width.saturating_sub(1)), 1));
    Rect { y: area.y + used, height: area.height - used, ..area }
}
