//! Attribute values of OTLP, written as JSON text while they are read.
//!
//! Text, booleans, integers, arrays and maps become their JSON counterparts; bytes become base64;
//! numbers that JSON cannot hold become `"NaN"`, `"Infinity"` and `"-Infinity"`; the empty value
//! becomes `null`. Attributes that are looked up or counted are also put into [`Known`].

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::names::attribute;

use super::{Flaw, text};
use crate::record::Known;
use crate::wire::{Fields, Value};

/// Deepest nesting of arrays and maps inside one value.
const DEPTH_MAX: usize = 32;
const TOO_DEEP: &str = "an attribute value is nested too deep";

/// Names that carry a correlation id, the best first.
const CORRELATION_NAMES: [&str; 7] = [
    attribute::CORRELATION_ID,
    "http.request.header.x-correlation-id",
    "http.request.header.x-request-id",
    "correlation_id",
    "request_id",
    "x-correlation-id",
    "x-request-id",
];

/// An `AnyValue` as a view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum AnyView<'a> {
    Empty,
    Text(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
    /// The bytes of an `ArrayValue`.
    Array(&'a [u8]),
    /// The bytes of a `KeyValueList`.
    Map(&'a [u8]),
    Bytes(&'a [u8]),
}

impl<'a> AnyView<'a> {
    /// Reads an `AnyValue` message; the last of several values counts.
    pub(super) fn read(message: &'a [u8]) -> Result<Self, Flaw> {
        let mut view = Self::Empty;
        for field in Fields::of(message) {
            view = match field? {
                (1, Value::Bytes(bytes)) => Self::Text(text(bytes)?),
                (2, Value::Varint(raw)) => Self::Bool(raw != 0),
                (3, Value::Varint(raw)) => Self::Int(raw.cast_signed()),
                (4, Value::Fixed64(bits)) => Self::Double(f64::from_bits(bits)),
                (5, Value::Bytes(bytes)) => Self::Array(bytes),
                (6, Value::Bytes(bytes)) => Self::Map(bytes),
                (7, Value::Bytes(bytes)) => Self::Bytes(bytes),
                _ => view,
            };
        }
        Ok(view)
    }

    fn to_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.to_owned()),
            Self::Int(number) => Some(number.to_string()),
            Self::Array(list) => match first_of(list) {
                Some(Self::Text(text)) => Some(text.to_owned()),
                _ => None,
            },
            _ => None,
        }
    }

    fn to_int(self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(number),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn to_bool(self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(value) } else { None }
    }
}

fn first_of(list: &[u8]) -> Option<AnyView<'_>> {
    Fields::of(list).find_map(|field| match field {
        Ok((1, Value::Bytes(value))) => AnyView::read(value).ok(),
        _ => None,
    })
}

/// A `KeyValue` as a view.
fn key_value(message: &[u8]) -> Result<(&str, AnyView<'_>), Flaw> {
    let (mut key, mut value) = ("", AnyView::Empty);
    for field in Fields::of(message) {
        match field? {
            (1, Value::Bytes(bytes)) => key = text(bytes)?,
            (2, Value::Bytes(bytes)) => value = AnyView::read(bytes)?,
            _ => {},
        }
    }
    Ok((key, value))
}

/// Writes one value as JSON.
pub(super) fn write_any(view: AnyView<'_>, depth: usize, out: &mut String) -> Result<(), Flaw> {
    if depth > DEPTH_MAX {
        return Err(Flaw::Item(TOO_DEEP));
    }
    match view {
        AnyView::Empty => out.push_str("null"),
        AnyView::Text(text) => write_text(text, out),
        AnyView::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        AnyView::Int(number) => out.push_str(&number.to_string()),
        AnyView::Double(number) => write_double(number, out),
        AnyView::Bytes(bytes) => write_text(&STANDARD.encode(bytes), out),
        AnyView::Array(list) => write_array(list, depth, out)?,
        AnyView::Map(list) => write_map(list, depth, out)?,
    }
    Ok(())
}

