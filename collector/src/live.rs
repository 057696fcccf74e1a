//! The run as it stands now, in bounded memory: what frames, verdicts and viewers are made of.
//!
//! Everything that comes in passes [`Live::ingest`] once, before it is written to the file. Spans
//! of the gateway are counted into the second in which they end, log events of the gateway move
//! the lanes of breakers and faults and the ledger, and the newest traces and logs stay at hand.
//! A span that was sent twice is counted once, as long as its trace is at hand.

mod facts;
mod frames;
mod graph;
mod index;
mod keys;
mod lanes;
mod ledger;
mod load;
mod measures;
mod names;
mod routes;
mod seconds;
mod series;
mod shelf;
mod unplanned;
mod weight;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::edge::Edge;
use model::frame::{DropCount, Event, EventKind, FaultFrame, RunHead, VerdictFrame};
use model::names::metric;
use serde_json::Value;

pub(crate) use facts::{BreakerTransition, Decision, Facts, FaultTransition};
pub use graph::ServiceCall;
use index::Arrival;
#[cfg(test)]
pub(crate) use index::Bounds;
pub(crate) use index::Index;
pub use ledger::LedgerCount;
pub use load::LoadWord;
#[cfg(test)]
pub(crate) use load::tests::interval;
pub(crate) use load::{LoadBook, LoadRefused, LoadSecond};
pub use routes::RouteRed;
pub(crate) use seconds::Seconds;
pub use series::SpanMetric;
pub use unplanned::Unplanned;

use self::frames::Stamp;
use self::lanes::Lanes;
use self::ledger::Ledger;
use self::measures::Measures;
use crate::decode::points::{Fields, Scratch};
use crate::record::{Batch, LogView, Pick, SpanView, kind};
use crate::store::Items;

/// Items older than the kept seconds, or newer than the clock: the frames do not count them.
pub(crate) const OUTSIDE: &str = "collector items outside the kept seconds";

/// Queues of other processes whose losses are remembered.
const FOREIGN_DROPS_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) index: Index,
    pub(crate) seconds: Seconds,
    measures: Measures,
    lanes: Lanes,
    ledger: Ledger,
    head: RunHead,
    faults: Vec<FaultFrame>,
    verdicts: Vec<VerdictFrame>,
    last_stamp: Option<Arc<Stamp>>,
    duplicates: u64,
    rejected: u64,
    /// What other processes say that they lost, by service and queue.
    foreign_drops: BTreeMap<String, u64>,
}

impl Live {
    /// Sequence 0 is the second in which the collector starts.
    pub(crate) fn new(run_id: &str, now_unix_ms: u64) -> Self {
        Self {
            index: Index::default(),
            seconds: Seconds::starting_at(now_unix_ms / 1_000),
            measures: Measures::default(),
            lanes: Lanes::starting_at(now_unix_ms),
            ledger: Ledger::default(),
            head: RunHead { run_id: run_id.to_owned(), ..RunHead::default() },
            faults: Vec::new(),
            verdicts: Vec::new(),
            last_stamp: None,
            duplicates: 0,
            rejected: 0,
            foreign_drops: BTreeMap::new(),
        }
    }

    /// Counts and keeps a batch; returns what is to be written.
    pub(crate) fn ingest(&mut self, batch: Batch, now_unix_ms: u64) -> Items {
        let now_s = now_unix_ms / 1_000;
        self.rejected += batch.rejected.count();
        let batch = Arc::new(batch);
        let spans = self.ingest_spans(&batch, now_s);
        let (logs, facts) = self.ingest_logs(&batch, now_s);
        self.learn_drops(&batch);
        self.duplicates += spans.left_out(batch.spans.len()) + logs.left_out(batch.logs.len());
        Items { batch, spans, logs, facts, ..Items::default() }
    }

    fn ingest_spans(&mut self, batch: &Arc<Batch>, now_s: u64) -> Pick {
        let Self { index, seconds, measures, .. } = self;
        let (mut taken, services) = (Pick::default(), measures.services_of(batch));
        index.add_spans(batch, |event| match event {
            Arrival::Pair { caller, callee } => measures.pair(&caller, &callee),
            Arrival::New { number, span } => {
                let count = measures.count(&span, services[span.origin as usize], now_s);
                seconds.count_span(span, count, now_s);
                taken.add(number);
            },
        });
        taken
    }

    fn ingest_logs(&mut self, batch: &Arc<Batch>, now_s: u64) -> (Pick, Facts) {
        let Self { index, seconds, lanes, ledger, .. } = self;
        let (mut taken, mut facts) = (Pick::default(), Facts::default());
        index.add_logs(batch, |number, log| {
            let is_new = learn(log, now_s, (seconds, lanes, ledger), &mut facts);
            if is_new {
                taken.add(number);
            }
            is_new
        });
        (taken, facts)
    }

    /// The gateway and others report what they lost as a counter.
    fn learn_drops(&mut self, batch: &Batch) {
        let is_loss: Vec<bool> =
            batch.metrics().map(|metric| metric.name() == metric::DROPPED).collect();
        if !is_loss.contains(&true) {
            return;
        }
        let mut scratch = Scratch::default();
        for point in batch.points().filter(|point| is_loss[point.metric_number()]) {
            let Some(value) = counter(&point.fields(&mut scratch)) else { continue };
            let mut attributes = String::new();
            point.write_attributes(&mut attributes);
            let names = crate::decode::read_attributes(&attributes);
            let queue: Vec<&str> = names.values().filter_map(Value::as_str).collect();
            let service = &point.metric().origin().resource.service;
            let what = format!("{service} {}", queue.join(" ")).trim_end().to_owned();
            let full = self.foreign_drops.len() >= FOREIGN_DROPS_MAX;
            if full && !self.foreign_drops.contains_key(&what) {
                continue;
            }
            let total = self.foreign_drops.entry(what).or_default();
            let is_delta = point.metric().head.temporality == 1;
            *total = if is_delta { total.saturating_add(value) } else { value.max(*total) };
        }
    }

