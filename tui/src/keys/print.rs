//! The table as text: for documents and for `--print-keys`.

use std::fmt::Write as _;

use super::keymap::Keymap;
use super::table::{ROWS, Row};

/// The table for documents.
pub fn markdown() -> String {
    let mut text = "| Key | Action | Where | Meaning |\n|---|---|---|---|\n".to_owned();
    for row in ROWS {
        let keys: Vec<String> = row.keys.iter().map(|keys| format!("`{keys}`")).collect();
        let line =
            format!("| {} | `{}` | {} | {} |\n", keys.join(", "), row.name, row.places, row.text);
        text.push_str(&line);
    }
    text
}

/// Every action with the keys that it has in this map, in columns.
pub fn print_keys(map: &Keymap) -> String {
    let lines: Vec<(String, &Row)> = ROWS.iter().map(|row| (keys(map, row), row)).collect();
    let width = |of: &dyn Fn(&(String, &'static Row)) -> usize| lines.iter().map(of).max();
    let keys_width = width(&|(keys, _)| keys.chars().count()).unwrap_or(0);
    let name_width = width(&|(_, row)| row.name.len()).unwrap_or(0);
    let mut text = String::new();
    for (keys, row) in &lines {
        let _ = writeln!(
            text,
            "{keys:keys_width$}  {:name_width$}  {} ({})",
            row.name, row.text, row.places
        );
    }
    text
}

/// The keys of a row in all its places: those that do not hold in all of them name theirs.
fn keys(map: &Keymap, row: &Row) -> String {
    let mut all: Vec<(String, Vec<&'static str>)> = Vec::new();
    for place in row.places.iter() {
        for keys in map.keys(place, row.action) {
            match all.iter_mut().find(|(known, _)| *known == keys) {
                Some((_, places)) => places.push(place.name()),
                None => all.push((keys, vec![place.name()])),
            }
        }
    }
    let everywhere = row.places.iter().count();
    let words = all.into_iter().map(|(keys, places)| {
        if places.len() == everywhere { keys } else { format!("{}:{keys}", places.join("+")) }
    });
    words.collect::<Vec<String>>().join(", ")
}
