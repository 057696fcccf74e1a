//! Span metrics: calls and durations by service, name, kind and status of a span, since the start.
//!
//! Senders choose names, so there is a bound: what comes above it is counted in one row of its own.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashTable};
use model::hist::Histogram;
use model::id::TraceId;
use serde::Serialize;

use super::routes::RouteNumber;
use crate::record::{STATUS_ERROR, SpanView, kind};

/// Rows that are told apart.
const SERIES_MAX: usize = 2_000;
/// Name of the row of everything above the bound.
pub(super) const OTHER: &str = "(other)";

/// One row of the span metrics.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpanMetric {
    /// `(other)` in the row of what came above the bound, like `name`.
    pub service: String,
    pub name: String,
    /// `server`, `client`, `internal`, `producer`, `consumer`.
    pub kind: String,
    /// The status of the spans is error.
    pub error: bool,
    /// Spans; one that was sampled counts for those that were left out.
    pub calls: u64,
    pub duration: Histogram,
    /// The trace of the slowest span.
    pub slowest: Option<TraceId>,
}

/// Durations, and which was the slowest.
#[derive(Debug, Clone, Default)]
pub(super) struct Timed {
    pub(super) duration: Histogram,
    pub(super) slowest: Option<TraceId>,
}

impl Timed {
    pub(super) fn record(&mut self, span: &SpanView<'_>, count: u64) {
        let ns = span.duration_ns();
        if self.slowest.is_none() || Duration::from_nanos(ns) > self.duration.max() {
            self.slowest = Some(span.trace_id);
        }
        self.duration.record_ns(ns, count);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if self.slowest.is_none() || other.duration.max() > self.duration.max() {
            self.slowest = other.slowest;
        }
        self.duration.merge(&other.duration);
    }
}

/// Spans that are counted alike.
#[derive(Debug)]
struct Series {
    service: u32,
    kind: i32,
    error: bool,
    name: Box<str>,
    /// Method and route, when it is a request of one; spans of other routes are another series.
    route: Option<(Box<str>, Box<str>)>,
    route_number: Option<RouteNumber>,
    timed: Timed,
}

/// What tells series apart.
struct Key<'a> {
    service: u32,
    kind: i32,
    error: bool,
    name: &'a str,
    route: Option<(&'a str, &'a str)>,
}

impl Series {
    fn is(&self, key: &Key<'_>) -> bool {
        let route = self.route.as_ref().map(|(method, route)| (&**method, &**route));
        (self.service, self.kind, self.error) == (key.service, key.kind, key.error)
            && *self.name == *key.name
            && route == key.route
    }
}

#[derive(Debug, Default)]
pub(super) struct SeriesTable {
    series: Vec<Series>,
    numbers: HashTable<(u64, u32)>,
    seed: DefaultHashBuilder,
    other: Timed,
    overflowed: u64,
}

impl SeriesTable {
    /// Counts a span; the route that it is a request of, which `route_of` looks up when a series is
    /// new, by method and route.
    pub(super) fn count(
        &mut self,
        span: &SpanView<'_>,
        service: u32,
        count: u64,
        route_of: impl FnOnce(&str, &str) -> Option<RouteNumber>,
    ) -> Option<RouteNumber> {
        let is_server = span.kind == kind::SERVER;
        let route = if is_server { span.http_route() } else { None };
        let method = if route.is_some() { span.http_method() } else { None };
        let key = Key {
            service,
            kind: span.kind,
            error: span.status == STATUS_ERROR,
            name: span.name(),
            route: route.as_deref().map(|route| (method.as_deref().unwrap_or_default(), route)),
        };
        let hash = self.hash(&key);
        let found = self
            .numbers
            .find(hash, |(other, at)| *other == hash && self.series[*at as usize].is(&key))
            .map(|(_, at)| *at as usize);
        let at = match found {
            Some(at) => at,
            None if self.series.len() < SERIES_MAX => self.insert(hash, &key, route_of),
            None => {
                self.overflowed += 1;
                self.other.record(span, count);
                return key.route.and_then(|(method, route)| route_of(method, route));
            },
        };
        let series = &mut self.series[at];
        series.timed.record(span, count);
        series.route_number
    }

    fn hash(&self, key: &Key<'_>) -> u64 {
        let mut hasher = self.seed.build_hasher();
        let numbers = u64::from(key.service) << 32 | u64::from(key.kind.cast_unsigned());
        hasher.write_u64(numbers << 1 | u64::from(key.error));
        hasher.write(key.name.as_bytes());
        if let Some((method, route)) = key.route {
            hasher.write(route.as_bytes());
            hasher.write(method.as_bytes());
        }
        hasher.finish()
    }

    fn insert(
        &mut self,
        hash: u64,
        key: &Key<'_>,
        route_of: impl FnOnce(&str, &str) -> Option<RouteNumber>,
    ) -> usize {
        let at = self.series.len();
        self.series.push(Series {
            service: key.service,
            kind: key.kind,
            error: key.error,
            name: key.name.into(),
            route: key.route.map(|(method, route)| (method.into(), route.into())),
            route_number: key.route.and_then(|(method, route)| route_of(method, route)),
            timed: Timed::default(),
        });
        self.numbers.insert_unique(hash, (hash, at as u32), |(hash, _)| *hash);
        at
    }

    /// Spans above the bound; they are counted in one row.
    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// Every row, in order of service, name, kind and status.
    pub(super) fn rows<'a>(&'a self, service_of: impl Fn(u32) -> &'a str) -> Vec<SpanMetric> {
        let mut rows: BTreeMap<_, Timed> = BTreeMap::new();
        for series in &self.series {
            let service = service_of(series.service);
            let key = (service, &*series.name, kind::name(series.kind), series.error);
            rows.entry(key).or_default().merge(&series.timed);
        }
        if self.overflowed > 0 {
            rows.entry((OTHER, OTHER, kind::name(0), false)).or_default().merge(&self.other);
        }
        let row =
            |((service, name, kind, error), timed): ((&str, &str, &str, bool), Timed)| SpanMetric {
                service: service.to_owned(),
                name: name.to_owned(),
                kind: kind.to_owned(),
                error,
                calls: timed.duration.count(),
                duration: timed.duration,
                slowest: timed.slowest,
            };
        rows.into_iter().map(row).collect()
    }
}
