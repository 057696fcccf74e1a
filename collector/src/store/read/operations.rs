//! Counts of operations.

use model::hist::Histogram;
use rusqlite::Connection;

use super::{Conditions, Reader, unsigned};
use crate::query::{OperationCounts, OperationQuery, OperationRow, operation_rows};
use crate::store::StoreError;

const MINUTE_MS: u64 = 60_000;

impl Reader {
    /// By service, operation and kind; nothing before the run is sealed.
    pub(crate) fn operations(
        &self,
        query: &OperationQuery,
    ) -> Result<Vec<OperationRow>, StoreError> {
        self.with(|connection| operations(connection, query))
    }
}

fn operations(
    connection: &Connection,
    query: &OperationQuery,
) -> rusqlite::Result<Vec<OperationRow>> {
    let mut conditions = Conditions::default();
    let second = |ms: u64| (ms / 1_000).cast_signed();
    let from = query.from_unix_ms.map(|ms| second(ms - ms % MINUTE_MS));
    conditions.add_some("unix_s >= ?", from);
    conditions.add_some("unix_s < ?", query.to_unix_ms.map(|ms| second(ms.saturating_add(999))));
    conditions.add_some("service = ?", query.service.clone());
    conditions.add_some("kind = ?", query.kind.clone());
    let sql = format!(
        "SELECT service, operation, kind, errors, histogram FROM op_rollup
         WHERE step_s = 60 AND {}",
        conditions.sql()
    );
    let mut merged = OperationCounts::new();
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(conditions.parameters().as_slice())?;
    while let Some(row) = rows.next()? {
        let place = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (errors, durations) = merged.entry(place).or_default();
        *errors += unsigned(row, 3)?;
        durations.merge(&Histogram::unpacked(row.get_ref(4)?.as_blob()?).unwrap_or_default());
    }
    Ok(operation_rows(merged))
}
