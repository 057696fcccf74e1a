//! Tables of text, fitted to the screen.

use super::screen::{Screen, Tone};

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) tone: Option<Tone>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, tone: None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Cell {
    pub(super) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone: Some(tone) }
    }
}

/// A head and rows. The last column takes what is left of the width, and is cut to it.
pub(super) fn table<const COLUMNS: usize>(
    head: [(&str, Side); COLUMNS],
    rows: &[[Cell; COLUMNS]],
    screen: &Screen,
) -> String {
    let titles = head.map(|(title, _)| Cell::toned(title, Tone::Dim));
    let width = |column: usize| {
        let cells =
            std::iter::once(&titles).chain(rows).map(|row| row[column].text.chars().count());
        cells.max().unwrap_or_default()
    };
    let mut widths: [usize; COLUMNS] = std::array::from_fn(width);
    let before: usize = widths[..COLUMNS - 1].iter().map(|width| width + 2).sum();
    widths[COLUMNS - 1] = widths[COLUMNS - 1].min(screen.width.saturating_sub(before).max(8));
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        for ((cell, width), (_, side)) in row.iter().zip(widths).zip(head) {
            let fitted = screen.fitted(&cell.text, width);
            let space = " ".repeat(width - fitted.chars().count());
            let painted = match cell.tone {
                Some(tone) => screen.painted(&fitted, tone),
                None => fitted,
            };
            let parts = match side {
                Side::Left => [painted, space],
                Side::Right => [space, painted],
            };
            line.extend(parts);
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
