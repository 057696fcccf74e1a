//! The guide of the scenario language says what the parser accepts: its examples are read by the
//! parser, and every word of the language is looked for in its text. What users do has a page of its
//! own, and what scenarios share with gateway files stands on the pages about policies and faults.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use harness::result::ExitCode;
use model::expect::{self, INVARIANTS};
use model::policy::BreakerState;
use model::scenario::{Outside, Scenario, language};
use model::shop;

use crate::support::root;

/// Longest guide that a person still reads from top to bottom.
const LINES_MAX: usize = 400;

/// What a fragment is completed with, each unless the fragment brings its own.
const BASE: [(&str, &str); 4] = [
    ("[gateway", "[gateway.defaults]\nbreaker = { opens_at = \"50% of 20 calls\" }\n"),
    ("[run]", "[run]\ncontrol = \"20%\"\n"),
    ("[[load]]", "[[load]]\nname = \"base\"\nflow = \"checkout\"\nrate = \"20/s\"\n"),
    (
        "[[fault]]",
        "[[fault]]\nname = \"base\"\non = \"orders -> payments\"\nkind = \"reset\"\nfor = \"10s\"\n",
    ),
];

pub(crate) fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The files that examples point to are those of the shipped scenarios.
#[derive(Debug)]
struct Beside;

impl Outside for Beside {
    fn text(&self, path: &str) -> Result<String, String> {
        let path = root().join("scenarios").join(path);
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn addresses(&self, _host: &str, _port: u16) -> Result<Vec<SocketAddr>, String> {
        Err("no host is looked up here".to_owned())
    }
}

fn guide() -> String {
    page("scenarios.md")
}

/// The guide with the pages that it leaves policies and faults to.
fn pages() -> String {
    ["scenarios.md", "flows.md", "gateway.md", "faults.md"].map(page).concat()
}

/// One example of the guide, with the line on which its text begins.
#[derive(Clone)]
pub(crate) struct Example {
    pub(crate) line: usize,
    pub(crate) complete: bool,
    pub(crate) text: String,
}

fn examples(guide: &str) -> Vec<Example> {
    examples_but(guide, &[])
}

/// The examples in TOML. `others` are languages of which the page may have some, too.
pub(crate) fn examples_but(guide: &str, others: &[&str]) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut other = false;
    let mut open: Option<Example> = None;
    for (index, line) in guide.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some("toml" | "toml fragment")) => {
                let complete = line.ends_with("toml");
                open = Some(Example { line: index + 2, complete, text: String::new() });
            },
            (None, Some("")) if other => other = false,
            (None, Some(language)) if others.contains(&language) => other = true,
            (None, Some(language)) => panic!("line {}: no test reads ```{language}", index + 1),
            (Some(_), Some(_)) => examples.extend(open.take()),
            (Some(example), None) => {
                example.text.push_str(line);
                example.text.push('\n');
            },
            (None, None) => {},
        }
    }
    assert!(open.is_none(), "the last example is not closed");
    examples
}

fn read(example: &Example) -> Scenario {
    let mut text = example.text.clone();
    for (table, base) in BASE.iter().filter(|_| !example.complete) {
        if !text.lines().any(|line| line.starts_with(table)) {
            text.push_str(base);
        }
    }
    Scenario::read("docs/scenarios.md", &text, &Beside)
        .unwrap_or_else(|problems| panic!("the example at line {}:\n{problems}", example.line))
}

#[test]
fn every_example_of_the_guide_is_accepted_by_the_parser() {
    let examples = [guide(), page("flows.md")].map(|page| examples(&page)).concat();
    assert!(examples.iter().any(|example| example.complete));
    assert!(examples.iter().any(|example| !example.complete));
    for example in &examples {
        read(example);
    }
}

#[test]
fn the_first_example_has_ten_lines_and_can_decide_what_it_expects() {
    let examples = examples(&guide());
    let first = examples.first().expect("the guide begins with an example");
    let scenario = read(first);
    assert!(first.complete);
    assert_eq!(first.text.lines().count(), 10);
    assert!(!scenario.expectations.is_empty() && !scenario.faults.is_empty());
    assert_eq!(model::scenario::check::undecidable(&scenario), []);
}

