//! How the term under the cursor can go on.

use super::fields::{FieldTable, Kind};
use super::value::{FLAGS, LEVELS, Op, begins};

/// What can stand in place of the letters from `from` up to the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completion {
    /// In characters, from 0.
    pub from: usize,
    pub words: Vec<String>,
}

/// Completes the term that ends at the cursor (in characters, from 0): names of fields first, then
/// values. `known` gives the values that a field of texts or edges has at present.
pub fn complete(
    text: &str,
    cursor: usize,
    table: &'static FieldTable,
    known: &dyn Fn(&str) -> Vec<String>,
) -> Completion {
    let letters: Vec<char> = text.chars().take(cursor).collect();
    let starts = |letter: &char| letter.is_whitespace() || "(!".contains(*letter);
    let from = letters.iter().rposition(starts).map_or(0, |at| at + 1);
    let term: String = letters[from..].iter().collect();
    let operator = Op::WRITTEN
        .iter()
        .filter_map(|(written, _)| term.find(written).map(|at| (at, written.len())))
        .min_by_key(|(at, length)| (*at, std::cmp::Reverse(*length)));
    let Some((at, length)) = operator else {
        let names = table.fields.iter().filter(|field| begins(field.name, &term));
        let words = names.map(|field| format!("{}{}", field.name, field.kind.operator()));
        return Completion { from, words: words.collect() };
    };
    let (name, typed) = (&term[..at], &term[at + length..]);
    let Some(field) = table.find(name) else { return Completion::default() };
    let values: Vec<String> = match field.kind {
        Kind::Word(words) => words.iter().map(|word| (*word).to_owned()).collect(),
        Kind::Flag => FLAGS.iter().map(|word| (*word).to_owned()).collect(),
        Kind::Level => LEVELS.iter().map(|(name, _)| (*name).to_owned()).collect(),
        Kind::Text | Kind::Edge | Kind::Id | Kind::Any => known(name),
        Kind::Number | Kind::Percent | Kind::Duration => Vec::new(),
    };
    let fitting = values.into_iter().filter(|value| begins(value, typed));
    let from = from + letters[from..].len() - typed.chars().count();
    Completion { from, words: fitting.map(quote).collect() }
}

fn quote(value: String) -> String {
    let plain = !value.contains(|letter: char| letter.is_whitespace() || "()\"".contains(letter));
    if plain { value } else { format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")) }
}
