//! Everything about the selected line.

use ratatui::layout::Rect;

use crate::app::App;
use crate::screen::logs::LogsView;
use crate::theme::Role;
use crate::view::Canvas;
use crate::view::traces::tone_role;
use crate::widget::lines::wrapped;
use crate::widget::paint;

/// Columns of a label; behind a longer one its value moves to the right.
const LABEL: u16 = 9;
/// Lines of one value.
const VALUE_LINES_MAX: usize = 20;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, view: &LogsView, area: Rect) {
    let inside = canvas.framed(area, "Record", "y copy", (1, app.focus == 1));
    let offset = app.screens.logs.offset.min(view.record.len().saturating_sub(1));
    let details = view.record.get(offset..).unwrap_or_default();
    let room = paint::after(paint::first(inside, inside.width.saturating_sub(1)), 1);
    let mut at = 0;
    for detail in details {
        let used = canvas.text(paint::line(room, at), &detail.label, Role::Dim);
        let label = LABEL.max(used + 1);
        for text in wrapped(&detail.value, room.width.saturating_sub(label), VALUE_LINES_MAX) {
            let line = paint::after(paint::line(room, at), label);
            canvas.text(line, &text, tone_role(detail.tone));
            at += 1;
            if at >= room.height {
                return;
            }
        }
    }
}

/// What identifies the line, then its attributes one after the other, without a box.
pub(super) fn lines(canvas: &mut Canvas<'_>, view: &LogsView, area: Rect) {
    let known = |label: &&str| view.record.iter().find(|detail| detail.label == **label);
    let ids = ["trace", "spanid", "corr", "time"];
    let first: Vec<String> = ids
        .iter()
        .filter_map(|label| Some(format!("{label} {}", short(label, &known(label)?.value))))
        .collect();
    canvas.text(paint::after(paint::line(area, 0), 1), &first.join("  "), Role::Dim);
    let is_attribute = |label: &str| label.contains('.');
    let second: Vec<String> = view
        .record
        .iter()
        .filter(|detail| is_attribute(&detail.label))
        .map(|detail| {
            let name = detail.label.rsplit('.').next().unwrap_or_default();
            format!("{name}={}", detail.value)
        })
        .collect();
    canvas.text(paint::after(paint::line(area, 1), 1), &second.join(" "), Role::Text);
}

/// Half an id tells traces of one run apart, and of a time the day is known.
fn short<'a>(label: &str, value: &'a str) -> &'a str {
    match label {
        "trace" => value.get(..16).unwrap_or(value),
        "time" => value.get(11..).unwrap_or(value),
        _ => value,
    }
}
