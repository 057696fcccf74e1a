//! Loads without a schedule: each place begins the next journey when one is over.
//!
//! Nothing is promised here, so nothing can be late: the intended start of a journey is the moment
//! at which the place was free. Such durations are service times, and say nothing about what users
//! would have waited who come whether the system is ready or not.

use std::cell::Cell;
use std::rc::Rc;

use model::load::Outcome;
use tokio::time::Instant;

use super::Share;
use crate::arrival::Arrival;
use crate::client::Outgoing;
use crate::journey::{Context, Journey, REST};
use crate::queue::Released;

/// Numbers of journeys, of which no other engine has one.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    next: Rc<Cell<u64>>,
    step: u64,
}

impl Numbers {
    pub(super) fn new(share: Share) -> Self {
        Self { next: Rc::new(Cell::new(share.own)), step: share.of }
    }

    fn take(&self) -> u64 {
        self.next.replace(self.next.get() + self.step)
    }
}

pub(super) struct Round {
    context: Rc<Context>,
    load: usize,
    numbers: Numbers,
}

impl Round {
    pub(super) fn new(context: Rc<Context>, load: usize, numbers: Numbers) -> Self {
        Self { context, load, numbers }
    }

    /// Journey after journey until load ends.
    pub(super) async fn run(self, start: Instant) {
        let context = &self.context;
        let mut buffer = Outgoing::default();
        if context.vigil.sleep_until(start).await.is_err() {
            return;
        }
        let mut now = context.clock.now();
        while context.load_end.get().is_none_or(|end| now < end) && !context.vigil.is_aborted() {
            let at_ns = now.saturating_duration_since(start).as_nanos();
            let at_ns = u64::try_from(at_ns).unwrap_or(u64::MAX);
            let arrival = Arrival { index: self.numbers.take(), at_ns };
            let released = Released { load: self.load, arrival, intended: now, dispatched: now };
            context.recorder.started(context.second_of(now));
            let (finished, outcome) =
                Journey::new(Rc::clone(context), released).run(&mut buffer).await;
            now = finished;
            if outcome == Outcome::Connection {
                if context.vigil.sleep_until(now + REST).await.is_err() {
                    return;
                }
                now = context.clock.now();
            }
        }
    }
}
