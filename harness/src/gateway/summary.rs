//! What a gateway says about itself: where it listens, what it does, what is wrong.

use std::fmt::Write as _;

use model::gateway::GatewayFile;
use model::plan::{EdgeAddress, Plan, Protocol, ProxyAddresses, ProxyConfig};

/// The line that says that it serves, where, and what may be done next.
pub(super) fn ready(config: &ProxyConfig, plan: &Plan, at: &ProxyAddresses) -> String {
    let mut places = Vec::new();
    if !plan.routes.is_empty() {
        places.push(format!("http://{}", at.gateway));
    }
    // An edge that only routes lead to has a listener that nobody asked for.
    let asked_for = |edge: &&EdgeAddress| {
        let listener = config.edges.iter().find(|listener| listener.edge == edge.edge);
        let is_named = listener.is_some_and(|listener| listener.listen.port() != 0);
        is_named || !plan.routes.iter().any(|route| route.edge == edge.edge)
    };
    let edges = at.edges.iter().filter(asked_for);
    places.extend(edges.map(|edge| format!("{} ({})", edge.address, edge.edge)));
    let mut served = Vec::new();
    if !places.is_empty() {
        served.push(format!("{} on {}", self::plan(plan), places.join(", ")));
    }
    served.extend(at.toxiproxy.map(|at| format!("Toxiproxy API on {at}")));
    format!(
        "serving {}; faults: shakedown fault list --admin http://{}",
        served.join(", "),
        at.admin
    )
}

/// `2 edges, 1 fault`.
pub(super) fn plan(plan: &Plan) -> String {
    let (edges, faults) = (plan.edges.len(), plan.faults.len());
    format!("{}, {}", counted(edges, "edge"), counted(faults, "fault"))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// What other machines can reach is said aloud.
pub(super) fn exposed(at: &ProxyAddresses) -> Vec<String> {
    let edges = at.edges.iter().map(|edge| (edge.edge.to_string(), edge.address));
    let all =
        [("the public listener".to_owned(), at.gateway), ("the admin API".to_owned(), at.admin)];
    all.into_iter()
        .chain(edges)
        .filter(|(_, address)| !address.ip().is_loopback())
        .map(|(what, address)| format!("{what} on {address} can be reached from other machines"))
        .collect()
}

/// A refusal of the proxy with the names of the file instead of places in lists.
pub(super) fn with_names(error: &str, plan: &Plan) -> String {
    let mut text = error.to_owned();
    let faults = plan.faults.iter().map(|fault| format!("fault \"{}\"", fault.name));
    let edges = plan.edges.iter().map(|edge| format!("edge {}", edge.edge));
    let routes = plan.routes.iter().map(|route| format!("route {}", route.prefix));
    for (list, names) in [
        ("faults", faults.collect::<Vec<String>>()),
        ("edges", edges.collect()),
        ("routes", routes.collect()),
    ] {
        for (index, name) in names.iter().enumerate() {
            // The first place is the one that is meant; lists within a fault have the same names.
            text = text.replacen(&format!(" {list}[{index}]"), &format!(" {name}"), 1);
        }
    }
    text
}

/// The page of `--check`.
pub(super) fn whole(file: &GatewayFile) -> String {
    let GatewayFile { config, plan } = file;
    let mut page = String::new();
    // Writing to a string cannot fail.
    _ = write_whole(&mut page, config, plan);
    page
}

fn write_whole(page: &mut String, config: &ProxyConfig, plan: &Plan) -> std::fmt::Result {
    writeln!(page, "{}, seed {}, admin API on {}", self::plan(plan), plan.seed, config.admin)?;
    writeln!(page, "\nedges")?;
    for (listener, edge) in config.edges.iter().zip(&plan.edges) {
        let protocol = match listener.protocol {
            Protocol::Http => "http",
            Protocol::Tcp => "tcp",
        };
        let to: Vec<String> = edge.endpoints.iter().map(ToString::to_string).collect();
        let listen = match listener.listen.port() {
            0 => "by route".to_owned(),
            _ => format!("on {}", listener.listen),
        };
        writeln!(page, "  {}: {protocol} {listen}, to {}", edge.edge, to.join(", "))?;
    }
    if !plan.routes.is_empty() {
        writeln!(page, "\nroutes of {}", config.gateway)?;
    }
    for route in &plan.routes {
        let mut conditions = Vec::new();
        conditions.extend(route.method.clone());
        conditions.push(format!("{}{}", route.host.as_deref().unwrap_or(""), route.prefix));
        conditions.extend(route.headers.iter().map(|pair| match &pair.value {
            Some(value) => format!("{}: {value}", pair.name),
            None => format!("{}: any", pair.name),
        }));
        let weight =
            if route.weight == 1 { String::new() } else { format!(", weight {}", route.weight) };
        writeln!(page, "  {} to {}{weight}", conditions.join(" "), route.edge)?;
    }
    if !plan.faults.is_empty() {
        writeln!(page, "\nfaults (times count from the start)")?;
    }
    for fault in &plan.faults {
        let edges: Vec<String> = fault.edges.iter().map(ToString::to_string).collect();
        let (shares, at) = (fault.shares(), fault.placement.as_str());
        writeln!(
            page,
            "  {}: {} at {at}, share {shares}, on {}",
            fault.name,
            fault.effect,
            edges.join(", ")
        )?;
        if !fault.matching.is_empty() {
            writeln!(page, "    only {}", fault.matching)?;
        }
        let when = fault.when.to_string();
        if !when.is_empty() {
            writeln!(page, "    {when}")?;
        }
        if let Some(times) = times(fault) {
            writeln!(page, "    {times}")?;
        }
    }
    Ok(())
}

/// When a fault acts; `None` for always.
fn times(fault: &model::fault::FaultSpec) -> Option<String> {
    let time = |ms| model::units::format_duration(std::time::Duration::from_millis(ms));
    let (start_ms, end_ms) = (fault.start_ms(), fault.end_ms());
    let end = (end_ms < model::fault::FOREVER_MS).then(|| time(end_ms));
    if start_ms == 0 && end.is_none() {
        return None;
    }
    let windows = fault.schedule.len();
    let repeated = if windows > 1 { format!(", in {windows} windows") } else { String::new() };
    Some(format!("from {} to {}{repeated}", time(start_ms), end.as_deref().unwrap_or("its end")))
}

#[cfg(test)]
mod tests;
