//! `[data]`, `[feeder]`, `[setup]`, `[[flow]]`, `[teardown]`: what users do, and what their
//! requests are filled from. The same in scenarios and in load files.

use std::collections::BTreeMap;

use crate::feeder::Feeder;
use crate::flow::Flow;
use crate::reading::names;
use crate::reading::outside::Outside;
use crate::reading::reader::{Table, Value};
use crate::shop;

mod client;
mod data;
mod feeders;
mod step;
mod steps;
mod turns;

pub(super) use client::read as read_client;
use steps::Defaults;

/// Lists by name.
pub(crate) type Data = BTreeMap<String, Vec<String>>;

/// Where requests go, which decides what paths are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The sample shop behind its gateway, which brings flows and the list `sku`.
    Shop,
    /// Any server.
    Anywhere,
}

/// What requests are filled from.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) place: Place,
    pub(crate) data: Data,
    pub(crate) feeders: Vec<Feeder>,
    /// Names that the set-up saves.
    pub(crate) setup: Vec<String>,
}

/// Everything that a file says about what users do.
#[derive(Debug)]
pub(crate) struct Journeys {
    pub(crate) sources: Sources,
    pub(crate) flows: Vec<Flow>,
    pub(crate) setup: Option<Flow>,
    pub(crate) teardown: Option<Flow>,
}

pub(crate) fn read(root: &mut Table<'_>, place: Place, outside: &dyn Outside) -> Journeys {
    let mut data = match place {
        Place::Shop => Data::from([("sku".to_owned(), shop::skus())]),
        Place::Anywhere => Data::new(),
    };
    data::read(root, &mut data);
    let feeders = feeders::read(root, outside);
    let mut sources = Sources { place, data, feeders, setup: Vec::new() };
    let setup = read_once(root, "setup", &sources);
    if let Some(setup) = &setup {
        sources.setup = setup.steps.iter().flat_map(|step| step.save.keys().cloned()).collect();
    }
    let flows = read_flows(root, &sources);
    let teardown = read_once(root, "teardown", &sources);
    Journeys { sources, flows, setup, teardown }
}

/// `[setup]` or `[teardown]`: a flow that is walked once.
fn read_once(root: &mut Table<'_>, key: &'static str, sources: &Sources) -> Option<Flow> {
    let mut table = root.get(key)?.table(&format!("[{key}]"))?;
    let flow = read_body(&mut table, key.to_owned(), sources);
    table.finish(&[]);
    flow
}

/// The flows of the file, then those of the shop that the file does not define itself.
fn read_flows(root: &mut Table<'_>, sources: &Sources) -> Vec<Flow> {
    let mut flows = Vec::new();
    let mut seen = Vec::new();
    for mut table in root.tables("flow") {
        let name_value = table.require("name");
        let name = name_value.as_ref().and_then(|value| read_name(value, &mut seen));
        // A flow without a usable name is read for its other mistakes.
        let flow = read_body(&mut table, name.clone().unwrap_or_default(), sources);
        table.finish(&[]);
        flows.extend(name.and(flow));
    }
    if sources.place == Place::Shop {
        let defined: Vec<String> = flows.iter().map(|flow: &Flow| flow.name.clone()).collect();
        flows.extend(shop::flows().into_iter().filter(|flow| !defined.contains(&flow.name)));
    }
    flows
}

fn read_name(value: &Value<'_>, seen: &mut Vec<String>) -> Option<String> {
    let name = names::read(value, "/(),>")?;
    names::unique(value, &name, seen).then_some(name)
}

/// What a flow says of itself, and its steps, which take from it what they leave out.
fn read_body(table: &mut Table<'_>, name: String, sources: &Sources) -> Option<Flow> {
    let cookies = table.get("cookies").and_then(|value| value.flag()).unwrap_or_default();
    let defaults = Defaults {
        think: table.get("think").as_ref().and_then(turns::read_think),
        timeout_ms: table.get("timeout").and_then(|value| value.time_ms()),
        client: client::read(table),
    };
    let steps = table.require("steps").map(|value| steps::read(&value, sources, &defaults));
    Some(Flow { name, steps: steps?, cookies })
}
