//! Who may come in: a bound on requests and on bytes that are being read, decoded or waiting to be
//! written.
//!
//! Every request takes a [`Lease`] before its body is read and grows it with each piece that
//! arrives or is inflated; the lease goes with the records into the writer's queue and is given
//! back when they are written. When nothing is left the request is refused at once and can be
//! sent again: memory stays under its bound, and nothing that was accepted is lost here.
//!
//! What waits for the writer has a smaller bound of its own. A flood that is faster than the disk
//! meets this one, so that it ends with little memory in use, while a single request may still be
//! as large as OTLP allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use model::limits::OTLP_REQUEST_BYTES_MAX;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests in work or waiting to be written.
pub(crate) const QUEUE_BATCHES: usize = 1_024;
/// Bytes of all of them together, before and after inflating.
pub(crate) const QUEUE_BYTES: usize = 4 * OTLP_REQUEST_BYTES_MAX;
/// Bytes of what waits to be written: a tenth of a second of the fastest flood.
pub(crate) const WAITING_BYTES: usize = 24 * 1024 * 1024;
/// What one request counts for among those that wait, at most; else a large one would find no room
/// among many small ones. [`QUEUE_BYTES`] holds for its size.
const WAITING_BYTES_EACH: usize = WAITING_BYTES / 8;
/// With less room than this among those that wait, nobody is let in: most requests would be
/// refused all the same, once they had been read.
const WAITING_BYTES_LEFT: usize = 512 * 1024;
/// One permit of the byte semaphores.
const PERMIT_BYTES: usize = 1_024;

/// What a refused sender should wait before it tries again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Admission {
    batches: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    closed: AtomicBool,
    refused: Arc<AtomicU64>,
}

/// The right of one request to use memory.
#[derive(Debug)]
pub(crate) struct Lease {
    _batch: OwnedSemaphorePermit,
    bytes: OwnedSemaphorePermit,
    pool: Arc<Semaphore>,
    /// Once it waits to be written.
    waits: Option<OwnedSemaphorePermit>,
    waiting: Arc<Semaphore>,
    refused: Arc<AtomicU64>,
}

/// There is no room now, or the run is being sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the collector is busy, or the run is being sealed")]
pub(crate) struct Refused;

impl Default for Admission {
    fn default() -> Self {
        Self::with_bounds(QUEUE_BATCHES, QUEUE_BYTES)
    }
}

impl Admission {
    pub(crate) fn with_bounds(batches: usize, bytes: usize) -> Self {
        Self {
            batches: Arc::new(Semaphore::new(batches)),
            bytes: Arc::new(Semaphore::new(bytes / PERMIT_BYTES)),
            waiting: Arc::new(Semaphore::new(WAITING_BYTES / PERMIT_BYTES)),
            closed: AtomicBool::new(false),
            refused: Arc::default(),
        }
    }

    pub(crate) fn enter(&self) -> Result<Lease, Refused> {
        let crowded = self.waiting.available_permits() < WAITING_BYTES_LEFT / PERMIT_BYTES;
        if crowded || self.closed.load(Ordering::Acquire) {
            return self.refuse();
        }
        let batch = Arc::clone(&self.batches).try_acquire_owned();
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(1);
        match (batch, bytes) {
            (Ok(batch), Ok(bytes)) => {
                let (pool, waiting) = (Arc::clone(&self.bytes), Arc::clone(&self.waiting));
                let refused = Arc::clone(&self.refused);
                Ok(Lease { _batch: batch, bytes, pool, waits: None, waiting, refused })
            },
            _ => self.refuse(),
        }
    }

    pub(crate) fn refuse<T>(&self) -> Result<T, Refused> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(Refused)
    }

    /// Requests in work or waiting to be written, and their bytes.
    pub(crate) fn in_work(&self) -> (u64, u64) {
        let batches = QUEUE_BATCHES.saturating_sub(self.batches.available_permits());
        let permits = (QUEUE_BYTES / PERMIT_BYTES).saturating_sub(self.bytes.available_permits());
        (batches as u64, (permits * PERMIT_BYTES) as u64)
    }

    /// Requests refused for want of room; their senders were told to try again.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Refuses everything from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Waits until every request that came in has been written.
    pub(crate) async fn drained(&self) {
        // The semaphore is never closed, so this ends with all permits and gives them back.
        let _all = self.batches.acquire_many(QUEUE_BATCHES as u32).await;
    }

    /// Waits until nobody uses memory.
    #[cfg(test)]
    pub(crate) async fn emptied(&self) {
        let _all = self.bytes.acquire_many((QUEUE_BYTES / PERMIT_BYTES) as u32).await;
    }
}

