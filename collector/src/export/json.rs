//! OTLP/protobuf becomes OTLP/JSON, strictly: keys in lowerCamelCase, ids in hex, 64-bit integers
//! as strings, enums as integers, bytes in base64.
//!
//! Driven by the same tables that read OTLP/JSON, so that what is written here is read there.
//! What the tables do not know is left out, as OTLP demands; bytes that are no protobuf end the
//! message that they are in.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::decode::json::schema::{self, Field, Kind, Message};
use crate::record::Signal;
use crate::wire::{Fields, Value, zigzag};

/// The export request of a signal as one JSON object without line breaks.
pub(crate) fn from_protobuf(signal: Signal, request: &[u8]) -> String {
    let mut out = String::with_capacity(request.len() * 2);
    message(schema::request(signal), request, &mut out);
    out
}

fn message(schema: &Message, bytes: &[u8], out: &mut String) {
    let found: Vec<(u32, Value<'_>)> = Fields::of(bytes).map_while(Result::ok).collect();
    out.push('{');
    let mut first = true;
    for field in schema.fields {
        let mut values = found
            .iter()
            .filter(|(tag, value)| *tag == field.tag && fits(field, *value))
            .map(|(_, value)| *value)
            .peekable();
        if values.peek().is_none() {
            continue;
        }
        if !std::mem::replace(&mut first, false) {
            out.push(',');
        }
        text(field.name, out);
        out.push(':');
        if field.repeated {
            list(field, values, out);
        } else if let Some(last) = values.last() {
            // Protobuf joins the parts of a message that was written twice, which nobody does.
            one(field.kind, last, out);
        }
    }
    out.push('}');
}

/// Has the value the wire type of the field, or is it a packed list of such?
fn fits(field: &Field, value: Value<'_>) -> bool {
    let wire_type = match value {
        Value::Varint(_) => 0,
        Value::Fixed64(_) => 1,
        Value::Bytes(_) => 2,
        Value::Fixed32(_) => 5,
    };
    wire_type == field.kind.wire_type() || field.repeated && wire_type == 2
}

fn list<'a>(field: &Field, values: impl Iterator<Item = Value<'a>>, out: &mut String) {
    out.push('[');
    let mut first = true;
    let mut item = |value: Value<'_>, out: &mut String| {
        if !std::mem::replace(&mut first, false) {
            out.push(',');
        }
        match (field.kind, value) {
            // The only unsigned numbers in lists are counts of 64 bits.
            (Kind::Unsigned, Value::Varint(number)) => put(out, format_args!("\"{number}\"")),
            (kind, value) => one(kind, value, out),
        }
    };
    for value in values {
        match (value, field.kind.wire_type()) {
            (Value::Bytes(_), 0) => {
                let mut numbers = Vec::new();
                if crate::wire::varints(value, &mut numbers).is_ok() {
                    for number in numbers {
                        item(Value::Varint(number), out);
                    }
                }
            },
            (Value::Bytes(packed), 1) => {
                for bytes in packed.as_chunks::<8>().0 {
                    item(Value::Fixed64(u64::from_le_bytes(*bytes)), out);
                }
            },
            (value, _) => item(value, out),
        }
    }
    out.push(']');
}

fn one(kind: Kind, value: Value<'_>, out: &mut String) {
    match (kind, value) {
        (Kind::Message(schema), Value::Bytes(bytes)) => message(schema, bytes, out),
        (Kind::Text, Value::Bytes(bytes)) => text(&String::from_utf8_lossy(bytes), out),
        (Kind::Hex, Value::Bytes(bytes)) => {
            out.push('"');
            for byte in bytes {
                put(out, format_args!("{byte:02x}"));
            }
            out.push('"');
        },
        (Kind::Base64, Value::Bytes(bytes)) => {
            put(out, format_args!("\"{}\"", STANDARD.encode(bytes)));
        },
        (Kind::Bool, Value::Varint(flag)) => out.push_str(if flag == 0 { "false" } else { "true" }),
        (Kind::Zigzag, Value::Varint(raw)) => put(out, format_args!("{}", zigzag(raw))),
        // Of 32 bits, by the definition of the messages.
        (Kind::Enum(_), Value::Varint(number)) => {
            put(out, format_args!("{}", (number as u32).cast_signed()));
        },
        (Kind::Unsigned, Value::Varint(number)) => put(out, format_args!("{}", number as u32)),
        (Kind::Signed, Value::Varint(number)) => {
            put(out, format_args!("\"{}\"", number.cast_signed()));
        },
        (Kind::Fixed64, Value::Fixed64(number)) => put(out, format_args!("\"{number}\"")),
        (Kind::SignedFixed64, Value::Fixed64(number)) => {
            put(out, format_args!("\"{}\"", number.cast_signed()));
        },
        (Kind::Double, Value::Fixed64(bits)) => double(f64::from_bits(bits), out),
        (Kind::Fixed32, Value::Fixed32(number)) => put(out, format_args!("{number}")),
        _ => out.push_str("null"),
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to memory does not fail");
}

fn double(number: f64, out: &mut String) {
    if number.is_finite() {
        put(out, format_args!("{}", serde_json::Value::from(number)));
    } else if number.is_nan() {
        out.push_str("\"NaN\"");
    } else {
        out.push_str(if number > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    }
}

fn text(text: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(text).expect("a text is always JSON"));
}

#[cfg(test)]
mod tests;
