//! Rows from records. Resources and metrics are written once and referred to by number.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::frame::{Frame, RunHead};
use model::id::CorrelationId;
use model::load::{LoadDone, LoadInterval};
use rusqlite::{Connection, params};

use super::Items;
use crate::live::{BreakerTransition, Decision, FaultTransition};
use crate::record::{LogRecord, MetricHead, Origin, PointRecord, Resource, SpanRecord, kind};

/// Knows which resources and metrics the file already holds.
#[derive(Debug, Default)]
pub(super) struct Inserter {
    resources: BTreeMap<String, i64>,
    metrics: BTreeMap<(i64, Arc<str>, Arc<MetricHead>), i64>,
}

/// SQLite's integers are signed; times beyond the year 2262 are not worth another column type.
fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Inserter {
    /// After a rollback the numbers that were given out no longer exist.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) fn items(&mut self, to: &Connection, items: &Items) -> rusqlite::Result<()> {
        for span in &items.spans {
            let resource = self.resource(to, &span.origin.resource)?;
            insert_span(to, span, resource)?;
        }
        for log in &items.logs {
            let resource = self.resource(to, &log.origin.resource)?;
            insert_log(to, log, resource)?;
        }
        for point in &items.points {
            let metric = self.metric(to, &point.origin, &point.metric)?;
            insert_point(to, point, metric)?;
        }
        for decision in &items.facts.decisions {
            insert_decision(to, decision)?;
        }
        for transition in &items.facts.faults {
            insert_fault_transition(to, transition)?;
        }
        for transition in &items.facts.breakers {
            insert_breaker_transition(to, transition)?;
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
        origin: &Origin,
        head: &Arc<MetricHead>,
    ) -> rusqlite::Result<i64> {
        let resource = self.resource(to, &origin.resource)?;
        let key = (resource, Arc::clone(&origin.scope), Arc::clone(head));
        if let Some(number) = self.metrics.get(&key) {
            return Ok(*number);
        }
        to.prepare_cached(
            "INSERT INTO metric
             (resource_id, scope, name, unit, description, kind, temporality, monotonic)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            resource,
            &*origin.scope,
            head.name,
            head.unit,
            head.description,
            head.kind,
            head.temporality,
            head.monotonic,
        ])?;
        let number = to.last_insert_rowid();
        self.metrics.insert(key, number);
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
        Ok(())
    }
}

fn insert_span(to: &Connection, span: &SpanRecord, resource: i64) -> rusqlite::Result<()> {
    let known = &span.known;
    to.prepare_cached(
        "INSERT INTO span VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
         ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)",
    )?
    .execute(params![
        span.trace_id.as_bytes(),
        span.span_id.as_bytes(),
        span.parent.as_ref().map(|id| id.as_bytes().as_slice()),
        resource,
        &*span.origin.scope,
        span.name,
        kind::name(span.kind),
        integer(span.start_unix_ns),
        integer(span.end_unix_ns),
        span.status,
        span.status_message,
        span.is_error(),
        known.edge.as_ref().map(ToString::to_string),
        known.blame,
        known.fault,
        known.attempt,
        known.control,
        known.http_method,
        known.http_route,
        known.http_status,
        known.correlation_id.as_ref().map(CorrelationId::as_str),
        span.flags,
        span.trace_state,
        span.attributes,
        span.links,
    ])?;
    for event in &span.events {
        to.prepare_cached("INSERT INTO span_event VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(
            params![
                span.trace_id.as_bytes(),
                span.span_id.as_bytes(),
                integer(event.unix_ns),
                event.name,
                event.attributes,
            ],
        )?;
    }
    Ok(())
}

fn insert_log(to: &Connection, log: &LogRecord, resource: i64) -> rusqlite::Result<()> {
    to.prepare_cached(
        "INSERT INTO log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        integer(log.unix_ns),
        integer(log.observed_unix_ns),
        resource,
        &*log.origin.scope,
        log.severity,
        log.severity_text,
        log.body,
        log.event,
        log.trace_id.as_ref().map(|id| id.as_bytes().as_slice()),
        log.span_id.as_ref().map(|id| id.as_bytes().as_slice()),
        log.known.correlation_id.as_ref().map(CorrelationId::as_str),
        log.flags,
        log.attributes,
    ])?;
    Ok(())
}

fn insert_point(to: &Connection, point: &PointRecord, metric: i64) -> rusqlite::Result<()> {
    // SQLite has no NaN: it would become NULL, which means "no value".
    let value: rusqlite::types::Value = match (point.int_value, point.double_value) {
        (Some(number), _) => number.into(),
        (None, Some(number)) if number.is_nan() => "NaN".to_owned().into(),
        (None, Some(number)) => number.into(),
        (None, None) => rusqlite::types::Value::Null,
    };
    to.prepare_cached(
        "INSERT INTO point VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        metric,
        integer(point.start_unix_ns),
        integer(point.unix_ns),
        point.flags,
        point.attributes,
        value,
        point.count.map(integer),
        point.sum,
        point.min,
        point.max,
        point.detail,
        point.exemplars,
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
