//! A plan is checked as a whole before anything of it acts. The first thing that is wrong is
//! named with its place and with what was expected there, so that the author need not guess.
//!
//! What could never act is wrong as well (a fault of connections on an edge of requests, every
//! tenth of the first five): a plan that is accepted and does nothing is the worst answer of all.

use std::collections::{BTreeMap, BTreeSet};

use model::edge::Edge;
use model::fault::Per;
use model::limits::{EDGES_MAX, FAULTS_MAX};
use model::plan::{EdgePlan, Plan, Protocol, Route};
use model::units::Share;

mod effects;
mod faults;
mod matching;
mod policies;
mod text;

/// Most endpoints of one edge.
const ENDPOINTS_MAX: usize = 1_024;
/// Most routes of the public listener.
const ROUTES_MAX: usize = 1_024;

/// What is wrong with a plan, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {error}")]
pub(crate) struct Invalid {
    pub(crate) field: String,
    pub(crate) error: String,
}

type Checked = Result<(), Invalid>;
/// Edges by what they carry.
type Edges<'a> = BTreeMap<&'a Edge, Protocol>;

/// `known` are the edges that have a listener.
pub(crate) fn validate(plan: &Plan, known: &BTreeMap<Edge, Protocol>) -> Checked {
    share("control", plan.control)?;
    at_most("edges", plan.edges.len(), EDGES_MAX)?;
    at_most("routes", plan.routes.len(), ROUTES_MAX)?;
    at_most("faults", plan.faults.len(), FAULTS_MAX)?;
    let mut edges = Edges::new();
    for (index, edge) in plan.edges.iter().enumerate() {
        let field = format!("edges[{index}]");
        let protocol = check_edge(&field, edge, known)?;
        ensure(edges.insert(&edge.edge, protocol).is_none(), &format!("{field}.edge"), || {
            format!("edge {} is there twice", edge.edge)
        })?;
    }
    for (index, route) in plan.routes.iter().enumerate() {
        check_route(&format!("routes[{index}]"), route, &edges)?;
    }
    let mut names = BTreeSet::new();
    for (index, fault) in plan.faults.iter().enumerate() {
        let field = format!("faults[{index}]");
        ensure(names.insert(&fault.name), &format!("{field}.name"), || {
            format!("two faults are named {:?}", fault.name)
        })?;
        faults::check(&field, fault, &edges)?;
    }
    Ok(())
}

fn ensure(holds: bool, field: &str, error: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Invalid { field: field.to_owned(), error: error() }) }
}

fn share(field: &str, share: Share) -> Checked {
    ensure(share.ppm() <= Share::WHOLE_PPM, field, || {
        format!("a share is at most {} parts per million, got {}", Share::WHOLE_PPM, share.ppm())
    })
}

/// A share of which something must be left.
fn share_above_zero(field: &str, value: Share) -> Checked {
    share(field, value)?;
    at_least_one(field, u64::from(value.ppm()))
}

fn at_least_one(field: &str, value: u64) -> Checked {
    ensure(value > 0, field, || "must be at least 1, got 0".to_owned())
}

fn at_most(field: &str, count: usize, max: usize) -> Checked {
    ensure(count <= max, field, || format!("at most {max}, got {count}"))
}

fn check_edge(
    field: &str,
    plan: &EdgePlan,
    known: &BTreeMap<Edge, Protocol>,
) -> Result<Protocol, Invalid> {
    let Some(protocol) = known.get(&plan.edge).copied() else {
        let error = format!("edge {} has no listener in this proxy", plan.edge);
        return Err(Invalid { field: format!("{field}.edge"), error });
    };
    at_most(&format!("{field}.endpoints"), plan.endpoints.len(), ENDPOINTS_MAX)?;
    policies::check(&format!("{field}.policy"), &plan.policy, protocol)?;
    Ok(protocol)
}

/// Of connections nothing is known that could be counted by, except where they go.
fn check_per(field: &str, per: &Per, protocol: Protocol) -> Checked {
    ensure(*per == Per::Edge || protocol == Protocol::Http, field, || {
        "connections of a tcp edge have neither users nor paths nor headers: leave it out"
            .to_owned()
    })?;
    match per {
        Per::Header(name) => text::field_name(&format!("{field}.name"), name),
        _ => Ok(()),
    }
}

/// Equal routes are sound: they share by weight.
fn check_route(field: &str, route: &Route, edges: &Edges<'_>) -> Checked {
    ensure(route.prefix.starts_with('/'), &format!("{field}.prefix"), || {
        format!("a prefix starts with /, got {:?}", route.prefix)
    })?;
    if let Some(host) = &route.host {
        text::host(&format!("{field}.host"), host)?;
    }
    if let Some(method) = &route.method {
        text::method(&format!("{field}.method"), method)?;
    }
    matching::header_pairs(&format!("{field}.headers"), &route.headers)?;
    let field = format!("{field}.edge");
    let protocol = edges.get(&route.edge);
    ensure(protocol.is_some(), &field, || {
        format!("edge {} is not one of the plan's edges", route.edge)
    })?;
    ensure(protocol != Some(&Protocol::Tcp), &field, || {
        format!("a route leads to an edge of requests, and {} is a tcp edge", route.edge)
    })
}

#[cfg(test)]
mod tests;