/// The texts between single backquotes, and every word of them.
fn named(guide: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut fenced = false;
    for line in guide.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            for code in line.split('`').skip(1).step_by(2) {
                names.push(code.to_owned());
                let words = code.split(|character: char| " =()[]{}\"".contains(character));
                names.extend(words.map(str::to_owned));
            }
        }
    }
    names
}

#[track_caller]
fn assert_named<'w>(what: &str, words: impl IntoIterator<Item = &'w str>) {
    let names = named(&pages());
    for word in words {
        assert!(names.iter().any(|name| name == word), "the guide does not name {what} `{word}`");
    }
}

#[test]
fn every_key_that_the_parser_accepts_is_named() {
    let keys = language::keys();
    assert!(keys.values().map(BTreeSet::len).sum::<usize>() > 60, "{keys:?}");
    for (table, keys) in keys {
        assert_named(&format!("in {table} the key"), keys);
    }
}

/// One row of a table that is headed `Key of ...`.
pub(crate) struct Row {
    /// As the parser calls it.
    pub(crate) table: String,
    pub(crate) keys: Vec<String>,
    /// As TOML, where the guide gives it as a value.
    pub(crate) default: Option<String>,
}

/// `policies` is what the parser calls the table of defaults.
pub(crate) fn rows(guide: &str, policies: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut table = None;
    for line in guide.lines() {
        let Some(cells) = line.strip_prefix("| ") else {
            table = table.filter(|_| line.starts_with('|'));
            continue;
        };
        let cells: Vec<&str> = cells.split(" |").map(str::trim).collect();
        if let Some(about) = cells[0].strip_prefix("Key of ")
            && cells[1] == "Type"
        {
            table = Some(match about.trim_matches('`') {
                "the file" => "the file".to_owned(),
                "a step" => "a step of [[flow]]".to_owned(),
                "a policy" => policies.to_owned(),
                "a client's hedge" => "hedge of [[load]]".to_owned(),
                inner @ ("add" | "match" | "when") => format!("{inner} of [[fault]]"),
                table if table.starts_with('[') => table.to_owned(),
                inner => format!("{inner} of {policies}"),
            });
        } else if let Some(table) = &table {
            let keys = cells[0].split('`').skip(1).step_by(2).map(str::to_owned).collect();
            let default = cells[2].strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
            let default = default.filter(|cell| !cell.contains('`')).map(str::to_owned);
            rows.push(Row { table: table.clone(), keys, default });
        }
    }
    rows
}

#[test]
fn every_table_of_the_guide_holds_the_keys_that_the_parser_accepts_there() {
    let accepted = language::keys();
    let written = keys(&rows(&pages(), "[gateway.defaults]"));
    // The keys of the file are tables, and each has a section; gateway files have tables of their
    // own, and the keys of the kinds stand in the table of kinds.
    let tables = written.iter().filter(|(table, _)| {
        *table != "the file" && *table != "[[fault]]" && accepted.contains_key(*table)
    });
    let mut count = 0;
    for (table, keys) in tables {
        let keys: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
        assert_eq!(keys, accepted[table], "{table}");
        count += 1;
    }
    assert_eq!(count, 25, "{:?}", written.keys());
}

/// The keys of every table.
pub(crate) fn keys(rows: &[Row]) -> BTreeMap<String, BTreeSet<String>> {
    let mut written: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Row { table, keys, .. } in rows {
        written.entry(table.clone()).or_default().extend(keys.iter().cloned());
    }
    written
}

/// `key = default` of every row of a table that has a default value.
pub(crate) fn defaults(rows: &[Row], table: &str, join: &str) -> String {
    let lines = rows.iter().filter(|row| row.table == table).filter_map(|row| {
        let default = row.default.as_ref()?;
        let [key] = row.keys.as_slice() else { panic!("one default for {:?}", row.keys) };
        Some(format!("{key} = {default}{join}"))
    });
    let text: String = lines.collect();
    assert!(!text.is_empty(), "{table} has no defaults");
    text
}

