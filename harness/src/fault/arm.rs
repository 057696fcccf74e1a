//! From the flags of `fault arm`, or a file, to what the proxy is asked for.
//!
//! Flags are written down as the `[[fault]]` table that a file would have, and read by the same
//! reader, so that both mean the same and find the same mistakes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use model::edge::Edge;
use model::fault::keys::{Form, KindKeys};
use model::fault::{FOREVER_MS, Window};
use model::gateway::{ArmFile, Problems, parse_fault};
use model::plan::{ArmRequest, Protocol};

use super::FaultError;
use crate::cli::ArmArguments;
use crate::gateway::Folder;

/// Keys of `when` that are numbers.
const NUMBERS_OF_WHEN: [&str; 3] = ["first", "every", "max_active"];

/// `edges` are those of the proxy, with what they carry: a latency on bytes acts at another place
/// than one on requests.
pub(super) fn request(
    arguments: &ArmArguments,
    edges: impl Iterator<Item = (Edge, Protocol)>,
) -> Result<ArmRequest, FaultError> {
    let edges: BTreeMap<Edge, Option<Protocol>> =
        edges.map(|(edge, protocol)| (edge, Some(protocol))).collect();
    let armed = match &arguments.file {
        Some(path) => from_file(path, &edges)?,
        None => {
            let text = table(arguments);
            parse_fault("the flags", &text, &edges, &Folder::here())
                .map_err(|problems| FaultError::Flags(of_flags(&problems)))?
        },
    };
    let time = arguments.time.or(armed.ends_after).ok_or_else(|| {
        FaultError::Flags("a fault that is armed needs an end: --for, like --for 5m".to_owned())
    })?;
    let for_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    let mut fault = armed.fault;
    // What acts from its arming on needs no windows.
    if fault.schedule == [Window { start_ms: 0, end_ms: FOREVER_MS }] {
        fault.schedule.clear();
    }
    Ok(ArmRequest { fault, for_ms })
}

fn from_file(path: &Path, edges: &BTreeMap<Edge, Option<Protocol>>) -> Result<ArmFile, FaultError> {
    let shown = path.display().to_string();
    let text = crate::written::text(path)
        .map_err(|source| FaultError::Read { path: shown.clone(), source })?;
    parse_fault(&shown, &text, edges, &Folder::of(path)).map_err(FaultError::File)
}

/// The flags as a `[[fault]]` table.
fn table(arguments: &ArmArguments) -> String {
    let mut text = "[[fault]]\n".to_owned();
    let mut line = |key: &str, value: &str| {
        // Writing to a string cannot fail.
        _ = writeln!(text, "{key} = {value}");
    };
    for (key, value) in [
        ("name", &arguments.name),
        ("kind", &arguments.kind),
        ("share", &arguments.share),
        ("placement", &arguments.placement),
        ("direction", &arguments.direction),
        ("live", &arguments.live),
    ] {
        if let Some(value) = value {
            line(key, &quoted(value));
        }
    }
    let on: Vec<String> = arguments.on.iter().map(|edge| quoted(edge)).collect();
    line("on", &format!("[{}]", on.join(", ")));
    let row = arguments.kind.as_deref().and_then(KindKeys::of);
    for (key, value) in &arguments.set {
        let form = row.and_then(|row| row.key(key)).map(|key| key.form);
        let plain = matches!(form, Some(Form::Status | Form::Flag));
        line(&dotted(key), &if plain { value.clone() } else { valued(value) });
    }
    for (key, value) in &arguments.matching {
        line(&format!("match.{}", dotted(key)), &quoted(value));
    }
    for (key, value) in &arguments.when {
        let plain = NUMBERS_OF_WHEN.contains(&key.as_str());
        let value = if plain { value.clone() } else { quoted(value) };
        line(&format!("when.{}", quoted(key)), &value);
    }
    text
}

/// `headers.x-tenant` is a key within a table; what follows the first dot is one name.
fn dotted(key: &str) -> String {
    match key.split_once('.') {
        Some((table, name)) => format!("{}.{}", quoted(table), quoted(name)),
        None => quoted(key),
    }
}

/// Lists and tables are written as in a file, everything else is a string.
fn valued(value: &str) -> String {
    if value.starts_with(['[', '{']) { value.to_owned() } else { quoted(value) }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            },
            control if control.is_control() => {
                _ = write!(quoted, "\\u{:04X}", u32::from(control));
            },
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// What is wrong, in the words of the flags: their table has no lines that a person wrote.
fn of_flags(problems: &Problems) -> String {
    let messages: Vec<String> = problems
        .found()
        .iter()
        .map(|problem| {
            let mut message = problem.message.clone();
            for (table, flag) in [
                (" in match of [[fault]]", " of --match"),
                (" in when of [[fault]]", " of --when"),
                (" of [[fault]]", " of the fault"),
                (" in [[fault]]", " of the fault"),
                ("[[fault]]", "the fault"),
            ] {
                message = message.replace(table, flag);
            }
            message
        })
        .collect();
    messages.join("\n")
}

#[cfg(test)]
mod tests;
