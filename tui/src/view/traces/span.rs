//! What made the open trace long, and everything about one of its spans.

use ratatui::layout::Rect;

use super::{has_keys, tone_role};
use crate::app::App;
use crate::derive::words;
use crate::screen::traces::TracesView;
use crate::theme::Role;
use crate::view::Canvas;
use crate::widget::paint;
use crate::widget::shares::{Share, Shares};

/// Columns of a label.
const LABEL: u16 = 14;

pub(super) fn path(canvas: &mut Canvas<'_>, app: &App, view: &TracesView, area: Rect) {
    let open = view.open.as_ref().map(|open| &open.waterfall);
    let total = open.map(|it| words::duration(it.path_total_ns)).unwrap_or_default();
    let inside = canvas.framed(area, "Critical path", &total, (2, has_keys(app, 2)));
    let Some(open) = open else { return };
    let rows: Vec<Share> = open
        .path
        .iter()
        .map(|part| Share {
            label: canvas.piece(part.what.clone(), Role::Text),
            numbers: vec![words::duration(part.ns), format!("{:.0}%", part.share * 100.0)],
            value: part.share,
            style: canvas.style(if part.what.starts_with("fault") {
                Role::Fault
            } else {
                Role::Ok
            }),
        })
        .collect();
    let shares = Shares {
        rows: &rows,
        full: rows.iter().map(|row| row.value).fold(0.0, f64::max),
        symbol: canvas.theme.glyphs.span[0],
        number_style: canvas.style(Role::Dim),
        ellipsis: canvas.theme.glyphs.ellipsis,
    };
    let room = paint::after(paint::first(inside, inside.width.saturating_sub(1)), 1);
    shares.draw(canvas.buffer, room);
}

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, view: &TracesView, area: Rect) {
    let note = match &view.open {
        Some(open) => words::counted(open.log_lines as u64, "log line"),
        None => String::new(),
    };
    let inside = canvas.framed(area, "Span", &note, (3, has_keys(app, 3)));
    lines(canvas, view, inside, app.screens.traces.offset);
}

/// Label and value, line by line.
pub(super) fn lines(canvas: &mut Canvas<'_>, view: &TracesView, area: Rect, offset: usize) {
    let Some(open) = &view.open else { return };
    for (at, detail) in (0..area.height).zip(open.details.iter().skip(offset)) {
        let line = paint::after(paint::line(area, at), 1);
        canvas.text(paint::first(line, LABEL - 1), &detail.label, Role::Dim);
        canvas.text(paint::after(line, LABEL), &detail.value, tone_role(detail.tone));
    }
}
