//! `[[service]]`: programs of the user's own that run beside the shop.

use super::language;
use crate::edge::CLIENT;
use crate::reading::names;
use crate::reading::reader::{Table, Value};
use crate::shop;

/// Most programs of one run.
const SERVICES_MAX: usize = 64;
/// Parts of every run, whose logs have these names.
const PARTS: [&str; 6] = [CLIENT, "gateway", "proxy", "load", "guardian", "runner"];
const LOGS: [&str; 2] = ["output", "otlp"];

/// One program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnService {
    pub name: String,
    /// The program and its arguments; never empty.
    pub run: Vec<String>,
    /// It sends its log records itself, so that its standard output would say them twice.
    pub logs_by_otlp: bool,
}

pub(super) fn read(root: &mut Table<'_>) -> Vec<OwnService> {
    let tables = root.tables("service");
    if tables.len() > SERVICES_MAX {
        root.wrong(format!(
            "a scenario has at most {SERVICES_MAX} [[service]], got {}",
            tables.len()
        ));
        return Vec::new();
    }
    let mut seen = Vec::new();
    tables.into_iter().filter_map(|table| read_service(table, &mut seen)).collect()
}

fn read_service(mut table: Table<'_>, seen: &mut Vec<String>) -> Option<OwnService> {
    let name = table.require("name").and_then(|value| read_name(&value, seen));
    let run = table.require("run").and_then(|value| read_command(&value));
    let logs = table.get("logs").and_then(|value| value.one_of("source of logs", LOGS));
    table.finish(&language::SERVICE_KEYS);
    Some(OwnService { name: name?, run: run?, logs_by_otlp: logs == Some("otlp") })
}

/// Its log is a file of this name.
fn read_name(value: &Value<'_>, seen: &mut Vec<String>) -> Option<String> {
    let name = names::read(value, "/")?;
    if shop::SERVICES.iter().chain(&PARTS).any(|taken| *taken == name) {
        value.wrong(format!("the name \"{name}\" belongs to a part of every run"));
        return None;
    }
    names::unique(value, &name, seen).then_some(name)
}

fn read_command(value: &Value<'_>) -> Option<Vec<String>> {
    let items = value.items();
    let words = items.iter().map(|item| item.text("a word of a command").map(str::to_owned));
    let words: Vec<String> = words.collect::<Option<_>>()?;
    if words.first().is_none_or(String::is_empty) || words.iter().any(|word| word.contains('\0')) {
        value.wrong(format!(
            "{} must be a program and its arguments, like [\"python3\", \"billing.py\"]",
            value.name
        ));
        return None;
    }
    Some(words)
}
