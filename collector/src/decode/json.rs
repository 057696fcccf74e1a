//! OTLP/JSON becomes OTLP/protobuf, driven by the tables in [`schema`].
//!
//! Liberal with what comes in: numbers or strings for every number, `null` for a default, hex ids
//! in any case, base64 of both alphabets with or without padding, enums by name, unknown keys.
//! A value that fits its field in no way refuses the request and names the path, because a request
//! that is partly and silently lost is worse. An id that is no hex is written with a wrong length:
//! the rules for ids then reject that one item, and only it.

pub(crate) mod schema;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use self::schema::{Field, Kind, Message};
use super::DecodeError;
use crate::record::Signal;
use crate::wire::{put_bytes, put_varint};

const LIBERAL: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LIBERAL);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LIBERAL);

/// Never a valid id.
const INVALID_ID: &[u8] = &[0];

/// Turns the JSON of an export request into its protobuf bytes.
pub(crate) fn to_protobuf(signal: Signal, body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let value: Value = serde_json::from_slice(body)?;
    let mut out = Vec::with_capacity(body.len() / 2);
    let path = Path { parent: None, step: Step::Root };
    message(schema::request(signal), &value, &path, &mut out)?;
    Ok(out)
}

/// Where in the document we are; only written out when something is wrong there.
struct Path<'a> {
    parent: Option<&'a Self>,
    step: Step<'a>,
}

enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl Path<'_> {
    fn text(&self) -> String {
        let before = self.parent.map(Path::text).unwrap_or_default();
        match self.step {
            Step::Root => String::new(),
            Step::Key(key) if before.is_empty() => key.to_owned(),
            Step::Key(key) => format!("{before}.{key}"),
            Step::Index(index) => format!("{before}[{index}]"),
        }
    }

    fn wrong(&self, expected: &'static str, got: &Value) -> DecodeError {
        let got = got.to_string().chars().take(64).collect();
        DecodeError::Json { path: self.text(), expected, got }
    }
}

fn message(
    schema: &Message,
    value: &Value,
    path: &Path<'_>,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let object: &Map<String, Value> = match value {
        Value::Object(object) => object,
        Value::Null => return Ok(()),
        other => return Err(path.wrong("an object", other)),
    };
    for (key, value) in object {
        if let Some(field) = schema.fields.iter().find(|field| field.name == key) {
            let path = Path { parent: Some(path), step: Step::Key(key) };
            any_field(field, value, &path, out)?;
        }
    }
    Ok(())
}

fn any_field(
    field: &Field,
    value: &Value,
    path: &Path<'_>,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    if value.is_null() {
        return Ok(());
    }
    if !field.repeated {
        return one(field, value, path, out);
    }
    let Value::Array(items) = value else { return Err(path.wrong("an array", value)) };
    if let Kind::Message(_) | Kind::Text = field.kind {
        for (index, item) in items.iter().enumerate() {
            let path = Path { parent: Some(path), step: Step::Index(index) };
            one(field, item, &path, out)?;
        }
        return Ok(());
    }
    let mut packed = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = Path { parent: Some(path), step: Step::Index(index) };
        scalar(field.kind, item, &path, &mut packed)?;
    }
    put_bytes(field.tag, &packed, out);
    Ok(())
}

/// Writes one field with its tag.
fn one(
    field: &Field,
    value: &Value,
    path: &Path<'_>,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    match field.kind {
        Kind::Message(schema) => {
            let mut inner = Vec::new();
            message(schema, value, path, &mut inner)?;
            put_bytes(field.tag, &inner, out);
        },
        Kind::Text => match value {
            Value::String(text) => put_bytes(field.tag, text.as_bytes(), out),
            Value::Null => put_bytes(field.tag, &[], out),
            other => return Err(path.wrong("a string", other)),
        },
        Kind::Hex => put_bytes(field.tag, &hex(value, path)?, out),
        Kind::Base64 => put_bytes(field.tag, &base64(value, path)?, out),
        kind => {
            put_varint(u64::from(field.tag) << 3 | kind.wire_type(), out);
            scalar(kind, value, path, out)?;
        },
    }
    Ok(())
}

