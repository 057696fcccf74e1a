//! What remains on a screen that has no room for a picture.

use ratatui::layout::Rect;

use super::Canvas;
use super::overview::verdicts;
use crate::format;
use crate::screen::{Row, Snapshot, Subject};
use crate::theme::Role;
use crate::widget::paint;

pub(super) fn draw(canvas: &mut Canvas<'_>, snapshot: &Snapshot, area: Rect) {
    let head = &snapshot.head;
    let run = if head.title.is_empty() { "shakedown" } else { &head.title };
    let verdict = head.verdict.map_or("no verdict yet", |verdict| verdicts::word(verdict).0);
    let worst = worst(snapshot).map_or_else(String::new, |row| {
        let p99 = format::milliseconds(row.quantiles_ms[2]);
        let name = row.subject.label();
        match row.error_percent.filter(|percent| *percent > 0.0) {
            Some(percent) => format!("{name} fails {}%", format::percent(Some(percent))),
            None => format!("{name} p99 {p99} ms"),
        }
    });
    let texts = [format!("{run}: {verdict}"), worst];
    canvas.text(area, "needs 60x16", Role::Warn);
    if area.height > 2 {
        for (row, text) in (1..).zip(&texts) {
            canvas.text(paint::line(area, row), text, Role::Text);
        }
    } else {
        canvas.text(paint::after(area, 13), &texts.join(", "), Role::Text);
    }
}

/// The edge that fails most, and without failures the one with the highest p99.
fn worst(snapshot: &Snapshot) -> Option<&Row> {
    let edges = snapshot.rows.iter().filter(|row| matches!(row.subject, Subject::Edge(_)));
    edges.max_by(|left, right| {
        let p99 = |row: &Row| row.quantiles_ms[2].unwrap_or(-1.0);
        let failed = |row: &Row| row.error_percent.unwrap_or(0.0);
        failed(left).total_cmp(&failed(right)).then(p99(left).total_cmp(&p99(right)))
    })
}
