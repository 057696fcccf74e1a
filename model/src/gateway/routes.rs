//! `[[route]]`: which requests of the public listener go over which edge.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::edge::{CLIENT, Edge};
use crate::fault::Pair;
use crate::plan::{Protocol, Route};
use crate::reading::faults::known_edge;
use crate::reading::matching::{read_method, read_pairs};
use crate::reading::reader::{Table, Value, shorten};

/// Most routes of one file.
const ROUTES_MAX: usize = 1_024;
const WEIGHT_MAX: u64 = 1_000_000;

#[derive(Debug)]
pub(super) struct Routes {
    pub(super) list: Vec<Route>,
    /// Where the first one stands; `None` when there is none.
    pub(super) first: Option<Range<usize>>,
    /// Every target could be read.
    pub(super) sound: bool,
}

/// The conditions of a route: those of two must differ.
type Conditions = (String, Option<String>, Option<String>, Vec<Pair>);

pub(super) fn read(root: &mut Table<'_>, edges: &BTreeMap<Edge, Option<Protocol>>) -> Routes {
    let mut tables = root.tables("route");
    if let Some(first_too_many) = tables.get(ROUTES_MAX) {
        first_too_many.wrong(format!("a gateway has at most {ROUTES_MAX} routes"));
        tables.truncate(ROUTES_MAX);
    }
    let first = tables.first().map(|table| table.span.clone());
    let mut seen: Vec<Conditions> = Vec::new();
    let (mut list, mut sound) = (Vec::new(), true);
    for table in tables {
        let span = table.span.clone();
        let report = table.report;
        let Some(routes) = read_route(table, edges) else {
            sound = false;
            continue;
        };
        let Some(one) = routes.first() else { continue };
        let conditions =
            (one.prefix.clone(), one.host.clone(), one.method.clone(), one.headers.clone());
        if seen.contains(&conditions) {
            let message = "an earlier route has the same conditions; `split` shares requests \
                           between edges";
            report.add(span, message);
        }
        seen.push(conditions);
        list.extend(routes);
    }
    Routes { list, first, sound }
}

/// One route for each edge that it leads to; `None` when a part is wrong.
fn read_route(
    mut table: Table<'_>,
    edges: &BTreeMap<Edge, Option<Protocol>>,
) -> Option<Vec<Route>> {
    let prefix = table.require("prefix").and_then(|value| read_prefix(&value));
    let host = table.get("host").map(|value| read_host(&value));
    let method = table.get("method").and_then(|value| read_method(&value));
    let headers = read_pairs(&mut table, "headers");
    let to = table.get("to");
    let split = table.get("split");
    let targets = match (&to, &split) {
        (Some(to), None) => read_edge(to, to.text("an edge"), edges).map(|edge| vec![(edge, 1)]),
        (None, Some(split)) => read_split(split, edges),
        _ => {
            table.wrong("a route needs one of `to`, an edge, and `split`, edges with weights");
            None
        },
    };
    table.finish(&[]);
    let (prefix, host) = (prefix?, host.map_or(Some(None), |host| host.map(Some))?);
    let route = |(edge, weight): (Edge, u32)| Route {
        prefix: prefix.clone(),
        host: host.clone(),
        method: method.clone(),
        headers: headers.clone(),
        weight,
        edge,
    };
    Some(targets?.into_iter().map(route).collect())
}

fn read_prefix(value: &Value<'_>) -> Option<String> {
    let prefix = value.text("a prefix like \"/orders\"")?;
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"*?#".contains(&byte);
    if !prefix.starts_with('/') || !prefix.bytes().all(plain) {
        value.wrong(format!(
            "a prefix is written \"/orders\" and takes \"/orders\" and all below it, got \"{}\"",
            shorten(prefix)
        ));
        return None;
    }
    Some(prefix.to_owned())
}

fn read_host(value: &Value<'_>) -> Option<String> {
    let host = value.text("a host like \"shop.example\"")?;
    let name = host.strip_prefix("*.").unwrap_or(host);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        value.wrong(format!(
            "a host is written without port, \"shop.example\", or \"*.shop.example\" for all names \
             below it, got \"{}\"",
            shorten(host)
        ));
        return None;
    }
    Some(host.to_ascii_lowercase())
}

fn read_split(
    value: &Value<'_>,
    edges: &BTreeMap<Edge, Option<Protocol>>,
) -> Option<Vec<(Edge, u32)>> {
    let table = value.inner_table()?;
    let named = table.named();
    let mut targets: Vec<(Edge, u32)> = Vec::new();
    let count = named.len();
    for (name, span, weight) in named {
        let place = weight.at(span);
        let edge = read_edge(&place, Some(name), edges);
        // With a weight of 0 an edge is ready and gets nothing yet.
        let weight = weight.integer(0..=WEIGHT_MAX);
        if edge.as_ref().is_some_and(|edge| targets.iter().any(|(other, _)| other == edge)) {
            place.wrong(format!("the edge \"{}\" is there twice", shorten(name)));
        }
        targets.extend(edge.zip(weight.map(|weight| weight as u32)));
    }
    if count < 2 {
        value.wrong("a split needs at least two edges; one alone is written `to`");
    }
    if targets.len() == count && targets.iter().all(|(_, weight)| *weight == 0) {
        value.wrong("every weight of this split is 0, so nobody gets anything");
    }
    (targets.len() == count).then_some(targets)
}

/// An edge that can be behind the public listener.
fn read_edge(
    place: &Value<'_>,
    name: Option<&str>,
    edges: &BTreeMap<Edge, Option<Protocol>>,
) -> Option<Edge> {
    let edge = match known_edge(name?, edges) {
        Ok(edge) => edge,
        Err(message) => {
            place.wrong(message);
            return None;
        },
    };
    if edges.get(&edge) == Some(&Some(Protocol::Tcp)) {
        place.wrong(format!("{edge} carries bytes, and a route leads to an edge of requests"));
    } else if edge.caller != CLIENT {
        place.wrong(format!(
            "who comes in by the public listener is \"{CLIENT}\", so a route leads to an edge \
             like \"{CLIENT} -> {}\", not to \"{edge}\"",
            edge.callee
        ));
    }
    Some(edge)
}
