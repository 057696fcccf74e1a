//! From byte positions of a file to lines and columns that an editor shows.

use std::ops::Range;

/// A file with the starts of its lines.
#[derive(Debug)]
pub(super) struct Source<'a> {
    text: &'a str,
    line_starts: Vec<usize>,
}

/// A position for people.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
    /// The whole line without its end.
    pub(super) text: &'a str,
    /// How many characters of this line the span covers, at least 1.
    pub(super) width: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, line_starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    /// Positions past the end, or inside a character, are moved back to the nearest valid one.
    pub(super) fn place(&self, span: Range<usize>) -> Place<'a> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