fn write_array(list: &[u8], depth: usize, out: &mut String) -> Result<(), Flaw> {
    out.push('[');
    let mut first = true;
    for field in Fields::of(list) {
        if let (1, Value::Bytes(value)) = field? {
            if !first {
                out.push(',');
            }
            first = false;
            write_any(AnyView::read(value)?, depth + 1, out)?;
        }
    }
    out.push(']');
    Ok(())
}

fn write_map(list: &[u8], depth: usize, out: &mut String) -> Result<(), Flaw> {
    out.push('{');
    let mut first = true;
    for field in Fields::of(list) {
        if let (1, Value::Bytes(entry)) = field? {
            if !first {
                out.push(',');
            }
            first = false;
            let (key, value) = key_value(entry)?;
            write_text(key, out);
            out.push(':');
            write_any(value, depth + 1, out)?;
        }
    }
    out.push('}');
    Ok(())
}

/// Writes a JSON string.
pub(crate) fn write_text(text: &str, out: &mut String) {
    let plain = text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if plain {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        let quoted = serde_json::to_string(text).expect("every text is a JSON string");
        out.push_str(&quoted);
    }
}

/// Writes a JSON number, or one of the three strings that OTLP uses where JSON has no number.
pub(super) fn write_double(number: f64, out: &mut String) {
    if number.is_finite() {
        out.push_str(&serde_json::Value::from(number).to_string());
    } else if number.is_nan() {
        out.push_str("\"NaN\"");
    } else {
        out.push_str(if number > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    }
}

/// A set of attributes on its way to JSON.
#[derive(Debug, Default)]
pub(super) struct AttributeWriter {
    json: String,
    known: Known,
    /// Index into [`CORRELATION_NAMES`] of the name that gave the correlation id.
    correlation_rank: Option<usize>,
}

impl AttributeWriter {
    /// Adds one `KeyValue` message.
    pub(super) fn add(&mut self, message: &[u8]) -> Result<(), Flaw> {
        let (key, value) = key_value(message)?;
        self.json.push(if self.json.is_empty() { '{' } else { ',' });
        write_text(key, &mut self.json);
        self.json.push(':');
        write_any(value, 0, &mut self.json)?;
        self.learn(key, value);
        Ok(())
    }

    fn learn(&mut self, key: &str, value: AnyView<'_>) {
        let known = &mut self.known;
        match key {
            attribute::EDGE => known.edge = value.to_text().and_then(|text| text.parse().ok()),
            attribute::BLAME => known.blame = value.to_text(),
            attribute::FAULT => known.fault = value.to_text(),
            attribute::ATTEMPT => known.attempt = value.to_int(),
            attribute::CONTROL => known.control = value.to_bool(),
            attribute::HTTP_METHOD | "http.method" => known.http_method = value.to_text(),
            attribute::HTTP_ROUTE => known.http_route = value.to_text(),
            attribute::HTTP_STATUS | "http.status_code" => known.http_status = value.to_int(),
            attribute::SERVICE_NAME => known.service = value.to_text(),
            attribute::SERVICE_INSTANCE_ID => known.instance = value.to_text(),
            _ => self.learn_correlation(key, value),
        }
    }

    fn learn_correlation(&mut self, key: &str, value: AnyView<'_>) {
        let Some(rank) = CORRELATION_NAMES.iter().position(|name| *name == key) else { return };
        if self.correlation_rank.is_none_or(|best| rank < best)
            && let Some(id) = value.to_text().and_then(|text| text.parse().ok())
        {
            self.known.correlation_id = Some(id);
            self.correlation_rank = Some(rank);
        }
    }

    /// The JSON object and what was recognised in it.
    pub(super) fn finish(mut self) -> (String, Known) {
        self.json.push_str(if self.json.is_empty() { "{}" } else { "}" });
        (self.json, self.known)
    }
}

/// Reads back the JSON object of a record.
pub(crate) fn read_attributes(json: &str) -> BTreeMap<String, serde_json::Value> {
    serde_json::from_str(json).unwrap_or_default()
}
