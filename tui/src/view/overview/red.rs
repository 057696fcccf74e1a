//! Rate, errors and duration by flow and edge.

use model::policy::BreakerState;
use ratatui::style::Style;

use super::breakers;
use crate::app::App;
use crate::format;
use crate::keys::Screen;
use crate::screen::{FRACTION_NAMES, Row, Snapshot, SortBy, Subject};
use crate::theme::Role;
use crate::view::{Canvas, Framed, Hit, error_role};
use crate::widget::paint;
use crate::widget::table::{Column, Table, TableRow};

/// Inner widths from which a column has its room.
const ROOMY: u16 = 58;
const WITH_ATTEMPTS: u16 = 66;
const WITH_WORDS: u16 = 74;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, frame: Framed) {
    let (shown, all) = (frame.0.height.saturating_sub(3), snapshot.rows.len());
    let note = match snapshot.axis.window_s {
        0 => String::new(),
        seconds if all > usize::from(shown) => format!("{shown} of {all}, last {seconds} s, ms"),
        seconds => format!("last {seconds} s, ms"),
    };
    let sort = app.screens.overview.sort;
    let note = match (sort.by, sort.reversed) {
        (SortBy::Name, false) => note,
        (by, false) => format!("by {}  {note}", by.name()),
        (by, true) => format!("by {}, reversed  {note}", by.name()),
    };
    let filter = app.filter(Screen::Overview);
    let title = match filter {
        Some(filter) => format!("RED  / {}", filter.text()),
        None => "RED by flow and edge".to_owned(),
    };
    let inside = canvas.framed(frame.0, &title, &note, frame.1);
    if snapshot.rows.is_empty() {
        let line = paint::after(paint::line(inside, 0), 2);
        let text = if filter.is_some() {
            "nothing matches the filter"
        } else {
            "waiting for the first second with requests"
        };
        canvas.text(line, text, Role::Dim);
        return;
    }
    let columns = columns(inside.width);
    let rows: Vec<TableRow> =
        snapshot.rows.iter().map(|row| table_row(canvas, snapshot, row, inside.width)).collect();
    let table = Table {
        name_title: "flow, edge",
        columns: &columns,
        rows: &rows,
        selected: snapshot.selected,
        pinned: snapshot.rows.iter().take_while(|row| is_flow(row)).count(),
        header: canvas.style(Role::Header),
        select: canvas.style(Role::Select),
        select_symbol: canvas.theme.glyphs.selected,
        ellipsis: canvas.theme.glyphs.ellipsis,
    };
    for (index, line) in table.draw(canvas.buffer, inside) {
        canvas.hit(line, Hit::Row(index));
    }
}

fn is_flow(row: &Row) -> bool {
    matches!(row.subject, Subject::Flow(_))
}

fn columns(width: u16) -> Vec<Column<'static>> {
    let number = |title, width| Column { title, width, right: true };
    let duration = if width >= ROOMY { 6 } else { 5 };
    let mut columns = vec![number("rps", 6), number("err%", 6)];
    columns.extend(FRACTION_NAMES.map(|name| number(name, duration.max(name.len() as u16 + 1))));
    if width >= WITH_ATTEMPTS {
        columns.push(number("tries", 6));
    }
    let (title, room) = if width >= WITH_WORDS { ("breaker", 12) } else { ("b", 2) };
    columns.push(Column { title, width: room, right: false });
    columns.push(Column { title: "f", width: 2, right: false });
    columns
}

fn table_row(canvas: &Canvas<'_>, snapshot: &Snapshot, row: &Row, width: u16) -> TableRow {
    let error = error_role(row.error_percent);
    let mut cells = vec![
        canvas.piece(format::rate(row.per_s), Role::Text),
        canvas.piece(format::percent(row.error_percent), error),
    ];
    cells.extend(row.quantiles_ms.map(|ms| {
        let role = if ms.is_some() { Role::Text } else { Role::Dim };
        canvas.piece(format::milliseconds(ms), role)
    }));
    if width >= WITH_ATTEMPTS {
        let tries = row.attempts_per_request.map(|tries| format!("{:.2}", tries.min(99.0)));
        cells.push(canvas.piece(tries.unwrap_or_default(), Role::Text));
    }
    cells.push(breaker(canvas, snapshot, row, width));
    cells.push(match row.faults {
        0 => canvas.piece("", Role::Text),
        faults @ 1..10 => canvas.piece(faults.to_string(), Role::Fault),
        _ => canvas.piece("+", Role::Fault),
    });
    let name = match &row.subject {
        Subject::Flow(_) => canvas.piece(row.subject.label(), Role::Title),
        Subject::Edge(_) => canvas.piece(row.subject.label(), Role::Text),
    };
    TableRow { name, cells }
}

fn breaker(canvas: &Canvas<'_>, snapshot: &Snapshot, row: &Row, width: u16) -> (String, Style) {
    let Some(state) = row.breaker else { return canvas.piece("", Role::Text) };
    let glyph = canvas.theme.glyphs.breaker(state);
    let role = breakers::role(state);
    if width < WITH_WORDS {
        return canvas.piece(glyph, role);
    }
    let lane = snapshot
        .breakers
        .iter()
        .find(|lane| matches!(&row.subject, Subject::Edge(edge) if *edge == lane.edge));
    let word = match (lane, state) {
        (Some(lane), BreakerState::Open) => format!("OPEN {}", format::length(lane.age_s)),
        _ => breakers::word(state).to_owned(),
    };
    canvas.piece(format!("{glyph} {word}"), role)
}
