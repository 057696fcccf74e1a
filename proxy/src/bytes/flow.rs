//! One direction of a connection: directly while nothing acts on it, shaped while something does.

use std::task::{Context, Poll, ready};

use model::fault::{Direction, FaultKind};
use tokio::io::ReadBuf;

use super::armed::Acting;
use super::direct::Direct;
use super::shaped::{Broken, Came, Shaped};
use super::socket::Socket;
use super::store::with_scratch;
use crate::shape::End;
use crate::timer::Timer;

#[derive(Debug)]
pub(super) struct Flow {
    way: Direction,
    direct: Direct,
    shaped: Option<Box<Shaped>>,
    /// The receiver knows that the sender has ended.
    told: bool,
    /// The receiver has vanished and the sender must not notice.
    discards: bool,
}

impl Flow {
    pub(super) fn new(way: Direction) -> Self {
        Self { way, direct: Direct::default(), shaped: None, told: false, discards: false }
    }

    /// What still comes is thrown away.
    pub(super) fn forget_receiver(&mut self) {
        self.discards = true;
        self.direct = Direct::default();
        self.shaped = None;
    }

    /// Nothing more will come of it unless faults change.
    pub(super) fn is_over(&self) -> bool {
        self.told || self.is_silent()
    }

    pub(super) fn is_silent(&self) -> bool {
        !self.told && self.shaped.as_ref().is_some_and(|shaped| shaped.is_silent())
    }

    /// Bytes are in hand.
    pub(super) fn is_busy(&self) -> bool {
        !self.direct.is_empty() || self.shaped.as_ref().is_some_and(|shaped| !shaped.is_idle())
    }

    /// Acts by these faults of the connection from here on. False when the stream cannot go on,
    /// because bytes are missing.
    pub(super) fn configure<'a>(
        &mut self,
        acting: impl Iterator<Item = &'a Acting>,
        timer: &Timer,
    ) -> bool {
        let on_way = |acting: &&Acting| acting.takes(self.way) && acts_on_flows(acting);
        let acting: Vec<Acting> = acting.filter(on_way).map(|acting| acting.on(self.way)).collect();
        if self.told || self.discards || (acting.is_empty() && self.shaped.is_none()) {
            return true;
        }
        let way = self.way;
        let shaped = self.shaped.get_or_insert_with(|| Box::new(Shaped::new(way, timer.clone())));
        shaped.configure(&acting)
    }

    /// Moves bytes until the sender has no more or the receiver takes no more. Ready when the flow
    /// came to an end before the connection did.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Socket,
        to: &mut Socket,
        mut count: impl FnMut(usize),
    ) -> Poll<Result<End, Broken>> {
        if self.told {
            return Poll::Pending;
        }
        if self.discards {
            ready!(poll_discard(context, from));
            self.told = true;
            return Poll::Pending;
        }
        loop {
            let Some(shaped) = &mut self.shaped else {
                ready!(self.direct.poll(context, from, to, &mut count))?;
                break;
            };
            if shaped.is_idle() {
                self.shaped = None;
                continue;
            }
            // What was on its way when the first fault came goes first.
            let flushed = ready!(self.direct.poll_flush(context, to, &mut count));
            flushed.map_err(Broken::Receiver)?;
            match ready!(shaped.poll(context, from, to, &mut count))? {
                Came::ToItsEnd => break,
                Came::To(end) => return Poll::Ready(Ok(end)),
            }
        }
        self.told = true;
        self.shaped = None;
        to.end();
        Poll::Pending
    }
}

/// Ready when the sender has ended, in whichever way.
fn poll_discard(context: &mut Context<'_>, from: &mut Socket) -> Poll<()> {
    with_scratch(|scratch| {
        loop {
            let mut buffer = ReadBuf::new(scratch);
            let read = ready!(from.poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    })
}

fn acts_on_flows(acting: &Acting) -> bool {
    !acting.resets_at_once() && !matches!(acting.effect(), FaultKind::LimitTime { .. })
}
