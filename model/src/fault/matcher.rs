//! A match made ready for many requests: names are in lower case, patterns are taken apart, and
//! nothing is allocated to find out that a request does not match. The one exception is a JSON
//! body, which is read once for all faults that ask about it.

use std::cell::OnceCell;

use serde_json::Value;

use super::matching::{Match, Pair, Subject};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Any,
    Exact(String),
    Prefix(String),
}

impl Pattern {
    fn of(text: Option<&str>) -> Self {
        match text.map(|text| text.strip_suffix('*').ok_or(text)) {
            None => Self::Any,
            Some(Ok(prefix)) => Self::Prefix(prefix.to_owned()),
            Some(Err(exact)) => Self::Exact(exact.to_owned()),
        }
    }

    fn fits(&self, value: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => value == exact,
            Self::Prefix(prefix) => value.starts_with(prefix.as_str()),
        }
    }

    /// The same for a part of a query.
    fn fits_encoded(&self, part: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => is_encoded(part, exact),
            Self::Prefix(prefix) => {
                let mut value = decoded(part);
                prefix.bytes().all(|byte| value.next() == Some(byte))
            },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: String,
    value: Pattern,
}

fn fields(pairs: &[Pair], name: impl Fn(&str) -> String) -> Vec<Field> {
    let field =
        |pair: &Pair| Field { name: name(&pair.name), value: Pattern::of(pair.value.as_deref()) };
    pairs.iter().map(field).collect()
}

/// Built once for each fault of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    method: Option<String>,
    path: Pattern,
    /// The path that a gRPC method has.
    grpc: Pattern,
    caller: Option<String>,
    headers: Vec<Field>,
    query: Vec<Field>,
    body: Vec<Field>,
}

impl Matcher {
    pub fn new(matching: &Match) -> Self {
        let grpc = matching.grpc.as_deref().map(|name| format!("/{name}"));
        Self {
            method: matching.method.clone(),
            path: Pattern::of(matching.path.as_deref()),
            grpc: Pattern::of(grpc.as_deref()),
            caller: matching.caller.clone(),
            headers: fields(&matching.headers, str::to_ascii_lowercase),
            query: fields(&matching.query, str::to_owned),
            body: fields(&matching.body, str::to_owned),
        }
    }

    /// What is cheap to see comes first.
    pub fn accepts(&self, subject: &impl Subject, body: &BodyOnce) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == subject.method())
            && self.path.fits(subject.path())
            && self.grpc.fits(subject.path())
            && self.caller.as_deref().is_none_or(|wanted| wanted == subject.caller())
            && self
                .headers
                .iter()
                .all(|field| subject.any_header(&field.name, &mut |value| field.value.fits(value)))
            && self.query.iter().all(|field| has_parameter(subject.query(), field))
            && (self.body.is_empty() || self.accepts_body(body.json(subject)))
    }

    fn accepts_body(&self, json: Option<&Value>) -> bool {
        let fits = |json: &Value, field: &Field| {
            pointed(json, &field.name).is_some_and(|found| match found {
                Value::String(text) => field.value.fits(text),
                other => field.value == Pattern::Any || field.value.fits(&other.to_string()),
            })
        };
        json.is_some_and(|json| self.body.iter().all(|field| fits(json, field)))
    }
}

/// The JSON of one request's body, read when the first fault asks.
#[derive(Debug, Default)]
pub struct BodyOnce(OnceCell<Option<Value>>);

impl BodyOnce {
    fn json(&self, subject: &impl Subject) -> Option<&Value> {
        let read = || serde_json::from_slice(subject.body()?).ok();
        self.0.get_or_init(read).as_ref()
    }
}

/// The field of a dotted name.
fn pointed<'j>(json: &'j Value, name: &str) -> Option<&'j Value> {
    name.split('.').try_fold(json, |value, part| match value {
        Value::Object(map) => map.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

fn has_parameter(query: Option<&str>, wanted: &Field) -> bool {
    let parts = query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, ""))).any(|(name, value)| {
        // Decoding never makes a text longer, so most names are told apart by their length.
        let may_be = name.len() >= wanted.name.len();
        may_be && is_encoded(name, &wanted.name) && wanted.value.fits_encoded(value)
    })
}

/// Does a part of a query say this, once it is decoded?
fn is_encoded(part: &str, wanted: &str) -> bool {
    if part.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        decoded(part).eq(wanted.bytes())
    } else {
        part == wanted
    }
}

/// The bytes of one part of a query; what is no valid escape stays as it is.
fn decoded(text: &str) -> impl Iterator<Item = u8> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let byte = *bytes.get(at)?;
        let hex = |offset: usize| {
            let digit = char::from(*bytes.get(at + offset)?).to_digit(16)?;
            Some(digit as u8)
        };
        let (value, length) = match (byte, hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => ((high << 4) | low, 3),
            (b'+', ..) => (b' ', 1),
            (other, ..) => (other, 1),
        };
        at += length;
        Some(value)
    })
}
