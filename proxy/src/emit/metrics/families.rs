//! All metrics by name, with what they mean.
//!
//! Names are OpenTelemetry's where its conventions have one, and ours below `shakedown.` else.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::edge::Blame;
use model::names::{attribute, metric};

use super::super::hub::ExportCounts;
use super::Registry;
use super::edge::{EdgeMetrics, End};
use super::family::{Family, Key, Kind, Label, Point, Unit, Value, Word};
use super::histogram::Durations;

mod table;
use table::{LEVELS, PLAIN, Plain, RESULT};

const EDGE: Key = Key { attribute: attribute::EDGE, word: "edge" };
const STATUS: Key = Key { attribute: attribute::HTTP_STATUS, word: "status" };
const CAUSE: Key = Key { attribute: "shakedown.cause", word: "cause" };
const FAULT: Key = Key { attribute: attribute::FAULT, word: "fault" };
const OUTCOME: Key = Key { attribute: attribute::FAULT_OUTCOME, word: "outcome" };
const BREAKER_TO: Key = Key { attribute: attribute::BREAKER_TO, word: "to" };
const QUEUE: Key = Key { attribute: "queue", word: "queue" };

/// What is known of everything at this moment. Metrics without a series are left out.
pub(in super::super) fn families(registry: &Registry, exported: ExportCounts) -> Vec<Family> {
    let read: Vec<Read> = registry.edges().iter().map(Read::new).collect();
    let mut all = vec![requests(&read), request_durations(&read), request_percentiles(&read)];
    all.extend([attempts(&read), attempt_durations(&read)]);
    all.extend(counts(&read));
    all.extend(levels(&read));
    all.extend([breaker_states(&read), breaker_changes(&read), fault_decisions(registry)]);
    all.extend([dropped(registry, exported), exports(exported)]);
    all.retain(|family| !family.points.is_empty());
    all
}

/// One edge, read once so that its metrics agree with each other.
struct Read {
    edge: Arc<EdgeMetrics>,
    requests: Vec<(Option<End>, Durations)>,
    attempts: Vec<(Option<Blame>, Durations)>,
}

impl Read {
    fn new(edge: &Arc<EdgeMetrics>) -> Self {
        let (requests, attempts) = (edge.requests(), edge.attempts());
        Self { edge: Arc::clone(edge), requests, attempts }
    }

    fn label(&self) -> Label {
        text(EDGE, &self.edge.name)
    }
}

fn text(key: Key, value: &str) -> Label {
    Label { key, value: Word::Text(value.to_owned()) }
}

fn status(end: Option<End>) -> Label {
    let other = || Word::Text("other".to_owned());
    Label { key: STATUS, value: end.map_or_else(other, |end| Word::Number(i64::from(end.0))) }
}

fn cause(blame: Option<Blame>) -> Label {
    text(CAUSE, blame.map_or("none", Blame::as_str))
}

fn number(value: u64) -> Value {
    Value::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

fn sum<'a>(all: impl Iterator<Item = &'a Durations>) -> Value {
    let mut sum = Durations::default();
    all.for_each(|durations| sum.merge(durations));
    Value::Durations(sum)
}

fn requests(read: &[Read]) -> Family {
    let mut points = Vec::new();
    for edge in read {
        points.extend(edge.requests.iter().map(|(end, durations)| {
            let blame = match end {
                Some((_, blame)) => cause(*blame),
                None => text(CAUSE, "other"),
            };
            let labels = vec![edge.label(), status(*end), blame];
            Point { labels, value: number(durations.count()) }
        }));
    }
    Family {
        name: "shakedown.requests",
        kind: Kind::Counter,
        unit: Unit::One,
        help: "Requests that ended, by the status that the caller got (0: none) and by who is to \
               blame.",
        points,
    }
}

fn request_durations(read: &[Read]) -> Family {
    let mut points = Vec::new();
    for edge in read {
        let mut by_status: BTreeMap<Option<u16>, Vec<&Durations>> = BTreeMap::new();
        for (end, durations) in &edge.requests {
            by_status.entry(end.map(|(status, _)| status)).or_default().push(durations);
        }
        points.extend(by_status.into_iter().map(|(code, all)| Point {
            labels: vec![edge.label(), status(code.map(|code| (code, None)))],
            value: sum(all.into_iter()),
        }));
    }
    Family {
        name: metric::SERVER_DURATION,
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        help: "Time from the first byte of a request to the last byte of its answer.",
        points,
    }
}

fn request_percentiles(read: &[Read]) -> Family {
    let used = read.iter().filter(|edge| !edge.requests.is_empty());
    let all = |edge: &Read| {
        let value = sum(edge.requests.iter().map(|(_, durations)| durations));
        Point { labels: vec![edge.label()], value }
    };
    Family {
        name: "shakedown.request.percentiles",
        kind: Kind::Summary,
        unit: Unit::Seconds,
        help: "Percentiles of the time of all requests since the start, to 1.6 %.",
        points: used.map(all).collect(),
    }
}

