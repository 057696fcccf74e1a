//! Bytes that faults act on: read, on their way for as long as delays want it, shaped, written.
//!
//! Everything that is held back is bounded, so back-pressure reaches the sender as it would without
//! a fault. When no fault is left and everything is delivered, the flow goes back to passing bytes
//! directly.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use model::decision::indexed;
use model::fault::{Direction, FaultKind};
use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::armed::Acting;
use super::delays::Delays;
use super::line::Line;
use super::socket::Socket;
use crate::fault::RATE_LEAST;
use crate::shape::{End, Origin, Shaper, Stage, Then};
use crate::timer::{Alarm, Timer};

/// After so many turns others get theirs.
const TURNS_MAX: u32 = 32;

/// A rate of one connection says how it was kept so often, and at its end if there is enough to be
/// said.
const RATE_TOLD_EVERY: Duration = Duration::from_millis(500);

/// What became of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// The sender has ended, everything is delivered, and the receiver may be told.
    ToItsEnd,
    /// A fault ends it.
    To(End),
}

/// Which of the two sockets failed.
#[derive(Debug)]
pub(super) enum Broken {
    Sender(io::Error),
    Receiver(io::Error),
}

impl Broken {
    pub(super) fn error(&self) -> &io::Error {
        match self {
            Self::Sender(error) | Self::Receiver(error) => error,
        }
    }
}

#[derive(Debug)]
pub(super) struct Shaped {
    way: Direction,
    line: Line,
    delays: Delays,
    shaper: Shaper,
    /// Whose stages those of the shaper are.
    stages: Vec<Acting>,
    /// What the receiver may be told of the sender's end, and when.
    closing: Vec<Acting>,
    /// Bytes at the front of the line that the shaper let through.
    granted: usize,
    then: Then,
    alarm: Alarm,
    sender_ended: Option<Instant>,
    swallowed: u64,
}

impl Shaped {
    pub(super) fn new(way: Direction, timer: Timer) -> Self {
        Self {
            way,
            line: Line::default(),
            delays: Delays::default(),
            shaper: Shaper::default(),
            stages: Vec::new(),
            closing: Vec::new(),
            granted: 0,
            then: Then::More,
            alarm: Alarm::new(timer),
            sender_ended: None,
            swallowed: 0,
        }
    }

    /// Nothing acts and nothing is held.
    pub(super) fn is_idle(&self) -> bool {
        let none = self.delays.is_empty() && self.shaper.is_empty() && self.closing.is_empty();
        none && self.line.is_empty() && self.sender_ended.is_none()
    }

    /// The sender has ended and a fault keeps that from the receiver.
    pub(super) fn is_silent(&self) -> bool {
        self.sender_ended.is_some() && self.line.is_empty() && self.is_kept_from_receiver()
    }

    /// Acts by these faults from here on. False when bytes are missing that a fault swallowed which
    /// is gone: the stream cannot go on.
    pub(super) fn configure(&mut self, acting: &[Acting]) -> bool {
        self.delays.configure(acting);
        self.line.reschedule(|mark| self.delays.of(mark));
        let closes = |acting: &&Acting| {
            matches!(acting.effect(), FaultKind::SlowClose { .. } | FaultKind::HalfOpen)
        };
        self.closing = acting.iter().filter(closes).cloned().collect();
        let swallowed = self.swallows();
        self.configure_shaper(acting);
        if !matches!(self.then, Then::End(_)) || self.granted == 0 {
            self.then = Then::More;
        }
        !(swallowed && !self.swallows() && self.swallowed > 0)
    }

    fn configure_shaper(&mut self, acting: &[Acting]) {
        self.tell_rates();
        let owners = std::mem::take(&mut self.stages);
        let mut known: Vec<(Acting, Stage)> =
            owners.into_iter().zip(self.shaper.stages_mut().drain(..)).collect();
        for acting in acting.iter().filter(|acting| !acting.resets_at_once()) {
            let kept = known.iter().position(|(owner, _)| owner.is(acting));
            let kept = kept.map(|at| known.swap_remove(at).1);
            let kept = kept.and_then(|mut stage| stage.retune(acting.effect()).then_some(stage));
            let stage = kept.or_else(|| Stage::of(acting.effect(), &self.origin(acting)));
            if let Some(stage) = stage {
                self.shaper.stages_mut().push(stage);
                self.stages.push(acting.clone());
            }
        }
    }

