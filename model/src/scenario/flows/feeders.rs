//! `[feeder.NAME]`: files whose rows feed requests.

use crate::feeder::{Feeder, RowOrder, Rows, parse_csv, parse_json_lines};
use crate::limits::FEEDER_BYTES_MAX;
use crate::reading::outside::Outside;
use crate::reading::reader::{Table, Value, shorten};
use crate::template::{SETUP, is_name};

/// What a file may hold, by the ending of its name.
const FORMATS: [(&str, &str); 5] =
    [("csv", "csv"), ("tsv", "tsv"), ("jsonl", "jsonl"), ("ndjson", "jsonl"), ("json", "jsonl")];
const NAMES: [&str; 3] = ["csv", "tsv", "jsonl"];

pub(super) fn read(root: &mut Table<'_>, outside: &dyn Outside) -> Vec<Feeder> {
    let Some(table) = root.get("feeder").and_then(|value| value.table("[feeder]")) else {
        return Vec::new();
    };
    let mut feeders = Vec::new();
    for (name, span, value) in table.named() {
        if !is_name(name) || name == SETUP {
            let message = format!(
                "a feeder is named by letters, digits, - and _, and not \"{SETUP}\"; got \"{}\"",
                shorten(name)
            );
            table.report.add(span, message);
        }
        if let Some(inner) = value.table(&format!("[feeder.{}]", shorten(name))) {
            feeders.push(read_feeder(inner, name, outside));
        }
    }
    feeders
}

/// A feeder without readable rows keeps its name and has no columns: nothing more is said of the
/// holes that it would fill.
fn read_feeder(mut table: Table<'_>, name: &str, outside: &dyn Outside) -> Feeder {
    let file = table.require("file");
    let format = table.get("format").and_then(|value| value.one_of("format of rows", NAMES));
    let order = table.get("order").and_then(|value| {
        let word = value.one_of("order of rows", RowOrder::ALL.map(RowOrder::as_str))?;
        RowOrder::ALL.into_iter().find(|order| order.as_str() == word)
    });
    let separator = table.get("separator").and_then(|value| read_separator(&value));
    table.finish(&[]);
    let rows = file.and_then(|value| read_rows(&value, format, separator, outside));
    let (columns, rows) = rows.unwrap_or_default();
    Feeder { name: name.to_owned(), order: order.unwrap_or_default(), columns, rows }
}

fn read_separator(value: &Value<'_>) -> Option<u8> {
    let text = value.text("one character")?;
    match text.as_bytes() {
        [byte] if !byte.is_ascii_alphanumeric() && *byte != b'"' && !byte.is_ascii_control() => {
            Some(*byte)
        },
        b"\t" => Some(b'\t'),
        _ => {
            let got = shorten(text);
            value.wrong(format!("{} must be one character like \";\", got \"{got}\"", value.name));
            None
        },
    }
}

fn read_rows(
    value: &Value<'_>,
    format: Option<&'static str>,
    separator: Option<u8>,
    outside: &dyn Outside,
) -> Option<Rows> {
    let path = value.text("a path like \"users.csv\"")?;
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let of_ending = FORMATS.iter().find(|(known, _)| ending.as_deref() == Some(*known));
    let Some(format) = format.or(of_ending.map(|(_, format)| *format)) else {
        let known = NAMES.join("\", \"");
        let file = shorten(path);
        value.wrong(format!("\"{file}\" does not say what it holds; add `format`: \"{known}\""));
        return None;
    };
    value.parsed("a path like \"users.csv\"", |path| {
        let text = outside.data(path, FEEDER_BYTES_MAX)?;
        let read = match format {
            "jsonl" => parse_json_lines(&text),
            "tsv" => parse_csv(&text, separator.unwrap_or(b'\t')),
            _ => parse_csv(&text, separator.unwrap_or(b',')),
        };
        read.map_err(|error| format!("\"{}\", {error}", shorten(path)))
    })
}
