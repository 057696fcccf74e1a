//! Delivers one request: tries it until the receiver has taken it, refuses it for good, or the
//! caller gives up.

use std::time::Duration;

use http::Request;

use super::answer::{Outcome, Reason, outcome};
use super::backoff::{Backoff, Pace};
use super::connection::Connection;
use super::request::Pieces;
use super::settings::Target;
use crate::clock::Clock;

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The receiver took it, except for so many items.
    Taken { rejected: u64, message: String },
    /// The receiver will never take it.
    Refused(Reason),
    /// The receiver might have taken it later.
    GivenUp(Reason),
}

/// Sends one request after the other over one connection.
#[derive(Debug)]
pub struct Courier {
    clock: Clock,
    pace: Pace,
    connection: Connection,
}

impl Courier {
    pub fn new(clock: Clock, pace: Pace) -> Self {
        Self { clock, pace, connection: Connection::default() }
    }

    /// After every failure that may pass, `again` is told the reason and the pause that would
    /// follow; the delivery is given up when it says no.
    pub async fn deliver(
        &mut self,
        target: &Target,
        request: &Request<Pieces>,
        mut again: impl FnMut(&Reason, Duration) -> bool,
    ) -> Delivery {
        let mut backoff = Backoff::new(self.pace);
        loop {
            let result = self.connection.call(target, request.clone()).await;
            match outcome(target.protocol, result, self.clock.unix_ns()) {
                Outcome::Delivered { rejected, message } => {
                    return Delivery::Taken { rejected, message };
                },
                Outcome::Again { after, reason } => {
                    let delay = backoff.delay(after, rand::random_range(-1.0..=1.0));
                    if !again(&reason, delay) {
                        return Delivery::GivenUp(reason);
                    }
                    tokio::time::sleep(delay).await;
                },
                Outcome::Lost { reason } => return Delivery::Refused(reason),
            }
        }
    }
}

#[cfg(test)]
mod tests;