impl Lease {
    /// Makes room for `bytes` in total. A request that finds none ends with that, and counts as
    /// refused like one that was not let in.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        let missing = bytes.div_ceil(PERMIT_BYTES).saturating_sub(self.bytes.num_permits());
        if missing == 0 {
            return Ok(());
        }
        let more = self.acquire(&self.pool, missing)?;
        self.bytes.merge(more);
        Ok(())
    }

    /// Room for `bytes` more during one step; given back when the permit is dropped.
    pub(crate) fn borrow(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refused> {
        self.acquire(&self.pool, bytes.div_ceil(PERMIT_BYTES))
    }

    /// Takes a place among those that wait to be written.
    pub(crate) fn wait_to_be_written(&mut self) -> Result<(), Refused> {
        let permits = self.bytes.num_permits().min(WAITING_BYTES_EACH / PERMIT_BYTES);
        self.waits = Some(self.acquire(&self.waiting, permits)?);
        Ok(())
    }

    fn acquire(
        &self,
        pool: &Arc<Semaphore>,
        permits: usize,
    ) -> Result<OwnedSemaphorePermit, Refused> {
        Arc::clone(pool).try_acquire_many_owned(permits as u32).map_err(|_no_room| {
            self.refused.fetch_add(1, Ordering::Relaxed);
            Refused
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_house_refuses_and_has_room_again_when_someone_leaves() {
        let admission = Admission::with_bounds(2, 10 * PERMIT_BYTES);
        let mut first = admission.enter().unwrap();
        let second = admission.enter().unwrap();
        assert!(admission.enter().is_err());
        assert_eq!(first.grow(9 * PERMIT_BYTES), Ok(()));
        assert_eq!(first.grow(9 * PERMIT_BYTES + 1), Err(Refused));
        drop(second);
        assert_eq!(first.grow(9 * PERMIT_BYTES + 1), Ok(()));
        drop(first);
        assert!(admission.enter().is_ok());
    }

    #[test]
    fn a_request_refused_in_the_middle_of_its_body_counts_like_one_refused_at_the_door() {
        let admission = Admission::with_bounds(1, 10 * PERMIT_BYTES);
        let mut lease = admission.enter().unwrap();
        assert_eq!(lease.grow(10 * PERMIT_BYTES), Ok(()));
        assert_eq!(admission.refused(), 0);
        assert_eq!(lease.grow(11 * PERMIT_BYTES), Err(Refused));
        assert_eq!(admission.refused(), 1);
        assert!(admission.enter().is_err());
        assert_eq!(admission.refused(), 2);
    }

    #[test]
    fn room_for_one_step_is_given_back_after_it() {
        let admission = Admission::with_bounds(2, 10 * PERMIT_BYTES);
        let mut lease = admission.enter().unwrap();
        assert!(lease.borrow(9 * PERMIT_BYTES + 1).is_err());
        let step = lease.borrow(9 * PERMIT_BYTES).unwrap();
        assert_eq!(lease.grow(2 * PERMIT_BYTES), Err(Refused));
        drop(step);
        assert_eq!(lease.grow(10 * PERMIT_BYTES), Ok(()));
    }

    #[test]
    fn what_waits_for_a_slow_disk_is_bounded_and_a_large_request_finds_room_like_many_small_ones() {
        let admission = Admission::default();
        let mut leases = Vec::new();
        let mut early = admission.enter().unwrap();
        early.grow(512 * 1024).unwrap();
        while let Ok(mut lease) = admission.enter() {
            lease.grow(256 * 1024).unwrap();
            assert_eq!(lease.wait_to_be_written(), Ok(()));
            leases.push(lease);
        }
        // Who is refused at the door has not been read in vain.
        assert_eq!((admission.refused(), leases.len()), (1, WAITING_BYTES / (256 * 1024) - 1));
        assert_eq!(early.wait_to_be_written(), Err(Refused));
        assert_eq!(admission.refused(), 2);
        leases.truncate(leases.len() - WAITING_BYTES_EACH / (256 * 1024));
        let mut large = admission.enter().unwrap();
        large.grow(OTLP_REQUEST_BYTES_MAX).unwrap();
        assert_eq!(large.wait_to_be_written(), Ok(()));
    }

    #[test]
    fn a_closed_house_takes_nobody() {
        let admission = Admission::default();
        admission.close();
        assert!(admission.enter().is_err());
    }
}
