//! RED by service, method and route for each of the last minutes' seconds, from SERVER spans.
//!
//! Counted in the second in which a request ended, like the edges. Frames do not hold it: there may
//! be many routes, and who wants them asks for a span of time.

use std::collections::{BTreeMap, VecDeque};

use model::hist::Histogram;
use model::id::TraceId;
use serde::Serialize;

use super::seconds::AHEAD_S;
use super::series::Timed;
use crate::record::SpanView;

/// Routes that are told apart; more are counted as left out.
const ROUTES_MAX: usize = 128;
/// Seconds that are kept.
const SECONDS_MAX: usize = 300;
/// How late the first request may come.
const LATE_S: u64 = 60;

/// One route in a span of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RouteRed {
    pub service: String,
    /// Empty when the spans do not say.
    pub method: String,
    /// Like `/orders/{id}`.
    pub route: String,
    /// Requests; one that was sampled counts for those that were left out.
    pub requests: u64,
    pub errors: u64,
    pub duration: Histogram,
    /// The trace of the slowest request.
    pub slowest: Option<TraceId>,
}

/// Number of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RouteNumber(u32);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    service: u32,
    method: String,
    path: String,
}

#[derive(Debug, Clone, Default)]
struct Counts {
    errors: u64,
    timed: Timed,
}

/// By number of the route; few routes have requests in every second.
type Second = Vec<Option<Box<Counts>>>;

#[derive(Debug, Default)]
pub(super) struct Routes {
    known: Vec<Route>,
    numbers: BTreeMap<Route, RouteNumber>,
    seconds: VecDeque<Second>,
    oldest_s: u64,
    refused: u64,
}

impl Routes {
    /// The number of a route; `None` when there are too many.
    pub(super) fn number(
        &mut self,
        service: u32,
        method: &str,
        route: &str,
    ) -> Option<RouteNumber> {
        let route = Route { service, method: method.to_owned(), path: route.to_owned() };
        if let Some(number) = self.numbers.get(&route) {
            return Some(*number);
        }
        if self.known.len() >= ROUTES_MAX {
            self.refused += 1;
            return None;
        }
        let number = RouteNumber(self.known.len() as u32);
        self.known.push(route.clone());
        self.numbers.insert(route, number);
        Some(number)
    }

    /// Counts a request in the second of its end; the current second is `now_s`.
    pub(super) fn count(
        &mut self,
        number: RouteNumber,
        span: &SpanView<'_>,
        count: u64,
        now_s: u64,
    ) {
        let unix_s = span.end_unix_ns / 1_000_000_000;
        let Some(second) = self.second(unix_s, now_s) else { return };
        let at = number.0 as usize;
        if second.len() <= at {
            second.resize(at + 1, None);
        }
        let counts = second[at].get_or_insert_default();
        counts.errors += if span.is_error() { count } else { 0 };
        counts.timed.record(span, count);
    }

    /// `None` for seconds that are over for long, or that have not come.
    fn second(&mut self, unix_s: u64, now_s: u64) -> Option<&mut Second> {
        if self.seconds.is_empty() {
            self.oldest_s = now_s.saturating_sub(LATE_S);
        }
        if unix_s < self.oldest_s || unix_s > now_s + AHEAD_S {
            return None;
        }
        let mut at = (unix_s - self.oldest_s) as usize;
        while at >= SECONDS_MAX && !self.seconds.is_empty() {
            self.seconds.pop_front();
            self.oldest_s += 1;
            at -= 1;
        }
        if self.seconds.is_empty() {
            (self.oldest_s, at) = (unix_s, 0);
        }
        if self.seconds.len() <= at {
            self.seconds.resize_with(at + 1, Second::new);
        }
        self.seconds.get_mut(at)
    }

    /// Requests that belong to no route that is counted, because there are too many.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// The routes with requests in `[from_s, until_s)`, in order of service, route and method.
    pub(super) fn rows<'a>(
        &self,
        from_s: u64,
        until_s: u64,
        service_of: impl Fn(u32) -> &'a str,
    ) -> Vec<RouteRed> {
        let mut merged: BTreeMap<usize, Counts> = BTreeMap::new();
        for (unix_s, second) in (self.oldest_s..).zip(&self.seconds) {
            if unix_s < from_s || unix_s >= until_s {
                continue;
            }
            for (number, counts) in second.iter().enumerate() {
                let Some(counts) = counts else { continue };
                let total = merged.entry(number).or_default();
                total.errors += counts.errors;
                total.timed.merge(&counts.timed);
            }
        }
        let row = |(number, counts): (usize, Counts)| {
            let route = &self.known[number];
            RouteRed {
                service: service_of(route.service).to_owned(),
                method: route.method.clone(),
                route: route.path.clone(),
                requests: counts.timed.duration.count(),
                errors: counts.errors,
                duration: counts.timed.duration,
                slowest: counts.timed.slowest,
            }
        };
        let mut rows: Vec<RouteRed> = merged.into_iter().map(row).collect();
        rows.sort_by(|one, other| {
            let key = |row: &RouteRed| (row.service.clone(), row.route.clone(), row.method.clone());
            key(one).cmp(&key(other))
        });
        rows
    }
}
