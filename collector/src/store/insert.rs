//! Rows from records. Resources and metrics are written once and referred to by number.
//!
//! A row is bound straight from the view of its record, and its JSON is written into one buffer
//! that is used again. Statements are looked up once for the rows of a batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::edge::Edge;
use model::frame::{Frame, RunHead};
use model::id::CorrelationId;
use model::load::{LoadDone, LoadInterval};
use rusqlite::{CachedStatement, Connection, params};

use super::{Items, Sampled};
use crate::decode::points::Scratch;
use crate::live::{BreakerTransition, Decision, FaultTransition};
use crate::record::{Batch, LogView, MetricView, Pick, PointView, Resource, SpanView, kind};

/// Resources, metrics and texts of edges whose numbers are remembered. When there are more, all are
/// forgotten, and the next of each is written again: a sender that makes up new ones without end
/// costs rows, not memory.
const REMEMBERED_MAX: usize = 16_384;

/// Knows which resources and metrics the file already holds.
#[derive(Debug, Default)]
pub(super) struct Inserter {
    /// By their attributes.
    resources: BTreeMap<String, i64>,
    /// By everything that tells them apart.
    metrics: BTreeMap<String, i64>,
    /// Texts of edges as they come and as they are written; `None` for a text that is no edge.
    edges: BTreeMap<String, Option<String>>,
    buffers: Buffers,
}

/// Memory that is used again for the next row.
#[derive(Debug, Default)]
struct Buffers {
    attributes: String,
    other: String,
    key: String,
    scratch: Scratch,
}

