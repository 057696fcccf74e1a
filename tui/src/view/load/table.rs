//! Flows and their steps: how many ended, how long they took, and what came of those that failed.

use ratatui::layout::Rect;

use crate::app::{App, selected_load};
use crate::format;
use crate::screen::FRACTION_NAMES;
use crate::screen::load::{LoadRow, LoadView};
use crate::theme::Role;
use crate::view::{Canvas, Hit, error_role};
use crate::widget::paint;
use crate::widget::table::{Column, Table, TableRow};

/// From this width on there is room for the outcomes.
const WITH_OUTCOMES: u16 = 90;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, view: &LoadView, area: Rect) {
    let time = format::length(view.seconds);
    let note = format!("{time} up to the cursor, ms");
    let inside = canvas.framed(area, "Flows and steps", &note, (0, app.focus == 0));
    if view.rows.is_empty() {
        let line = paint::after(paint::line(inside, 0), 2);
        canvas.text(line, "waiting for the first journey that ends", Role::Dim);
        return;
    }
    let with_outcomes = inside.width >= WITH_OUTCOMES;
    let rows: Vec<TableRow> =
        view.rows.iter().map(|row| table_row(canvas, row, with_outcomes)).collect();
    let columns = columns(inside.width);
    let table = Table {
        name_title: "flow, step",
        columns: &columns,
        rows: &rows,
        selected: selected_load(app, view),
        pinned: 0,
        header: canvas.style(Role::Header),
        select: canvas.style(Role::Select),
        select_symbol: canvas.theme.glyphs.selected,
        ellipsis: canvas.theme.glyphs.ellipsis,
    };
    for (index, line) in table.draw(canvas.buffer, inside) {
        canvas.hit(line, Hit::Row(index));
    }
}

fn columns(width: u16) -> Vec<Column<'static>> {
    let number = |title, width| Column { title, width, right: true };
    let mut columns = vec![number("ended", 7), number("per s", 7), number("err%", 7)];
    columns.extend(FRACTION_NAMES.map(|name| number(name, 6)));
    if width >= WITH_OUTCOMES {
        columns.push(Column { title: "failed", width: 36, right: false });
    }
    columns
}

fn table_row(canvas: &Canvas<'_>, row: &LoadRow, with_outcomes: bool) -> TableRow {
    let error = error_role(row.error_percent);
    let mut cells = vec![
        canvas.piece(format::count(row.count), Role::Text),
        canvas.piece(format::rate(row.per_s), Role::Text),
        canvas.piece(format::percent(row.error_percent), error),
    ];
    cells.extend(row.quantiles_ms.map(|ms| {
        let role = if ms.is_some() { Role::Text } else { Role::Dim };
        canvas.piece(format::milliseconds(ms), role)
    }));
    if with_outcomes {
        let outcomes: Vec<String> = row
            .outcomes
            .iter()
            .map(|(outcome, count)| format!("{} {}", outcome.as_str(), format::count(*count)))
            .collect();
        cells.push(canvas.piece(outcomes.join(", "), Role::Error));
    }
    let name = match &row.item.step {
        None => canvas.piece(row.item.flow.as_str(), Role::Title),
        Some(step) => canvas.piece(format!("  {step}"), Role::Text),
    };
    TableRow { name, cells }
}
