//! One trace over time: the bar itself says why it is long.

use ratatui::layout::Rect;

use super::{bar_role, has_keys};
use crate::app::App;
use crate::derive::waterfall::{BarKind, Clocks, Waterfall, WaterfallRow};
use crate::derive::words;
use crate::screen::traces::{Opened, TracesView};
use crate::theme::Role;
use crate::view::{Canvas, Hit};
use crate::widget::{paint, waterfall};

/// Marks of the scale of time.
const MARKS: u64 = 5;
/// Columns of a duration at the right end.
const NOTE: u16 = 8;
/// Width from which bars and durations have their room.
const WITH_NOTES: u16 = 64;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, view: &TracesView, area: Rect) {
    let Some(open) = &view.open else {
        let inside = canvas.framed(area, "Waterfall", "", (1, has_keys(app, 1)));
        if !view.rows.is_empty() || app.screens.traces.selected.is_some() {
            canvas.waiting(&view.open_asked, "its spans are not kept", paint::line(inside, 0));
        }
        return;
    };
    let inside = canvas.framed(area, &title(open), &note(open), (1, has_keys(app, 1)));
    let legend = inside.height > 8;
    let rows = inside.height - u16::from(legend);
    let fall = &open.waterfall;
    let drawn: Vec<waterfall::WaterfallRow<'_>> =
        fall.rows.iter().map(|row| bar(canvas, row)).collect();
    let selected = app.screens.traces.row_of(open).min(drawn.len().saturating_sub(1));
    let window = window(fall, selected);
    let scale = scale(fall, window);
    let widget = waterfall::Waterfall {
        rows: &drawn,
        selected,
        window,
        scale: &scale,
        titles: ["service", "operation"],
        skip: 0,
        note_width: if inside.width >= WITH_NOTES { NOTE } else { 0 },
        header: canvas.style(Role::Header),
        select: canvas.style(Role::Select),
        select_symbol: canvas.theme.glyphs.selected,
        ellipsis: canvas.theme.glyphs.ellipsis,
    };
    let places = widget.draw(canvas.buffer, Rect { height: rows, ..inside });
    for (index, line) in places {
        canvas.hit(line, Hit::Row(index));
    }
    if legend {
        let line = paint::after(paint::line(inside, rows), 1);
        let pieces = BarKind::ALL.map(|kind| {
            canvas.piece(format!("{} {}  ", symbol(canvas, kind), kind.as_str()), bar_role(kind))
        });
        canvas.pieces(line, &pieces);
    }
}

fn title(open: &Opened) -> String {
    let fall = &open.waterfall;
    let id: String = fall.trace_id.to_string().chars().take(8).collect();
    let errors = match fall.errors {
        0 => String::new(),
        errors => format!("  {}", words::counted(errors, "error")),
    };
    let spans = words::counted(fall.spans, "span");
    // Work that goes on after the answer is no part of how long it took.
    let after = fall.total_ns.saturating_sub(fall.path_total_ns);
    let after = if after > fall.path_total_ns / 20 {
        format!(" and {} after it", words::duration(after))
    } else {
        String::new()
    };
    format!("Trace {id}  {}{after}  {spans}{errors}", words::duration(fall.path_total_ns))
}

/// The request itself; all of the trace when the selected row lies beyond it.
fn window(fall: &Waterfall, selected: usize) -> (f64, f64) {
    let (from, to) = fall.focus;
    let seen = fall.rows.get(selected).is_none_or(|row| row.start <= to && row.start >= from);
    if seen && to > from { (from, to) } else { (0.0, 1.0) }
}

/// What is odd about the trace, the clocks first.
fn note(open: &Opened) -> String {
    let fall = &open.waterfall;
    if fall.clocks == Clocks::Raw {
        return "raw times".to_owned();
    }
    match (fall.shifts.first(), fall.findings.first()) {
        (Some(shift), _) => {
            let shift_text = words::signed_duration(shift.shift_ns);
            format!("clock of {} moved {shift_text}", shift.service)
        },
        (None, Some(finding)) => finding.clone(),
        (None, None) => String::new(),
    }
}

fn symbol<'a>(canvas: &Canvas<'a>, kind: BarKind) -> &'a str {
    let glyphs = canvas.theme.glyphs;
    glyphs.span[BarKind::ALL.iter().position(|it| *it == kind).unwrap_or(0)]
}

fn bar<'a>(canvas: &Canvas<'a>, row: &WaterfallRow) -> waterfall::WaterfallRow<'a> {
    let role = bar_role(row.bar);
    let name = if row.error { Role::Error } else { Role::Text };
    waterfall::WaterfallRow {
        service: canvas.piece(row.service.clone(), Role::Dim),
        name: canvas.piece(row.name.clone(), name),
        depth: row.depth,
        start: row.start,
        length: row.length,
        symbol: symbol(canvas, row.bar),
        style: canvas.style(role),
        note: words::duration(row.length_ns),
    }
}

/// Times since the start of the window.
fn scale(fall: &Waterfall, (from, to): (f64, f64)) -> Vec<String> {
    let steps = MARKS - 1;
    let whole = ((to - from) * fall.total_ns as f64) as u64;
    (0..MARKS).map(|at| words::duration((whole / steps).saturating_mul(at))).collect()
}