/// SQLite's integers are signed; times beyond the year 2262 are not worth another column type.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Inserter {
    /// After a rollback the numbers that were given out no longer exist.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) fn items(&mut self, to: &Connection, items: &Items) -> rusqlite::Result<()> {
        if self.resources.len() + self.metrics.len() + self.edges.len() > REMEMBERED_MAX {
            self.forget();
        }
        let resources = self.resources_of(to, &items.batch)?;
        self.spans(to, (&items.batch, &items.spans), &resources)?;
        self.logs(to, items, &resources)?;
        self.points(to, items, &resources)?;
        for decision in &items.facts.decisions {
            insert_decision(to, decision)?;
        }
        for transition in &items.facts.faults {
            insert_fault_transition(to, transition)?;
        }
        for transition in &items.facts.breakers {
            insert_breaker_transition(to, transition)?;
        }
        self.sampled(to, items)
    }

    fn sampled(&mut self, to: &Connection, items: &Items) -> rusqlite::Result<()> {
        for Sampled { batch, spans } in &items.sampled {
            let resources = self.resources_of(to, batch)?;
            self.spans(to, (batch, spans), &resources)?;
        }
        for (trace_id, weight) in &items.weights {
            to.prepare_cached("INSERT OR IGNORE INTO trace_weight VALUES (?1, ?2)")?
                .execute(params![trace_id.as_bytes(), weight])?;
        }
        Ok(())
    }

    fn resources_of(&mut self, to: &Connection, batch: &Batch) -> rusqlite::Result<Vec<i64>> {
        batch.origins.iter().map(|origin| self.resource(to, &origin.resource)).collect()
    }

    fn spans(
        &mut self,
        to: &Connection,
        (batch, picked): (&Batch, &Pick),
        resources: &[i64],
    ) -> rusqlite::Result<()> {
        if picked.len() == 0 {
            return Ok(());
        }
        let mut spans = to.prepare_cached(
            "INSERT INTO span VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
             ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)",
        )?;
        let mut events = to.prepare_cached("INSERT INTO span_event VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for span in picked.iter().filter_map(|number| batch.span(number)) {
            let edge = match span.edge_text() {
                Some(text) => known_edge(&mut self.edges, &text),
                None => None,
            };
            let resource = resources[span.origin as usize];
            insert_span(&mut spans, span, resource, edge, &mut self.buffers)?;
            insert_events(&mut events, span, &mut self.buffers.attributes)?;
        }
        Ok(())
    }

    fn logs(&mut self, to: &Connection, items: &Items, resources: &[i64]) -> rusqlite::Result<()> {
        if items.logs.len() == 0 {
            return Ok(());
        }
        let mut logs = to.prepare_cached(
            "INSERT INTO log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        for log in items.logs() {
            let resource = resources[log.origin as usize];
            insert_log(&mut logs, log, resource, &mut self.buffers.attributes)?;
        }
        Ok(())
    }

    fn points(
        &mut self,
        to: &Connection,
        items: &Items,
        resources: &[i64],
    ) -> rusqlite::Result<()> {
        if items.batch.points.is_empty() {
            return Ok(());
        }
        let metrics: Vec<i64> = items
            .batch
            .metrics()
            .map(|metric| self.metric(to, metric, resources[metric.head.origin as usize]))
            .collect::<rusqlite::Result<_>>()?;
        let mut points = to.prepare_cached(
            "INSERT INTO point VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        for point in items.batch.points() {
            insert_point(&mut points, point, metrics[point.metric_number()], &mut self.buffers)?;
        }
        Ok(())
    }

    fn resource(&mut self, to: &Connection, resource: &Resource) -> rusqlite::Result<i64> {
        if let Some(number) = self.resources.get(&resource.attributes) {
            return Ok(*number);
        }
        to.prepare_cached(
            "INSERT INTO resource (service, instance, attributes) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![resource.service, resource.instance, resource.attributes])?;
        let number = to.last_insert_rowid();
        self.resources.insert(resource.attributes.clone(), number);
        Ok(number)
    }

    fn metric(
        &mut self,
        to: &Connection,
        metric: MetricView<'_>,
        resource: i64,
    ) -> rusqlite::Result<i64> {
        use std::fmt::Write as _;
        let (head, scope) = (metric.head, &metric.origin().scope);
        let (name, unit, description) = (metric.name(), metric.unit(), metric.description());
        let key = &mut self.buffers.key;
        key.clear();
        let _memory_takes_it = write!(
            key,
            "{resource} {:?} {} {} {name:?} {unit:?} {scope:?} {description}",
            head.kind, head.temporality, head.monotonic
        );
        if let Some(number) = self.metrics.get(key) {
            return Ok(*number);
        }
        to.prepare_cached(
            "INSERT INTO metric
             (resource_id, scope, name, unit, description, kind, temporality, monotonic)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            resource,
            &**scope,
            name,
            unit,
            description,
            head.kind.as_str(),
            head.temporality,
            head.monotonic,
        ])?;
        let number = to.last_insert_rowid();
        self.metrics.insert(key.clone(), number);
        Ok(number)
    }

    pub(super) fn interval(to: &Connection, interval: &LoadInterval) -> rusqlite::Result<()> {
        to.prepare_cached("INSERT OR IGNORE INTO load_interval VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                interval.run_id,
                interval.worker,
                integer(interval.sequence),
                integer(interval.unix_s),
                serde_json::to_string(interval).unwrap_or_default(),
            ])?;
        Ok(())
    }

    pub(super) fn done(to: &Connection, done: &LoadDone) -> rusqlite::Result<()> {
        to.prepare_cached("INSERT OR REPLACE INTO load_done VALUES (?1, ?2)")?
            .execute(params![done.worker, serde_json::to_string(done).unwrap_or_default()])?;
        Ok(())
    }

    pub(super) fn head(to: &Connection, head: &RunHead) -> rusqlite::Result<()> {
        to.prepare_cached("UPDATE run SET title = ?1, seed = ?2, head = ?3")?.execute(params![
            head.title,
            head.seed.to_string(),
            serde_json::to_string(head).unwrap_or_default(),
        ])?;
        Ok(())
    }

    pub(super) fn frames(to: &Connection, frames: &[Arc<Frame>]) -> rusqlite::Result<()> {
        let mut statement =
            to.prepare_cached("INSERT OR REPLACE INTO frame VALUES (?1, ?2, ?3)")?;
        for frame in frames {
            statement.execute(params![
                integer(frame.seq),
                integer(frame.unix_s),
                serde_json::to_string(frame.as_ref()).unwrap_or_default(),
            ])?;
        }
        super::rollup::frames(to, frames)
    }
}

/// An edge as it is written, however its sender has spaced it.
fn known_edge<'a>(edges: &'a mut BTreeMap<String, Option<String>>, text: &str) -> Option<&'a str> {
    if !edges.contains_key(text) {
        let edge = text.parse::<Edge>().ok().map(|edge| edge.to_string());
        edges.insert(text.to_owned(), edge);
    }
    edges.get(text)?.as_deref()
}

/// Empties a buffer and fills it.
fn written(buffer: &mut String, write: impl FnOnce(&mut String)) -> &str {
    buffer.clear();
    write(buffer);
    buffer
}

