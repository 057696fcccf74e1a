//! What happened last, up to the moment that is shown.

use model::frame::EventKind;
use ratatui::layout::Rect;

use super::label;
use crate::format;
use crate::screen::{EventRow, Snapshot};
use crate::theme::Role;
use crate::view::{Canvas, Framed, Hit};
use crate::widget::paint;

/// Digits of a trace id that tell traces of one run apart.
const TRACE_DIGITS: usize = 8;

pub(super) fn draw(canvas: &mut Canvas<'_>, snapshot: &Snapshot, frame: Framed) {
    let (area, panel) = frame;
    if area.height < 3 {
        canvas.hit(area, Hit::Panel(panel.0));
        line(canvas, snapshot, area, label(panel.1));
        return;
    }
    let inside = canvas.framed(area, "Events", "", panel);
    let rows = usize::from(inside.height);
    let first = snapshot.events.len().saturating_sub(rows);
    if snapshot.events.is_empty() {
        canvas.text(paint::after(paint::line(inside, 0), 1), "nothing yet", Role::Dim);
    }
    for (row, event) in (0..).zip(&snapshot.events[first..]) {
        one(canvas, event, paint::line(inside, row), Role::Dim);
    }
}

/// The last event without a box.
pub(super) fn line(canvas: &mut Canvas<'_>, snapshot: &Snapshot, line: Rect, label: Role) {
    if let Some(event) = snapshot.events.last() {
        one(canvas, event, line, label);
    }
}

fn one(canvas: &mut Canvas<'_>, event: &EventRow, line: Rect, label: Role) {
    let line = paint::after(paint::first(line, line.width.saturating_sub(1)), 1);
    let role = match event.kind {
        EventKind::Breaker | EventKind::Warning => Role::Warn,
        EventKind::Fault => Role::Fault,
        EventKind::Phase | EventKind::Process => Role::Dim,
        EventKind::Verdict => Role::Title,
    };
    let trace = event.trace.as_deref().and_then(|trace| trace.get(..TRACE_DIGITS));
    let trace = trace.map(|trace| format!("; trace {trace}")).unwrap_or_default();
    let pieces = [
        canvas.piece(
            format!("{}.{:03} ", format::clock(event.at_ms / 1_000), event.at_ms % 1_000),
            label,
        ),
        canvas.piece(format!("{:<8}", event.kind.as_str()), role),
    ];
    let used = canvas.pieces(line, &pieces);
    let text = format!("{}: {}{trace}", event.subject, event.text);
    canvas.text(paint::after(line, used), &text, Role::Text);
}
