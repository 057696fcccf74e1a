//! How long chunks are on their way: latencies, and losses that are repaired by sending again.
//!
//! A latency draws one delay for each chunk, which is what one read brought. A loss draws for each
//! segment of it, as long as one that TCP would send; a lost segment comes a retransmission timeout
//! later, and the timeout doubles while losses follow each other. Every draw is a keyed hash of the
//! fault's own seed and a number, so that a neighbour that comes or goes shifts nothing.

use std::time::Duration;

use model::decision::indexed;
use model::distribution::{DELAY_MAX, Distribution};
use model::fault::FaultKind;
use model::units::Share;
use tokio::time::Instant;

use super::armed::Acting;
use super::line::{Line, Mark};

/// Payload of a segment on an Ethernet.
const SEGMENT_BYTES: u64 = 1_460;
/// The timeout doubles at most so often.
const DOUBLINGS_MAX: u32 = 6;

#[derive(Debug)]
struct Latency {
    acting: Acting,
    delay: Distribution,
}

#[derive(Debug)]
struct Loss {
    acting: Acting,
    rate: Share,
    /// Rate after a lost segment.
    rate_again: Share,
    timeout: Duration,
    segments: u64,
    /// Losses in a row so far.
    row: u32,
}

/// All that delays one direction of one connection.
#[derive(Debug, Default)]
pub(super) struct Delays {
    latencies: Vec<Latency>,
    losses: Vec<Loss>,
    chunks: u64,
}

impl Delays {
    pub(super) fn is_empty(&self) -> bool {
        self.latencies.is_empty() && self.losses.is_empty()
    }

    /// Acts by these faults from here on. A loss goes on counting where it was.
    pub(super) fn configure(&mut self, acting: &[Acting]) {
        self.latencies.clear();
        let before = std::mem::take(&mut self.losses);
        for acting in acting {
            match acting.effect() {
                FaultKind::Latency { delay } => {
                    let delay = delay.clone();
                    self.latencies.push(Latency { acting: acting.clone(), delay });
                },
                FaultKind::Loss { rate, correlation, timeout_us } => {
                    let known = before.iter().find(|loss| loss.acting.is(acting));
                    self.losses.push(Loss {
                        acting: acting.clone(),
                        rate: *rate,
                        rate_again: Share::from_ppm(rate.ppm().saturating_add(correlation.ppm())),
                        timeout: Duration::from_micros(*timeout_us),
                        segments: known.map_or(0, |known| known.segments),
                        row: known.map_or(0, |known| known.row),
                    });
                },
                _ => {},
            }
        }
    }

    /// Sends `bytes`, just read, on their way.
    pub(super) fn send(&mut self, line: &mut Line, bytes: u64, now: Instant) {
        let chunk = self.chunks;
        self.chunks += 1;
        for latency in &self.latencies {
            latency.acting.holds(latency.planned(chunk), now);
        }
        let delay = self.latency(chunk);
        let mut mark =
            Mark { read_at: now, due: now + delay, chunk, lost_for: Duration::ZERO, bytes };
        if self.losses.is_empty() {
            return line.mark(mark);
        }
        let mut left = bytes;
        mark.bytes = 0;
        while left > 0 {
            let segment = left.min(SEGMENT_BYTES);
            let lost_for = self.losses.iter_mut().map(|loss| loss.next(now)).sum();
            if lost_for != mark.lost_for && mark.bytes > 0 {
                line.mark(mark);
                mark.bytes = 0;
            }
            mark.lost_for = lost_for;
            mark.due = now + delay + lost_for;
            mark.bytes += segment;
            left -= segment;
        }
        line.mark(mark);
    }

    /// The delay of a chunk that was sent under other faults.
    pub(super) fn of(&self, mark: &Mark) -> Duration {
        let lost_for = if self.losses.is_empty() { Duration::ZERO } else { mark.lost_for };
        self.latency(mark.chunk) + lost_for
    }

    /// A chunk has arrived: its faults have acted.
    pub(super) fn landed(&self, mark: &Mark, now: Instant) {
        let late = now.saturating_duration_since(mark.due);
        for latency in &self.latencies {
            let planned = latency.planned(mark.chunk);
            latency.acting.delayed(planned, planned + late);
        }
        if mark.lost_for > Duration::ZERO {
            for loss in &self.losses {
                loss.acting.delayed(mark.lost_for, mark.lost_for + late);
            }
        }
    }

    fn latency(&self, chunk: u64) -> Duration {
        self.latencies.iter().map(|latency| latency.planned(chunk)).sum()
    }
}

impl Latency {
    fn planned(&self, chunk: u64) -> Duration {
        match &self.delay {
            // The usual case needs no draw.
            Distribution::Fixed { value_us } => Duration::from_micros(*value_us).min(DELAY_MAX),
            delay => delay.sample(indexed(self.acting.seed(), "delay", chunk)),
        }
    }
}

impl Loss {
    /// By how much the next segment is late.
    fn next(&mut self, now: Instant) -> Duration {
        let draw = indexed(self.acting.seed(), "segment", self.segments);
        self.segments += 1;
        let rate = if self.row > 0 { self.rate_again } else { self.rate };
        if !draw.below(rate) {
            self.row = 0;
            return Duration::ZERO;
        }
        let timeout = self.timeout * (1 << self.row.min(DOUBLINGS_MAX));
        self.row += 1;
        self.acting.holds(timeout, now);
        timeout
    }
}

#[cfg(test)]
mod tests;