    fn origin(&self, acting: &Acting) -> Origin {
        let bucket = acting.fault().memory.bucket(self.way);
        Origin { seed: acting.seed(), length: None, bucket }
    }

    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Socket,
        to: &mut Socket,
        count: &mut impl FnMut(usize),
    ) -> Poll<Result<Came, Broken>> {
        for _ in 0..TURNS_MAX {
            let now = Instant::now();
            while let Some(mark) = self.line.land(now) {
                self.delays.landed(&mark, now);
            }
            let taken = self.take(context, from, now)?;
            let (delivered, wait) = match self.deliver(context, to, now, count)? {
                Delivered::Bytes => (true, None),
                Delivered::Nothing { until } => (false, until),
                Delivered::End(end) => return Poll::Ready(Ok(Came::To(end))),
            };
            if taken || delivered {
                continue;
            }
            let close = match self.close(now) {
                Close::Tell => return Poll::Ready(Ok(Came::ToItsEnd)),
                Close::Later(at) => at,
            };
            self.line.release();
            let next = [wait, close, self.line.next_due()].into_iter().flatten().min();
            match next {
                Some(at) if self.alarm.poll_at(context, at).is_ready() => {},
                Some(_) => return Poll::Pending,
                None => {
                    self.alarm.cancel();
                    return Poll::Pending;
                },
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads what there is, if there is room for it. True when something came of it.
    fn take(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Socket,
        now: Instant,
    ) -> Result<bool, Broken> {
        if self.sender_ended.is_some() || !self.line.takes_more() {
            return Ok(false);
        }
        let mut buffer = ReadBuf::new(self.line.room());
        match from.poll_read(context, &mut buffer) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(())) => {
                let count = buffer.filled().len();
                self.taken(count, now);
                Ok(true)
            },
            Poll::Ready(Err(_vanished)) if self.half_open().is_some() => {
                self.sender_ended = Some(now);
                Ok(true)
            },
            Poll::Ready(Err(error)) => Err(Broken::Sender(error)),
        }
    }

    fn taken(&mut self, count: usize, now: Instant) {
        if count == 0 {
            self.sender_ended = Some(now);
            return;
        }
        self.line.filled(count);
        if self.delays.is_empty() && self.line.next_due().is_none() {
            self.line.mark_due(count as u64);
        } else {
            self.delays.send(&mut self.line, count as u64, now);
            // Without a delay it has landed already.
            while let Some(mark) = self.line.land(now) {
                self.delays.landed(&mark, now);
            }
        }
    }

    /// Writes what may be written.
    fn deliver(
        &mut self,
        context: &mut Context<'_>,
        to: &mut Socket,
        now: Instant,
        count: &mut impl FnMut(usize),
    ) -> Result<Delivered, Broken> {
        let mut delivered = false;
        loop {
            while self.granted > 0 {
                let bytes = &self.line.front()[..self.granted];
                match to.poll_write(context, bytes) {
                    Poll::Ready(Ok(written)) => {
                        count(written);
                        self.line.consume(written);
                        self.granted -= written;
                        delivered = true;
                    },
                    Poll::Ready(Err(error)) => return Err(Broken::Receiver(error)),
                    Poll::Pending => {
                        self.shaper.receiver_stalls();
                        return Ok(Delivered::bytes_or_nothing(delivered));
                    },
                }
            }
            match self.then {
                Then::End(end) => return Ok(Delivered::End(end)),
                Then::Wait(at) if at > now && delivered => return Ok(Delivered::Bytes),
                Then::Wait(at) if at > now && self.line.front().is_empty() => {
                    return Ok(Delivered::Nothing { until: None });
                },
                Then::Wait(at) if at > now => return Ok(Delivered::Nothing { until: Some(at) }),
                Then::Wait(_) | Then::More => {},
            }
            match self.offer(now) {
                Offered::Nothing => return Ok(Delivered::bytes_or_nothing(delivered)),
                Offered::Swallowed => delivered = true,
                Offered::Bytes => {},
            }
        }
    }

    /// Asks the shaper about what is due.
    fn offer(&mut self, now: Instant) -> Offered {
        let front = self.line.front();
        if front.is_empty() {
            return Offered::Nothing;
        }
        (self.granted, self.then) = self.shaper.offer(front, now);
        let swallowed = if self.then == Then::End(End::Swallow) { front.len() } else { 0 };
        if swallowed > 0 {
            self.swallowed += swallowed as u64;
            self.line.consume(swallowed);
            self.then = Then::More;
        }
        for (stage, acting) in self.shaper.stages_mut().iter_mut().zip(&self.stages) {
            if stage.touched() {
                acting.begin();
            }
            if let Some((passed, allowed)) = stage.kept(RATE_TOLD_EVERY) {
                acting.paced(passed, allowed);
            }
        }
        if swallowed > 0 { Offered::Swallowed } else { Offered::Bytes }
    }

    fn tell_rates(&mut self) {
        for (stage, acting) in self.shaper.stages_mut().iter_mut().zip(&self.stages) {
            if let Some((passed, allowed)) = stage.kept(RATE_LEAST) {
                acting.paced(passed, allowed);
            }
        }
    }

    /// May the receiver be told that the sender has ended?
    fn close(&mut self, now: Instant) -> Close {
        let Some(ended) = self.sender_ended else { return Close::Later(None) };
        if !self.line.is_empty() || self.swallows() {
            return Close::Later(None);
        }
        if let Some(half_open) = self.half_open() {
            half_open.begin();
            return Close::Later(None);
        }
        let planned = |acting: &Acting| match acting.effect() {
            FaultKind::SlowClose { delay } => delay.sample(indexed(acting.seed(), "close", 0)),
            _ => Duration::ZERO,
        };
        let whole: Duration = self.closing.iter().map(planned).sum();
        let at = ended + whole;
        if now < at {
            self.closing.iter().for_each(|acting| acting.holds(planned(acting), ended));
            return Close::Later(Some(at));
        }
        for acting in &self.closing {
            let planned = planned(acting);
            acting.delayed(planned, planned + now.saturating_duration_since(at));
        }
        Close::Tell
    }

    fn half_open(&self) -> Option<&Acting> {
        self.closing.iter().find(|acting| matches!(acting.effect(), FaultKind::HalfOpen))
    }

    fn is_kept_from_receiver(&self) -> bool {
        self.swallows() || self.half_open().is_some()
    }

    fn swallows(&self) -> bool {
        self.shaper.stages().iter().any(|stage| matches!(stage, Stage::Blackhole { .. }))
    }
}

impl Drop for Shaped {
    fn drop(&mut self) {
        self.tell_rates();
    }
}

enum Delivered {
    Bytes,
    Nothing { until: Option<Instant> },
    End(End),
}

impl Delivered {
    fn bytes_or_nothing(delivered: bool) -> Self {
        if delivered { Self::Bytes } else { Self::Nothing { until: None } }
    }
}

enum Offered {
    Bytes,
    Swallowed,
    Nothing,
}

enum Close {
    Tell,
    /// Not before this, or not for now.
    Later(Option<Instant>),
}
