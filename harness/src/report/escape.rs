//! Text from outside, made safe for XML, HTML and a terminal.

use std::fmt::{self, Write as _};

/// Stands for every character that a document or a terminal must not get.
const REPLACEMENT: char = '\u{fffd}';

/// Writes text so that it is only text in XML 1.0 and in HTML, in content and in quoted
/// attributes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Escaped<'a>(&'a str);

pub(super) fn esc(text: &str) -> Escaped<'_> {
    Escaped(text)
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => formatter.write_str("&amp;")?,
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                '"' => formatter.write_str("&quot;")?,
                '\'' => formatter.write_str("&#39;")?,
                // As references they survive the normalisation of attribute values.
                '\n' => formatter.write_str("&#10;")?,
                '\t' => formatter.write_str("&#9;")?,
                other => formatter.write_char(visible(other))?,
            }
        }
        Ok(())
    }
}

/// One line for a terminal: no control characters, so a name can neither move the cursor nor
/// change the colour.
pub(crate) fn plain(text: &str) -> String {
    let one_line = |character| match character {
        '\n' | '\t' => ' ',
        other => visible(other),
    };
    text.chars().map(one_line).collect()
}

/// Control characters are forbidden in XML; marks of direction would let a name reorder the text
/// around it.
fn visible(character: char) -> char {
    match character {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => REPLACEMENT,
        '\u{fffe}' | '\u{ffff}' => REPLACEMENT,
        other if other.is_control() => REPLACEMENT,
        other => other,
    }
}

/// A JSON value inside a `<script>` element: no `<` can end it.
pub(super) fn json_in_script(value: &[String]) -> String {
    let text = serde_json::to_string(value).expect("strings always have a JSON form");
    text.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}
