//! The keys that one needs here, from the table of keys; a message or a line of text that is being
//! written takes their place.

use ratatui::layout::Rect;

use super::Canvas;
use crate::app::{App, Dialog, Line, LineKind};
use crate::theme::Role;
use crate::widget::paint;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, area: Rect) {
    if let Some(Dialog::Line(line)) = &app.dialog {
        write(canvas, line, area);
        return;
    }
    let area = paint::after(area, 1);
    if let Some(toast) = &app.toast {
        canvas.text(area, &toast.text, toast.role);
        return;
    }
    if !app.pending.is_empty() {
        let next = app.keymap.continuations(app.place(), &app.pending);
        let next: Vec<String> =
            next.iter().map(|(keys, action)| format!("{keys} {}", action.row().name)).collect();
        canvas.text(area, &format!("{} then {}", app.pending, next.join(", ")), Role::Title);
        return;
    }
    let hints = app.keymap.footer(app.place(), usize::from(area.width));
    let hints: Vec<String> =
        hints.iter().map(|hint| format!("{} {}", hint.keys, hint.word)).collect();
    canvas.text(area, &hints.join("  "), Role::Dim);
}

/// The text with its cursor, then why it cannot be taken, or what could come next.
fn write(canvas: &mut Canvas<'_>, line: &Line, area: Rect) {
    let mark = match line.kind {
        LineKind::Filter | LineKind::Search => " /",
        LineKind::Command => " :",
    };
    let mut used = canvas.text(area, mark, Role::Title);
    let (before, after) = line.text.split_at(line.cursor_offset());
    // The end of a long text is where one writes.
    let room = usize::from(area.width / 2).max(8);
    let skip = before.chars().count().saturating_sub(room);
    let before: String = before.chars().skip(skip).collect();
    used += canvas.text(paint::after(area, used), &before, Role::Text);
    let mut letters = after.chars();
    let under = letters.next().map_or_else(|| " ".to_owned(), String::from);
    used += canvas.text(paint::after(area, used), &under, Role::Select);
    used += canvas.text(paint::after(area, used), letters.as_str(), Role::Text);
    let rest = paint::after(area, used + 2);
    match &line.error {
        Some(error) => canvas.text(rest, error, Role::Error),
        None => canvas.text(rest, &line.completions.join("  "), Role::Dim),
    };
}
