//! Where in an answer a value stands: `/id`, `$.items[0].id`, `header:location`, `regex:id=(\d+)`.
//!
//! Compiled when the text is read, so that an answer is only searched. It travels as its text.

use std::fmt;
use std::str::FromStr;

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json_path::JsonPath;

/// Largest compiled pattern: what a person writes takes a hundredth.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// A place in an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Extract {
    /// `status`: the number.
    Status,
    /// `body`: the whole body as text.
    Body,
    /// `header:location`: the first header of this name, in lower case.
    Header(String),
    /// `/id`: a JSON pointer (RFC 6901); empty is the whole document.
    Pointer(String),
    /// `$.items[0].id`: the first node of a JSONPath (RFC 9535).
    Path(Path),
    /// `regex:id=(\d+)`: the first group of the first match in the body, or all of the match when
    /// there is no group.
    Regex(Pattern),
}

/// A compiled JSONPath.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    text: String,
    compiled: JsonPath,
}

/// A compiled regular expression; searching takes time linear in the text.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// Why a text is no place in an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    #[error(
        "\"{0}\" is none of: a JSON pointer like \"/id\", a JSONPath like \"$.items[0].id\", \
         \"header:NAME\", \"regex:PATTERN\", \"status\", \"body\""
    )]
    Foreign(String),
    #[error(
        "a JSON pointer is written \"/id\" or \"/lines/0/sku\", and `~` only as ~0 or ~1; got \"{0}\""
    )]
    Pointer(String),
    #[error("\"{text}\" is no JSONPath: {problem}")]
    Path { text: String, problem: String },
    #[error("\"{0}\" is no name of a header")]
    Header(String),
    #[error("\"{text}\" is no regular expression: {problem}")]
    Pattern { text: String, problem: String },
}

impl Extract {
    /// Does it look into the body?
    pub fn needs_body(&self) -> bool {
        !matches!(self, Self::Status | Self::Header(_))
    }
}

impl FromStr for Extract {
    type Err = ExtractError;

    fn from_str(text: &str) -> Result<Self, ExtractError> {
        match text {
            "status" => return Ok(Self::Status),
            "body" => return Ok(Self::Body),
            _ => {},
        }
        if let Some(name) = text.strip_prefix("header:") {
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if name.is_empty() || !name.bytes().all(token) {
                return Err(ExtractError::Header(short(name)));
            }
            return Ok(Self::Header(name.to_ascii_lowercase()));
        }
        if let Some(pattern) = text.strip_prefix("regex:") {
            return pattern.parse().map(Self::Regex);
        }
        if text.starts_with('$') {
            return text.parse().map(Self::Path);
        }
        if text.is_empty() || text.starts_with('/') {
            // RFC 6901: `~0` and `~1` are the only escapes.
            let escapes_hold = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            return if escapes_hold {
                Ok(Self::Pointer(text.to_owned()))
            } else {
                Err(ExtractError::Pointer(short(text)))
            };
        }
        Err(ExtractError::Foreign(short(text)))
    }
}

impl FromStr for Path {
    type Err = ExtractError;

    fn from_str(text: &str) -> Result<Self, ExtractError> {
        let compiled = JsonPath::parse(text).map_err(|error| ExtractError::Path {
            text: short(text),
            problem: format!("{} at character {}", error.message(), error.position() + 1),
        })?;
        Ok(Self { text: text.to_owned(), compiled })
    }
}

impl FromStr for Pattern {
    type Err = ExtractError;

    fn from_str(text: &str) -> Result<Self, ExtractError> {
        let compiled = RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build();
        compiled.map(Self).map_err(|error| {
            // The library draws the place below the text; its last line says what is wrong.
            let shown = error.to_string();
            let last = shown.lines().last().unwrap_or_default();
            let problem = last.trim_start_matches("error: ").to_owned();
            ExtractError::Pattern { text: short(text), problem }
        })
    }
}

impl Path {
    /// The first node that the path leads to.
    pub fn first<'j>(&self, json: &'j serde_json::Value) -> Option<&'j serde_json::Value> {
        self.compiled.query(json).first()
    }
}

impl Pattern {
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }

    /// The first group of the first match, or all of it when the pattern has no group.
    pub fn first<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let found = self.0.captures(text)?;
        let group = usize::from(self.0.captures_len() > 1);
        found.get(group).map(|group| group.as_bytes())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str())
    }
}

impl fmt::Display for Extract {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => formatter.write_str("status"),
            Self::Body => formatter.write_str("body"),
            Self::Header(name) => write!(formatter, "header:{name}"),
            Self::Pointer(pointer) => formatter.write_str(pointer),
            Self::Path(path) => formatter.write_str(&path.text),
            Self::Regex(pattern) => write!(formatter, "regex:{pattern}"),
        }
    }
}

impl TryFrom<String> for Extract {
    type Error = ExtractError;

    fn try_from(text: String) -> Result<Self, ExtractError> {
        text.parse()
    }
}

impl From<Extract> for String {
    fn from(extract: Extract) -> Self {
        extract.to_string()
    }
}

fn short(text: &str) -> String {
    crate::reading::reader::shorten(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_prints_as_it_was_written() {
        for text in [
            "",
            "/lines/0/sku",
            "/a~1b",
            "$.items[?@.price < 10].id",
            "header:location",
            r"regex:id=(\d+)",
            "status",
            "body",
        ] {
            let read: Extract = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(serde_json::from_str::<Extract>(&json).unwrap(), read);
        }
        assert_eq!("header:ETag".parse::<Extract>().unwrap(), Extract::Header("etag".into()));
    }

    #[test]
    fn what_is_no_place_is_refused_with_its_reason() {
        for (text, reason) in [
            ("id", "none of"),
            ("/a~2", "~0 or ~1"),
            ("$.items[", "no JSONPath"),
            ("header:", "no name of a header"),
            ("header:a b", "no name of a header"),
            ("regex:(", "unclosed group"),
            (r"regex:\w{9999}{99}", "size limit"),
        ] {
            let said = text.parse::<Extract>().unwrap_err().to_string();
            assert!(said.contains(reason), "{text}: {said}");
        }
    }

    #[test]
    fn a_pattern_gives_its_first_group_or_all_of_its_match() {
        let first = |pattern: &str| {
            let pattern: Pattern = pattern.parse().unwrap();
            pattern.first(b"a=1&b=22").map(|found| String::from_utf8_lossy(found).into_owned())
        };
        assert_eq!(first(r"b=(\d+)").as_deref(), Some("22"));
        assert_eq!(first(r"[ab]=\d").as_deref(), Some("a=1"));
        assert_eq!(first("c=(.)"), None);
        assert_eq!(first("a(x)?"), None);
    }
}
