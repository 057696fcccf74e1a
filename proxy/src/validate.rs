//! A plan is checked as a whole before anything of it acts. The first thing that is wrong is
//! named with its place, so that the author need not guess.

use std::collections::BTreeSet;

use model::edge::Edge;
use model::fault::{FaultKind, FaultSpec, Placement};
use model::limits::{EDGES_MAX, FAULT_WINDOWS_MAX, FAULTS_MAX};
use model::plan::{EdgePlan, Plan, Route};
use model::policy::{BreakerPolicy, EdgePolicy, RetryOn, RetryPolicy};
use model::units::Share;

/// Most attempts of one request: a longer chain only multiplies the load on a sick callee.
const ATTEMPTS_MAX: u32 = 10;
/// Most calls in a breaker's window.
const WINDOW_CALLS_MAX: u32 = 100_000;

/// What is wrong with a plan, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {error}")]
pub(crate) struct Invalid {
    pub(crate) field: String,
    pub(crate) error: String,
}

type Checked = Result<(), Invalid>;

/// `known` are the edges that have a listener.
pub(crate) fn validate(plan: &Plan, known: &BTreeSet<Edge>) -> Checked {
    share("control", plan.control)?;
    ensure(plan.edges.len() <= EDGES_MAX, "edges", || format!("at most {EDGES_MAX}"))?;
    ensure(plan.faults.len() <= FAULTS_MAX, "faults", || format!("at most {FAULTS_MAX}"))?;
    let mut edges = BTreeSet::new();
    for (index, edge) in plan.edges.iter().enumerate() {
        let field = format!("edges[{index}]");
        check_edge(&field, edge, known)?;
        ensure(edges.insert(&edge.edge), &format!("{field}.edge"), || {
            format!("edge {} is there twice", edge.edge)
        })?;
    }
    let mut prefixes = BTreeSet::new();
    for (index, route) in plan.routes.iter().enumerate() {
        let field = format!("routes[{index}]");
        check_route(&field, route, &edges)?;
        let prefix = route.prefix.trim_end_matches('/');
        ensure(prefixes.insert(prefix), &format!("{field}.prefix"), || {
            format!("prefix {:?} is routed twice", route.prefix)
        })?;
    }
    let mut names = BTreeSet::new();
    for (index, fault) in plan.faults.iter().enumerate() {
        let field = format!("faults[{index}]");
        ensure(names.insert(&fault.name), &format!("{field}.name"), || {
            format!("two faults are named {:?}", fault.name)
        })?;
        check_fault(&field, fault, &edges)?;
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

fn at_least_one(field: &str, value: u64) -> Checked {
    ensure(value > 0, field, || "must be at least 1, got 0".to_owned())
}

fn check_edge(field: &str, plan: &EdgePlan, known: &BTreeSet<Edge>) -> Checked {
    ensure(known.contains(&plan.edge), &format!("{field}.edge"), || {
        format!("edge {} has no listener in this proxy", plan.edge)
    })?;
    check_policy(&format!("{field}.policy"), &plan.policy)
}

fn check_policy(field: &str, policy: &EdgePolicy) -> Checked {
    if let Some(timeout_ms) = policy.timeout_ms {
        at_least_one(&format!("{field}.timeout_ms"), timeout_ms)?;
    }
    if let Some(retry) = &policy.retry {
        check_retry(&format!("{field}.retry"), retry)?;
    }
    match &policy.breaker {
        Some(breaker) => check_breaker(&format!("{field}.breaker"), breaker),
        None => Ok(()),
    }
}

fn check_retry(field: &str, retry: &RetryPolicy) -> Checked {
    let attempts = retry.attempts;
    ensure((1..=ATTEMPTS_MAX).contains(&attempts), &format!("{field}.attempts"), || {
        format!("must be 1 to {ATTEMPTS_MAX}, got {attempts}")
    })?;
    for (index, on) in retry.on.iter().enumerate() {
        if let RetryOn::Status(status) = on {
            check_status(&format!("{field}.on[{index}]"), *status)?;
        }
    }
    ensure(
        retry.backoff_min_ms <= retry.backoff_max_ms,
        &format!("{field}.backoff_min_ms"),
        || format!("{} is above the maximum {}", retry.backoff_min_ms, retry.backoff_max_ms),
    )?;
    share(&format!("{field}.budget"), retry.budget)
}

fn check_breaker(field: &str, breaker: &BreakerPolicy) -> Checked {
    for (name, value) in [
        ("window_calls", u64::from(breaker.window_calls)),
        ("minimum_calls", u64::from(breaker.minimum_calls)),
        ("failure_rate", u64::from(breaker.failure_rate.ppm())),
        ("slow_rate", u64::from(breaker.slow_rate.ppm())),
        ("open_ms", breaker.open_ms),
        ("half_open_permits", u64::from(breaker.half_open_permits)),
        ("half_open_deadline_ms", breaker.half_open_deadline_ms),
    ] {
        at_least_one(&format!("{field}.{name}"), value)?;
    }
    let calls = breaker.window_calls;
    ensure(calls <= WINDOW_CALLS_MAX, &format!("{field}.window_calls"), || {
        format!("at most {WINDOW_CALLS_MAX}, got {calls}")
    })?;
    share(&format!("{field}.failure_rate"), breaker.failure_rate)?;
    share(&format!("{field}.slow_rate"), breaker.slow_rate)
}

fn check_route(field: &str, route: &Route, edges: &BTreeSet<&Edge>) -> Checked {
    ensure(route.prefix.starts_with('/'), &format!("{field}.prefix"), || {
        format!("a prefix starts with /, got {:?}", route.prefix)
    })?;
    ensure(edges.contains(&route.edge), &format!("{field}.edge"), || {
        format!("edge {} is not one of the plan's edges", route.edge)
    })
}

fn check_status(field: &str, status: u16) -> Checked {
    ensure((200..=599).contains(&status), field, || {
        format!("a status of an answer is 200 to 599, got {status}")
    })
}

fn check_fault(field: &str, fault: &FaultSpec, edges: &BTreeSet<&Edge>) -> Checked {
    let name = &fault.name;
    // The name travels in a header as one of a comma-separated list.
    let fits = !name.is_empty()
        && name.len() <= 128
        && name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b',');
    ensure(fits, &format!("{field}.name"), || {
        format!("a name is 1 to 128 visible ASCII characters without a comma, got {name:?}")
    })?;
    ensure(!fault.edges.is_empty(), &format!("{field}.edges"), || "names no edge".to_owned())?;
    for (index, edge) in fault.edges.iter().enumerate() {
        ensure(edges.contains(edge), &format!("{field}.edges[{index}]"), || {
            format!("edge {edge} is not one of the plan's edges")
        })?;
    }
    share(&format!("{field}.share"), fault.share)?;
    check_effect(field, fault)?;
    check_schedule(&format!("{field}.schedule"), fault)
}

fn check_effect(field: &str, fault: &FaultSpec) -> Checked {
    if let FaultKind::Errors { status, .. } = &fault.effect {
        check_status(&format!("{field}.effect.status"), *status)?;
    }
    let acts = match (&fault.effect, fault.placement) {
        (_, Placement::Connect | Placement::Body) => false,
        (effect, placement) => effect.may_act_at(placement),
    };
    ensure(acts, &format!("{field}.placement"), || {
        format!("{} cannot act at {}", fault.effect.name(), fault.placement.as_str())
    })
}

fn check_schedule(field: &str, fault: &FaultSpec) -> Checked {
    let windows = &fault.schedule;
    let fits = (1..=FAULT_WINDOWS_MAX).contains(&windows.len());
    ensure(fits, field, || {
        format!("needs 1 to {FAULT_WINDOWS_MAX} windows, got {}", windows.len())
    })?;
    let mut free_from = 0;
    for (index, window) in windows.iter().enumerate() {
        let sound = window.start_ms >= free_from && window.start_ms < window.end_ms;
        ensure(sound, &format!("{field}[{index}]"), || {
            let (start, end) = (window.start_ms, window.end_ms);
            format!("windows are sorted, apart and not empty, got {start}..{end}")
        })?;
        free_from = window.end_ms;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
