//! What lies over a screen: help, a menu, a question.

use ratatui::layout::Rect;

use super::{Canvas, help};
use crate::app::{App, Dialog, Menu};
use crate::theme::Role;
use crate::widget::lines::wrapped;
use crate::widget::paint;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, area: Rect) {
    match &app.dialog {
        Some(Dialog::Help(state)) => help::draw(canvas, app, state, area),
        Some(Dialog::Menu(menu)) => draw_menu(canvas, menu, area),
        Some(Dialog::Sure { text, .. }) => sure(canvas, app, text, area),
        // The line is written in the footer.
        Some(Dialog::Line(_)) | None => {},
    }
}

/// A box in the middle; gives the room inside it.
fn open(canvas: &mut Canvas<'_>, title: &str, size: (u16, u16), area: Rect) -> Rect {
    let (width, height) = (size.0.min(area.width), size.1.min(area.height));
    let area = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    paint::clear(canvas.buffer, area);
    canvas.titled(area, title, "")
}

fn draw_menu(canvas: &mut Canvas<'_>, menu: &Menu, area: Rect) {
    let widest = menu.items.iter().map(|item| paint::width(item)).max().unwrap_or(0);
    let rows = u16::try_from(menu.items.len()).unwrap_or(u16::MAX);
    let size = (widest.saturating_add(12).max(30), rows.saturating_add(2));
    let inside = open(canvas, menu.title, size, area);
    let shown = usize::from(inside.height);
    let first = menu.selected.saturating_sub(shown.saturating_sub(1));
    for (at, (index, item)) in (0..).zip(menu.items.iter().enumerate().skip(first).take(shown)) {
        let line = paint::line(inside, at);
        let mark = match menu.on.get(index) {
            Some(true) => "[x] ",
            Some(false) => "[ ] ",
            None => "",
        };
        let selected = index == menu.selected;
        let sign = if selected { canvas.theme.glyphs.selected } else { " " };
        canvas.text(line, &format!("{sign} {mark}{item}"), Role::Text);
        if selected {
            let style = canvas.style(Role::Select);
            canvas.buffer.set_style(line.intersection(canvas.buffer.area), style);
        }
    }
}

fn sure(canvas: &mut Canvas<'_>, app: &App, text: &str, area: Rect) {
    let lines = wrapped(text, area.width.saturating_sub(6), 3);
    let widest = lines.iter().map(|line| paint::width(line)).max().unwrap_or(0);
    let rows = u16::try_from(lines.len()).unwrap_or(1);
    let size = (widest.saturating_add(6).max(30), rows + 3);
    let inside = open(canvas, "Sure?", size, area);
    for (at, line) in (0..rows).zip(&lines) {
        canvas.text(paint::after(paint::line(inside, at), 1), line, Role::Warn);
    }
    let hints = app.keymap.footer(app.place(), usize::from(inside.width));
    let hints: Vec<String> = hints
        .iter()
        .filter(|hint| matches!(hint.word, "yes" | "no"))
        .map(|hint| format!("{} {}", hint.keys, hint.word))
        .collect();
    canvas.text(paint::after(paint::line(inside, rows), 1), &hints.join("   "), Role::Title);
}
