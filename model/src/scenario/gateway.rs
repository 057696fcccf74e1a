//! `[gateway]`: where it listens, and the policy of every edge from defaults and overrides.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::reader::{Table, Value, shorten};
use crate::edge::Edge;
use crate::policy::{BreakerPolicy, EdgePolicy, RetryOn, RetryPolicy};
use crate::scenario::nearest::{hint, nearest};
use crate::units::{Share, parse_duration};

/// Most calls in the window of a breaker.
const WINDOW_CALLS_MAX: u64 = 10_000;

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
        let edge = match known_edge(name, &policies.keys().cloned().collect::<Vec<_>>()) {
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

/// Reads an edge and makes sure that the system has it.
pub(crate) fn known_edge(text: &str, edges: &[Edge]) -> Result<Edge, String> {
    let edge: Edge = text.parse().map_err(|error: crate::edge::EdgeError| error.to_string())?;
    if edges.contains(&edge) {
        return Ok(edge);
    }
    let names: Vec<String> = edges.iter().map(ToString::to_string).collect();
    let hint = hint(&edge.to_string(), names.iter().map(String::as_str));
    Err(format!("unknown edge \"{edge}\"{hint}"))
}

fn read_policy(mut table: Table<'_>, base: &EdgePolicy) -> EdgePolicy {
    let mut policy = base.clone();
    if let Some(value) = table.get("timeout") {
        policy.timeout_ms = value.time_ms();
    }
    if let Some(value) = table.get("retry") {
        policy.retry = if value.is_false() {
            None
        } else {
            value.table(&format!("retry of {}", table.name)).map(read_retry)
        };
    }
    if let Some(value) = table.get("breaker") {
        policy.breaker = if value.is_false() {
            None
        } else {
            value.table(&format!("breaker of {}", table.name)).map(read_breaker)
        };
    }
    table.finish(&[]);
    policy
}

fn read_retry(mut table: Table<'_>) -> RetryPolicy {
    let attempts = table.require("attempts").and_then(|value| value.integer(1..=10));
    let on = table.get("on").map(|value| value.items().iter().filter_map(retry_on).collect());
    let backoff = table.get("backoff").as_ref().and_then(read_backoff);
    let (backoff_min_ms, backoff_max_ms) = backoff.unwrap_or((50, 400));
    let budget = table.get("budget").and_then(|value| value.share());
    let reserve = table.get("reserve").and_then(|value| value.integer(0..=1_000_000));
    table.finish(&[]);
    RetryPolicy {
        attempts: attempts.unwrap_or(1) as u32,
        on: on.unwrap_or_else(|| vec![RetryOn::Connect]),
        backoff_min_ms,
        backoff_max_ms,
        budget: budget.unwrap_or(Share::from_ppm(100_000)),
        budget_reserve_per_s: reserve.unwrap_or(1) as u32,
        retry_after_max_ms: 0,
    }
}

fn retry_on(value: &Value<'_>) -> Option<RetryOn> {
    if !value.is_text() {
        return value.integer(400..=599).map(|status| RetryOn::Status(status as u16));
    }
    match value.text("a cause")? {
        "connect" => Some(RetryOn::Connect),
        "reset" => Some(RetryOn::Reset),
        other => {
            let status = other.parse().ok().filter(|status| (400..=599).contains(status));
            if status.is_none() {
                let near = nearest(other, ["connect", "reset"]);
                let near = near.map(|near| format!("; did you mean \"{near}\"?"));
                value.wrong(format!(
                    "a retry is on \"connect\", \"reset\" or a status from \"400\" to \"599\", \
                     got \"{}\"{}",
                    shorten(other),
                    near.unwrap_or_default()
                ));
            }
            status.map(RetryOn::Status)
        },
    }
}

fn read_backoff(value: &Value<'_>) -> Option<(u64, u64)> {
    value.parsed("a range like \"50ms..400ms\"", |text| {
        let (min, max) = text.split_once("..").ok_or_else(|| {
            format!("a backoff is a range like \"50ms..400ms\", got \"{}\"", shorten(text))
        })?;
        let ms = |text: &str| {
            parse_duration(text)
                .map(|time| time.as_millis() as u64)
                .map_err(|error| error.to_string())
        };
        let (min, max) = (ms(min)?, ms(max)?);
        if min == 0 || max < min {
            return Err("a backoff needs a lower end of at least 1ms and not above its upper end"
                .to_owned());
        }
        Ok((min, max))
    })
}

fn read_breaker(mut table: Table<'_>) -> BreakerPolicy {
    let opens_at = table.require("opens_at").as_ref().and_then(read_opens_at);
    let minimum = table.get("minimum").and_then(|value| read_calls(&value));
    let slow_call_ms = table.get("slow").and_then(|value| value.time_ms());
    let slow_rate_value = table.get("slow_opens_at");
    if let (Some(value), None) = (&slow_rate_value, slow_call_ms) {
        value.wrong("`slow_opens_at` needs `slow`, the duration above which a call is slow");
    }
    let slow_rate = slow_rate_value.as_ref().and_then(read_rate);
    let open_ms = table.get("stays_open").and_then(|value| value.time_ms());
    let trials = table.get("trials").and_then(|value| value.integer(1..=WINDOW_CALLS_MAX));
    let trial_ms = table.get("trial_timeout").and_then(|value| value.time_ms());
    let (failure_rate, window_calls) = opens_at.unwrap_or((Share::WHOLE, WINDOW_CALLS_MAX as u32));
    if minimum.is_some_and(|minimum| minimum > window_calls) {
        table.wrong(format!(
            "{}: `minimum` is above the {window_calls} calls of the window, so it never opens",
            table.name
        ));
    }
    table.finish(&[]);
    BreakerPolicy {
        window_calls,
        minimum_calls: minimum.unwrap_or(window_calls),
        failure_rate,
        slow_call_ms,
        slow_rate: slow_rate.unwrap_or(Share::WHOLE),
        open_ms: open_ms.unwrap_or(5_000),
        half_open_permits: trials.unwrap_or(3) as u32,
        half_open_deadline_ms: trial_ms.unwrap_or(10_000),
    }
}

fn read_opens_at(value: &Value<'_>) -> Option<(Share, u32)> {
    value.parsed("a rate and a window like \"50% of 20 calls\"", |text| {
        let wrong = || {
            format!(
                "a breaker opens at something like \"50% of 20 calls\", got \"{}\"",
                shorten(text)
            )
        };
        let (rate, calls) = text.split_once(" of ").ok_or_else(wrong)?;
        let rate: Share = rate.parse().map_err(|_not_a_share| wrong())?;
        let calls = calls.trim().strip_suffix("calls").ok_or_else(wrong)?;
        let calls: u32 = calls.trim().parse().map_err(|_not_a_number| wrong())?;
        if rate == Share::ZERO || calls == 0 || u64::from(calls) > WINDOW_CALLS_MAX {
            return Err(format!(
                "a breaker needs a rate above 0% and a window of 1 to {WINDOW_CALLS_MAX} calls"
            ));
        }
        Ok((rate, calls))
    })
}

/// `10` or `"10 calls"`.
fn read_calls(value: &Value<'_>) -> Option<u32> {
    if !value.is_text() {
        return value.integer(1..=WINDOW_CALLS_MAX).map(|calls| calls as u32);
    }
    value.parsed("a number of calls", |text| {
        let number = text.trim().strip_suffix("calls").map(str::trim);
        number
            .and_then(|number| number.parse().ok())
            .filter(|calls| (1..=WINDOW_CALLS_MAX as u32).contains(calls))
            .ok_or_else(|| {
                format!("a number of calls is written \"10 calls\", got \"{}\"", shorten(text))
            })
    })
}

fn read_rate(value: &Value<'_>) -> Option<Share> {
    let rate = value.share()?;
    if rate == Share::ZERO {
        value.wrong("a breaker that opens at 0% would always be open");
        return None;
    }
    Some(rate)
}
