//! Columns as wide as what stands in them.

use std::fmt::Write as _;

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    /// For numbers.
    Right,
}

/// Rows under a head, two spaces apart; nothing without rows.
pub(super) fn table(head: &[(&str, Side)], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
        let all = cells.chain(head.get(column).map(|(name, _)| *name));
        all.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for ((cell, (_, side)), width) in cells.zip(head).zip(&widths) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let _never_fails = match side {
                Side::Left => write!(line, "{cell:<width$}"),
                Side::Right => write!(line, "{cell:>width$}"),
            };
        }
        format!("{}\n", line.trim_end())
    };
    let mut text = line(&mut head.iter().map(|(name, _)| *name));
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// Milliseconds with as many digits as say something.
pub(super) fn ms(ns: u64) -> String {
    ms_of(ns as f64)
}

pub(super) fn ms_of(ns: f64) -> String {
    let ms = ns / 1e6;
    let decimals = match ms.abs() {
        ms if ms >= 100.0 => 0,
        ms if ms >= 1.0 => 1,
        _ => 3,
    };
    format!("{ms:.decimals$}")
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}
