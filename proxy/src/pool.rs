//! Connections to endpoints: kept alive, bounded, never shared, and nothing hidden in between.
//!
//! Each worker has a pool of its own. A kept connection is looked at before it is used: one that
//! the callee closed, or on which something came that nobody asked for, is thrown away. Looking
//! costs no system call, because the runtime has been told when something happened.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::wire::buffer::Inbox;

/// Idle connections kept per endpoint and worker.
const IDLE_MAX: usize = 1_024;
/// Idle connections older than this are closed instead of used.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// On loopback and in a data centre a longer wait only hides a dead host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to an endpoint. Dropped, it closes; given back, it is kept.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) to: SocketAddr,
    pub(crate) reader: OwnedReadHalf,
    pub(crate) writer: OwnedWriteHalf,
    pub(crate) inbox: Inbox,
    /// It served a request before this one.
    pub(crate) reused: bool,
}

#[derive(Debug)]
struct Idle {
    upstream: Upstream,
    since: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<BTreeMap<SocketAddr, Vec<Idle>>>,
    /// Rings when a connection comes into an empty pool.
    filled: Notify,
}

impl Pool {
    /// A kept connection if there is a good one, else a fresh one.
    pub(crate) async fn open(&self, to: SocketAddr, now: Instant) -> Result<Upstream, Failure> {
        match self.take(to, now) {
            Some(kept) => Ok(kept),
            None => Box::pin(self.connect(to)).await,
        }
    }

    pub(crate) async fn connect(&self, to: SocketAddr) -> Result<Upstream, Failure> {
        let refused = |source| Failure::Connect { to, source };
        let socket = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(to))
            .await
            .map_err(|_elapsed| Failure::ConnectTimeout { to, after: CONNECT_TIMEOUT })?
            .map_err(refused)?;
        socket.set_nodelay(true).map_err(refused)?;
        let (reader, writer) = socket.into_split();
        Ok(Upstream { to, reader, writer, inbox: Inbox::default(), reused: false })
    }

    /// The youngest connection first: it is the least likely to have been closed meanwhile.
    fn take(&self, to: SocketAddr, now: Instant) -> Option<Upstream> {
        let mut idle = self.lock();
        let kept = idle.get_mut(&to)?;
        loop {
            let youngest = kept.pop()?;
            if now - youngest.since <= IDLE_TIMEOUT && is_quiet(youngest.upstream.reader.as_ref()) {
                return Some(Upstream { reused: true, ..youngest.upstream });
            }
        }
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(crate) fn give_back(&self, upstream: Upstream, now: Instant) {
        if !upstream.inbox.is_empty() {
            // More than the answer came: whatever it is, it belongs to no request.
            return;
        }
        let mut idle = self.lock();
        let was_empty = idle.values().all(Vec::is_empty);
        let kept = idle.entry(upstream.to).or_default();
        if kept.len() < IDLE_MAX {
            kept.push(Idle { upstream, since: now });
        }
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Closes what is kept for endpoints that are no longer used.
    pub(crate) fn retain(&self, used: &BTreeSet<SocketAddr>) {
        self.lock().retain(|endpoint, _| used.contains(endpoint));
    }

    /// Closes connections that nobody used for too long; the owner drops it at the end.
    pub(crate) async fn expire(&self) {
        loop {
            let oldest =
                self.lock().values().filter_map(|kept| kept.first()).map(|i| i.since).min();
            match oldest {
                None => self.filled.notified().await,
                Some(since) => {
                    tokio::time::sleep_until(since + IDLE_TIMEOUT).await;
                    let now = Instant::now();
                    for kept in self.lock().values_mut() {
                        let fresh = kept.partition_point(|idle| now - idle.since >= IDLE_TIMEOUT);
                        kept.drain(..fresh);
                    }
                },
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Did nothing happen on this connection since its last answer?
fn is_quiet(socket: &TcpStream) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    match socket.poll_read_ready(&mut context) {
        Poll::Pending => true,
        // The runtime may remember a readiness that was used up long ago: ask the socket itself.
        Poll::Ready(_) => {
            let asked = socket.try_read(&mut [0]);
            matches!(asked, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
        },
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    async fn opened(pool: &Pool) -> (Upstream, TcpStream, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let (near, far) = tokio::join!(pool.connect(to), listener.accept());
        (near.unwrap(), far.unwrap().0, to)
    }

    #[tokio::test]
    async fn a_quiet_connection_is_used_again_and_a_closed_one_is_not() {
        let pool = Pool::default();
        let (first, far, to) = opened(&pool).await;
        pool.give_back(first, Instant::now());
        let again = pool.take(to, Instant::now()).unwrap();
        assert!(again.reused);
        pool.give_back(again, Instant::now());
        drop(far);
        // Its end is known when the runtime has been told.
        loop {
            tokio::task::yield_now().await;
            let Some(kept) = pool.take(to, Instant::now()) else { break };
            pool.give_back(kept, Instant::now());
        }
    }

    #[tokio::test]
    async fn a_connection_that_speaks_unasked_is_thrown_away() {
        let pool = Pool::default();
        let (first, mut far, to) = opened(&pool).await;
        far.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.unwrap();
        first.reader.readable().await.unwrap();
        pool.give_back(first, Instant::now());
        assert!(pool.take(to, Instant::now()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connections_are_closed_in_time_without_being_asked_for() {
        let pool = Pool::default();
        let (first, _far, to) = opened(&pool).await;
        pool.give_back(first, Instant::now());
        let waited = tokio::time::timeout(IDLE_TIMEOUT * 2, pool.expire()).await;
        assert!(waited.is_err());
        assert!(pool.lock().values().all(Vec::is_empty));
        assert!(pool.take(to, Instant::now()).is_none());
    }
}
