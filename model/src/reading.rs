//! Reads what people write, scenarios, gateway files, settings, and keeps every finding with its
//! place.
//!
//! [`reader`] walks a TOML document; [`problem`], [`source`] and [`nearest`] make the messages. The
//! parts of the language that both files share are here as well: [`faults`] with what belongs to a
//! fault, and [`policy`] with the policies of an edge. What only one of them has is in
//! [`crate::scenario`] and [`crate::gateway`].

use toml::Spanned;
use toml::de::DeTable;

use crate::limits;

#[cfg(test)]
pub(crate) mod cases;
pub(crate) mod delay;
pub(crate) mod effect;
pub(crate) mod faults;
pub(crate) mod matching;
pub(crate) mod names;
pub(crate) mod nearest;
pub(crate) mod outside;
pub(crate) mod policy;
pub mod problem;
pub mod reader;
pub(crate) mod schedule;
pub(crate) mod secret;
pub(crate) mod source;
pub(crate) mod url;
pub(crate) mod when;

use reader::Report;

/// The document, or `None` when it has findings that leave nothing to read. `what` is what messages
/// call the file, like "a scenario".
pub fn document<'a>(
    report: &Report<'a>,
    text: &'a str,
    what: &str,
) -> Option<Spanned<DeTable<'a>>> {
    if text.len() > limits::SCENARIO_BYTES_MAX {
        let (got, max) = (text.len(), limits::SCENARIO_BYTES_MAX);
        report.add(0..0, format!("{what} is at most {max} bytes, this file has {got}"));
        return None;
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Some(document);
    }
    // What follows a syntax error is a guess, so nothing else is judged.
    for error in errors {
        let what = error.message().trim().replace('\n', ", ");
        report.add(error.span().unwrap_or(0..0), format!("this is not TOML: {what}"));
    }
    None
}
