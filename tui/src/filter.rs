//! The language of `/`: which rows of a list are wanted.
//!
//! Words and `"text in quotes"` are looked for in whatever case of their ASCII letters; `~pattern`
//! is a regular expression; `field=value`, `field!=value`, `field>number` ask one column; `!` turns
//! a term round; a blank means and; `or` and parentheses do what they say. Every list has its own
//! table of fields ([`fields`]), which also feeds help, completion and error messages.
//!
//! What the collector can answer by itself is asked of it ([`Filter::traces`], [`Filter::logs`]);
//! everything that comes back is matched once more here. Fields that a row does not tell are
//! answered by the collector alone.

use regex::Regex;

pub mod fields;

mod ask;
mod complete;
mod parse;
mod rows;
#[cfg(test)]
mod tests;
mod value;

pub use complete::{Completion, complete};
pub use fields::{Field, FieldTable, Kind};

use parse::Parser;
use value::{Op, Want};

/// Longest filter, in characters.
pub const LENGTH_MAX: usize = 500;
/// Parentheses and negations within each other.
pub const DEPTH_MAX: usize = 32;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct FilterError {
    /// In characters, from 1.
    pub column: usize,
    pub message: String,
}

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Text(&'a str),
    /// In the unit of the field: milliseconds, percent, or plain.
    Number(f64),
    Flag(bool),
}

/// A row that can be filtered.
pub trait Fields {
    /// Shows every value that the row has for the field of this name; none when it has none.
    fn values(&self, field: &str, see: &mut dyn FnMut(Value<'_>));

    /// Shows every text in which words and patterns are looked for.
    fn texts(&self, see: &mut dyn FnMut(&str));
}

/// A filter that was read.
#[derive(Debug, Clone)]
pub struct Filter {
    text: String,
    table: &'static FieldTable,
    root: Node,
}

/// Two filters are the same when they were written the same for the same list.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.table.name == other.table.name
    }
}

impl Eq for Filter {}

#[derive(Debug, Clone)]
enum Node {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Words(String),
    Pattern(Regex),
    Test(Test),
}

/// `field op value`.
#[derive(Debug, Clone)]
struct Test {
    field: &'static Field,
    /// Name of the attribute, for [`fields::ATTRIBUTE`].
    attribute: String,
    op: Op,
    want: Want,
    /// In characters, from 1.
    column: usize,
}

impl Filter {
    /// Reads a filter for the list with these fields. Nothing but blanks accepts every row.
    pub fn parse(text: &str, table: &'static FieldTable) -> Result<Self, FilterError> {
        let root = Parser::new(text, table)?.filter()?;
        ask::check(&root)?;
        Ok(Self { text: text.trim().to_owned(), table, root })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn matches(&self, row: &dyn Fields) -> bool {
        self.root.matches(row)
    }
}

impl Node {
    fn matches(&self, row: &dyn Fields) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.matches(row)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(row)),
            Self::Not(node) => !node.matches(row),
            Self::Words(words) => some_text(row, |text| contains(text, words)),
            Self::Pattern(pattern) => some_text(row, |text| pattern.is_match(text)),
            Self::Test(test) => test.matches(row),
        }
    }
}

fn some_text(row: &dyn Fields, fits: impl Fn(&str) -> bool) -> bool {
    let mut found = false;
    row.texts(&mut |text| found = found || fits(text));
    found
}

/// In whatever case of its ASCII letters, as the collector compares.
fn contains(text: &str, words: &str) -> bool {
    let (text, words) = (text.as_bytes(), words.as_bytes());
    words.is_empty() || text.windows(words.len()).any(|part| part.eq_ignore_ascii_case(words))
}

impl Test {
    fn matches(&self, row: &dyn Fields) -> bool {
        if self.field.asked {
            return true;
        }
        let name = if self.attribute.is_empty() { self.field.name } else { &self.attribute };
        let mut found = false;
        row.values(name, &mut |value| {
            found = found || self.want.fits(self.field.kind, self.op, value);
        });
        // A negated test is about all values of the row, so also about none.
        found != self.op.negates()
    }
}
