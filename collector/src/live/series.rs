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

/// What tells series apart. Texts are compared as their bytes came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key<T> {
    service: u32,
    kind: i32,
    error: bool,
    name: T,
    /// Attribute values; empty when there is none, or the span is no request.
    route: T,
    method: T,
}

impl<'a> Key<&'a [u8]> {
    fn of(span: &SpanView<'a>, service: u32) -> Self {
        let [name, route, method] = span.raw_names();
        let (route, method) = if span.kind == kind::SERVER && !route.is_empty() {
            (route, method)
        } else {
            Default::default()
        };
        Self { service, kind: span.kind, error: span.status == STATUS_ERROR, name, route, method }
    }

    fn owned(self) -> Key<Box<[u8]>> {
        let Self { service, kind, error, name, route, method } = self;
        let (name, route, method) = (name.into(), route.into(), method.into());
        Key { service, kind, error, name, route, method }
    }

    fn is(&self, other: &Key<Box<[u8]>>) -> bool {
        (self.service, self.kind, self.error) == (other.service, other.kind, other.error)
            && *self.name == *other.name
            && *self.route == *other.route
            && *self.method == *other.method
    }
}

/// Spans that are counted alike.
#[derive(Debug)]
struct Series {
    key: Key<Box<[u8]>>,
    /// The route that they are requests of.
    route: Option<RouteNumber>,
    timed: Timed,
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
    /// Counts a span. The answer is the route that it is a request of, which `route_of` looks up
    /// for a series that is new.
    pub(super) fn count(
        &mut self,
        span: &SpanView<'_>,
        service: u32,
        count: u64,
        route_of: impl FnOnce(&str, &str) -> Option<RouteNumber>,
    ) -> Option<RouteNumber> {
        let key = Key::of(span, service);
        let hash = self.hash(key);
        let found = self
            .numbers
            .find(hash, |(other, at)| *other == hash && key.is(&self.series[*at as usize].key));
        let at = match found {
            Some((_, at)) => *at as usize,
            None => {
                let route = if key.route.is_empty() { None } else { span.http_route() };
                let route = route.and_then(|route| {
                    route_of(span.http_method().as_deref().unwrap_or_default(), &route)
                });
                if self.series.len() >= SERIES_MAX {
                    self.overflowed += 1;
                    self.other.record(span, count);
                    return route;
                }
                let at = self.series.len();
                self.series.push(Series { key: key.owned(), route, timed: Timed::default() });
                self.numbers.insert_unique(hash, (hash, at as u32), |(hash, _)| *hash);
                at
            },
        };
        let series = &mut self.series[at];
        series.timed.record(span, count);
        series.route
    }

    fn hash(&self, key: Key<&[u8]>) -> u64 {
        let mut hasher = self.seed.build_hasher();
        let numbers = u64::from(key.service) << 32 | u64::from(key.kind.cast_unsigned());
        hasher.write_u64(numbers << 1 | u64::from(key.error));
        for text in [key.name, key.route, key.method] {
            hasher.write(text);
        }
        hasher.finish()
    }

    /// Spans above the bound; they are counted in one row.
    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// Every row, in order of service, name, kind and status.
    pub(super) fn rows<'a>(&'a self, service_of: impl Fn(u32) -> &'a str) -> Vec<SpanMetric> {
        let mut rows: BTreeMap<_, Timed> = BTreeMap::new();
        for series in &self.series {
            let Key { service, kind, error, name, .. } = &series.key;
            // Names were found to be text when they were decoded.
            let name = str::from_utf8(name).unwrap_or_default();
            let key = (service_of(*service), name, kind::name(*kind), *error);
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
