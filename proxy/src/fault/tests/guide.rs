//! `docs/faults.md` says what the table of kinds says: places, parameters, and examples that a
//! gateway accepts.

use std::collections::{BTreeMap, BTreeSet};

use model::fault::{KINDS, KindRow, Placement};
use model::plan::{ArmRequest, EdgePlan, Plan, Protocol};
use model::policy::EdgePolicy;
use serde_json::Value;

use crate::validate::validate;

use super::*;

const GUIDE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults.md"));

/// The text below each heading of the third level.
fn sections() -> BTreeMap<&'static str, &'static str> {
    let below = GUIDE.split("\n### ").skip(1).filter_map(|section| section.split_once('\n'));
    below.map(|(title, text)| (title, text.split("\n## ").next().unwrap())).collect()
}

fn section(row: &KindRow) -> &'static str {
    let title = format!("`{}`", row.name);
    sections().get(title.as_str()).copied().unwrap_or_else(|| panic!("no section {title}"))
}

/// The sentence that a section must begin with.
fn acts(row: &KindRow) -> String {
    let places = |allowed: &[Placement]| {
        let all = std::iter::once(&row.placement).chain(row.may);
        let text = |place: &Placement| match place.as_str() {
            own if *place == row.placement => format!("**{own}**"),
            other => other.to_owned(),
        };
        let places: Vec<String> = all.filter(|place| allowed.contains(place)).map(text).collect();
        places.join(", ")
    };
    let http = row.http.then(|| format!("HTTP edges: {}", places(&Placement::ALL)));
    let on_bytes = [Placement::Connect, Placement::Body];
    let tcp = row.tcp.then(|| format!("TCP edges: {}", places(&on_bytes)));
    let protocols: Vec<String> = http.into_iter().chain(tcp).collect();
    format!("Acts on {}.", protocols.join("; "))
}

/// The JSON of the examples in a text.
fn examples(text: &str) -> Vec<&str> {
    let fenced = text.split("```json\n").skip(1);
    fenced.map(|rest| rest.split("```").next().unwrap()).collect()
}

fn read(example: &str) -> ArmRequest {
    serde_json::from_str(example).unwrap_or_else(|error| panic!("{error} in\n{example}"))
}

#[track_caller]
fn accept(request: &ArmRequest) {
    let store = Edge::new("orders", "store");
    let edges = BTreeMap::from([(edge(), Protocol::Http), (store, Protocol::Tcp)]);
    let schedule = vec![Window { start_ms: 0, end_ms: request.for_ms }];
    let fault = FaultSpec { schedule, ..request.fault.clone() };
    let planned = |edge: &Edge| EdgePlan {
        edge: edge.clone(),
        endpoints: vec![([127, 0, 0, 1], 7_001).into()],
        policy: EdgePolicy::default(),
    };
    let plan =
        Plan { edges: edges.keys().map(planned).collect(), faults: vec![fault], ..Plan::empty() };
    assert_eq!(validate(&plan, &edges), Ok(()));
}

#[test]
fn every_kind_has_a_section_with_its_places_in_the_order_of_the_table() {
    let titles: Vec<&str> =
        GUIDE.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    assert_eq!(titles, KINDS.map(|row| row.name));
    for row in &KINDS {
        let text = section(row);
        let expected = acts(row);
        assert!(text.trim_start().starts_with(&expected), "{}: expected\n{expected}", row.name);
        assert!(text.contains("\n- Ledger: "), "{}: what does the ledger say?", row.name);
    }
}

#[test]
fn every_example_is_accepted_by_a_gateway() {
    let all = examples(GUIDE);
    assert_eq!(all.len(), KINDS.len() + 1);
    for example in all {
        accept(&read(example));
    }
    for row in &KINDS {
        let request = read(examples(section(row))[0]);
        assert_eq!(request.fault.effect.name(), row.name);
    }
}

#[test]
fn every_parameter_is_in_the_table_of_its_kind_and_nothing_else_is() {
    for row in &KINDS {
        let text = section(row);
        let named: BTreeSet<String> = text
            .lines()
            .filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned()))
            .collect();
        let request = read(examples(text)[0]);
        // An effect that was read back has all of its parameters, also those that it may lack.
        let Ok(Value::Object(effect)) = serde_json::to_value(&request.fault.effect) else {
            panic!("{} is no object", row.name);
        };
        let has: BTreeSet<String> = effect.keys().filter(|key| *key != "kind").cloned().collect();
        assert_eq!(named, has, "{}", row.name);
    }
}

#[test]
fn keys_conditions_reasons_and_headers_are_all_named() {
    let request = read(examples(GUIDE)[0]);
    let keys = |value: &Value| -> Vec<String> {
        value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
    };
    let fault = serde_json::to_value(&request.fault).unwrap();
    let mut words = [keys(&fault), keys(&fault["when"]), keys(&fault["matching"])].concat();
    let fixed = [
        "control",
        "cap",
        "lease",
        "overtaken",
        "caller-gone",
        "not-reached",
        "invalid",
        "fixed",
        "uniform",
        "normal",
        "exponential",
        "pareto",
        "quantiles",
    ];
    words.extend(fixed.map(str::to_owned));
    words.extend(super::super::caller::HEADERS.map(str::to_owned));
    for word in words {
        assert!(GUIDE.contains(&format!("`{word}`")), "the guide does not name `{word}`");
    }
}
