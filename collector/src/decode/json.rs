//! OTLP/JSON becomes OTLP/protobuf, driven by the tables in [`schema`].
//!
//! The text is read once and written as it is read; no tree of it is built. Liberal with what comes
//! in: numbers or strings for every number, `null` for a default, hex ids in any case, base64 of
//! both alphabets with or without padding, enums by name, unknown keys. A value that fits its field
//! in no way refuses the request and names the path, because a request that is partly and silently
//! lost is worse. An id that is no hex is written with a wrong length: the rules for ids then
//! reject that one item, and only it.

mod scalar;
pub(crate) mod schema;

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess};
use serde_json::Error;

use self::scalar::Scalar;
use self::schema::{Field, Kind, Message};
use super::DecodeError;
use crate::admission::Refused;
use crate::record::Signal;
use crate::wire::{put_bytes, put_varint};

/// Never a valid id.
const INVALID_ID: &[u8] = &[0];

/// Turns the JSON of an export request into its protobuf bytes. `room` is asked before the result
/// takes so many bytes of memory, and may say no.
pub(crate) fn to_protobuf_within(
    signal: Signal,
    body: &[u8],
    mut room: impl FnMut(usize) -> Result<(), Refused>,
) -> Result<Result<Vec<u8>, Refused>, DecodeError> {
    let (problem, path) = (Cell::new(None), Path { parent: None, step: Step::Root });
    let mut sink = Sink { out: Vec::new(), room: &mut room, problem: &problem };
    let slot = Slot { what: What::Message(schema::request(signal)), path: &path, sink: &mut sink };
    let mut text = serde_json::Deserializer::from_slice(body);
    match slot.deserialize(&mut text).and_then(|()| text.end()) {
        Ok(()) => Ok(Ok(sink.out)),
        Err(syntax) => match problem.take() {
            Some(Problem::Refused(refused)) => Ok(Err(refused)),
            Some(Problem::Value(error)) => Err(error),
            None => Err(DecodeError::Syntax(syntax)),
        },
    }
}

#[cfg(test)]
pub(crate) fn to_protobuf(signal: Signal, body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    to_protobuf_within(signal, body, |_bytes| Ok(())).map(Result::unwrap)
}

/// Where in the document we are; only written out when something is wrong there.
struct Path<'a> {
    parent: Option<&'a Self>,
    step: Step,
}

enum Step {
    Root,
    Key(&'static str),
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
}

/// What ended the reading, besides bad syntax.
enum Problem {
    Refused(Refused),
    Value(DecodeError),
}

/// The bytes that are written, and the memory that they may take.
struct Sink<'a> {
    out: Vec<u8>,
    room: &'a mut dyn FnMut(usize) -> Result<(), Refused>,
    problem: &'a Cell<Option<Problem>>,
}

impl Sink<'_> {
    /// Makes room for some more bytes; it doubles.
    fn reserve(&mut self, bytes: usize) -> Result<(), Error> {
        let needed = self.out.len() + bytes;
        if needed > self.out.capacity() {
            let capacity = needed.max(2 * self.out.capacity());
            (self.room)(capacity).map_err(|refused| {
                self.problem.set(Some(Problem::Refused(refused)));
                Error::custom("no memory")
            })?;
            self.out.reserve_exact(capacity - self.out.len());
        }
        Ok(())
    }

    /// Begins a field that has a length; returns where it begins.
    fn open(&mut self, tag: u32) -> usize {
        put_varint(u64::from(tag) << 3 | 2, &mut self.out);
        // Most lengths fit into this byte.
        self.out.push(0);
        self.out.len()
    }

    fn close(&mut self, begin: usize) -> Result<(), Error> {
        let length = self.out.len() - begin;
        let mut prefix = Vec::with_capacity(HEADER_BYTES_MAX);
        put_varint(length as u64, &mut prefix);
        self.reserve(HEADER_BYTES_MAX)?;
        self.out.splice(begin - 1..begin, prefix);
        Ok(())
    }
}

/// Most bytes of a tag and a length, or of a tag and a number.
const HEADER_BYTES_MAX: usize = 20;

