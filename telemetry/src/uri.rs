//! Paths with parameters, for calls of the APIs of collector and proxy.

use std::fmt::{Display, Write as _};

/// A path with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    text: String,
    separator: char,
}

impl Uri {
    pub fn of(path: &str) -> Self {
        Self { text: path.to_owned(), separator: '?' }
    }

    /// One parameter more, if it has a value.
    pub fn add(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            let value = encoded(&value.to_string());
            // Writing to a string cannot fail.
            _ = write!(self.text, "{}{name}={value}", self.separator);
            self.separator = '&';
        }
    }

    pub fn into_text(self) -> String {
        self.text
    }
}

/// The part of a URI that a text becomes: all but the unreserved letters of RFC 3986 are encoded.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_part_of_a_uri_whatever_it_holds() {
        assert_eq!(encoded("slow payments/1?"), "slow%20payments%2F1%3F");
        assert_eq!(encoded("a-b_c.d~9"), "a-b_c.d~9");
        assert_eq!(encoded("é&="), "%C3%A9%26%3D");
    }

    #[test]
    fn parameters_without_a_value_are_left_out() {
        let mut uri = Uri::of("/v1/logs");
        uri.add("service", None::<&str>);
        uri.add("contains", Some("a b"));
        uri.add("limit", Some(5));
        assert_eq!(uri.into_text(), "/v1/logs?contains=a%20b&limit=5");
        assert_eq!(Uri::of("/v1/runs").into_text(), "/v1/runs");
    }
}
