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
    pace: Pace,
}

/// What passed while a rate held the body back.
#[derive(Debug, Default)]
struct Pace {
    began: Option<Instant>,
    last: Option<Instant>,
    bytes: u64,
    /// Something had to wait, so the rate and not the sender said how fast it went.
    waited: bool,
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
    Some(Shaped { shaper: Shaper::new(stages), dues, delays, pace: Pace::default() })
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
        self.pace.began.get_or_insert(now);
        self.pace.bytes += pass as u64;
        self.pace.last = Some(now);
        self.pace.waited |= matches!(then, Then::Wait(_));
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

    /// Tells each rate how exactly it was kept.
    fn tell_rates(&self) {
        let Pace { began: Some(began), last: Some(last), bytes, waited: true } = self.pace else {
            return;
        };
        for due in &self.dues {
            if let FaultKind::Bandwidth { bytes_per_s, shared: false } = due.effect() {
                let allowed = *bytes_per_s as f64 * (last - began).as_secs_f64();
                due.paced(bytes, allowed as u64);
            }
        }
    }

    fn drop_inactive(&mut self, now: Instant, unix_ms: u64) {
        let active = |due: &Due| now < due.window_end() && due.fault().origin.holds(unix_ms);
        let mut place = 0;
        while place < self.dues.len() {
            if active(&self.dues[place]) {
                place += 1;
            } else {
                self.dues.remove(place);
                self.shaper.stages_mut().remove(place);
            }
        }
    }
}

impl Drop for Shaped {
    fn drop(&mut self) {
        self.tell_rates();
    }
}
