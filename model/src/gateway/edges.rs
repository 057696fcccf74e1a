//! `[edge."caller -> callee"]`: who is called over it, where callers meet it, and its policy.

use std::net::SocketAddr;
use std::ops::Range;

use super::process::read_address;
use crate::edge::{Edge, EdgeError};
use crate::fault::Per;
use crate::limits::EDGES_MAX;
use crate::plan::{EdgeListener, EdgePlan, Protocol};
use crate::policy::EdgePolicy;
use crate::policy::balance::Algorithm;
use crate::reading::outside::Outside;
use crate::reading::policy;
use crate::reading::reader::{Table, Value, shorten};

/// Most endpoints of one edge.
const ENDPOINTS_MAX: usize = 1_024;

/// One edge and where its parts stand.
#[derive(Debug)]
pub(super) struct EdgeRead<'r> {
    pub(super) listener: EdgeListener,
    pub(super) plan: EdgePlan,
    pub(super) span: Range<usize>,
    /// The listener that the file gives it; without one, only the public listener leads to it.
    pub(super) listen: Option<Value<'r>>,
}

impl<'r> EdgeRead<'r> {
    pub(super) fn listens(&self) -> Option<(SocketAddr, &Value<'r>)> {
        self.listen.as_ref().map(|value| (self.listener.listen, value))
    }
}

pub(super) fn read<'r>(
    root: &mut Table<'r>,
    defaults: &EdgePolicy,
    outside: &dyn Outside,
) -> Vec<EdgeRead<'r>> {
    const MISSING: &str = "a gateway needs at least one edge, like [edge.\"client -> orders\"]";
    let Some(value) = root.get("edge") else {
        root.wrong(MISSING);
        return Vec::new();
    };
    let Some(table) = value.table("[edge]") else { return Vec::new() };
    if table.named().is_empty() {
        table.wrong(MISSING);
    }
    let mut edges: Vec<EdgeRead<'r>> = Vec::new();
    for (name, span, value) in table.named() {
        let edge: Edge = match name.parse() {
            Ok(edge) => edge,
            Err(error) => {
                let error: EdgeError = error;
                table.report.add(span, format!("{error}"));
                continue;
            },
        };
        if edges.iter().any(|other| other.plan.edge == edge) {
            table.report.add(span, format!("the edge {edge} is there twice"));
            continue;
        }
        if edges.len() == EDGES_MAX {
            table.report.add(span, format!("a gateway has at most {EDGES_MAX} edges"));
            break;
        }
        let Some(inner) = value.table(&format!("[edge.\"{edge}\"]")) else { continue };
        edges.push(read_edge(inner, edge, span, (defaults, outside)));
    }
    edges
}

fn read_edge<'r>(
    mut table: Table<'r>,
    edge: Edge,
    span: Range<usize>,
    (defaults, outside): (&EdgePolicy, &dyn Outside),
) -> EdgeRead<'r> {
    let protocol = match table.get("protocol").and_then(|value| {
        // What carries requests and what carries bytes have different policies.
        value.one_of("protocol", ["http", "tcp"])
    }) {
        Some("tcp") => Protocol::Tcp,
        _ => Protocol::Http,
    };
    let listen = table.get("listen");
    let mut listener = EdgeListener::on_loopback(edge.clone());
    listener.protocol = protocol;
    if let Some(address) = listen.as_ref().and_then(read_address) {
        listener.listen = address;
    }
    if protocol == Protocol::Tcp && listen.is_none() {
        table.wrong(format!("{edge} carries bytes, so no route leads to it; it needs `listen`"));
    }
    let endpoints = table.require("endpoints");
    let endpoints = endpoints.map(|value| read_endpoints(&value, outside)).unwrap_or_default();
    let policy = match protocol {
        Protocol::Http => policy::read(&mut table, defaults),
        Protocol::Tcp => read_policy_of_bytes(&mut table, defaults),
    };
    table.finish(&[]);
    EdgeRead { listener, plan: EdgePlan { edge, endpoints, policy }, span, listen }
}

/// Keys that need requests to act on.
const OF_REQUESTS: [&str; 9] = [
    "timeout",
    "attempt_timeout",
    "retry",
    "hedge",
    "breaker",
    "shadow_breakers",
    "rate_limit",
    "bulkhead",
    "adaptive_limit",
];

fn read_policy_of_bytes(table: &mut Table<'_>, defaults: &EdgePolicy) -> EdgePolicy {
    let mut policy = EdgePolicy { balance: defaults.balance.clone(), ..EdgePolicy::default() };
    policy::read_balance(table, &mut policy);
    if let Algorithm::RingHash { by } = &policy.balance.algorithm
        && *by != Per::Edge
    {
        table.wrong(format!(
            "connections have neither users nor paths, so a ring by \"{by}\" has nothing to go by \
             here; give this edge another `balance`"
        ));
    }
    for key in OF_REQUESTS {
        let message = format!(
            "`{key}` is about requests, and an edge with protocol = \"tcp\" carries bytes only"
        );
        table.refuse(key, &message);
    }
    policy
}

/// `"127.0.0.1:7001"`, or `"orders:7001"` for every address that the name has.
fn read_endpoints(value: &Value<'_>, outside: &dyn Outside) -> Vec<SocketAddr> {
    let mut endpoints = Vec::new();
    for item in value.items() {
        let Some(found) = read_endpoint(&item, outside) else { continue };
        for address in found {
            if endpoints.contains(&address) {
                item.wrong(format!("the endpoint {address} is there twice"));
            } else {
                endpoints.push(address);
            }
        }
    }
    if value.is_list() && value.items().is_empty() {
        value.wrong(format!("{} must not be empty", value.name));
    }
    if endpoints.len() > ENDPOINTS_MAX {
        value.wrong(format!("an edge has at most {ENDPOINTS_MAX} endpoints"));
    }
    endpoints
}

fn read_endpoint(value: &Value<'_>, outside: &dyn Outside) -> Option<Vec<SocketAddr>> {
    value.parsed("an endpoint like \"127.0.0.1:7001\" or \"orders:7001\"", |text| {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return if address.port() == 0 {
                Err(format!("nobody can be reached at port 0, got \"{address}\""))
            } else {
                Ok(vec![address])
            };
        }
        let wrong = || {
            format!(
                "an endpoint is written \"127.0.0.1:7001\" or \"orders:7001\", without a scheme \
                 or path, got \"{}\"",
                shorten(text)
            )
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port: u16 = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if host.is_empty() || !host.bytes().all(plain) {
            return Err(wrong());
        }
        outside.addresses(host, port)
    })
}
