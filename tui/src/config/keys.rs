//! `[keys]`: `preset = "emacs"`, `"ctrl-p" = "up"`, `"traces:x" = "group"`, `"q" = "none"`.

use std::ops::Range;

use model::reading::reader::Table;

use super::Config;
use crate::keys::{Action, Place, Preset, ROWS, Rule, Sequence};

/// The key of the table that is no key of a keyboard.
const PRESET: &str = "preset";
/// Takes keys out of use.
const NONE: &str = "none";

pub(super) fn read(mut table: Table<'_>, text: &str, config: &mut Config) {
    let presets = Preset::ALL.map(Preset::name);
    let preset = table.get(PRESET).and_then(|value| value.one_of("preset", presets));
    let preset = Preset::ALL.into_iter().find(|known| Some(known.name()) == preset);
    config.preset = preset.unwrap_or_default();
    let mut placed: Vec<(Rule, usize)> = Vec::new();
    for (written, span, value) in table.named() {
        if written == PRESET {
            continue;
        }
        let condition = value.at(span.clone());
        let rule = keys(written).map(|(place, keys)| {
            let action = value.parsed("the name of an action", action)?;
            Some(Rule { place, keys, action })
        });
        let checked = match rule {
            Ok(None) => continue,
            Ok(Some(rule)) => check(&rule, &placed).map(|()| rule),
            Err(message) => Err(message),
        };
        match checked {
            Ok(rule) => placed.push((rule, line(text, &span))),
            Err(message) => condition.wrong(message),
        }
    }
    config.rules = placed.into_iter().map(|(rule, _)| rule).collect();
}

fn check(rule: &Rule, placed: &[(Rule, usize)]) -> Result<(), String> {
    rule.check().map_err(|error| error.to_string())?;
    for (other, line) in placed {
        rule.check_against(other, *line).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// From 1.
fn line(text: &str, span: &Range<usize>) -> usize {
    text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1
}

/// `traces:x`: the condition and the keys. A colon that stands alone is the key of that name.
fn keys(written: &str) -> Result<(Option<Place>, Sequence), String> {
    let parse = |keys: &str| keys.parse::<Sequence>().map_err(|error| error.to_string());
    match written.split_once(':') {
        Some((place, keys))
            if !place.is_empty() && !keys.is_empty() && !place.ends_with(['-', ' ']) =>
        {
            match Place::named(place) {
                Some(place) => Ok((Some(place), parse(keys)?)),
                None => {
                    let hint = model::hint(place, Place::ALL.map(Place::name));
                    Err(format!("unknown place \"{place}\" before the colon{hint}"))
                },
            }
        },
        _ => Ok((None, parse(written)?)),
    }
}

/// `None` is the word for none.
fn action(name: &str) -> Result<Option<Action>, String> {
    if name == NONE {
        return Ok(None);
    }
    match Action::named(name) {
        Some(action) => Ok(Some(action)),
        None => {
            let known = ROWS.iter().map(|row| row.name).chain([NONE]);
            Err(format!("unknown action \"{name}\"{}", model::hint(name, known)))
        },
    }
}
