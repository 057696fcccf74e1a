//! What serves requests: the shared parts by reference; connections, buffers, timers and counters
//! of its own.
//!
//! Each thread has one worker, and what happens on a connection happens on its thread, so the locks
//! in here are taken by one thread only, except by those who read counters.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::frame::DropCount;
use model::plan::Limits;
use telemetry::clock::Clock;

use crate::access::AccessLog;
use crate::bytes::Poller;
use crate::call::Heads;
use crate::control::Control;
use crate::emit::{Emitter, Shard};
use crate::http1::HeadLimits;
use crate::journeys::Journeys;
use crate::pool::Pool;
use crate::timer::Timer;
use crate::wire::buffer::Buffers;

/// Vectors kept for the next head to be written.
const SCRATCH_MAX: usize = 64;
/// A vector that grew beyond this is not kept.
const SCRATCH_BYTES_MAX: usize = 32 * 1024;

#[derive(Debug)]
pub(crate) struct Worker {
    /// Place among the workers; counters are kept apart by it.
    pub(crate) index: usize,
    pub(crate) control: Arc<Control>,
    pub(crate) emitter: Arc<Emitter>,
    pub(crate) shard: Shard,
    pub(crate) journeys: Arc<Journeys>,
    pub(crate) clock: Clock,
    pub(crate) timer: Timer,
    /// For connections of bytes that are busy.
    pub(crate) poller: Poller,
    pub(crate) pool: Pool,
    pub(crate) buffers: Arc<Buffers>,
    pub(crate) heads: Heads,
    pub(crate) scratch: Scratch,
    pub(crate) limits: Arc<Limits>,
    pub(crate) losses: Arc<Losses>,
    pub(crate) access: Option<AccessLog>,
    /// State of the generator for draws that need not repeat.
    state: AtomicU64,
}

/// What all workers share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) control: Arc<Control>,
    pub(crate) emitter: Arc<Emitter>,
    pub(crate) journeys: Arc<Journeys>,
    pub(crate) clock: Clock,
    pub(crate) limits: Arc<Limits>,
    pub(crate) losses: Arc<Losses>,
    pub(crate) access: Option<Arc<AccessLog>>,
}

impl Worker {
    pub(crate) fn new(index: usize, shared: &Shared, timer: Timer) -> Self {
        let shared = shared.clone();
        Self {
            index,
            shard: shared.emitter.new_shard(),
            control: shared.control,
            emitter: shared.emitter,
            journeys: shared.journeys,
            clock: shared.clock,
            timer,
            poller: Poller::default(),
            pool: Pool::default(),
            buffers: Arc::default(),
            heads: Heads::default(),
            scratch: Scratch::default(),
            limits: shared.limits,
            losses: shared.losses,
            access: shared.access.as_deref().map(AccessLog::for_worker),
            state: AtomicU64::new(rand::random()),
        }
    }

    pub(crate) fn head_limits(&self) -> HeadLimits {
        HeadLimits { bytes: self.limits.head_bytes, fields: self.limits.head_fields }
    }

    /// 64 random bits for choices that need not repeat (splitmix64).
    pub(crate) fn draw(&self) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15;
        let mut bits = self.state.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

/// Closes the idle connections to endpoints that no plan names any more.
pub(crate) fn close_unused(workers: &[Arc<Worker>], control: &Control) {
    let used = control.endpoints();
    for worker in workers {
        worker.pool.retain(&used);
    }
}

/// Vectors that heads are written into.
#[derive(Debug, Default)]
pub(crate) struct Scratch(Mutex<Vec<Vec<u8>>>);

impl Scratch {
    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(crate) fn give_back(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < SCRATCH_MAX && bytes.capacity() <= SCRATCH_BYTES_MAX {
            kept.push(bytes);
        }
    }
}

/// What was turned away before it was a request.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    connections: AtomicU64,
    heads: AtomicU64,
    accepts: AtomicU64,
}

impl Losses {
    pub(crate) fn connection_refused(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn head_refused(&self) {
        self.heads.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn accept_failed(&self) {
        self.accepts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Vec<DropCount> {
        let count = |what: &str, counter: &AtomicU64| DropCount {
            what: what.to_owned(),
            count: counter.load(Ordering::Relaxed),
        };
        vec![
            count("proxy connections", &self.connections),
            count("proxy malformed heads", &self.heads),
            count("proxy accepts", &self.accepts),
        ]
    }
}
