//! What a request carries: a text with holes, or bytes as they are.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::template::{Template, TemplateError};

/// Travels as the text that was written, or as `{"base64":"..."}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Body {
    Text(Template),
    Bytes {
        #[serde(rename = "base64", serialize_with = "write", deserialize_with = "read")]
        bytes: Vec<u8>,
    },
}

impl Body {
    /// Bytes that are a text may have holes; others are sent as they are. No text has a zero in it.
    pub fn of_bytes(bytes: Vec<u8>) -> Result<Self, TemplateError> {
        match String::from_utf8(bytes) {
            Ok(text) if text.contains('\0') => Ok(Self::Bytes { bytes: text.into_bytes() }),
            Ok(text) => text.parse(),
            Err(error) => Ok(Self::Bytes { bytes: error.into_bytes() }),
        }
    }

    /// The text, in which holes are filled before a request is sent.
    pub fn template(&self) -> Option<&Template> {
        match self {
            Self::Text(template) => Some(template),
            Self::Bytes { .. } => None,
        }
    }

    /// Bytes in it, where they are the same in every request.
    pub fn length(&self) -> Option<usize> {
        match self {
            Self::Text(template) => template.literal().map(str::len),
            Self::Bytes { bytes } => Some(bytes.len()),
        }
    }

    /// What it is said to be, unless a header of the step says something else.
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Text(_) => "application/json",
            Self::Bytes { .. } => "application/octet-stream",
        }
    }
}

impl FromStr for Body {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        text.parse().map(Self::Text)
    }
}

fn write<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&STANDARD.encode(bytes))
}

fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_travels_as_it_was_written_whatever_it_is_made_of() {
        for (bytes, length, travels) in [
            (&b"{\"a\":1}"[..], Some(7), r#""{\"a\":1}""#),
            (b"a ${seq}", None, r#""a ${seq}""#),
            (b"", Some(0), r#""""#),
            (b"a\x00${", Some(4), r#"{"base64":"YQAkew=="}"#),
            (b"\xff\x00${seq}", Some(8), r#"{"base64":"/wAke3NlcX0="}"#),
        ] {
            let body = Body::of_bytes(bytes.to_vec()).unwrap();
            assert_eq!(body.length(), length);
            assert_eq!(serde_json::to_string(&body).unwrap(), travels);
            assert_eq!(serde_json::from_str::<Body>(travels).unwrap(), body);
        }
        assert!(Body::of_bytes(b"${never".to_vec()).is_err());
        assert!(serde_json::from_str::<Body>(r#"{"base64":"?"}"#).is_err());
    }
}
