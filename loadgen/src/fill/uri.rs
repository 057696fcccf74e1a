//! What may stand where in a path and its query (RFC 3986 §3.3 and §3.4), and how the rest is
//! written.

use std::fmt::Write as _;

use model::template::{Segment, Template};

/// Pass everywhere.
const UNRESERVED: &[u8] = b"-._~";
/// Pass in a path, where they mean nothing.
const OF_PATHS: &[u8] = b"/:@!$&'()*+,;=";
/// Pass, too, where a person or a server has written a whole path with its query.
const OF_REFERENCES: &[u8] = b"?%";

/// Adds a value to a path that is written from its beginning. A value at the beginning is a whole
/// path itself, like a saved location; behind it, it is a part of the path, or of the query.
pub(super) fn add(path: &mut String, value: &str) {
    if path.is_empty() {
        encoded(path, value, &[OF_PATHS, OF_REFERENCES]);
    } else if path.contains('?') {
        encoded(path, value, &[]);
    } else {
        encoded(path, value, &[OF_PATHS]);
    }
}

/// The template with its own text fit for a request line, so that it cannot be more than a path.
pub(crate) fn fit(template: &Template) -> Template {
    let fit = |segment: &Segment| match segment {
        Segment::Literal(literal) => {
            let mut text = String::new();
            encoded(&mut text, literal, &[OF_PATHS, OF_REFERENCES]);
            Segment::Literal(text)
        },
        Segment::Hole(hole) => Segment::Hole(hole.clone()),
    };
    Template { segments: template.segments.iter().map(fit).collect() }
}

fn encoded(text: &mut String, value: &str, passing: &[&[u8]]) {
    for byte in value.bytes() {
        let listed = |bytes: &[u8]| bytes.contains(&byte);
        let passes = passing.iter().any(|bytes| listed(bytes)) || listed(UNRESERVED);
        if byte.is_ascii_alphanumeric() || passes {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing to a string does not fail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_could_be_another_parameter_or_half_an_escape() {
        for (path, value, expected) in [
            ("", "/a/b?c=d&e=%20 #", "/a/b?c=d&e=%20%20%23"),
            ("/p/", "a b/c?d#e%f&g=h+i", "/p/a%20b/c%3Fd%23e%25f&g=h+i"),
            ("/p?q=", "a&b=c+d/e?%", "/p?q=a%26b%3Dc%2Bd%2Fe%3F%25"),
            ("/p?q=", "K\u{f6}ln-1.~_", "/p?q=K%C3%B6ln-1.~_"),
            ("/p?q=", "a\r\nb: c", "/p?q=a%0D%0Ab%3A%20c"),
        ] {
            let mut text = path.to_owned();
            add(&mut text, value);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn a_path_with_a_line_break_was_a_request_with_another_header() {
        let template: Template = "/a b?c=%20&d=\u{f6} HTTP/1.1\r\nx: ${seq}\"".parse().unwrap();
        let expected = "/a%20b?c=%20&d=%C3%B6%20HTTP/1.1%0D%0Ax:%20${seq}%22";
        assert_eq!(fit(&template).to_string(), expected);
    }
}
