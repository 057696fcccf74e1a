//! From the text of a condition to its sides.

use super::{Comparison, Operand, Test, Value};
use crate::flow::extract::{Extract, Pattern};
use crate::reading::nearest::hint;
use crate::reading::reader::shorten;
use crate::template::Template;
use crate::units::parse_duration;

/// Words that stand between the sides, or after the only one.
const WORDS: [&str; 5] = ["contains", "matches", "in", "exists", "is missing"];
/// Operands that are words.
const OPERANDS: [&str; 3] = ["status", "latency", "body"];

pub(super) fn sides(text: &str) -> Result<(Operand, Test), String> {
    let Some((left, operator, right)) = split(text) else { return Err(foreign(text)) };
    let operand = operand(left)?;
    let comparison = Comparison::ALL.into_iter().find(|known| known.as_str() == operator);
    if operand == Operand::Latency {
        let compared = comparison.filter(|comparison| !comparison.is_equality());
        let Some(comparison) = compared else {
            return Err(format!("a latency is compared by <, <=, > or >=, got \"{operator}\""));
        };
        let limit = parse_duration(right).map_err(|error| error.to_string())?;
        return Ok((operand, Test::Compare(comparison, Value::Duration(limit))));
    }
    let test = match (comparison, operator) {
        (Some(comparison), _) => compare(&operand, comparison, right)?,
        (None, "contains") => Test::Contains(value(right)?),
        (None, "matches") => Test::Matches(pattern(right)?),
        (None, "in") => within(right)?,
        (None, word) => {
            if !right.is_empty() {
                return Err(format!("nothing stands after `{word}`, got \"{}\"", shorten(right)));
            }
            if word == "exists" { Test::Exists } else { Test::Missing }
        },
    };
    Ok((operand, test))
}

fn foreign(text: &str) -> String {
    if let Some((left, right)) = text.split_once('=')
        && !left.trim().is_empty()
        && !left.ends_with(['!', '<', '>'])
        && !right.trim().is_empty()
        && !right.starts_with('=')
    {
        let (left, right) = (shorten(left.trim()), shorten(right.trim()));
        return format!("equality is written `==`; did you mean \"{left} == {right}\"?");
    }
    format!(
        "a condition is written \"status == 200\", \"latency < 200ms\", \"/state in [paid, \
         cancelled]\", \"body contains 'thanks'\", \"$.items[0] exists\" or \"${{name}} == \
         'value'\"; got \"{}\"",
        shorten(text)
    )
}

/// The first operator outside of quotes and brackets, with what stands on both sides.
fn split(text: &str) -> Option<(&str, &'static str, &str)> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => continue,
            (None, '\'' | '"') => quote = Some(character),
            (None, '[' | '(' | '{') => depth += 1,
            (None, ']' | ')' | '}') => depth = depth.saturating_sub(1),
            _ => {},
        }
        if depth > 0 || quote.is_some() {
            continue;
        }
        let rest = &text[at..];
        let sign = Comparison::ALL.map(Comparison::as_str).into_iter();
        let found = sign.clone().find(|sign| rest.starts_with(sign)).or_else(|| {
            let begins = text[..at].ends_with(char::is_whitespace);
            let whole = |word: &&str| {
                let after = rest.strip_prefix(word);
                after
                    .is_some_and(|after| after.is_empty() || after.starts_with(char::is_whitespace))
            };
            WORDS.into_iter().find(whole).filter(|_| begins)
        });
        if let Some(operator) = found {
            return Some((text[..at].trim(), operator, rest[operator.len()..].trim()));
        }
    }
    None
}

fn operand(text: &str) -> Result<Operand, String> {
    if text == "latency" {
        return Ok(Operand::Latency);
    }
    if text.starts_with("regex:") {
        return Err("a pattern is asked for as \"body matches 'PATTERN'\"".to_owned());
    }
    if text.contains("${") {
        return value(text).map(Operand::Text);
    }
    if text.is_empty() {
        return Err("nothing stands before the operator".to_owned());
    }
    let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.parse::<Extract>().map(Operand::Answer).map_err(|error| {
        if word {
            let hint = hint(text, OPERANDS);
            return format!("unknown operand \"{}\"{hint}", shorten(text));
        }
        error.to_string()
    })
}

fn compare(operand: &Operand, comparison: Comparison, right: &str) -> Result<Test, String> {
    let right_side = value(right)?;
    let literal = right_side.literal();
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    if *operand == Operand::Answer(Extract::Status)
        && literal.is_some_and(|text| !text.parse().is_ok_and(|code| (100..600).contains(&code)))
    {
        return Err(format!("a status is a number from 100 to 599, got \"{}\"", shorten(right)));
    }
    if !comparison.is_equality() && literal.is_some_and(|text| number(text).is_none()) {
        let sign = comparison.as_str();
        return Err(format!("`{sign}` compares with a number, got \"{}\"", shorten(right)));
    }
    Ok(Test::Compare(comparison, Value::Text(right_side)))
}

/// `[a, 'b c']` or `200..299`.
fn within(text: &str) -> Result<Test, String> {
    let wrong = || {
        format!(
            "`in` takes a list like [paid, cancelled] or a range like 200..299, got \"{}\"",
            shorten(text)
        )
    };
    if let Some(list) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let entries: Result<Vec<Template>, String> = entries(list).into_iter().map(value).collect();
        return entries.map(Test::OneOf);
    }
    let (low, high) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_not_a_number| wrong());
    let (low, high) = (number(low)?, number(high)?);
    if !(low.is_finite() && high.is_finite() && low <= high) {
        return Err(wrong());
    }
    Ok(Test::Within(low, high))
}

/// Splits at commas outside of quotes.
fn entries(list: &str) -> Vec<&str> {
    let mut quote = None;
    let comma = |character: char| {
        match quote {
            Some(open) if open == character => quote = None,
            None if character == '\'' || character == '"' => quote = Some(character),
            _ => {},
        }
        quote.is_none() && character == ','
    };
    list.split(comma).map(str::trim).collect()
}

/// A bare or quoted text with holes.
fn value(text: &str) -> Result<Template, String> {
    unquoted(text)?.parse().map_err(|error: crate::template::TemplateError| error.to_string())
}

fn pattern(text: &str) -> Result<Pattern, String> {
    unquoted(text)?.parse().map_err(|error: crate::flow::ExtractError| error.to_string())
}

fn unquoted(text: &str) -> Result<&str, String> {
    let Some(quote) = text.chars().next() else {
        return Err("nothing stands after the operator; an empty text is written ''".to_owned());
    };
    if quote != '\'' && quote != '"' {
        return Ok(text);
    }
    let inner = text[1..].strip_suffix(quote).filter(|inner| !inner.contains(quote));
    inner.ok_or_else(|| format!("the quote of \"{}\" is not closed at its end", shorten(text)))
}