/// What is expected at a place.
#[derive(Clone, Copy)]
enum What {
    Message(&'static Message),
    /// A field with whatever it holds, none or many.
    Field(&'static Field),
    /// One item of a field, written with its tag.
    Item(&'static Field),
    /// One number of a packed field, written without a tag.
    Packed(Kind),
}

impl What {
    fn expected(self) -> &'static str {
        match self {
            Self::Message(_) => "an object",
            Self::Field(field) if field.repeated => "an array",
            Self::Field(field) | Self::Item(field) => field.kind.expected(),
            Self::Packed(kind) => kind.expected(),
        }
    }
}

/// A place in the document, and where its value is written.
struct Slot<'a, 's> {
    what: What,
    path: &'a Path<'a>,
    sink: &'a mut Sink<'s>,
}

impl Slot<'_, '_> {
    fn wrong(&self, got: impl fmt::Display) -> Error {
        let got = got.to_string().chars().take(64).collect();
        let (mut path, expected) = (self.path.text(), self.what.expected());
        if path.is_empty() {
            path.push_str("the document");
        }
        let problem = Problem::Value(DecodeError::Json { path, expected, got });
        self.sink.problem.set(Some(problem));
        Error::custom(expected)
    }

    fn scalar(self, value: Scalar<'_>) -> Result<(), Error> {
        self.sink.reserve(HEADER_BYTES_MAX + value.bytes_max())?;
        match self.what {
            // A default is not written, except where its place in a list counts.
            What::Message(_) | What::Field(_) if value == Scalar::Null => Ok(()),
            What::Field(field) if field.repeated => Err(self.wrong(value)),
            What::Message(_) => Err(self.wrong(value)),
            What::Packed(kind) => self.number(kind, value),
            What::Field(field) | What::Item(field) => self.item(field, value),
        }
    }

    fn item(self, field: &Field, value: Scalar<'_>) -> Result<(), Error> {
        let bytes = match field.kind {
            Kind::Message(_) => (value == Scalar::Null).then(Vec::new),
            Kind::Text => value.text().map(|text| text.as_bytes().to_vec()),
            Kind::Hex => value.text().map(|text| scalar::hex(text).unwrap_or(INVALID_ID.to_vec())),
            Kind::Base64 => value.text().and_then(scalar::base64),
            kind => {
                put_varint(u64::from(field.tag) << 3 | kind.wire_type(), &mut self.sink.out);
                return self.number(kind, value);
            },
        };
        let Some(bytes) = bytes else { return Err(self.wrong(value)) };
        put_bytes(field.tag, &bytes, &mut self.sink.out);
        Ok(())
    }

    /// Writes a number without a tag.
    fn number(self, kind: Kind, value: Scalar<'_>) -> Result<(), Error> {
        let Some(number) = scalar::number(kind, value) else { return Err(self.wrong(value)) };
        match kind.wire_type() {
            0 => put_varint(number, &mut self.sink.out),
            1 => self.sink.out.extend(number.to_le_bytes()),
            _ => self.sink.out.extend((number as u32).to_le_bytes()),
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Slot<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<(), D::Error> {
        text.deserialize_any(self)
    }
}

impl<'de> serde::de::Visitor<'de> for Slot<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.what.expected())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.scalar(Scalar::Null).map_err(E::custom)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.scalar(Scalar::Bool(value)).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.scalar(Scalar::Unsigned(value)).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.scalar(Scalar::Signed(value)).map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.scalar(Scalar::Double(value)).map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.scalar(Scalar::Text(value)).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let What::Field(field) = self.what else {
            return Err(A::Error::custom(self.wrong("an array")));
        };
        if !field.repeated {
            return Err(A::Error::custom(self.wrong("an array")));
        }
        let packed = !matches!(field.kind, Kind::Message(_) | Kind::Text);
        let what = if packed { What::Packed(field.kind) } else { What::Item(field) };
        self.sink.reserve(HEADER_BYTES_MAX).map_err(A::Error::custom)?;
        let begin = packed.then(|| self.sink.open(field.tag));
        for index in 0.. {
            let path = Path { parent: Some(self.path), step: Step::Index(index) };
            let slot = Slot { what, path: &path, sink: self.sink };
            if items.next_element_seed(slot)?.is_none() {
                break;
            }
        }
        begin.map_or(Ok(()), |begin| self.sink.close(begin)).map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let (message, tag) = match self.what {
            What::Message(message) => (message, None),
            What::Field(Field { kind: Kind::Message(message), tag, repeated: false, .. })
            | What::Item(Field { kind: Kind::Message(message), tag, .. }) => (*message, Some(*tag)),
            _ => return Err(A::Error::custom(self.wrong("an object"))),
        };
        self.sink.reserve(HEADER_BYTES_MAX).map_err(A::Error::custom)?;
        let begin = tag.map(|tag| self.sink.open(tag));
        while let Some(field) = entries.next_key_seed(Key(message))? {
            let Some(field) = field else {
                let _of_no_field: IgnoredAny = entries.next_value()?;
                continue;
            };
            let path = Path { parent: Some(self.path), step: Step::Key(field.name) };
            let slot = Slot { what: What::Field(field), path: &path, sink: self.sink };
            entries.next_value_seed(slot)?;
        }
        begin.map_or(Ok(()), |begin| self.sink.close(begin)).map_err(A::Error::custom)
    }
}

/// Finds the field of a key.
struct Key(&'static Message);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Self::Value, D::Error> {
        text.deserialize_str(self)
    }
}

impl serde::de::Visitor<'_> for Key {
    type Value = Option<&'static Field>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.fields.iter().find(|field| field.name == key))
    }
}

#[cfg(test)]
mod tests;
