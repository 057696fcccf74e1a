//! What a file says about how much was sent, came in and was lost.

use model::frame::{DropCount, RunHead};
use model::hdr::LoadTotals;
use rusqlite::Connection;
use serde::de::DeserializeOwned;

use super::{Reader, unsigned};
use crate::store::StoreError;

/// The account of a run; what this program cannot read counts as nothing.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) head: RunHead,
    pub(crate) load: LoadTotals,
    /// A load worker has given its final account.
    pub(crate) load_ended: bool,
    pub(crate) spans: u64,
    pub(crate) late: u64,
    pub(crate) rejected: u64,
    pub(crate) losses: Vec<DropCount>,
}

impl Reader {
    pub(crate) fn account(&self) -> Result<Account, StoreError> {
        self.with(account)
    }
}

fn account(connection: &Connection) -> rusqlite::Result<Account> {
    let mut account = connection.query_row(
        "SELECT head, losses, ifnull(spans, (SELECT count(*) FROM span)), ifnull(late, 0),
                ifnull(rejected, 0), (SELECT count(*) FROM load_done) > 0
         FROM run",
        [],
        |row| {
            Ok(Account {
                head: parsed(&row.get::<_, String>(0)?),
                losses: parsed(&row.get::<_, String>(1)?),
                spans: unsigned(row, 2)?,
                late: unsigned(row, 3)?,
                rejected: unsigned(row, 4)?,
                load_ended: row.get(5)?,
                load: LoadTotals::default(),
            })
        },
    )?;
    let mut statement = connection.prepare_cached("SELECT interval FROM load_interval")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let interval = serde_json::from_str(row.get_ref(0)?.as_str()?).ok();
        // Only intervals that could be decoded were written.
        if let Some(Err(error)) = interval.map(|interval| account.load.add(&interval)) {
            tracing::warn!(%error, "an interval of the load cannot be read");
        }
    }
    Ok(account)
}

fn parsed<T: DeserializeOwned + Default>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_default()
}
