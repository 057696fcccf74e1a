use std::time::Duration;

use model::edge::Blame;
use model::policy::BreakerState;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as NumberValue;
use proptest::prelude::*;

use super::super::hub::ExportCounts;
use super::histogram::BOUNDS_NS;
use super::*;

mod parser;
use parser::{Page, Series};

const EXPORTED: ExportCounts =
    ExportCounts { offered: 10, waiting: 1, delivered: 4, rejected: 2, dropped: 3 };

fn page(registry: &Registry) -> Page {
    let mut text = String::new();
    prometheus(&families(registry, EXPORTED), &mut text);
    Page::parse(&text)
}

fn series(name: &str, labels: &[(&str, &str)]) -> Series {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Series { name: name.to_owned(), labels: labels.iter().map(owned).collect() }
}

/// One thing that is counted.
#[derive(Debug, Clone)]
enum Act {
    Request { edge: usize, shard: usize, status: Option<u16>, blame: Option<Blame>, us: u64 },
    Attempt { edge: usize, shard: usize, blame: Option<Blame>, us: u64 },
    Add { edge: usize, shard: usize, what: Count, more: u64 },
    Raise { edge: usize, shard: usize, what: Level, by: i64 },
    Decision { fault: &'static str, outcome: &'static str },
    Dropped { queue: &'static str },
    Breaker { edge: usize, to: BreakerState },
}

/// Two plain ones and one that tries to break out of its quotes.
fn edges() -> [Edge; 3] {
    [
        Edge::new("orders", "payments"),
        Edge::new("client", "orders"),
        Edge::new("a\"} 1\n# TYPE evil counter\nevil{x=\"", "b\\"),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let blame = prop::option::of(prop::sample::select(Blame::ALL.to_vec()));
    let status = prop::option::of(prop::sample::select(vec![200_u16, 404, 500, 503]));
    let at = (0..3_usize, 0..3_usize);
    prop_oneof![
        (at.clone(), status, blame.clone(), 0..40_000_000_u64).prop_map(
            |((edge, shard), status, blame, us)| Act::Request { edge, shard, status, blame, us }
        ),
        (at.clone(), blame, 0..40_000_000_u64)
            .prop_map(|((edge, shard), blame, us)| Act::Attempt { edge, shard, blame, us }),
        (at.clone(), prop::sample::select(Count::ALL.to_vec()), 0..1_000_u64)
            .prop_map(|((edge, shard), what, more)| Act::Add { edge, shard, what, more }),
        (at, prop::sample::select(Level::ALL.to_vec()), -5..5_i64)
            .prop_map(|((edge, shard), what, by)| Act::Raise { edge, shard, what, by }),
        (
            prop::sample::select(vec!["slow", "quote\"d"]),
            prop::sample::select(vec!["matched", "hit", "skipped"])
        )
            .prop_map(|(fault, outcome)| Act::Decision { fault, outcome }),
        prop::sample::select(vec!["connections", "heads"]).prop_map(|queue| Act::Dropped { queue }),
        (0..3_usize, prop::sample::select(BreakerState::ALL.to_vec()))
            .prop_map(|(edge, to)| Act::Breaker { edge, to }),
    ]
}

fn play(registry: &Registry, act: &Act) {
    let edge = |index: usize| registry.edge(&edges()[index]);
    match *act {
        Act::Request { edge: index, shard, status, blame, us } => {
            edge(index).request_ended(shard, status, blame, Duration::from_micros(us));
        },
        Act::Attempt { edge: index, shard, blame, us } => {
            edge(index).attempt_ended(shard, blame, Duration::from_micros(us));
        },
        Act::Add { edge: index, shard, what, more } => edge(index).add(shard, what, more),
        Act::Raise { edge: index, shard, what, by } => edge(index).raise(shard, what, by),
        Act::Decision { fault, outcome } => registry.fault(fault).count(outcome),
        Act::Dropped { queue } => registry.count_dropped(queue),
        Act::Breaker { edge: index, to } => {
            edge(index).breaker_changed(to);
            edge(index).breaker_is(to);
        },
    }
}

/// What a page must hold after some acts, counted in the plainest way.
#[derive(Debug, Default)]
struct Expected(BTreeMap<Series, f64>);

impl Expected {
    fn add(&mut self, name: &str, labels: &[(&str, &str)], more: f64) {
        *self.0.entry(series(name, labels)).or_default() += more;
    }

    fn took(&mut self, name: &str, labels: &[(&str, &str)], us: u64) {
        let bounds = BOUNDS_NS.iter().map(|bound| (bound / 1_000, *bound as f64 / 1e9));
        for (bound_us, bound_s) in bounds {
            let le = bound_s.to_string();
            let all = [labels, &[("le", le.as_str())]].concat();
            self.add(&format!("{name}_bucket"), &all, if us <= bound_us { 1.0 } else { 0.0 });
        }
        self.add(&format!("{name}_bucket"), &[labels, &[("le", "+Inf")]].concat(), 1.0);
        self.add(&format!("{name}_count"), labels, 1.0);
        self.add(&format!("{name}_sum"), labels, us as f64 / 1e6);
    }

    fn count(&mut self, act: &Act) {
        let names = edges().map(|edge| edge.to_string());
        let cause = |blame: Option<Blame>| blame.map_or("none", Blame::as_str);
        match *act {
            Act::Request { edge, status, blame, us, .. } => {
                let status = status.unwrap_or(0).to_string();
                let labels = [("edge", names[edge].as_str()), ("status", &status)];
                let with_cause = [&labels[..], &[("cause", cause(blame))]].concat();
                self.add("shakedown_requests_total", &with_cause, 1.0);
                self.took("http_server_request_duration_seconds", &labels, us);
            },
            Act::Attempt { edge, blame, us, .. } => {
                let edge = ("edge", names[edge].as_str());
                let labels = [edge, ("cause", cause(blame))];
                self.add("shakedown_attempts_total", &labels, 1.0);
                self.took("http_client_request_duration_seconds", &[edge], us);
            },
            Act::Add { edge, what, more, .. } => {
                let (name, label) = count_name(what);
                let edge = ("edge", names[edge].as_str());
                let labels: Vec<_> = std::iter::once(edge).chain(label).collect();
                self.add(name, &labels, more as f64);
            },
            Act::Raise { edge, what, by, .. } => {
                let name = match what {
                    Level::InFlight => "http_server_active_requests",
                    Level::ConnectionsOpen => "shakedown_connections_open",
                };
                self.add(name, &[("edge", &names[edge])], by as f64);
            },
            Act::Decision { fault, outcome } => {
                let labels = [("fault", fault), ("outcome", outcome)];
                self.add("shakedown_fault_decisions_total", &labels, 1.0);
            },
            Act::Dropped { queue } => self.add("shakedown_dropped_total", &[("queue", queue)], 1.0),
            Act::Breaker { edge, to } => {
                let edge = ("edge", names[edge].as_str());
                let labels = [edge, ("to", to.as_str())];
                self.add("shakedown_breaker_transitions_total", &labels, 1.0);
                self.0.insert(series("shakedown_breaker_state", &[edge]), to.code() as f64);
            },
        }
    }
}

fn count_name(what: Count) -> (&'static str, Option<(&'static str, &'static str)>) {
    match what {
        Count::Requests => ("shakedown_requests_begun_total", None),
        Count::Attempts => ("shakedown_attempts_begun_total", None),
        Count::Retries => ("shakedown_retries_total", None),
        Count::RetriesRefused => ("shakedown_retries_refused_total", None),
        Count::Hedges => ("shakedown_hedges_total", None),
        Count::HedgesWon => ("shakedown_hedges_won_total", None),
        Count::RateLimited => ("shakedown_limited_total", Some(("limiter", "rate"))),
        Count::BulkheadLimited => ("shakedown_limited_total", Some(("limiter", "bulkhead"))),
        Count::AdaptiveLimited => ("shakedown_limited_total", Some(("limiter", "adaptive"))),
        Count::BreakerRejected => ("shakedown_breaker_rejected_total", None),
        Count::BytesUp => ("shakedown_transferred_bytes_total", Some(("direction", "up"))),
        Count::BytesDown => ("shakedown_transferred_bytes_total", Some(("direction", "down"))),
        Count::ConnectionsAccepted => ("shakedown_connections_total", None),
        Count::ConnectionsRefused => ("shakedown_connections_refused_total", None),
        Count::PoolOpened => ("shakedown_pool_taken_total", Some(("result", "opened"))),
        Count::PoolReused => ("shakedown_pool_taken_total", Some(("result", "reused"))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_page_that_a_strict_reader_accepts_says_what_was_counted(
        acts in prop::collection::vec(act(), 0..60),
    ) {
        let (registry, mut expected) = (Registry::new(2), Expected::default());
        for act in &acts {
            play(&registry, act);
            expected.count(act);
        }
        let page = page(&registry);
        for (series, value) in &expected.0 {
            let read = page.series.get(series).copied().unwrap_or(f64::NAN);
            prop_assert!((read - value).abs() < 1e-6, "{read} for {value} of {series:?}");
        }
        let strays = page.series.iter().filter(|(series, value)| {
            **value != 0.0 && !expected.0.contains_key(series) && !is_fixed(&series.name)
        });
        prop_assert_eq!(strays.count(), 0);
    }

    #[test]
    fn otlp_says_the_same_as_the_page(acts in prop::collection::vec(act(), 0..60)) {
        let registry = Registry::new(2);
        for act in &acts {
            play(&registry, act);
        }
        let span = Span { start_unix_ns: 5, end_unix_ns: 9 };
        let metrics = otlp(&families(&registry, EXPORTED), span);
        let page = page(&registry);
        let mut sums: BTreeMap<String, f64> = BTreeMap::new();
        for (series, value) in &page.series {
            *sums.entry(series.name.clone()).or_default() += value;
        }
        for metric in &metrics {
            let (suffix, total) = total(metric);
            let name = format!("{}{suffix}", metric.name.replace('.', "_"));
            prop_assert!((sums[&name] - total).abs() < 1e-6, "{name}: {total}");
        }
    }
}

/// What every page has, whatever happened.
fn is_fixed(name: &str) -> bool {
    name.starts_with("shakedown_request_percentiles_seconds")
        || ["shakedown_export_spans_total", "shakedown_dropped_total"].contains(&name)
}

/// The sum over all points, and how the name ends in Prometheus.
fn total(metric: &Metric) -> (&'static str, f64) {
    let number = |value: &Option<NumberValue>| match value {
        Some(NumberValue::AsInt(number)) => *number as f64,
        other => panic!("{other:?}"),
    };
    match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => {
            assert!(sum.is_monotonic && sum.aggregation_temporality == 2);
            let sum = sum.data_points.iter().map(|point| number(&point.value)).sum();
            (if metric.unit == "By" { "_bytes_total" } else { "_total" }, sum)
        },
        Data::Gauge(gauge) => ("", gauge.data_points.iter().map(|at| number(&at.value)).sum()),
        Data::Histogram(histogram) => {
            let points = histogram.data_points.iter();
            let count = points.inspect(|point| {
                assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
                assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (5, 9));
            });
            ("_seconds_count", count.map(|point| point.count as f64).sum())
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_collector_finds_the_names_that_it_knows() {
    let registry = Registry::new(1);
    let edge = registry.edge(&Edge::new("orders", "payments"));
    edge.request_ended(0, Some(503), Some(Blame::Internal), Duration::from_millis(3));
    edge.attempt_ended(0, None, Duration::from_millis(2));
    edge.breaker_is(BreakerState::HalfOpen);
    registry.fault("slow").count("hit");
    let span = Span { start_unix_ns: 1, end_unix_ns: 2 };
    let metrics = otlp(&families(&registry, EXPORTED), span);
    let keys_of = |name: &str| -> Vec<String> {
        let metric = metrics.iter().find(|metric| metric.name == name).unwrap();
        let attributes = match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => &sum.data_points[0].attributes,
            Data::Gauge(gauge) => &gauge.data_points[0].attributes,
            Data::Histogram(histogram) => &histogram.data_points[0].attributes,
            other => panic!("{other:?}"),
        };
        attributes
            .iter()
            .map(|pair| match pair.value.as_ref().unwrap().value.as_ref().unwrap() {
                AnyValue::StringValue(text) => format!("{}={text}", pair.key),
                AnyValue::IntValue(number) => format!("{}={number}", pair.key),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let edge = "shakedown.edge=orders -> payments";
    assert_eq!(keys_of("http.server.request.duration"), [edge, "http.response.status_code=503"]);
    assert_eq!(keys_of("http.client.request.duration"), [edge]);
    assert_eq!(keys_of("shakedown.breaker.state"), [edge]);
    assert_eq!(
        keys_of("shakedown.fault.decisions"),
        ["shakedown.fault.name=slow", "shakedown.fault.outcome=matched"]
    );
    assert_eq!(keys_of("shakedown.dropped"), ["queue=spans"]);
}

#[test]
fn percentiles_of_an_edge_are_those_of_all_its_requests() {
    let registry = Registry::new(1);
    let edge = registry.edge(&Edge::new("orders", "payments"));
    for ms in 1..=1_000 {
        let status = if ms % 2 == 0 { 200 } else { 500 };
        edge.request_ended(0, Some(status), None, Duration::from_millis(ms));
    }
    let page = page(&registry);
    for (quantile, expected) in [("0.5", 0.5), ("0.9", 0.9), ("0.99", 0.99), ("0.999", 0.999)] {
        let labels = [("edge", "orders -> payments"), ("quantile", quantile)];
        let read = page.series[&series("shakedown_request_percentiles_seconds", &labels)];
        assert!((read - expected).abs() <= expected * 0.016, "{read} for {expected}");
    }
}

#[test]
fn edges_and_faults_beyond_their_bound_share_a_place() {
    let registry = Registry::new(1);
    for number in 0..EDGES_MAX + 50 {
        let edge = registry.edge(&Edge::new("orders", format!("s{number}")));
        edge.add(0, Count::Retries, 1);
    }
    assert_eq!(registry.edges().len(), EDGES_MAX + 1);
    let others = registry.edge(&Edge::new("orders", "beyond"));
    assert_eq!(others.count(Count::Retries), 50);
    for number in 0..FAULT_NAMES_MAX + 50 {
        registry.fault(&format!("f{number}")).count("hit");
    }
    assert_eq!(registry.faults().len(), FAULT_NAMES_MAX + 1);
    assert_eq!(registry.fault("beyond").outcomes()[1], ("hit", 50));
}