#[test]
fn every_default_of_the_guide_is_what_the_parser_fills_in() {
    let rows = rows(&pages(), "[gateway.defaults]");
    let scenario = |fill: &dyn Fn(&str, &str) -> String| {
        let line = |table: &str| fill(table, "\n");
        let inner = |table: &str| fill(&format!("{table} of [gateway.defaults]"), ", ");
        let text = format!(
            "{}[system]\n{}[run]\n{}[safety]\n{}[gateway]\n{}[gateway.defaults]\n\
             retry = {{ {} attempts = 2 }}\n\
             breaker = {{ {} opens_at = \"50% of 20 calls\", slow = \"1s\", half_open_max = \"1s\" }}\n\
             [[load]]\nname = \"a\"\nflow = \"checkout\"\nrate = \"1/s\"\n{}\
             [[fault]]\nname = \"a\"\non = \"client -> cart\"\nkind = \"errors\"\nfor = \"1s\"\n{}",
            line("the file"),
            line("[system]"),
            line("[run]"),
            line("[safety]"),
            line("[gateway]"),
            inner("retry"),
            inner("breaker"),
            line("[[load]]"),
            line("[[fault]]"),
        );
        Scenario::parse("defaults.toml", &text).unwrap_or_else(|problems| panic!("{problems}"))
    };
    let written = scenario(&|table, join| defaults(&rows, table, join));
    assert_eq!(written, scenario(&|_, _| String::new()));
}

#[test]
fn every_word_that_is_refused_is_named() {
    let refused = language::refused();
    assert!(refused.contains(&"kill") && refused.contains(&"leak"), "{refused:?}");
    assert_named("what is refused,", refused);
}

#[test]
fn every_function_kind_invariant_and_weakness_is_named() {
    assert_named("the function", expect::functions());
    assert_named("the kind of fault", language::kinds());
    assert_named("the invariant", INVARIANTS);
    assert_named("the weakness", shop::WEAKNESSES.map(|(name, _)| name));
    let events = ["opens", "half-opens", "closes", "stays", "hits"];
    assert_named("the event", events);
}

#[test]
fn every_edge_and_flow_of_the_shop_is_named() {
    let edges: Vec<String> = shop::edges().iter().map(ToString::to_string).collect();
    assert_named("the edge", edges.iter().map(String::as_str));
    for flow in shop::flows() {
        assert_named("the flow", [flow.name.as_str()]);
        assert_named("the step", flow.steps.iter().map(|step| step.name.as_str()));
    }
}

#[test]
fn the_numbers_of_samples_are_those_that_check_asks_for() {
    let guide = guide();
    for (function, limit, needed) in [
        ("p50", "1s", "20, 40, 100, 200, 1000, 10000 |"),
        ("p999", "1s", "10000 |"),
        ("mean", "1s", "30 |"),
        ("rate", "9/s", "10 |"),
        ("errors", "5%", "74 for 5 %"),
        ("errors", "1%", "382 for 1 %"),
        ("errors", "90%", "at least 10 |"),
    ] {
        let text = format!(
            "[[load]]\nname = \"a\"\nflow = \"checkout\"\nrate = \"1/h\"\n\
             [[expect]]\nphase = \"before\"\nthat = \"{function}(checkout) < {limit}\"\n"
        );
        let scenario = Scenario::parse("samples.toml", &text).unwrap();
        let undecidable = model::scenario::check::undecidable(&scenario);
        let first = needed.split([' ', ',']).find(|word| word.parse::<u64>().is_ok()).unwrap();
        assert_eq!(undecidable[0].needed.to_string(), first, "{function} {limit}");
        let named = format!("`{function}`");
        let row = |line: &str| line.contains(&named) && line.contains(needed);
        assert!(guide.lines().any(row), "{function} {limit}: {needed}");
    }
}

#[test]
fn every_breaker_state_that_a_scenario_can_lead_to_is_explained() {
    let guide = page("gateway.md");
    for state in [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen] {
        assert!(guide.contains(&format!("- *{state}*: ")), "{state}");
    }
}

#[test]
fn every_exit_code_has_its_row() {
    let guide = guide();
    for code in ExitCode::ALL {
        assert!(guide.contains(&format!("\n| {} | ", code.code())), "{code}");
    }
}

#[test]
fn the_guide_stays_short_enough_to_be_read() {
    let lines = guide().lines().count();
    assert!(lines <= LINES_MAX, "docs/scenarios.md has {lines} lines");
}
