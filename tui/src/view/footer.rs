//! The keys that one needs here, from the table of keys.

use ratatui::layout::Rect;

use super::Canvas;
use crate::app::App;
use crate::theme::Role;
use crate::widget::paint;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, area: Rect) {
    let area = paint::after(area, 1);
    let hints = app.keymap.footer(app.place(), usize::from(area.width));
    let hints: Vec<String> =
        hints.into_iter().map(|hint| format!("{} {}", hint.keys, hint.word)).collect();
    canvas.text(area, &hints.join("  "), Role::Dim);
}
