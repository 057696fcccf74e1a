//! Texts with holes: `/orders/${order}` or `{"sku":"${any:sku}","user":"${user}"}`.
//!
//! Parsed once when the scenario is read; the load generator only fills the holes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text with holes. Travels as the text that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    pub segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    Literal(String),
    Hole(Hole),
}

/// What fills a hole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hole {
    /// `${seq}`: number of the journey, from 0.
    Sequence,
    /// `${uuid}`: a version-4 shaped UUID drawn from the seed, new in every step.
    Uuid,
    /// `${user}`: key of the user, equal to the first part of the correlation id.
    User,
    /// `${any:list}`: an entry of `[data] list`, drawn from the seed.
    Any(String),
    /// `${name}`: a value saved by an earlier step.
    Saved(String),
    /// `${setup.name}`: a value saved by the set-up of the run.
    Setup(String),
    /// `${feeder.column}`: a value of the journey's row.
    Column { feeder: String, column: String },
}

/// What stands before the dot of a value that the set-up of the run has saved.
pub const SETUP: &str = "setup";

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("`${{` at byte {at} is never closed with `}}`")]
    Open { at: usize },
    #[error(
        "`${{{hole}}}` at byte {at} is neither seq, uuid, user, any:LIST, FEEDER.COLUMN nor a saved \
         name"
    )]
    Hole { at: usize, hole: String },
}

impl Template {
    /// The text when it has no hole.
    pub fn literal(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [] => Some(""),
            [Segment::Literal(text)] => Some(text),
            _ => None,
        }
    }

    pub fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Hole(hole) => Some(hole),
            Segment::Literal(_) => None,
        })
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut segments = Vec::new();
        let mut at = 0;
        while let Some((literal, rest)) = text.get(at..).and_then(|rest| rest.split_once("${")) {
            if !literal.is_empty() {
                segments.push(Segment::Literal(literal.to_owned()));
            }
            let open = at + literal.len();
            let (hole, _) = rest.split_once('}').ok_or(TemplateError::Open { at: open })?;
            segments.push(Segment::Hole(parse_hole(hole, open)?));
            at = open + "${".len() + hole.len() + "}".len();
        }
        match text.get(at..) {
            Some("") | None => {},
            Some(literal) => segments.push(Segment::Literal(literal.to_owned())),
        }
        Ok(Self { segments })
    }
}

fn parse_hole(hole: &str, at: usize) -> Result<Hole, TemplateError> {
    if let Some((source, name)) = hole.split_once('.')
        && is_name(source)
        && !name.is_empty()
    {
        let name = name.to_owned();
        return Ok(if source == SETUP {
            Hole::Setup(name)
        } else {
            Hole::Column { feeder: source.to_owned(), column: name }
        });
    }
    match hole.split_once(':') {
        Some(("any", list)) if is_name(list) => Ok(Hole::Any(list.to_owned())),
        None if hole == "seq" => Ok(Hole::Sequence),
        None if hole == "uuid" => Ok(Hole::Uuid),
        None if hole == "user" => Ok(Hole::User),
        None if is_name(hole) => Ok(Hole::Saved(hole.to_owned())),
        _ => Err(TemplateError::Hole { at, hole: hole.to_owned() }),
    }
}

/// Can it be the name of a list, a feeder or a saved value?
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => formatter.write_str(text)?,
                Segment::Hole(Hole::Sequence) => formatter.write_str("${seq}")?,
                Segment::Hole(Hole::Uuid) => formatter.write_str("${uuid}")?,
                Segment::Hole(Hole::User) => formatter.write_str("${user}")?,
                Segment::Hole(Hole::Any(list)) => write!(formatter, "${{any:{list}}}")?,
                Segment::Hole(Hole::Saved(name)) => write!(formatter, "${{{name}}}")?,
                Segment::Hole(Hole::Setup(name)) => write!(formatter, "${{{SETUP}.{name}}}")?,
                Segment::Hole(Hole::Column { feeder, column }) => {
                    write!(formatter, "${{{feeder}.{column}}}")?;
                },
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, TemplateError> {
        text.parse()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_prints_as_it_was_written() {
        for text in [
            "",
            "/orders",
            "/orders/${order}?n=${seq}",
            "${uuid}${any:sku}-${user}",
            "$5 {",
            "${setup.token}",
            "${users.first name}",
        ] {
            assert_eq!(text.parse::<Template>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_open_or_foreign_hole_is_refused_with_its_place() {
        assert_eq!("/a/${b".parse::<Template>(), Err(TemplateError::Open { at: 3 }));
        assert_eq!(
            "x${some:sku}".parse::<Template>(),
            Err(TemplateError::Hole { at: 1, hole: "some:sku".into() })
        );
    }
}
