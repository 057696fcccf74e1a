//! One function per thing that is noticed.

use model::edge::Edge;
use model::load::Validity;

use super::window::{ActiveFault, Window};
use super::{Insight, Noticed};
use crate::derive::words::{counted, duration, safe};

/// Calls per request above which retries are a storm.
const ATTEMPTS_MAX: f64 = 1.5;
/// Fewer requests than this are no storm.
const STORM_REQUESTS_MIN: u64 = 20;
/// More changes than this within a minute are flapping.
const CHANGES_MAX: usize = 3;
const MINUTE_MS: u64 = 60_000;
/// A generator that is later than this measures itself.
const LATENESS_P99_MAX_NS: u64 = 10_000_000;
/// The p99 of fewer values is their maximum.
const LATENESS_COUNT_MIN: u64 = 100;
/// A fault gets so long to hit something.
const IDLE_SECONDS_MIN: u64 = 5;
/// Without a hit although so many were to be expected.
const EXPECTED_HITS_MIN: f64 = 5.0;
/// Places of losses that are named.
const PLACES_MAX: usize = 3;

pub(super) fn generator(window: &Window<'_>) -> Vec<Insight> {
    let p99 =
        window.lateness.quantile(0.99).filter(|_| window.lateness.count() >= LATENESS_COUNT_MIN);
    let p99_ns = p99.map_or(0, |value| u64::try_from(value.as_nanos()).unwrap_or(u64::MAX));
    let unsound = window.validity.filter(|validity| *validity != Validity::Valid);
    if unsound.is_none() && p99_ns <= LATENESS_P99_MAX_NS {
        return Vec::new();
    }
    let late =
        if p99_ns > 0 { format!("p99 {} after plan", duration(p99_ns)) } else { String::new() };
    let said = unsound.map(|validity| {
        let of = format!("{} of {}", window.invalid_seconds, counted(window.seconds, "second"));
        format!("its measurements are {} in {of}", validity.as_str())
    });
    let why: Vec<String> =
        [said, (!late.is_empty()).then_some(late)].into_iter().flatten().collect();
    let (noticed, begin) = match unsound {
        Some(Validity::Invalid) => {
            (Noticed::GeneratorInvalid, "the load generator could not keep its plan")
        },
        _ => (Noticed::GeneratorLate, "the load generator is late"),
    };
    vec![insight(noticed, "", p99_ns, format!("{begin}: {}", why.join(", ")))]
}

pub(super) fn dropped(window: &Window<'_>) -> Vec<Insight> {
    let mut places: Vec<(&str, u64)> =
        window.dropped.iter().map(|(what, count)| (*what, *count)).collect();
    if places.is_empty() {
        return Vec::new();
    }
    places.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let total = places.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    let named = places.iter().take(PLACES_MAX);
    let mut told: Vec<String> =
        named.map(|(what, count)| format!("{count} {}", safe(what))).collect();
    let more = places.len().saturating_sub(PLACES_MAX);
    if more > 0 {
        told.push(format!("and {} more", counted(more as u64, "place")));
    }
    let sentence = format!("telemetry is being lost: {}", told.join(", "));
    vec![insight(Noticed::TelemetryDropped, "", total, sentence)]
}

pub(super) fn retry_storms(window: &Window<'_>) -> Vec<Insight> {
    let storm = |edge: &Edge, requests: u64, attempts: u64| {
        let each = attempts as f64 / requests as f64;
        let sentence = format!(
            "retry storm on {}: {each:.1} calls per request ({attempts} for {requests})",
            safe(&edge.short()),
        );
        insight(Noticed::RetryStorm, &edge.to_string(), attempts - requests, sentence)
    };
    let enough = window.calls.iter().filter(|(_, calls)| calls.requests >= STORM_REQUESTS_MIN);
    enough
        .filter(|(_, calls)| calls.attempts as f64 > ATTEMPTS_MAX * calls.requests as f64)
        .map(|(edge, calls)| storm(edge, calls.requests, calls.attempts))
        .collect()
}

pub(super) fn flapping_breakers(window: &Window<'_>) -> Vec<Insight> {
    let flapping = |(subject, times): (&&str, &Vec<u64>)| {
        let most = times
            .iter()
            .enumerate()
            .map(|(first, from)| {
                let end = from.saturating_add(MINUTE_MS);
                times.partition_point(|time| *time < end) - first
            })
            .max()
            .unwrap_or(0);
        let short = safe(&subject.replace(" -> ", ">"));
        let sentence = format!("breaker {short} flaps: {most} changes within a minute");
        (most > CHANGES_MAX)
            .then(|| insight(Noticed::FlappingBreaker, subject, most as u64, sentence))
    };
    window.changes.iter().filter_map(flapping).collect()
}

pub(super) fn idle_faults(window: &Window<'_>) -> Vec<Insight> {
    window.active.values().filter_map(idle_fault).collect()
}

fn idle_fault(active: &ActiveFault<'_>) -> Option<Insight> {
    let fault = active.fault;
    let expected = active.requests as f64 * fault.share.as_fraction();
    let is_idle = active.hits == 0 && active.seconds >= IDLE_SECONDS_MIN;
    if !is_idle || (active.requests > 0 && expected < EXPECTED_HITS_MIN) {
        return None;
    }
    let place = match &fault.edges[..] {
        [] => "its edges".to_owned(),
        [edge] => safe(&edge.short()),
        [edge, rest @ ..] => format!("{} and {} more", safe(&edge.short()), rest.len()),
    };
    let why = match (active.requests, active.skipped) {
        (0, _) => format!("no request on {place}"),
        (requests, 0) => format!("none of {requests} requests on {place}"),
        (requests, spared) => format!("none of {requests} requests on {place}, {spared} spared"),
    };
    let (name, seconds) = (safe(&fault.name), active.seconds);
    let sentence = format!("fault {name} is active for {seconds} s and hits nothing: {why}");
    Some(insight(Noticed::IdleFault, &fault.name, seconds, sentence))
}

fn insight(noticed: Noticed, subject: &str, weight: u64, sentence: String) -> Insight {
    Insight { noticed, subject: subject.to_owned(), sentence, weight }
}
