//! A toxic as the API takes and shows it: its type with the attributes that this type has.
//!
//! Like the original, this is lenient about what is missing and unknown, and strict about what is
//! of the wrong kind.

use model::fault::Direction;
use serde::Deserialize;
use serde_json::{Map, Number, Value, json};

use super::failure::Failure;

/// What an attribute is when it is not given.
#[derive(Debug, Clone, Copy)]
enum Absent {
    Whole,
    Fraction(f64),
}

/// One type of toxics with its attributes.
#[derive(Debug)]
struct Type {
    name: &'static str,
    attributes: &'static [(&'static str, Absent)],
}

const TYPES: [Type; 9] = {
    use Absent::{Fraction, Whole};
    const fn of(name: &'static str, attributes: &'static [(&'static str, Absent)]) -> Type {
        Type { name, attributes }
    }
    [
        of("latency", &[("latency", Whole), ("jitter", Whole)]),
        of("bandwidth", &[("rate", Whole)]),
        of("slow_close", &[("delay", Whole)]),
        of("timeout", &[("timeout", Whole)]),
        of("reset_peer", &[("timeout", Whole)]),
        of("slicer", &[("average_size", Whole), ("size_variation", Whole), ("delay", Whole)]),
        of("limit_data", &[("bytes", Whole)]),
        of("packet_loss", &[("loss_rate", Fraction(0.1)), ("correlation", Fraction(0.0))]),
        of("noop", &[]),
    ]
};

/// What a request says of a toxic.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    stream: Option<String>,
    toxicity: Option<f32>,
    attributes: Option<Map<String, Value>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Toxic {
    pub(super) name: String,
    pub(super) kind: &'static str,
    /// As it was given.
    stream: String,
    pub(super) way: Direction,
    pub(super) toxicity: f32,
    attributes: Map<String, Value>,
    /// Its place among all toxics, in the order in which they came.
    pub(super) number: u64,
}

impl Toxic {
    pub(super) fn new(wanted: Wanted, number: u64) -> Result<Self, Failure> {
        let stream = wanted.stream.unwrap_or_else(|| "downstream".to_owned());
        let way = match stream.to_ascii_lowercase().as_str() {
            "downstream" => Direction::Down,
            "upstream" => Direction::Up,
            _ => return Err(Failure::invalid_stream()),
        };
        let kind = wanted.kind.unwrap_or_default();
        let name = wanted.name.filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("{kind}_{stream}"));
        let Some(row) = TYPES.iter().find(|row| row.name == kind) else {
            return Err(Failure::invalid_toxic_type());
        };
        let toxicity = wanted.toxicity.unwrap_or(1.0);
        let attributes = row.attributes.iter().map(|(name, default)| {
            let value = match default {
                Absent::Whole => Value::from(0),
                Absent::Fraction(value) => fraction(*value),
            };
            ((*name).to_owned(), value)
        });
        let attributes = attributes.collect();
        let mut toxic = Self { name, kind: row.name, stream, way, toxicity, attributes, number };
        toxic.set(wanted.attributes)?;
        Ok(toxic)
    }

    /// The same toxic after a request to change it: only toxicity and attributes can be.
    pub(super) fn updated(&self, wanted: Wanted) -> Result<Self, Failure> {
        let mut toxic = self.clone();
        toxic.toxicity = wanted.toxicity.unwrap_or(self.toxicity);
        toxic.set(wanted.attributes)?;
        Ok(toxic)
    }

    fn set(&mut self, attributes: Option<Map<String, Value>>) -> Result<(), Failure> {
        let row = TYPES.iter().find(|row| row.name == self.kind).expect("its type is a row");
        let mut given = attributes.unwrap_or_default();
        for (name, default) in row.attributes {
            let Some(value) = given.remove(*name).filter(|value| !value.is_null()) else {
                continue;
            };
            let value = match default {
                Absent::Whole => value.as_i64().map(Value::from),
                Absent::Fraction(_) => value.as_f64().map(fraction),
            };
            let value = value.ok_or_else(|| {
                let kind = if matches!(default, Absent::Whole) { "whole number" } else { "number" };
                Failure::bad_body(format!("{name} of a {} toxic is a {kind}", self.kind))
            })?;
            self.attributes.insert((*name).to_owned(), value);
        }
        Ok(())
    }

    /// A whole attribute. Less than nothing is nothing.
    pub(super) fn whole(&self, name: &str) -> u64 {
        let value = self.attributes.get(name).and_then(Value::as_i64).unwrap_or(0);
        u64::try_from(value).unwrap_or(0)
    }

    pub(super) fn fraction(&self, name: &str) -> f64 {
        self.attributes.get(name).and_then(Value::as_f64).unwrap_or(0.0)
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "attributes": self.attributes,
            "name": self.name,
            "type": self.kind,
            "stream": self.stream,
            "toxicity": single(self.toxicity),
        })
    }
}

/// As short as it was written: a whole number has no point, 0.1 has one digit.
fn single(value: f32) -> Value {
    fraction(value.to_string().parse().unwrap_or(f64::from(value)))
}

fn fraction(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e9 {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Toxic, Failure> {
        Toxic::new(serde_json::from_str(text).unwrap(), 0)
    }

    #[test]
    fn what_is_missing_has_the_defaults_of_the_original() {
        let toxic = read(r#"{"type": "latency", "attributes": {"latency": 7, "colour": 1}}"#);
        let expected = json!({
            "name": "latency_downstream", "type": "latency", "stream": "downstream",
            "toxicity": 1, "attributes": {"latency": 7, "jitter": 0},
        });
        assert_eq!(toxic.unwrap().shown(), expected);
        let text = r#"{"type": "packet_loss", "stream": "upstream", "toxicity": 0.1}"#;
        let expected = json!({
            "name": "packet_loss_upstream", "type": "packet_loss", "stream": "upstream",
            "toxicity": 0.1, "attributes": {"loss_rate": 0.1, "correlation": 0},
        });
        assert_eq!(read(text).unwrap().shown(), expected);
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let text = r#"{"type": "slicer", "attributes": {"average_size": 9, "delay": 5}}"#;
        let toxic = read(text).unwrap();
        let change = r#"{"name": "x", "toxicity": 0.5, "attributes": {"delay": 6}}"#;
        let updated = toxic.updated(serde_json::from_str(change).unwrap()).unwrap();
        let sizes = ["average_size", "size_variation", "delay"].map(|name| updated.whole(name));
        assert_eq!((updated.name.as_str(), sizes), ("slicer_downstream", [9, 0, 6]));
        assert_eq!(updated.shown()["toxicity"], 0.5);
    }

    #[test]
    fn what_is_no_toxic_is_refused_with_the_words_of_the_original() {
        for (text, error) in [
            (r#"{"type": "latency", "stream": "sideways"}"#, "stream was invalid"),
            (r#"{"type": "gremlin"}"#, "invalid toxic type"),
            ("{}", "invalid toxic type"),
            (r#"{"type": "latency", "attributes": {"latency": "7"}}"#, "bad request body: "),
            (r#"{"type": "latency", "attributes": {"latency": 1.5}}"#, "bad request body: "),
        ] {
            let failure = read(text).unwrap_err();
            assert_eq!(failure.status, 400);
            assert!(failure.text.starts_with(error), "{text}: {failure}");
        }
    }
}
