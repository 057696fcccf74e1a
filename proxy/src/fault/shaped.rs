//! Faults in the body of an HTTP message: a shaper of its bytes, and the lines of the ledger that
//! its stages owe.
//!
//! A fault acts as long as its window and what holds it last; after that the bytes pass as if it
//! had never been there, also those that it holds back at that moment.

use std::task::Poll;

use model::fault::{Direction, FaultKind};
use tokio::time::Instant;

use super::act;
use super::due::Due;
use super::fidelity::RATE_LEAST;
use crate::exchange::Exchange;
use crate::shape::{self, Shaper, Stage, Then};
use crate::timer::Timer;
use crate::worker::Worker;

/// The faults of one body.
#[derive(Debug)]
pub(crate) struct Shaped {
    shaper: Shaper,
    /// One for each stage, in the same order.
    dues: Vec<Due>,
    /// Delays of the whole body, which come first.
    delays: Vec<Due>,
}

/// Draws the faults of the body that goes `way`. `length` is its length, where it is known.
pub(crate) fn body(
    exchange: &Exchange,
    way: Direction,
    attempt: u32,
    length: Option<u64>,
) -> Option<Shaped> {
    exchange.journal.as_ref()?;
    let drawn = act::body(exchange, way, attempt, length == Some(0));
    if drawn.is_empty() || length == Some(0) {
        return None;
    }
    let (mut stages, mut dues, mut delays) = (Vec::new(), Vec::new(), Vec::new());
    for due in drawn {
        let bucket = due.fault().memory.bucket(way);
        let origin = shape::Origin { seed: due.size().bits(), length, bucket };
        match Stage::of(due.effect(), &origin) {
            Some(stage) => {
                stages.push(stage);
                dues.push(due);
            },
            None if due.planned().is_some() => delays.push(due),
            None => due.spare("not-applicable"),
        }
    }
    Some(Shaped { shaper: Shaper::new(stages), dues, delays })
}

impl Shaped {
    /// Does one of them need the body in chunks?
    pub(crate) fn breaks_chunks(&self) -> bool {
        self.dues.iter().any(|due| matches!(due.effect(), FaultKind::BrokenChunk { .. }))
    }

    /// Of the bytes at hand, how many pass now, and what then.
    pub(crate) fn offer(&mut self, bytes: &mut [u8], now: Instant, unix_ms: u64) -> (usize, Then) {
        if let Some(due) = self.delays.first_mut() {
            due.begin();
            return (0, Then::Wait(due.held_until()));
        }
        self.drop_inactive(now, unix_ms);
        let (pass, then) = self.shaper.offer(bytes, now);
        for (place, due) in self.dues.iter_mut().enumerate() {
            if self.shaper.touched(place) {
                due.begin();
            }
        }
        (pass, then)
    }

    /// Waits, unless what makes it wait ends before.
    pub(crate) async fn wait(&mut self, until: Instant, timer: &Timer) {
        let ends = self.dues.iter().chain(&self.delays).map(Due::window_end);
        let until = ends.min().map_or(until, |end| end.min(until));
        let armings = self.dues.iter().chain(&self.delays).map(|due| &due.fault().origin.arming);
        let mut freed: Vec<_> = armings.map(|arming| Box::pin(arming.ended())).collect();
        let mut waiting = std::pin::pin!(timer.sleep_until(until));
        let whole = std::future::poll_fn(|context| {
            if freed.iter_mut().any(|freed| freed.as_mut().poll(context).is_ready()) {
                return Poll::Ready(false);
            }
            waiting.as_mut().poll(context).map(|()| true)
        })
        .await;
        drop(freed);
        if !self.delays.is_empty() {
            let due = self.delays.remove(0);
            if whole {
                due.ran_to_its_end();
            }
        }
    }

    /// Nothing passes until the faults are over.
    pub(crate) async fn swallow(&mut self, worker: &Worker) {
        let swallows = |due: &&Due| matches!(due.effect(), FaultKind::Blackhole);
        while let Some(end) = self.dues.iter().find(swallows).map(Due::window_end) {
            self.wait(end, &worker.timer).await;
            let now = worker.clock.now();
            self.drop_inactive(now, worker.clock.unix_ns_of(now) / 1_000_000);
        }
    }

    /// The receiver takes no more for now.
    pub(crate) fn receiver_stalls(&mut self) {
        self.shaper.receiver_stalls();
    }

    fn drop_inactive(&mut self, now: Instant, unix_ms: u64) {
        let active = |due: &Due| now < due.window_end() && due.fault().origin.holds(unix_ms);
        let mut place = 0;
        while place < self.dues.len() {
            if active(&self.dues[place]) {
                place += 1;
            } else {
                let due = self.dues.remove(place);
                tell_rate(&due, &mut self.shaper.stages_mut().remove(place));
            }
        }
    }
}

impl Drop for Shaped {
    fn drop(&mut self) {
        for (due, stage) in self.dues.iter().zip(self.shaper.stages_mut()) {
            tell_rate(due, stage);
        }
    }
}

/// Tells a rate how exactly it was kept.
fn tell_rate(due: &Due, stage: &mut Stage) {
    if let Some((passed, allowed)) = stage.kept(RATE_LEAST) {
        due.paced(passed, allowed);
    }
}