fn insert_span(
    to: &mut CachedStatement<'_>,
    span: SpanView<'_>,
    resource: i64,
    edge: Option<&str>,
    buffers: &mut Buffers,
) -> rusqlite::Result<()> {
    to.execute(params![
        span.trace_id.as_bytes(),
        span.span_id.as_bytes(),
        span.parent.as_ref().map(|id| id.as_bytes().as_slice()),
        resource,
        &*span.origin().scope,
        span.name(),
        kind::name(span.kind),
        integer(span.start_unix_ns),
        integer(span.end_unix_ns),
        span.status,
        span.status_message(),
        span.is_error(),
        edge,
        span.blame(),
        span.fault(),
        span.attempt(),
        span.control(),
        span.http_method(),
        span.http_route(),
        span.http_status(),
        span.correlation(),
        span.flags,
        span.trace_state(),
        written(&mut buffers.attributes, |out| span.write_attributes(out)),
        written(&mut buffers.other, |out| span.write_links(out)),
    ])?;
    Ok(())
}

fn insert_events(
    to: &mut CachedStatement<'_>,
    span: SpanView<'_>,
    buffer: &mut String,
) -> rusqlite::Result<()> {
    for event in span.events() {
        to.execute(params![
            span.trace_id.as_bytes(),
            span.span_id.as_bytes(),
            integer(event.unix_ns),
            event.name,
            written(buffer, |out| event.write_attributes(out)),
        ])?;
    }
    Ok(())
}

fn insert_log(
    to: &mut CachedStatement<'_>,
    log: LogView<'_>,
    resource: i64,
    buffer: &mut String,
) -> rusqlite::Result<()> {
    to.execute(params![
        integer(log.unix_ns),
        integer(log.observed_unix_ns),
        resource,
        &*log.origin().scope,
        log.severity,
        log.severity_text(),
        log.body(),
        log.event(),
        log.trace_id.as_ref().map(|id| id.as_bytes().as_slice()),
        log.span_id.as_ref().map(|id| id.as_bytes().as_slice()),
        log.correlation(),
        log.flags,
        written(buffer, |out| log.write_attributes(out)),
    ])?;
    Ok(())
}

fn insert_point(
    to: &mut CachedStatement<'_>,
    point: PointView<'_>,
    metric: i64,
    buffers: &mut Buffers,
) -> rusqlite::Result<()> {
    let Buffers { attributes, other, key, scratch } = buffers;
    let fields = point.fields(scratch);
    // SQLite has no NaN: it would become NULL, which means "no value".
    let value: rusqlite::types::Value = match (fields.int_value, fields.double_value) {
        (Some(number), _) => number.into(),
        (None, Some(number)) if number.is_nan() => "NaN".to_owned().into(),
        (None, Some(number)) => number.into(),
        (None, None) => rusqlite::types::Value::Null,
    };
    to.execute(params![
        metric,
        integer(fields.start_unix_ns),
        integer(fields.unix_ns),
        fields.flags,
        written(attributes, |out| point.write_attributes(out)),
        value,
        fields.count.map(integer),
        fields.sum,
        fields.min,
        fields.max,
        written(other, |out| point.write_detail(scratch, out)),
        written(key, |out| point.write_exemplars(out)),
    ])?;
    Ok(())
}

fn insert_decision(to: &Connection, decision: &Decision) -> rusqlite::Result<()> {
    to.prepare_cached(
        "INSERT INTO fault_hit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
         ?14, ?15, ?16, ?17, ?18)",
    )?
    .execute(params![
        integer(decision.unix_ns),
        decision.fault,
        decision.kind,
        decision.placement,
        if decision.hit { "hit" } else { "skipped" },
        decision.skip_reason,
        decision.edge,
        decision.subject_kind,
        decision.subject,
        decision.correlation_id.as_ref().map(CorrelationId::as_str),
        decision.occurrence,
        decision.attempt,
        decision.draw,
        decision.planned_us,
        decision.achieved_us,
        decision.epoch,
        decision.trace_id.as_ref().map(|id| id.as_bytes().as_slice()),
        decision.span_id.as_ref().map(|id| id.as_bytes().as_slice()),
    ])?;
    Ok(())
}

fn insert_fault_transition(to: &Connection, transition: &FaultTransition) -> rusqlite::Result<()> {
    to.prepare_cached("INSERT INTO fault_transition VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        integer(transition.unix_ns),
        transition.fault,
        transition.state_text,
        transition.cause,
    ])?;
    Ok(())
}

fn insert_breaker_transition(
    to: &Connection,
    transition: &BreakerTransition,
) -> rusqlite::Result<()> {
    to.prepare_cached("INSERT INTO breaker_transition VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            integer(transition.unix_ns),
            transition.edge.to_string(),
            transition.from.as_str(),
            transition.to.as_str(),
            transition.reason,
            transition.open_ms.map(integer),
            transition.trace_id.as_ref().map(|id| id.as_bytes().as_slice()),
            transition.span_id.as_ref().map(|id| id.as_bytes().as_slice()),
        ])?;
    Ok(())
}
