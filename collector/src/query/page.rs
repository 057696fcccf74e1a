//! Where an answer ended, so that the next question goes on there.
//!
//! A cursor names the last line that was shown, not a number of lines: what came in meanwhile
//! neither repeats nor hides a line.

use std::fmt;
use std::str::FromStr;

use model::id::TraceId;
use serde::Deserialize;

/// The last trace of a page: the value that it is ordered by, and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TraceCursor {
    /// Start or duration in nanoseconds.
    pub key_ns: u64,
    pub trace_id: TraceId,
}

/// The oldest line of a page of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LogCursor {
    pub unix_ns: u64,
    /// Lines of exactly this time that were shown.
    pub shown: usize,
}

/// A text that no answer has given as a cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is taken from the answer before, as it is; got {0:?}")]
pub struct NoCursor(String);

fn halves<A: FromStr, B: FromStr>(text: &str) -> Option<(A, B)> {
    let (first, second) = text.split_once('-')?;
    Some((first.parse().ok()?, second.parse().ok()?))
}

fn wrong(text: &str) -> NoCursor {
    NoCursor(text.chars().take(80).collect())
}

impl FromStr for TraceCursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (key_ns, trace_id) = halves(text).ok_or_else(|| wrong(text))?;
        Ok(Self { key_ns, trace_id })
    }
}

impl FromStr for LogCursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (unix_ns, shown) = halves(text).ok_or_else(|| wrong(text))?;
        if shown > super::LIMIT_MAX * 10 {
            return Err(wrong(text));
        }
        Ok(Self { unix_ns, shown })
    }
}

impl TryFrom<String> for TraceCursor {
    type Error = NoCursor;

    fn try_from(text: String) -> Result<Self, NoCursor> {
        text.parse()
    }
}

impl TryFrom<String> for LogCursor {
    type Error = NoCursor;

    fn try_from(text: String) -> Result<Self, NoCursor> {
        text.parse()
    }
}

impl fmt::Display for TraceCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.key_ns, self.trace_id)
    }
}

impl fmt::Display for LogCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.unix_ns, self.shown)
    }
}
