//! The keys that one needs here, from the table of keys; a message or a line of text that is being
//! written takes their place.
//!
//! A message that is longer than the line grows upwards, over the stage.

use ratatui::layout::Rect;

use super::Canvas;
use crate::app::{App, Dialog, Line, LineKind};
use crate::keys::Action;
use crate::theme::Role;
use crate::widget::lines::wrapped;
use crate::widget::paint;

/// `wrong` is said where nothing else is to be said.
pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, wrong: Option<&str>, area: Rect) {
    if let Some(Dialog::Line(line)) = &app.dialog {
        write(canvas, line, area);
        return;
    }
    if let Some(toast) = &app.toast {
        let whole = format!(" :{}", Action::GotoOwnLog.row().name);
        message(canvas, (&toast.text, toast.role), &whole, area);
        return;
    }
    let area = paint::after(area, 1);
    if !app.pending.is_empty() {
        let next = app.keymap.continuations(app.place(), &app.pending);
        let next: Vec<String> =
            next.iter().map(|(keys, action)| format!("{keys} {}", action.row().name)).collect();
        canvas.text(area, &format!("{} then {}", app.pending, next.join(", ")), Role::Title);
        return;
    }
    if let Some(wrong) = wrong {
        message(canvas, (wrong, Role::Error), "", Rect { x: 0, width: area.right(), ..area });
        return;
    }
    let hints = app.keymap.footer(app.place(), usize::from(area.width));
    // A question has no rows and nothing to choose.
    let asks = matches!(app.dialog, Some(Dialog::Sure { .. }));
    let hints: Vec<String> = hints
        .iter()
        .filter(|hint| !asks || matches!(hint.word, "yes" | "no"))
        .map(|hint| format!("{} {}", hint.keys, hint.word))
        .collect();
    canvas.text(area, &hints.join("  "), Role::Dim);
}

/// Lines of a message at most.
const MESSAGE_LINES: usize = 3;

/// A message, its last line in `area`. One that is longer still ends with where it is `whole`.
fn message(canvas: &mut Canvas<'_>, (text, role): (&str, Role), whole: &str, area: Rect) {
    let width = area.width.saturating_sub(2);
    let mut lines = wrapped(text, width, MESSAGE_LINES);
    let more = format!("{}{whole}", canvas.theme.glyphs.ellipsis);
    if let Some(last) = lines.last_mut().filter(|last| paint::width(last) > width) {
        let room = width.saturating_sub(paint::width(&more));
        let kept = wrapped(last, room, 2).into_iter().next().unwrap_or_default();
        *last = kept + &more;
    }
    let height = u16::try_from(lines.len()).unwrap_or(1).min(area.y + 1);
    let all = Rect { y: area.y + 1 - height, height, ..area };
    paint::clear(canvas.buffer, all);
    for (at, line) in (0..height).zip(&lines) {
        canvas.text(paint::after(paint::line(all, at), 1), line, role);
    }
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
        Some(error) if paint::width(error) > rest.width && area.y > 0 => {
            message(canvas, (error, Role::Error), "", Rect { y: area.y - 1, ..area });
        },
        Some(error) => {
            canvas.text(rest, error, Role::Error);
        },
        None => {
            canvas.text(rest, &line.completions.join("  "), Role::Dim);
        },
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;

    use super::*;
    use crate::app::Toast;
    use crate::glyphs;
    use crate::theme::{Depth, Theme};

    fn said(text: &str) -> Vec<String> {
        let area = Rect::new(0, 0, 40, 5);
        let mut buffer = Buffer::filled(area, ratatui::buffer::Cell::new("#"));
        let theme = Theme::new(Depth::Mono, &glyphs::ASCII);
        let mut app = App::new(40, 5, false);
        app.toast = Some(Toast::bad(text));
        let mut canvas = Canvas { buffer: &mut buffer, theme: &theme, hits: Vec::new() };
        draw(&mut canvas, &app, None, Rect::new(0, 4, 40, 1));
        let rows = buffer.content.chunks(40);
        rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect()).collect()
    }

    #[test]
    fn a_question_offers_only_the_keys_that_answer_it() {
        let mut app = App::new(120, 40, false);
        let control = crate::app::Control::ClearAll;
        app.dialog = Some(Dialog::Sure { text: "Disarm all?".to_owned(), control });
        let area = Rect::new(0, 0, 80, 1);
        let mut buffer = Buffer::empty(area);
        let theme = Theme::new(Depth::Mono, &glyphs::ASCII);
        let mut canvas = Canvas { buffer: &mut buffer, theme: &theme, hits: Vec::new() };
        draw(&mut canvas, &app, None, area);
        let said: String = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
        assert_eq!(said.trim(), "y yes  n no");
    }

    #[test]
    fn a_message_is_shown_whole_over_the_stage_or_says_where_the_whole_of_it_is() {
        let stage = "#".repeat(40);
        let line = |text: &str| format!(" {text:<39}");
        assert_eq!(said("short")[3..], [stage.clone(), line("short")]);
        let text = "cannot write shakedown-1800000000.rec: No space left on device (os error 28)";
        let shown = said(text);
        assert_eq!(shown[2], stage);
        let lines =
            ["cannot write shakedown-1800000000.rec:", "No space left on device (os error 28)"];
        assert_eq!(shown[3..], lines.map(line));
        let shown = said(&"the collector refused ".repeat(20));
        assert_eq!(shown[1], stage);
        assert_eq!(shown[4], line("collector refused the~ :goto-log"));
    }
}
