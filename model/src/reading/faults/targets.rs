//! `on` of a fault: the edges that it breaks, by name or by pattern.

use std::collections::BTreeMap;

use super::Rules;
use crate::edge::{Edge, EdgeError};
use crate::fault::{FaultKind, Match};
use crate::plan::Protocol;
use crate::reading::nearest::{hint, nearest};
use crate::reading::reader::{Value, shorten};

/// What the edges of a fault carry, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Carried {
    pub(super) requests: bool,
    pub(super) bytes: bool,
}

/// Edges with the place that names them.
#[derive(Debug, Default)]
pub(super) struct Targets<'r> {
    found: Vec<Target<'r>>,
}

#[derive(Debug)]
struct Target<'r> {
    edge: Edge,
    /// `None` when it is not known what it carries; then everything fits.
    protocol: Option<Protocol>,
    /// A pattern takes what fits; an edge that is named must fit.
    by_pattern: bool,
    value: Value<'r>,
}

impl<'r> Targets<'r> {
    pub(super) fn read(value: &Value<'r>, rules: &Rules<'_>) -> Self {
        let mut found: Vec<Target<'r>> = Vec::new();
        for item in value.items() {
            let expected = "an edge like \"orders -> payments\", or a list of them";
            let Some(text) = item.text(expected) else { continue };
            match resolve(text, rules) {
                Ok((edges, by_pattern)) => found.extend(edges.into_iter().map(|edge| Target {
                    protocol: rules.edges.get(&edge).copied().flatten(),
                    edge,
                    by_pattern,
                    value: item.clone(),
                })),
                Err(message) => item.wrong(message),
            }
        }
        if value.is_list() && value.items().is_empty() {
            value.wrong("a fault needs at least one edge");
        }
        // Named edges come before those of patterns, so that they are the ones that are kept.
        found.sort_by(|left, right| {
            left.edge.cmp(&right.edge).then(left.by_pattern.cmp(&right.by_pattern))
        });
        found.dedup_by(|later, first| later.edge == first.edge);
        Self { found }
    }

    pub(super) fn callers(&self) -> Vec<&str> {
        self.found.iter().map(|target| target.edge.caller.as_str()).collect()
    }

    /// The edges on which the fault can act, and what they carry. `match_value` is where its match
    /// stands.
    pub(super) fn fitting(
        self,
        effect: Option<&FaultKind>,
        matching: &Match,
        match_value: Option<&Value<'_>>,
    ) -> (Vec<Edge>, Carried) {
        let mut edges = Vec::new();
        let mut carried = Carried::default();
        let mut misfit = None;
        for target in self.found {
            let is_bytes = target.protocol == Some(Protocol::Tcp);
            let is_requests = target.protocol == Some(Protocol::Http);
            let wrong_kind = effect.filter(|effect| {
                let row = effect.row();
                is_bytes && !row.tcp || is_requests && !row.http
            });
            let wrong_match = matching.needs_http() && is_bytes;
            if wrong_kind.is_none() && !wrong_match {
                carried.bytes |= is_bytes;
                carried.requests |= is_requests;
                edges.push(target.edge);
                continue;
            }
            let message = match wrong_kind {
                Some(effect) => format!(
                    "a fault of kind \"{}\" acts on {} edges, and {} carries {}",
                    effect.name(),
                    if effect.row().tcp { "TCP" } else { "HTTP" },
                    target.edge,
                    if is_bytes { "TCP" } else { "HTTP" },
                ),
                None => format!(
                    "bytes on {} have no requests to look into; only `caller` can be matched there",
                    target.edge
                ),
            };
            let place = match match_value {
                Some(place) if wrong_kind.is_none() => place.clone(),
                _ => target.value,
            };
            if target.by_pattern {
                misfit = Some((place, message));
            } else {
                place.wrong(message);
            }
        }
        if let (Some((place, message)), true) = (misfit, edges.is_empty()) {
            place.wrong(message);
        }
        (edges, carried)
    }
}

/// One edge, or all edges that a pattern with `*` as caller or callee fits, and which of both.
fn resolve(text: &str, rules: &Rules<'_>) -> Result<(Vec<Edge>, bool), String> {
    let Some((caller, callee)) = text.split_once("->") else {
        if let Some(message) = (rules.refused_target)(text.trim()) {
            return Err(message);
        }
        return known_edge(text, rules.edges).map(|edge| (vec![edge], false));
    };
    let (caller, callee) = (caller.trim(), callee.trim());
    if caller != "*" && callee != "*" {
        return known_edge(text, rules.edges).map(|edge| (vec![edge], false));
    }
    let fits = |pattern: &str, name: &str| pattern == "*" || pattern == name;
    let edges = rules.edges.keys();
    let found: Vec<Edge> = edges
        .clone()
        .filter(|edge| fits(caller, &edge.caller) && fits(callee, &edge.callee))
        .cloned()
        .collect();
    if found.is_empty() {
        let sides = edges.flat_map(|edge| [edge.caller.as_str(), edge.callee.as_str()]);
        let named = if caller == "*" { callee } else { caller };
        let near = nearest(named, sides).filter(|near| *near != named);
        let near = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
        return Err(format!("\"{}\" fits no edge of the system{near}", shorten(text)));
    }
    Ok((found, true))
}

/// Reads an edge and makes sure that the system has it.
pub(crate) fn known_edge<T>(text: &str, edges: &BTreeMap<Edge, T>) -> Result<Edge, String> {
    let edge: Edge = text.parse().map_err(|error: EdgeError| error.to_string())?;
    if edges.contains_key(&edge) {
        return Ok(edge);
    }
    let names: Vec<String> = edges.keys().map(ToString::to_string).collect();
    let hint = hint(&edge.to_string(), names.iter().map(String::as_str));
    Err(format!("unknown edge \"{edge}\"{hint}"))
}
