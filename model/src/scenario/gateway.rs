//! `[gateway]`: where it listens, and the policy of every edge from defaults and overrides.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::edge::Edge;
use crate::policy::EdgePolicy;
use crate::reading::faults::known_edge;
use crate::reading::policy;
use crate::reading::reader::{Table, Value, shorten};

#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) listen: SocketAddr,
    pub(super) policies: BTreeMap<Edge, EdgePolicy>,
}

/// `edges` are all edges of the system. Without `[gateway]` no edge has a policy.
pub(super) fn read(root: &mut Table<'_>, edges: &[Edge]) -> Gateway {
    let mut gateway = Gateway {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        policies: edges.iter().map(|edge| (edge.clone(), EdgePolicy::default())).collect(),
    };
    let Some(mut table) = root.get("gateway").and_then(|value| value.table("[gateway]")) else {
        return gateway;
    };
    if let Some(listen) = table.get("listen").as_ref().and_then(read_listen) {
        gateway.listen = listen;
    }
    if let Some(trace) = table.get("trace") {
        read_trace(&trace);
    }
    let defaults = table.get("defaults").and_then(|value| value.table("[gateway.defaults]"));
    if let Some(defaults) = defaults {
        let policy = read_policy(defaults, &EdgePolicy::default());
        gateway.policies.values_mut().for_each(|each| each.clone_from(&policy));
    }
    if let Some(overrides) = table.get("edge").and_then(|value| value.table("[gateway.edge]")) {
        read_overrides(&overrides, &mut gateway.policies);
    }
    table.finish(&[]);
    gateway
}

fn read_listen(value: &Value<'_>) -> Option<SocketAddr> {
    let expected = "an address like \"127.0.0.1:8080\"";
    let text = value.text(expected)?;
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Some(address),
        Ok(address) => {
            value.wrong(format!(
                "the gateway listens on the loopback only (127.0.0.1 or [::1]), got {address}"
            ));
            None
        },
        Err(_not_an_address) => {
            value.wrong(format!("{} must be {expected}, got \"{}\"", value.name, shorten(text)));
            None
        },
    }
}

fn read_trace(value: &Value<'_>) {
    match value.text("\"w3c\"") {
        Some("w3c") | None => {},
        Some(other) => {
            let other = shorten(other);
            value.wrong(format!("trace headers \"{other}\" are not supported; known: w3c"));
        },
    }
}

fn read_overrides(overrides: &Table<'_>, policies: &mut BTreeMap<Edge, EdgePolicy>) {
    let mut seen = Vec::new();
    for (name, span, value) in overrides.named() {
        let edge = match known_edge(name, policies) {
            Ok(edge) => edge,
            Err(message) => {
                overrides.report.add(span, message);
                continue;
            },
        };
        if seen.contains(&edge) {
            overrides.report.add(span, format!("the edge {edge} has a policy twice"));
            continue;
        }
        let base = policies.get(&edge).cloned().unwrap_or_default();
        if let Some(table) = value.table(&format!("[gateway.edge.\"{edge}\"]")) {
            policies.insert(edge.clone(), read_policy(table, &base));
        }
        seen.push(edge);
    }
}

fn read_policy(mut table: Table<'_>, base: &EdgePolicy) -> EdgePolicy {
    let policy = policy::read(&mut table, base);
    table.finish(&[]);
    policy
}
