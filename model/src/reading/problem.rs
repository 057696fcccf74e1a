//! What is wrong in a scenario file: every finding with its place, printed as a compiler would.

use std::fmt;

use super::source::Source;

/// Characters of a source line that a message shows.
const EXCERPT_MAX: usize = 100;
/// Characters of them before the place.
const EXCERPT_LEAD: usize = 30;
const ELLIPSIS: &str = "...";

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What was written, what was expected, and the nearest right name.
    pub message: String,
    /// The line that it is about; of a long line, what surrounds the place.
    pub excerpt: String,
    /// Where in the excerpt the place is, in characters from 0.
    pub caret: usize,
    /// How many characters of the excerpt are meant, at least 1.
    pub width: usize,
}

/// All findings of one file, in the order of their places. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    file_name: String,
    found: Vec<Problem>,
}

impl Problems {
    pub fn new(file_name: &str, mut found: Vec<Problem>) -> Self {
        found.sort_by_key(|problem| (problem.line, problem.column));
        found.dedup();
        Self { file_name: file_name.to_owned(), found }
    }

    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    pub fn found(&self) -> &[Problem] {
        &self.found
    }
}

impl Problem {
    pub(crate) fn new(source: &Source<'_>, span: std::ops::Range<usize>, message: String) -> Self {
        let place = source.place(span);
        let (excerpt, caret) = excerpt(place.text, place.column - 1);
        let room = excerpt.chars().count().saturating_sub(caret).max(1);
        let width = place.width.min(room);
        Self { line: place.line, column: place.column, message, excerpt, caret, width }
    }
}

/// Cuts a long line, so that a file of one huge line cannot blow up its own messages.
fn excerpt(line: &str, at: usize) -> (String, usize) {
    let length = line.chars().count();
    if length <= EXCERPT_MAX {
        return (line.to_owned(), at);
    }
    let start = at.saturating_sub(EXCERPT_LEAD).min(length - EXCERPT_MAX);
    let middle: String = line.chars().skip(start).take(EXCERPT_MAX).collect();
    let lead = if start > 0 { ELLIPSIS } else { "" };
    let tail = if start + EXCERPT_MAX < length { ELLIPSIS } else { "" };
    (format!("{lead}{middle}{tail}"), at - start + lead.len())
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.found.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            let Problem { line, column, message, excerpt, caret, width } = problem;
            write!(formatter, "{}:{line}:{column}: {message}", self.file_name)?;
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            // Tabs stay tabs, so that the caret stands below its character.
            let lead: String = excerpt
                .chars()
                .take(*caret)
                .map(|character| if character == '\t' { '\t' } else { ' ' })
                .collect();
            let carets = "^".repeat(*width);
            write!(formatter, "\n  {margin} |\n  {number} | {excerpt}")?;
            write!(formatter, "\n  {margin} | {lead}{carets}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