/// Writes a number without a tag.
fn scalar(
    kind: Kind,
    value: &Value,
    path: &Path<'_>,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    match kind {
        Kind::Bool => match value {
            Value::Bool(flag) => put_varint(u64::from(*flag), out),
            Value::Null => put_varint(0, out),
            Value::String(text) if text == "true" || text == "false" => {
                put_varint(u64::from(text == "true"), out);
            },
            other => return Err(path.wrong("true or false", other)),
        },
        Kind::Unsigned => put_varint(unsigned(value, path)?, out),
        Kind::Fixed64 => out.extend(unsigned(value, path)?.to_le_bytes()),
        Kind::Fixed32 => out.extend((unsigned(value, path)? as u32).to_le_bytes()),
        Kind::Signed => put_varint(signed(value, path)?.cast_unsigned(), out),
        Kind::SignedFixed64 => out.extend(signed(value, path)?.to_le_bytes()),
        Kind::Zigzag => {
            let number = signed(value, path)?;
            put_varint(((number << 1) ^ (number >> 63)).cast_unsigned(), out);
        },
        Kind::Double => out.extend(double(value, path)?.to_le_bytes()),
        Kind::Enum(number_of) => match value {
            Value::String(name) if name.parse::<i64>().is_err() => {
                put_varint(i64::from(number_of(name)).cast_unsigned(), out);
            },
            other => put_varint(signed(other, path)?.cast_unsigned(), out),
        },
        Kind::Message(_) | Kind::Text | Kind::Hex | Kind::Base64 => {
            unreachable!("these are length-delimited and written with their tag")
        },
    }
    Ok(())
}

fn hex(value: &Value, path: &Path<'_>) -> Result<Vec<u8>, DecodeError> {
    let text = match value {
        Value::String(text) => text.as_bytes(),
        Value::Null => &[],
        other => return Err(path.wrong("hex digits", other)),
    };
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let (pairs, rest) = text.as_chunks::<2>();
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    Ok(bytes.filter(|_| rest.is_empty()).unwrap_or_else(|| INVALID_ID.to_vec()))
}

fn base64(value: &Value, path: &Path<'_>) -> Result<Vec<u8>, DecodeError> {
    match value {
        Value::String(text) => STANDARD
            .decode(text)
            .or_else(|_other_alphabet| URL_SAFE.decode(text))
            .map_err(|_neither| path.wrong("base64", value)),
        Value::Null => Ok(Vec::new()),
        other => Err(path.wrong("base64", other)),
    }
}

fn unsigned(value: &Value, path: &Path<'_>) -> Result<u64, DecodeError> {
    let number = match value {
        Value::Null => Some(0),
        Value::Number(number) => {
            number.as_u64().or_else(|| number.as_f64().and_then(|value| whole(value, 0.0)))
        },
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| path.wrong("a whole number that is not negative", value))
}

fn signed(value: &Value, path: &Path<'_>) -> Result<i64, DecodeError> {
    let number = match value {
        Value::Null => Some(0),
        Value::Number(number) => number.as_i64().or_else(|| {
            let value = number.as_f64()?;
            let size = whole(value.abs(), 0.0).and_then(|size| i64::try_from(size).ok())?;
            Some(if value < 0.0 { -size } else { size })
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| path.wrong("a whole number", value))
}

/// A double like `1e9` that is a whole number of at most 53 bits.
fn whole(value: f64, least: f64) -> Option<u64> {
    let exact = value.fract() == 0.0 && value >= least && value <= 9_007_199_254_740_992.0;
    exact.then_some(value as u64)
}

fn double(value: &Value, path: &Path<'_>) -> Result<f64, DecodeError> {
    let number = match value {
        Value::Null => Some(0.0),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            other => other.parse().ok(),
        },
        _ => None,
    };
    number.ok_or_else(|| path.wrong("a number", value))
}
