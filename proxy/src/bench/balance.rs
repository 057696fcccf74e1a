//! The choice of an endpoint and the end of its attempt.

use std::net::SocketAddr;
use std::time::Duration;

use model::decision;
use model::policy::BalancePolicy;
use tokio::time::Instant;

use crate::balance::{Cause, Choice, Endpoints, Outcome};

/// Endpoints under a policy, and a stream of random bits.
#[derive(Debug)]
pub struct Bench {
    endpoints: Endpoints,
    now: Instant,
    draws: Vec<u64>,
    turn: usize,
}

impl Bench {
    pub fn new(count: u16, policy: &BalancePolicy, now: Instant) -> Self {
        let addresses: Vec<SocketAddr> =
            (0..count).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
        let draws = (0..4_096).map(|index| decision::indexed(1, "bench", index).bits()).collect();
        Self { endpoints: Endpoints::new(&addresses, policy, now), now, draws, turn: 0 }
    }

    /// One attempt that succeeds; the port that it went to, so that nothing is optimised away.
    pub fn attempt(&mut self) -> u16 {
        self.turn = (self.turn + 1) % self.draws.len();
        let draw = self.draws[self.turn];
        // Time passes, or the averages would be read at one instant for ever.
        self.now += Duration::from_micros(1);
        let choice = Choice { now: self.now, key: Some(draw), draw, not: &[] };
        let Some(attempt) = self.endpoints.pick(&choice) else { return 0 };
        let port = attempt.address().port();
        let took = Duration::from_nanos(draw >> 44);
        let outcome = Outcome { took, cause: Cause::Success, retry_after: None };
        let _event = attempt.end(outcome, self.now);
        port
    }
}
