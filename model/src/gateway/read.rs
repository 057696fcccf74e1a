//! Reads a gateway file from top to bottom, in an order in which every name is known when it is
//! needed.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeTable;

use super::edges::{self, EdgeRead};
use super::{GatewayFile, process, routes};
use crate::edge::Edge;
use crate::plan::{Plan, Protocol};
use crate::policy::EdgePolicy;
use crate::reading::faults::{self, Rules};
use crate::reading::outside::Outside;
use crate::reading::policy;
use crate::reading::reader::{Report, Table};
use crate::reading::schedule::Horizon;

/// `None` when there are findings.
pub(super) fn file<'r>(
    report: &'r Report<'r>,
    document: &'r Spanned<DeTable<'r>>,
    outside: &dyn Outside,
) -> Option<GatewayFile> {
    let mut root = Table::root(report, document);
    let process = process::read(&mut root, outside);
    let limits = process::read_limits(&mut root);
    let defaults = read_defaults(&mut root);
    let edges = edges::read(&mut root, &defaults, outside);
    let protocols: BTreeMap<Edge, Option<Protocol>> =
        edges.iter().map(|edge| (edge.plan.edge.clone(), Some(edge.listener.protocol))).collect();
    let routes = routes::read(&mut root, &protocols);
    let faults = faults::read(&mut root, &rules(&protocols, outside));
    check_ways(report, &process, &edges, &routes);
    root.finish(&[]);
    if !report.is_empty() {
        return None;
    }
    let mut config = process.config;
    config.limits = limits;
    config.edges = edges.iter().map(|edge| edge.listener.clone()).collect();
    let plan = Plan {
        epoch: 1,
        seed: process.seed,
        zero_unix_ms: None,
        control: process.control,
        edges: edges.into_iter().map(|edge| edge.plan).collect(),
        routes: routes.list,
        faults: faults.specs,
        held: true,
    };
    Some(GatewayFile { config, plan })
}

/// What the faults of a gateway may be.
pub(super) fn rules<'a>(
    edges: &'a BTreeMap<Edge, Option<Protocol>>,
    outside: &'a dyn Outside,
) -> Rules<'a> {
    Rules {
        edges,
        outside,
        horizon: Horizon::Open,
        file: "a gateway file",
        later_keys: &[],
        refused_kind: |_| None,
        refused_target: |_| None,
    }
}

fn read_defaults(root: &mut Table<'_>) -> EdgePolicy {
    let none = EdgePolicy::default();
    let Some(mut table) = root.get("defaults").and_then(|value| value.table("[defaults]")) else {
        return none;
    };
    let policy = policy::read(&mut table, &none);
    table.finish(&[]);
    policy
}

/// Every edge is reached by somebody, every route from somewhere, and no address is taken twice.
fn check_ways(
    report: &Report<'_>,
    process: &process::Process<'_>,
    edges: &[EdgeRead<'_>],
    routes: &routes::Routes,
) {
    if let (Some(span), None) = (&routes.first, &process.listen) {
        report.add(span.clone(), "a [[route]] needs the public listener: `listen` in [proxy]");
    }
    if let (None, Some(listen)) = (&routes.first, &process.listen) {
        listen.wrong("nothing is behind the public listener; it needs a [[route]]");
    }
    for edge in edges {
        let routed = routes.list.iter().any(|route| route.edge == edge.plan.edge);
        let by_route = edge.listener.protocol == Protocol::Http;
        if edge.listen.is_none() && by_route && !routed && routes.sound {
            let (edge, span) = (&edge.plan.edge, edge.span.clone());
            let message = format!("nothing leads to {edge}: give it `listen`, or a [[route]]");
            report.add(span, message);
        }
    }
    let mut taken = BTreeMap::new();
    let listens = process.listeners().chain(edges.iter().filter_map(EdgeRead::listens));
    for (address, value) in listens.filter(|(address, _)| address.port() != 0) {
        if let Some(first) = taken.insert(address, value.name.clone()) {
            value.wrong(format!("{address} is already {first}"));
        }
    }
}