    pub(crate) fn set_head(&mut self, head: RunHead) {
        self.head = head;
    }

    pub(crate) fn head(&self) -> &RunHead {
        &self.head
    }

    pub(crate) fn set_breakers(&mut self, edges: Vec<Edge>) {
        self.lanes.watch_breakers(edges);
    }

    pub(crate) fn set_faults(&mut self, faults: Vec<FaultFrame>) {
        self.faults = faults;
    }

    pub(crate) fn faults(&self) -> &[FaultFrame] {
        &self.faults
    }

    pub(crate) fn set_verdicts(&mut self, verdicts: Vec<VerdictFrame>) {
        self.verdicts = verdicts;
    }

    pub(crate) fn add_event(&mut self, event: Event, now_unix_ms: u64) {
        self.seconds.add_event(event, now_unix_ms / 1_000);
    }

    pub(crate) fn add_load(&mut self, unix_s: u64, load: &LoadSecond, now_unix_ms: u64) {
        self.seconds.add_load(unix_s, load, now_unix_ms / 1_000);
    }

    /// Calls and durations by service, name, kind and status of a span, since the start.
    pub(crate) fn span_metrics(&self) -> Vec<SpanMetric> {
        self.measures.span_metrics()
    }

    /// What routes, series and pairs of services leave out because there are too many of them. The
    /// spans are at hand and in the file all the same, so nothing is lost by it.
    pub(crate) fn uncounted(&self) -> Vec<DropCount> {
        self.measures.uncounted()
    }

    /// RED by route in the seconds `[from_s, until_s)`, of which the last five minutes are kept.
    pub(crate) fn routes(&self, from_s: u64, until_s: u64) -> Vec<RouteRed> {
        self.measures.routes(from_s, until_s)
    }

    /// Who calls whom, since the start.
    pub(crate) fn graph(&self) -> Vec<ServiceCall> {
        self.measures.graph()
    }

    pub(crate) fn ledger(&self) -> BTreeMap<String, LedgerCount> {
        self.ledger.counts().clone()
    }

    /// Items refused one by one.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected
    }

    pub(crate) fn late(&self) -> u64 {
        self.seconds.late()
    }

    /// What could not be counted into a frame, and what others say that they lost.
    pub(crate) fn drops(&self) -> Vec<DropCount> {
        let own = [
            (OUTSIDE, self.seconds.outside()),
            ("collector events of crowded seconds", self.seconds.crowded()),
            ("collector edges above the limit", self.seconds.edges_refused()),
            ("collector decisions without a fault name", self.ledger.nameless()),
        ];
        own.into_iter()
            .map(|(what, count)| DropCount { what: what.to_owned(), count })
            .chain(
                self.foreign_drops
                    .iter()
                    .map(|(what, count)| DropCount { what: what.clone(), count: *count }),
            )
            .collect()
    }

    /// Spans and decisions that came twice; counted once.
    pub(crate) fn duplicates(&self) -> u64 {
        self.duplicates
    }
}

/// Takes a log record for what it means beyond its text; false when it is a repetition.
fn learn(
    log: LogView<'_>,
    now_s: u64,
    (seconds, lanes, ledger): (&mut Seconds, &mut Lanes, &mut Ledger),
    facts: &mut Facts,
) -> bool {
    match Facts::of(log) {
        Some(facts::Fact::Decision(decision)) => {
            if !ledger.add(&decision) {
                return false;
            }
            seconds.count_decision(&decision, now_s);
            facts.decisions.push(*decision);
        },
        Some(facts::Fact::Fault(transition)) => {
            if let Some(event) = lanes.add_fault(&transition) {
                seconds.add_event(event, now_s);
                facts.faults.push(*transition);
            }
        },
        Some(facts::Fact::Breaker(transition)) => {
            if let Some(event) = lanes.add_breaker(&transition) {
                seconds.add_event(event, now_s);
                facts.breakers.push(*transition);
            }
        },
        None => {},
    }
    true
}

fn counter(point: &Fields) -> Option<u64> {
    match (point.int_value, point.double_value) {
        (Some(value), _) => u64::try_from(value).ok(),
        (None, Some(value)) if value >= 0.0 => Some(value as u64),
        _ => None,
    }
}

/// Is this span the request of an edge, as the gateway served it?
fn is_request(span: &SpanView<'_>) -> bool {
    span.kind == kind::SERVER && !span.known.edge.is_absent()
}

fn is_attempt(span: &SpanView<'_>) -> bool {
    span.kind == kind::CLIENT && !span.known.edge.is_absent()
}

fn event(
    unix_ns: u64,
    kind: EventKind,
    subject: String,
    text: String,
    trace_id: Option<model::id::TraceId>,
) -> Event {
    Event { unix_ms: unix_ns / 1_000_000, kind, subject, text, trace_id }
}

#[cfg(test)]
mod tests;
