//! Measured values that name the trace they were measured in.

use std::collections::BTreeSet;

use model::id::{SpanId, TraceId};
use rusqlite::Connection;
use serde::Deserialize;

use super::Reader;
use crate::analysis::correlation::Exemplar;
use crate::store::StoreError;

/// Most exemplars of one answer.
const EXEMPLARS_MAX: usize = 1_000;

/// As the `point` table holds it.
#[derive(Debug, Deserialize)]
struct Stored {
    unix_ns: u64,
    value: Option<f64>,
    trace_id: String,
    span_id: String,
}

impl Reader {
    /// Those of these traces. Looks at every point that has exemplars.
    pub(crate) fn exemplars(
        &self,
        traces: &BTreeSet<TraceId>,
    ) -> Result<Vec<Exemplar>, StoreError> {
        self.with(|connection| exemplars_of(connection, traces))
    }
}

fn exemplars_of(
    connection: &Connection,
    traces: &BTreeSet<TraceId>,
) -> rusqlite::Result<Vec<Exemplar>> {
    let mut statement = connection.prepare_cached(
        "SELECT r.service, m.name, m.unit, p.exemplars
         FROM point p JOIN metric m USING (metric_id) JOIN resource r USING (resource_id)
         WHERE p.exemplars != ''",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()?
        && found.len() < EXEMPLARS_MAX
    {
        let (service, name, unit): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        // What cannot be read names no trace.
        let stored: Vec<Stored> =
            serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default();
        found.extend(stored.into_iter().filter_map(|stored| {
            let trace_id = stored.trace_id.parse().ok().filter(|id| traces.contains(id))?;
            let value = stored.value.map(|value| format!(" {value}")).unwrap_or_default();
            Some(Exemplar {
                unix_ns: stored.unix_ns,
                service: service.clone(),
                text: format!("{name}{value} {unit}").trim_end().to_owned(),
                trace_id: Some(trace_id),
                span_id: stored.span_id.parse::<SpanId>().ok(),
            })
        }));
    }
    Ok(found)
}
