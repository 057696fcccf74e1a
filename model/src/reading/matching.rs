//! `match` of a fault: which requests it looks at.

use super::effect::{is_field_name, not_a_name};
use super::nearest::hint;
use super::reader::{Table, Value, shorten};
use crate::fault::{Match, Pair};

/// Most conditions of one kind.
const PAIRS_MAX: usize = 32;

pub(crate) const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];

/// `callers` are the callers of the fault's edges.
pub(crate) fn read(value: &Value<'_>, callers: &[&str]) -> Match {
    let Some(mut table) = value.inner_table() else { return Match::default() };
    let matching = Match {
        method: table.get("method").and_then(|value| read_method(&value)),
        path: table.get("path").and_then(|value| read_path(&value)),
        headers: read_pairs(&mut table, "headers"),
        query: read_pairs(&mut table, "query"),
        body: read_pairs(&mut table, "body"),
        grpc: table.get("grpc").and_then(|value| read_grpc(&value)),
        caller: table.get("caller").and_then(|value| read_caller(&value, callers)),
    };
    table.finish(&[]);
    matching
}

pub(crate) fn read_method(value: &Value<'_>) -> Option<String> {
    value.one_of("method", METHODS).map(str::to_owned)
}

fn read_path(value: &Value<'_>) -> Option<String> {
    let path = value.text("a path like \"/charges\" or \"/charges/*\"")?;
    let stem = path.strip_suffix('*').unwrap_or(path);
    if !path.starts_with('/') || stem.contains(['*', '?', ' ']) {
        value.wrong(format!(
            "a path is written \"/charges\", or \"/charges/*\" for all below it, got \"{}\"",
            shorten(path)
        ));
    }
    Some(path.to_owned())
}

fn read_grpc(value: &Value<'_>) -> Option<String> {
    let method = value.text("a gRPC method like \"shop.Payments/Charge\"")?;
    let sound = method.split_once('/').is_some_and(|(service, method)| {
        let stem = method.strip_suffix('*').unwrap_or(method);
        !service.is_empty() && !method.is_empty() && !stem.contains(['/', '*'])
    });
    if !sound || method.contains(' ') {
        value.wrong(format!(
            "a gRPC method is written \"shop.Payments/Charge\", or \"shop.Payments/*\" for all of \
             the service, got \"{}\"",
            shorten(method)
        ));
    }
    Some(method.to_owned())
}

fn read_caller(value: &Value<'_>, callers: &[&str]) -> Option<String> {
    let caller = value.text("the name of a caller")?;
    // When the edges are wrong themselves, nothing can be said of their callers.
    if !callers.is_empty() && !callers.contains(&caller) {
        let hint = hint(caller, callers.iter().copied());
        value.wrong(format!("no edge of this fault is called by \"{}\"{hint}", shorten(caller)));
    }
    Some(caller.to_owned())
}

/// `{ x-tenant = "gold-*" }`; `"*"` only asks that the name is there.
pub(crate) fn read_pairs(table: &mut Table<'_>, key: &'static str) -> Vec<Pair> {
    let Some(value) = table.get(key) else { return Vec::new() };
    let mut pairs = Vec::new();
    if let Some(table) = value.inner_table() {
        collect(&table, "", key == "headers", &mut pairs);
        if pairs.len() > PAIRS_MAX {
            value.wrong(format!("{} has more than {PAIRS_MAX} conditions", value.name));
        }
        if pairs.is_empty() && table.report.is_empty() {
            value.wrong(format!("{} names nothing", value.name));
        }
    }
    pairs
}

/// A dotted key is a table within the table, and one name again here.
fn collect(table: &Table<'_>, before: &str, headers: bool, pairs: &mut Vec<Pair>) {
    for (name, span, value) in table.named() {
        let name = format!("{before}{name}");
        if value.is_table() {
            if let Some(inner) = value.table(&table.name) {
                collect(&inner, &format!("{name}."), headers, pairs);
            }
            continue;
        }
        if headers && !is_field_name(&name) {
            table.report.add(span, not_a_name(&name));
        }
        let expected = "a text; a `*` at its end stands for anything, alone for any value";
        let Some(text) = value.plain_text(expected) else { continue };
        let stem = text.strip_suffix('*').unwrap_or(&text);
        if stem.contains('*') {
            value.wrong(format!("a `*` stands only at the end, got \"{}\"", shorten(&text)));
        }
        pairs.push(Pair { name, value: (text != "*").then_some(text) });
    }
}
