//! Reads a scenario file from top to bottom, in an order in which every name is known when it is
//! needed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use toml::de::DeTable;

use super::{
    Problem, Scenario, expects, faults, flows, gateway, language, loads, sections, services,
};
use crate::expect::Known;
use crate::fault::FaultSpec;
use crate::reading;
use crate::reading::outside::{Nowhere, Outside};
use crate::reading::reader::{Report, Table};
use crate::shop;

/// All findings when there is at least one.
pub(super) fn read(
    file_name: &str,
    text: &str,
    outside: &dyn Outside,
) -> Result<Scenario, Vec<Problem>> {
    let report = Report::new(text);
    let Some(document) = reading::document(&report, text, "a scenario") else {
        return Err(report.into_found());
    };
    let scenario = read_tables(file_name, Table::root(&report, &document), outside);
    let found = report.into_found();
    if found.is_empty() { Ok(scenario) } else { Err(found) }
}

/// The keys that the tables of a file are read for, by the name of the table. What the file says
/// does not matter, only which tables it has.
pub(super) fn keys(text: &str) -> BTreeMap<String, BTreeSet<&'static str>> {
    let report = Report::new(text);
    let (document, _errors) = DeTable::parse_recoverable(text);
    read_tables("keys", Table::root(&report, &document), &Nowhere);
    report.into_asked()
}

fn read_tables(file_name: &str, mut root: Table<'_>, outside: &dyn Outside) -> Scenario {
    let (title, seed) = sections::read_head(&mut root, file_name);
    let weaknesses = sections::read_system(&mut root);
    let services = services::read(&mut root);
    let edges = shop::edges();
    let gateway = gateway::read(&mut root, &edges);
    let run = sections::read_run(&mut root);
    let safety = sections::read_safety(&mut root);
    let flows::Journeys { sources, mut flows, setup, teardown } =
        flows::read(&mut root, flows::Place::Shop, outside);
    let loads = loads::read(&mut root, &flows, outside);
    let limit_ms = safety.limit.as_millis() as u64;
    let faults = faults::read(&mut root, &edges, limit_ms);
    let export = sections::read_export(&mut root);
    let last_fault = faults.specs.iter().map(FaultSpec::end_ms).max().map(Duration::from_millis);
    sections::check_times(root.report, &run, safety, last_fault);
    flows.retain(|flow| loads.iter().any(|load| load.share_of(&flow.name) > 0.0));
    let mut scenario = Scenario {
        title,
        seed,
        weaknesses,
        services,
        listen: gateway.listen,
        policies: gateway.policies,
        run: run.times,
        loads,
        flows,
        data: sources.data,
        feeders: sources.feeders,
        setup,
        teardown,
        faults: faults.specs,
        expectations: Vec::new(),
        safety,
        export,
    };
    // When a fault or the times are wrong, nothing is said about phases that depend on them.
    let timeline = root.report.is_empty().then(|| scenario.timeline());
    let known = Known {
        flows: &scenario.flows,
        policies: &scenario.policies,
        faults: &faults.names,
        control: !scenario.run.control.eq(&crate::units::Share::ZERO),
        timeline,
    };
    let expectations = expects::read(&mut root, &known);
    scenario.expectations = expectations;
    root.finish(&language::TABLES);
    scenario
}
