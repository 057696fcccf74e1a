//! Attribute values of OTLP: checked and recognised when they come in, written as JSON text when
//! somebody asks.
//!
//! Text, booleans, integers, arrays and maps become their JSON counterparts; bytes become base64;
//! numbers that JSON cannot hold become `"NaN"`, `"Infinity"` and `"-Infinity"`; the empty value
//! becomes `null`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Flaw, text};
use crate::wire::{Fields, Value};

/// Deepest nesting of arrays and maps inside one value.
const DEPTH_MAX: usize = 32;
const TOO_DEEP: &str = "an attribute value is nested too deep";

/// An `AnyValue` as a view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum AnyView<'a> {
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
    #[inline]
    pub(crate) fn read(message: &'a [u8]) -> Result<Self, Flaw> {
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

    /// A text as it is, a number written out, the first text of a list.
    pub(crate) fn to_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text.into()),
            Self::Int(number) => Some(number.to_string().into()),
            Self::Array(list) => match first_of(list) {
                Some(Self::Text(text)) => Some(text.into()),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn to_int(self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(number),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn to_bool(self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(value) } else { None }
    }

    /// Finds invalid text, broken framing and too deep nesting anywhere below.
    #[inline]
    pub(super) fn check(self) -> Result<(), Flaw> {
        match self {
            Self::Array(_) | Self::Map(_) => self.check_nested(0),
            _ => Ok(()),
        }
    }

    fn check_nested(self, depth: usize) -> Result<(), Flaw> {
        if depth > DEPTH_MAX {
            return Err(Flaw::Item(TOO_DEEP));
        }
        let (Self::Array(list) | Self::Map(list)) = self else { return Ok(()) };
        for field in Fields::of(list) {
            if let (1, Value::Bytes(entry)) = field? {
                let value = match self {
                    Self::Map(_) => KeyValue::read(entry)?.view,
                    _ => Self::read(entry)?,
                };
                value.check_nested(depth + 1)?;
            }
        }
        Ok(())
    }
}

fn first_of(list: &[u8]) -> Option<AnyView<'_>> {
    Fields::of(list).find_map(|field| match field {
        Ok((1, Value::Bytes(value))) => AnyView::read(value).ok(),
        _ => None,
    })
}

/// A `KeyValue` as a view.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyValue<'a> {
    pub(super) key: &'a str,
    /// The `AnyValue` message, and what it holds.
    pub(super) value: &'a [u8],
    pub(super) view: AnyView<'a>,
}

impl<'a> KeyValue<'a> {
    #[inline]
    pub(super) fn read(message: &'a [u8]) -> Result<Self, Flaw> {
        let mut read = Self { key: "", value: &[], view: AnyView::Empty };
        for field in Fields::of(message) {
            match field? {
                (1, Value::Bytes(bytes)) => read.key = text(bytes)?,
                (2, Value::Bytes(bytes)) => {
                    (read.value, read.view) = (bytes, AnyView::read(bytes)?);
                },
                _ => {},
            }
        }
        Ok(read)
    }

    /// Reads and checks everything below.
    #[inline]
    pub(super) fn checked(message: &'a [u8]) -> Result<Self, Flaw> {
        let read = Self::read(message)?;
        read.view.check()?;
        Ok(read)
    }
}

/// Writes the attributes of a message that was checked as a JSON object. They are its fields of
/// this number.
pub(super) fn write_attributes(message: &[u8], number: u32, out: &mut String) {
    write_list('{', message, number, out, write_entry);
    out.push('}');
}

/// Writes one value that was checked as JSON.
pub(super) fn write_any(view: AnyView<'_>, out: &mut String) {
    match view {
        AnyView::Empty => out.push_str("null"),
        AnyView::Text(text) => write_text(text, out),
        AnyView::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        AnyView::Int(number) => append(format_args!("{number}"), out),
        AnyView::Double(number) => write_double(number, out),
        AnyView::Bytes(bytes) => write_text(&STANDARD.encode(bytes), out),
        AnyView::Array(list) => {
            write_list('[', list, 1, out, |value, out| {
                write_any(AnyView::read(value).unwrap_or(AnyView::Empty), out);
            });
            out.push(']');
        },
        AnyView::Map(list) => {
            write_list('{', list, 1, out, write_entry);
            out.push('}');
        },
    }
}

/// Writes what opens a list, and the fields of this number with commas between them.
pub(super) fn write_list(
    open: char,
    message: &[u8],
    number: u32,
    out: &mut String,
    mut write: impl FnMut(&[u8], &mut String),
) {
    out.push(open);
    let mut first = true;
    for field in Fields::of(message) {
        if let Ok((found, Value::Bytes(entry))) = field
            && found == number
        {
            if !first {
                out.push(',');
            }
            first = false;
            write(entry, out);
        }
    }
}

/// Writes `"key":value`.
pub(super) fn write_entry(message: &[u8], out: &mut String) {
    let entry =
        KeyValue::read(message).unwrap_or(KeyValue { key: "", value: &[], view: AnyView::Empty });
    write_text(entry.key, out);
    out.push(':');
    write_any(entry.view, out);
}

pub(super) fn append(text: std::fmt::Arguments<'_>, out: &mut String) {
    out.write_fmt(text).expect("writing to memory does not fail");
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

/// Reads back the JSON object of a record.
pub(crate) fn read_attributes(json: &str) -> BTreeMap<String, serde_json::Value> {
    serde_json::from_str(json).unwrap_or_default()
}
