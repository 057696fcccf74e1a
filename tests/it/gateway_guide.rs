//! The guide of gateway files says what the parser accepts: its examples are read by the parser, and
//! its tables hold the keys and the defaults that the parser has.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use model::fault::keys::{self, all_key_names};
use model::gateway::{GatewayFile, Outside, language};

use crate::guide::{Row, defaults, examples_but, page, rows};
use crate::support::root;

/// Longest guide that a person still reads from top to bottom.
const LINES_MAX: usize = 400;

/// What a fragment is completed with, each unless the fragment brings its own.
const BASE: [(&str, &str); 3] = [
    ("[proxy]", "[proxy]\nlisten = \"127.0.0.1:8080\"\n"),
    (
        "[edge.",
        "[edge.\"client -> orders\"]\nendpoints = \"127.0.0.1:1\"\n\
         [edge.\"client -> canary\"]\nlisten = \"127.0.0.1:8081\"\nendpoints = \"127.0.0.1:2\"\n\
         [edge.\"orders -> payments\"]\nlisten = \"127.0.0.1:8082\"\nendpoints = \"127.0.0.1:3\"\n\
         [edge.\"orders -> catalog\"]\nlisten = \"127.0.0.1:8083\"\nendpoints = \"127.0.0.1:4\"\n",
    ),
    ("[[route]]", "[[route]]\nprefix = \"/base\"\nto = \"client -> orders\"\n"),
];

/// Everything that the guide points to is there.
#[derive(Debug)]
struct World;

impl Outside for World {
    fn text(&self, path: &str) -> Result<String, String> {
        if path != "latency.json" {
            return Ok("s3cret\n".to_owned());
        }
        let guide = page("gateway.md");
        let json = guide.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
        Ok(json.expect("the guide shows a recorded latency").to_owned())
    }

    fn variable(&self, _name: &str) -> Option<String> {
        Some("s3cret".to_owned())
    }

    fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        let last = host.len() as u8;
        Ok(vec![SocketAddr::from(([10, 0, 0, last], port))])
    }
}

#[track_caller]
fn parse(what: &str, text: &str) -> GatewayFile {
    GatewayFile::parse(what, text, &World).unwrap_or_else(|problems| panic!("{what}\n{problems}"))
}

/// A fragment with what it needs.
fn completed(text: &str) -> String {
    let mut text = text.to_owned();
    // Edges of a fragment that no route leads to are behind a listener of their own.
    let routed = text.contains("[[route]]") || !text.contains("[edge.");
    for (table, base) in BASE {
        if !text.lines().any(|line| line.starts_with(table)) && (routed || table == "[edge.") {
            text.push_str(base);
        }
    }
    text
}

#[test]
fn every_example_is_accepted_by_the_parser() {
    let mut complete = 0;
    for name in ["gateway.md", "faults.md"] {
        for example in examples_but(&page(name), &["sh", "json"]) {
            let what = format!("docs/{name}, the example at line {}", example.line);
            let text = if example.complete { example.text } else { completed(&example.text) };
            parse(&what, &text);
            complete += usize::from(example.complete);
        }
    }
    assert_eq!(complete, 1);
}

#[test]
fn a_recorded_latency_is_written_as_the_guide_shows() {
    let fault = "[[fault]]\nname = \"a\"\non = \"client -> orders\"\nkind = \"latency\"\n\
                 add = { quantiles_from = \"latency.json\" }\n";
    let file = parse("latency", &completed(fault));
    assert_eq!(file.plan.faults[0].effect.to_string(), "latency 3 quantiles");
}

#[test]
fn the_sample_file_is_accepted_and_uses_what_there_is() {
    let text = std::fs::read_to_string(root().join("docs/examples/gateway.toml")).unwrap();
    let file = parse("docs/examples/gateway.toml", &text);
    assert_eq!((file.plan.edges.len(), file.plan.routes.len()), (4, 3));
    assert_eq!(file.plan.faults.len(), 2);
    assert!(file.plan.edges.iter().all(|edge| !edge.endpoints.is_empty()));
}

fn all_rows() -> Vec<Row> {
    rows(&["gateway.md", "faults.md"].map(page).concat(), "[defaults]")
}

#[test]
fn every_table_holds_the_keys_that_the_parser_accepts_there() {
    let mut accepted = language::keys();
    let policy = accepted["[defaults]"].clone();
    // What an edge has of its own stands apart from its policy, the keys of the kinds of faults in
    // the table of kinds.
    accepted.get_mut("[edge]").unwrap().retain(|key| !policy.contains(key));
    accepted.get_mut("[[fault]]").unwrap().retain(|key| !all_key_names().contains(key));
    accepted.remove("the file");
    let written = crate::guide::keys(&all_rows());
    let written: BTreeMap<&str, BTreeSet<&str>> = written
        .iter()
        .map(|(table, keys)| (table.as_str(), keys.iter().map(String::as_str).collect()))
        .collect();
    for (table, keys) in &accepted {
        assert_eq!(written.get(table.as_str()), Some(keys), "{table}");
    }
}

#[test]
fn the_table_of_kinds_is_the_one_that_the_parser_reads_by() {
    let expected = keys::markdown();
    assert!(page("faults.md").contains(&expected), "expected\n{expected}");
}

#[test]
fn every_default_is_what_the_parser_fills_in() {
    let rows = all_rows();
    let file = |fill: &dyn Fn(&str, &str) -> String| {
        let line = |table: &str| fill(table, "\n");
        let inner = |table: &str| fill(&format!("{table} of [defaults]"), ", ");
        let text = format!(
            "[proxy]\nlisten = \"127.0.0.1:8080\"\n{}[limits]\n{}[defaults]\n\
             retry = {{ {} attempts = 2 }}\nhedge = {{ {} }}\n\
             breaker = {{ {} opens_at = \"50% of 9 calls\", slow = \"1s\", half_open_max = \"1s\", \
             backoff = {{ {} }} }}\n\
             rate_limit = {{ {} rate = \"9/s\" }}\nadaptive_limit = {{ {} }}\n\
             balance = {{ {} kind = \"peak-ewma\" }}\nhealth = {{ {} }}\noutlier = {{ {} }}\n\
             [edge.\"client -> a\"]\nendpoints = \"127.0.0.1:1\"\n{}\
             [[route]]\nprefix = \"/\"\nto = \"client -> a\"\n\
             [[fault]]\nname = \"a\"\non = \"client -> a\"\nkind = \"errors\"\n{}\
             when = {{ first = 1, {} }}\n",
            line("[proxy]"),
            line("[limits]"),
            inner("retry"),
            inner("hedge"),
            inner("breaker"),
            fill("backoff of breaker of [defaults]", ", "),
            inner("rate_limit"),
            inner("adaptive_limit"),
            inner("balance"),
            inner("health"),
            inner("outlier"),
            line("[edge]"),
            line("[[fault]]"),
            fill("when of [[fault]]", ", "),
        );
        parse("defaults", &text.replace(", }", " }"))
    };
    let written = file(&|table, join| defaults(&rows, table, join));
    assert_eq!(written, file(&|_, _| String::new()));
}

#[test]
fn the_guide_stays_short_enough_to_be_read() {
    let lines = page("gateway.md").lines().count();
    assert!(lines <= LINES_MAX, "docs/gateway.md has {lines} lines");
}
