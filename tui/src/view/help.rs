//! The help of the screen, over the screen.

use ratatui::layout::Rect;

use super::Canvas;
use super::overview::breakers;
use crate::app::App;
use crate::help::{self, HelpKind, HelpLine, HelpList, LABEL_COLUMNS};
use crate::theme::Role;
use crate::widget::paint;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, list: &HelpList, screen: Rect) {
    let width = help::columns(screen.width);
    let seen = (list.search.as_str(), width);
    let lines = help::lines(&app.keymap, app.screen, canvas.theme.glyphs, seen);
    let area = Rect { x: screen.x + (screen.width - width) / 2, width, ..screen };
    paint::clear(canvas.buffer, area);
    let title = match (list.writing, list.search.as_str()) {
        (false, "") => "Help".to_owned(),
        (true, search) => format!("Help  / {search}_"),
        (false, search) => format!("Help  / {search}"),
    };
    let rows = app.help_rows();
    let top = list.top.min(lines.len().saturating_sub(rows));
    let to = (top + rows).min(lines.len());
    let note = format!("{}-{to} of {}, / searches, esc closes", (top + 1).min(to), lines.len());
    let inside = canvas.titled(area, &title, &note);
    if lines.is_empty() {
        canvas.text(paint::after(inside, 1), "nothing has this text", Role::Dim);
    }
    for (row, line) in (0..inside.height).zip(&lines[top..to]) {
        draw_line(canvas, paint::line(inside, row), line);
    }
}

fn draw_line(canvas: &mut Canvas<'_>, area: Rect, line: &HelpLine) {
    let area = paint::after(area, 1);
    let role = match line.kind {
        HelpKind::Heading => {
            canvas.text(area, &line.label, Role::Header);
            return;
        },
        HelpKind::Key | HelpKind::Field => Role::Title,
        HelpKind::Breaker(state) => breakers::role(state),
        HelpKind::FaultActive => Role::Fault,
        HelpKind::Sign => Role::Dim,
    };
    let area = paint::after(area, 1);
    canvas.text(paint::first(area, LABEL_COLUMNS - 1), &line.label, role);
    canvas.text(paint::after(area, LABEL_COLUMNS), &line.text, Role::Text);
}
