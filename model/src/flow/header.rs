//! Which headers a step may have: those that leave the request one request.
//!
//! Only what is written in the file or on the command line is looked at. What holes are filled with
//! is looked at when it is sent.

use super::Body;
use crate::template::{Segment, Template};

/// What becomes of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    Sent,
    /// It says what is sent anyway.
    Known,
    Refused(String),
}

/// Looks at a header of a request with this body.
pub fn fit(name: &str, value: &Template, body: Option<&Body>) -> Fit {
    let breaks = |segment: &Segment| match segment {
        Segment::Literal(text) => text.chars().any(|it| it.is_control() && it != '\t'),
        Segment::Hole(_) => false,
    };
    if value.segments.iter().any(breaks) {
        let problem = "the value of a header holds no line break and no other control character";
        return Fit::Refused(problem.to_owned());
    }
    if name.eq_ignore_ascii_case("transfer-encoding") {
        return Fit::Refused("leave it out: a body is sent as it is, with its length".to_owned());
    }
    if !name.eq_ignore_ascii_case("content-length") {
        return Fit::Sent;
    }
    let said = value.literal().and_then(|text| text.trim().parse::<usize>().ok());
    match (body.map(Body::length), said) {
        (None, Some(0)) => Fit::Sent,
        (Some(Some(length)), Some(said)) if length == said => Fit::Known,
        (None, _) => Fit::Refused("leave it out: the request has no body".to_owned()),
        (Some(Some(length)), _) => {
            Fit::Refused(format!("leave it out: the body has {length} bytes"))
        },
        (Some(None), _) => {
            Fit::Refused("leave it out: the length of the body differs by request".to_owned())
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_make_another_request_of_one_went_onto_the_wire() {
        let template = |text: &str| text.parse::<Template>().unwrap();
        for (name, value, body, expected) in [
            ("a", "b c\td \u{e9} ${seq}", None, None),
            ("a", "b\r\nc: d", None, Some("line break")),
            ("a", "${seq}\n", None, Some("line break")),
            ("a", "\0", None, Some("control character")),
            ("Transfer-Encoding", "chunked", Some("abc"), Some("with its length")),
            ("transfer-encoding", "chunked", None, Some("with its length")),
            ("content-length", "0", None, None),
            ("content-length", "3", None, Some("no body")),
            ("Content-Length", "4", Some("abc"), Some("3 bytes")),
            ("content-length", "${seq}", Some("abc"), Some("3 bytes")),
            ("content-length", "3", Some("${seq}"), Some("differs by request")),
        ] {
            let fit = fit(name, &template(value), body.map(|text| text.parse().unwrap()).as_ref());
            match (fit, expected) {
                (Fit::Sent, None) => {},
                (Fit::Refused(said), Some(expected)) => assert!(said.contains(expected), "{said}"),
                (fit, _) => panic!("{name} {value:?} {body:?}: {fit:?}"),
            }
        }
        let known = fit("content-length", &template("3"), Some(&"abc".parse().unwrap()));
        assert_eq!(known, Fit::Known, "it would be there twice");
    }
}
