//! One endpoint as requests meet it: atomics that every attempt touches, and nothing that needs a
//! lock. What is rare (ejections, checks) is in the roster, which alone writes `out`.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use model::plan::EndpointOutcomes;

use super::Cause;
use super::ewma::Ewma;
use super::outlier::Tally;

/// Reasons to leave an endpoint out, as bits.
pub(super) const UNHEALTHY: u8 = 1;
pub(super) const EJECTED: u8 = 2;

/// Aligned so that two endpoints never share a cache line (and its neighbour, which is fetched
/// with it).
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Endpoint {
    pub(super) address: SocketAddr,
    pub(super) in_flight: AtomicU64,
    pub(super) out: AtomicU8,
    pub(super) ewma: Ewma,
    pub(super) tally: Tally,
    ended: [AtomicU64; 6],
}

impl Endpoint {
    pub(super) fn new(address: SocketAddr, ewma: Ewma) -> Self {
        Self {
            address,
            in_flight: AtomicU64::new(0),
            out: AtomicU8::new(0),
            ewma,
            tally: Tally::default(),
            ended: Default::default(),
        }
    }

    pub(super) fn is_out(&self) -> bool {
        self.out.load(Ordering::Relaxed) != 0
    }

    pub(super) fn pending(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, cause: Cause) {
        let place = match cause {
            Cause::Success => 0,
            Cause::Upstream { status: Some(_) } => 1,
            Cause::Upstream { status: None } => 2,
            Cause::Local => 3,
            Cause::Injected { .. } => 4,
            Cause::Unknown => 5,
        };
        self.ended[place].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self) -> EndpointOutcomes {
        let [succeeded, failed, unanswered, local, injected, unknown] =
            [0, 1, 2, 3, 4, 5].map(|place| self.ended[place].load(Ordering::Relaxed));
        EndpointOutcomes { succeeded, failed, unanswered, local, injected, unknown }
    }

    pub(super) fn attempts(&self) -> u64 {
        let ended: u64 = self.ended.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        ended + self.pending()
    }
}
