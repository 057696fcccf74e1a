//! Two traces side by side: how much longer each part took in the second.

use model::id::TraceId;
use ratatui::layout::Rect;

use super::has_keys;
use crate::app::App;
use crate::derive::compare::{ComparedRow, Comparison, Side};
use crate::derive::words;
use crate::screen::traces::Opened;
use crate::theme::Role;
use crate::view::{Canvas, Hit};
use crate::widget::paint;
use crate::widget::table::{Column, Table, TableRow};

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    app: &App,
    (open, other, comparison): (&Opened, TraceId, &Comparison),
    area: Rect,
) {
    let short = |id: TraceId| id.to_string().chars().take(8).collect::<String>();
    let title = format!("{} against {}", short(open.waterfall.trace_id), short(other));
    let note = format!("{} and {} in one only", comparison.only_left, comparison.only_right);
    let inside = canvas.framed(area, &title, &note, (1, has_keys(app, 1)));
    canvas.text(paint::after(paint::line(inside, 0), 1), &comparison.sentence, Role::Warn);
    let rows: Vec<TableRow> = (0..)
        .zip(&comparison.rows)
        .map(|(at, row)| table_row(canvas, row, comparison.greatest == Some(at)))
        .collect();
    let number = |title| Column { title, width: 11, right: true };
    let table = Table {
        name_title: "service, operation",
        columns: &[number("first"), number("second"), number("more")],
        rows: &rows,
        selected: app.screens.traces.row_of(open).min(rows.len().saturating_sub(1)),
        pinned: 0,
        header: canvas.style(Role::Header),
        select: canvas.style(Role::Select),
        select_symbol: canvas.theme.glyphs.selected,
        ellipsis: canvas.theme.glyphs.ellipsis,
    };
    let room = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    for (index, line) in table.draw(canvas.buffer, room) {
        canvas.hit(line, Hit::Row(index));
    }
}

fn table_row(canvas: &Canvas<'_>, row: &ComparedRow, is_greatest: bool) -> TableRow {
    let indent = "  ".repeat(row.depth.min(10));
    let time = |side: Option<Side>| match side {
        Some(side) => {
            let role = if side.error { Role::Error } else { Role::Text };
            canvas.piece(words::duration(side.length_ns), role)
        },
        None => canvas.piece("--", Role::Dim),
    };
    let more = row.difference_ns.map(words::signed_duration).unwrap_or_default();
    let role = if is_greatest { Role::Warn } else { Role::Text };
    TableRow {
        name: canvas.piece(format!("{indent}{} {}", row.service, row.name), role),
        cells: vec![time(row.left), time(row.right), canvas.piece(more, role)],
    }
}
