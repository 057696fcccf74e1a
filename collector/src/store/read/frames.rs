//! Frames of a sealed run.

use model::frame::{Event, Frame};

use super::Reader;
use crate::query::EventQuery;
use crate::store::StoreError;

impl Reader {
    /// From a sequence number on. What this program cannot read is left out.
    pub(crate) fn frames(&self, from_seq: u64, limit: usize) -> Result<Vec<Frame>, StoreError> {
        self.with(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT frame FROM frame WHERE seq >= ?1 ORDER BY seq LIMIT ?2")?;
            let from = i64::try_from(from_seq).unwrap_or(i64::MAX);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map((from, limit), |row| {
                Ok(serde_json::from_str(row.get_ref(0)?.as_str()?).ok())
            })?;
            rows.filter_map(Result::transpose).collect()
        })
    }

    /// What happened, as the frames have it.
    pub(crate) fn events(&self, query: &EventQuery) -> Result<Vec<Event>, StoreError> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT frame -> 'events' FROM frame WHERE frame ->> '$.events[0]' IS NOT NULL",
            )?;
            let rows = statement.query_map([], |row| {
                let events: Option<Vec<Event>> =
                    serde_json::from_str(row.get_ref(0)?.as_str()?).ok();
                Ok(events.unwrap_or_default())
            })?;
            let events: Vec<Vec<Event>> = rows.collect::<rusqlite::Result<_>>()?;
            Ok(query.answer(events.into_iter().flatten()))
        })
    }
}
