//! What the lines have in common: how many say the same.

use ratatui::layout::Rect;

use super::severity_role;
use crate::app::App;
use crate::derive::patterns::Pattern;
use crate::format;
use crate::screen::logs::LogsView;
use crate::theme::{Role, Theme};
use crate::view::{Canvas, Hit};
use crate::widget::lines::{Lines, TextRow};
use crate::widget::paint;
use crate::widget::table::Column;

const COLUMNS: [Column<'static>; 4] = [
    Column { title: "lines", width: 7, right: true },
    Column { title: "share", width: 7, right: true },
    Column { title: "level", width: 6, right: false },
    Column { title: "source", width: 20, right: false },
];
/// Patterns whose part of all lines is told in the title.
const FIRST: usize = 3;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, view: &LogsView, area: Rect) {
    let first: f64 = view.patterns.iter().take(FIRST).map(|pattern| pattern.share).sum();
    let note = match view.patterns.len() {
        0..=FIRST => "enter filters by it".to_owned(),
        count => {
            format!("{FIRST} of {count} are {:.0}% of the lines  enter filters", first * 100.0)
        },
    };
    let inside = canvas.framed(area, "Patterns", &note, (0, app.focus == 0));
    if view.patterns.is_empty() {
        canvas.waiting(&view.asked, "no line, no pattern", paint::line(inside, 0));
        return;
    }
    let theme = canvas.theme;
    let row = |at: usize| row(theme, &view.patterns[at]);
    let lines = Lines {
        columns: &COLUMNS,
        title: "what they say",
        count: view.patterns.len(),
        row: &row,
        middle: app.screens.logs.pattern_place(view),
        is_selected: true,
        wrap: app.screens.logs.wrap,
        header: Some(canvas.style(Role::Header)),
        select: canvas.style(Role::Select),
        select_symbol: theme.glyphs.selected,
        ellipsis: theme.glyphs.ellipsis,
    };
    for (index, line) in lines.draw(canvas.buffer, inside) {
        canvas.hit(line, Hit::Row(index));
    }
}

fn row(theme: &Theme, pattern: &Pattern) -> TextRow {
    let level = theme.style(severity_role(pattern.worst));
    TextRow {
        cells: vec![
            (format::count(pattern.count), theme.style(Role::Text)),
            (format!("{:.1}%", pattern.share * 100.0), theme.style(Role::Dim)),
            (pattern.worst.as_str().to_owned(), level),
            (pattern.services.join(","), theme.style(Role::Dim)),
        ],
        text: (pattern.template.clone(), level),
    }
}