fn attempts(read: &[Read]) -> Family {
    let mut points = Vec::new();
    for edge in read {
        points.extend(edge.attempts.iter().map(|(blame, durations)| Point {
            labels: vec![edge.label(), cause(*blame)],
            value: number(durations.count()),
        }));
    }
    Family {
        name: "shakedown.attempts",
        kind: Kind::Counter,
        unit: Unit::One,
        help: "Attempts that ended, by who is to blame.",
        points,
    }
}

fn attempt_durations(read: &[Read]) -> Family {
    let tried = read.iter().filter(|edge| !edge.attempts.is_empty());
    let all = |edge: &Read| {
        let value = sum(edge.attempts.iter().map(|(_, durations)| durations));
        Point { labels: vec![edge.label()], value }
    };
    Family {
        name: metric::CLIENT_DURATION,
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        help: "Time of one attempt.",
        points: tried.map(all).collect(),
    }
}

fn counts(read: &[Read]) -> impl Iterator<Item = Family> + '_ {
    PLAIN.iter().map(move |plain| {
        let mut points = Vec::new();
        for edge in read {
            points.extend(plain.counts.iter().map(|(what, value)| {
                Point {
                    labels: std::iter::once(edge.label())
                        .chain(plain.label.map(|key| text(key, value)))
                        .collect(),
                    value: number(edge.edge.count(*what)),
                }
            }));
        }
        let Plain { name, unit, help, .. } = *plain;
        Family { name, kind: Kind::Counter, unit, help, points }
    })
}

fn levels(read: &[Read]) -> impl Iterator<Item = Family> + '_ {
    LEVELS.iter().map(move |(level, name, help)| Family {
        name,
        kind: Kind::Gauge,
        unit: Unit::One,
        help,
        points: read
            .iter()
            .map(|edge| Point {
                labels: vec![edge.label()],
                value: Value::Number(edge.edge.level(*level)),
            })
            .collect(),
    })
}

fn breaker_states(read: &[Read]) -> Family {
    let state = |edge: &Read| {
        let value = Value::Number(edge.edge.breaker()?);
        Some(Point { labels: vec![edge.label()], value })
    };
    Family {
        name: metric::BREAKER_STATE,
        kind: Kind::Gauge,
        unit: Unit::One,
        help: "State of the breaker: 0 closed, 1 open, 2 half-open, 3 disabled, 4 forced open.",
        points: read.iter().filter_map(state).collect(),
    }
}

fn breaker_changes(read: &[Read]) -> Family {
    let mut points = Vec::new();
    for edge in read {
        points.extend(edge.edge.breaker_changes().map(|(to, count)| Point {
            labels: vec![edge.label(), text(BREAKER_TO, to.as_str())],
            value: number(count),
        }));
    }
    Family {
        name: "shakedown.breaker.transitions",
        kind: Kind::Counter,
        unit: Unit::One,
        help: "Changes of the breaker's state, by the state that it came into.",
        points,
    }
}

fn fault_decisions(registry: &Registry) -> Family {
    let mut points = Vec::new();
    for (name, fault) in registry.faults() {
        points.extend(fault.outcomes().map(|(outcome, count)| Point {
            labels: vec![text(FAULT, &name), text(OUTCOME, outcome)],
            value: number(count),
        }));
    }
    Family {
        name: metric::FAULT_DECISIONS,
        kind: Kind::Counter,
        unit: Unit::One,
        help: "Requests that a fault matched, and of those the ones that it hit or spared.",
        points,
    }
}

fn dropped(registry: &Registry, exported: ExportCounts) -> Family {
    let lost_spans = ("spans", exported.dropped + exported.rejected);
    let all = registry.dropped().into_iter().chain([lost_spans]);
    Family {
        name: metric::DROPPED,
        kind: Kind::Counter,
        unit: Unit::One,
        help: "What was lost or turned away at a bound, by queue.",
        points: all
            .map(|(queue, count)| Point { labels: vec![text(QUEUE, queue)], value: number(count) })
            .collect(),
    }
}

fn exports(exported: ExportCounts) -> Family {
    let ExportCounts { offered, delivered, rejected, dropped, .. } = exported;
    let all = [
        ("offered", offered),
        ("delivered", delivered),
        ("rejected", rejected),
        ("dropped", dropped),
    ];
    Family {
        name: "shakedown.export.spans",
        kind: Kind::Counter,
        unit: Unit::One,
        help: "Spans that were offered for export, and what became of them.",
        points: all
            .map(|(result, count)| Point {
                labels: vec![text(RESULT, result)],
                value: number(count),
            })
            .into(),
    }
}
