//! From byte positions of a file to lines and columns that an editor shows.

use std::borrow::Cow;
use std::ops::Range;

/// A file with the starts of its lines.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    text: &'a str,
    line_starts: Vec<usize>,
}

/// A position for people.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    /// The whole line without its end.
    pub(crate) text: &'a str,
    /// How many characters of this line the span covers, at least 1.
    pub(crate) width: usize,
}

impl<'a> Source<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, line_starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    /// Positions past the end, or inside a character, are moved back to the nearest valid one.
    pub(crate) fn place(&self, span: Range<usize>) -> Place<'a> {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let index = self.line_starts.partition_point(|line_start| *line_start <= start) - 1;
        let line_start = self.line_starts[index];
        let rest = self.text.get(line_start..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        let lead = self.text.get(line_start..start).unwrap_or_default();
        let end = self.text.floor_char_boundary(span.end.min(line_start + line.len()));
        let covered = self.text.get(start..end).unwrap_or_default();
        Place {
            line: index + 1,
            column: lead.chars().count() + 1,
            text: line,
            width: covered.chars().count().max(1),
        }
    }
}

/// The text with everything hidden that is given to one of `keys`, so that a secret which does
/// not belong into the file is not repeated by a message about it. Positions stay the same.
pub(crate) fn hide<'a>(text: &'a str, keys: &[&str]) -> Cow<'a, str> {
    let mut masked: Option<Vec<u8>> = None;
    for key in keys {
        let mut hidden_to = 0;
        for (at, _) in text.match_indices(key) {
            if at < hidden_to {
                continue;
            }
            let Some(range) = value_of(text, at, key.len()) else { continue };
            hidden_to = range.end;
            let bytes = masked.get_or_insert_with(|| text.as_bytes().to_vec());
            let secret = bytes[range].iter_mut().filter(|byte| **byte != b'\n');
            // Whole characters are masked byte by byte, so the text stays valid.
            secret.for_each(|byte| *byte = b'*');
        }
    }
    match masked {
        None => Cow::Borrowed(text),
        Some(bytes) => Cow::Owned(String::from_utf8(bytes).unwrap_or_default()),
    }
}

/// The range of what follows `key =`, to the end of the line or of a string of several lines.
fn value_of(text: &str, at: usize, length: usize) -> Option<Range<usize>> {
    let continues = |character: char| character.is_alphanumeric() || "-_".contains(character);
    if text[..at].ends_with(continues) {
        return None;
    }
    let after = &text[at + length..];
    let after_key = after.trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
    let value = after_key.strip_prefix('=')?;
    let start = text.len() - value.len();
    let delimiter = ["\"\"\"", "'''"].into_iter().find(|open| value.trim_start().starts_with(open));
    let length = match delimiter {
        Some(delimiter) => {
            let open = value.find(delimiter)? + delimiter.len();
            value[open..].find(delimiter).map_or(value.len(), |close| open + close)
        },
        None => value.find('\n').unwrap_or(value.len()),
    };
    Some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_to_a_secret_key_is_hidden_to_the_end_of_its_line() {
        for (text, expected) in [
            ("token = \"abc\"\nseed = 7", "token =******\nseed = 7"),
            ("x = { \"token\"=1, y = 2 }\r\n", "x = { \"token\"=***********\n"),
            ("a.token=\"\u{e9}", "a.token=***"),
            ("token = \"\"\"\nabc\n\"\"\"\nb = 1", "token =****\n***\n\"\"\"\nb = 1"),
            ("token_file = \"abc\"", "token_file = \"abc\""),
            ("my-token = \"abc\"", "my-token = \"abc\""),
            ("tokens", "tokens"),
        ] {
            assert_eq!(hide(text, &["token"]), expected);
        }
    }

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let source = Source::new("title = \"é\"\r\nseed = 7\n");
        for (span, line, column, width) in
            [(0..5, 1, 1, 5), (8..12, 1, 9, 3), (14..18, 2, 1, 4), (21..22, 2, 8, 1)]
        {
            let place = source.place(span.clone());
            assert_eq!((place.line, place.column, place.width), (line, column, width), "{span:?}");
        }
        assert_eq!(source.place(14..15).text, "seed = 7");
    }

    #[test]
    fn a_span_over_several_lines_is_shown_on_its_first() {
        let place = Source::new("a = [\n1,\n]").place(4..10);
        assert_eq!((place.line, place.column, place.width), (1, 5, 1));
    }

    #[test]
    fn positions_past_the_end_stay_inside_the_file() {
        assert_eq!(Source::new("").place(7..9).line, 1);
        assert_eq!(Source::new("a\n").place(7..9).line, 2);
    }
}
