//! One SQLite file per service, kept away from the async threads.
//!
//! All work goes through one connection, one transaction at a time and in the order in which it
//! was asked for: SQLite has one writer anyway, and a queue in front of it is fairer than busy
//! retries inside. The in-flight bound of the service bounds this queue too. A transaction that has
//! begun is finished even when the request that asked for it is gone.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::Mutex;

/// Compiled statements kept per store; no service has more.
const STATEMENTS_KEPT: usize = 64;

/// Why work on a store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store refused the work")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the work on the store was abandoned")]
    Abandoned(#[from] tokio::task::JoinError),
}

/// Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    connection: Arc<Mutex<Connection>>,
}

impl Store {
    /// Opens or makes the file. `prepare` makes tables and first rows, inside a transaction.
    pub(crate) async fn open(
        path: &Path,
        prepare: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let mut connection = Connection::open(path)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
            let work = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            prepare(&work)?;
            work.commit()?;
            Ok::<_, rusqlite::Error>(connection)
        });
        Ok(Self { connection: Arc::new(Mutex::new(opened.await??)) })
    }

    /// Does `work` in one transaction: all of it is kept, or none when it fails.
    pub(crate) async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut connection = Arc::clone(&self.connection).lock_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let transaction = connection.transaction()?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok::<_, rusqlite::Error>(result)
        });
        Ok(done.await??)
    }

    /// Does the store answer?
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.transact(|store| store.query_row("SELECT 1", [], |_| Ok(()))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(store: &Connection) -> rusqlite::Result<()> {
        store.execute_batch("CREATE TABLE IF NOT EXISTS notes (text TEXT NOT NULL)")
    }

    async fn count(store: &Store) -> i64 {
        let count = "SELECT count(*) FROM notes";
        store.transact(|store| store.query_row(count, [], |row| row.get(0))).await.unwrap()
    }

    #[tokio::test]
    async fn a_failed_transaction_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("notes.db"), prepare).await.unwrap();
        let failed = store.transact(|store| {
            store.execute("INSERT INTO notes VALUES ('kept?')", [])?;
            store.execute("INSERT INTO notes VALUES (NULL)", [])
        });
        assert!(matches!(failed.await, Err(StoreError::Sqlite(_))));
        assert_eq!(count(&store).await, 0);
    }

    #[tokio::test]
    async fn what_was_committed_is_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.db");
        let store = Store::open(&path, prepare).await.unwrap();
        let insert = "INSERT INTO notes VALUES ('kept')";
        store.transact(|store| store.execute(insert, [])).await.unwrap();
        drop(store);
        let store = Store::open(&path, prepare).await.unwrap();
        assert_eq!(count(&store).await, 1);
    }
}
