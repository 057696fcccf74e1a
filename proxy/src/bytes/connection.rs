//! One connection of a TCP edge: two flows, the faults that act on them, and its end.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use model::fault::{Direction, FaultKind};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::armed::{Acting, Armed, Found};
use super::bell::Ear;
use super::ending;
use super::flow::Flow;
use super::shaped::Broken;
use super::socket::Socket;
use crate::emit::metrics::Count;
use crate::shape::End;
use crate::snapshot::Traffic;
use crate::timer::Alarm;
use crate::worker::Worker;

/// A connection that shall make room is closed when nothing has passed for so long after bytes for
/// the caller ...
const QUIET_AFTER_ANSWER: Duration = Duration::from_millis(50);
/// ... or for so long after bytes for the callee, which may still be thinking.
const QUIET_AFTER_REQUEST: Duration = Duration::from_secs(5);

/// A connection is busy when so many turns in a row moved so much ...
const BUSY_BYTES: u64 = 64 * 1024;
const BUSY_TURNS: u32 = 8;
/// ... and calm when so many turns moved less than this.
const CALM_BYTES: u64 = 16 * 1024;
const CALM_TURNS: u32 = 64;

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finish {
    /// Both sides are told the end.
    InOrder,
    /// The caller is reset, and the callee as well if `both`.
    Reset { both: bool },
    /// One side broke off, so the other one is told the same.
    Broken,
}

/// What has passed, for those who wait for silence.
#[derive(Debug, Clone, Copy)]
struct Quiet {
    bytes: u64,
    last: Direction,
    /// When silence was noticed, and at how many bytes.
    since: Option<(Instant, u64)>,
}

#[derive(Debug)]
pub(super) struct Connection {
    worker: Arc<Worker>,
    caller: Socket,
    callee: Socket,
    up: Flow,
    down: Flow,
    armed: Armed,
    ear: Ear,
    alarm: Alarm,
    traffic: Arc<Traffic>,
    stopping: watch::Receiver<bool>,
    quiet: Quiet,
    pace: Pace,
    drains: bool,
    /// When something of the above has to be looked at although nothing rings.
    wake: Option<Instant>,
    began: bool,
}

impl Connection {
    pub(super) fn new(
        worker: Arc<Worker>,
        armed: Armed,
        (caller, callee): (TcpStream, TcpStream),
        traffic: Arc<Traffic>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            caller: Socket::new(caller),
            callee: Socket::new(callee),
            up: Flow::new(Direction::Up),
            down: Flow::new(Direction::Down),
            armed,
            ear: worker.control.bell.listen(),
            alarm: Alarm::new(worker.timer.clone()),
            traffic,
            stopping,
            quiet: Quiet { bytes: 0, last: Direction::Down, since: None },
            pace: Pace::default(),
            drains: false,
            wake: None,
            began: false,
            worker,
        }
    }

    /// Until the end of both sides, or until a fault or the end of the process ends it.
    pub(super) async fn run(mut self) {
        let finish = std::future::poll_fn(|context| self.poll(context)).await;
        let Self { worker, caller, callee, armed, up, down, .. } = self;
        // Their lines of the ledger end here, not when the last peer has read its last byte.
        drop((armed, up, down));
        let (Ok(caller), Ok(callee)) = (caller.into_stream(), callee.into_stream()) else { return };
        let timer = &worker.timer;
        match finish {
            Finish::InOrder => ending::close_in_order(caller, callee).await,
            Finish::Broken => {
                ending::reset(caller);
                ending::reset(callee);
            },
            Finish::Reset { both: false } => {
                drop(callee);
                ending::reset_behind_the_bytes(caller, timer).await;
            },
            Finish::Reset { both: true } => {
                let caller = ending::reset_behind_the_bytes(caller, timer);
                tokio::join!(caller, ending::reset_behind_the_bytes(callee, timer));
            },
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Finish> {
        let rung = self.ear.poll_ring(context).is_ready();
        if (rung || !self.began || self.is_awake(context))
            && let Some(finish) = self.look()
        {
            return Poll::Ready(finish);
        }
        loop {
            if let Some(finish) = self.poll_flows(context) {
                return Poll::Ready(finish);
            }
            let Some(at) = self.wake else { return Poll::Pending };
            if self.alarm.poll_at(context, at).is_pending() {
                return Poll::Pending;
            }
            if let Some(finish) = self.look() {
                return Poll::Ready(finish);
            }
        }
    }

    fn is_awake(&mut self, context: &mut Context<'_>) -> bool {
        self.wake.is_some_and(|at| self.alarm.poll_at(context, at).is_ready())
    }

    /// Lets both flows move what they can, and sees to it that they are woken for the rest.
    fn poll_flows(&mut self, context: &mut Context<'_>) -> Option<Finish> {
        loop {
            self.caller.refresh();
            self.callee.refresh();
            if let Some(finish) = self.move_bytes(context) {
                return Some(finish);
            }
            let exact = self.caller.is_exact();
            let is_right = self.pace.is_right(self.quiet.bytes, exact);
            let watched = if is_right {
                self.caller.arm(context).and_then(|()| self.callee.arm(context))
            } else {
                self.watch(!exact)
            };
            match watched {
                Err(error) => {
                    tracing::debug!(%error, "a socket cannot be watched");
                    return Some(Finish::Broken);
                },
                Ok(()) if is_right => return None,
                // What happened meanwhile was told to nobody.
                Ok(()) => {},
            }
        }
    }

    fn watch(&mut self, exactly: bool) -> io::Result<()> {
        let poller = &self.worker.poller;
        [&mut self.caller, &mut self.callee].into_iter().try_for_each(|socket| {
            if exactly { socket.watch_exactly(poller) } else { socket.watch_usually() }
        })
    }

    fn move_bytes(&mut self, context: &mut Context<'_>) -> Option<Finish> {
        let (traffic, quiet, shard) = (&self.traffic, &mut self.quiet, self.worker.index);
        let up = self.up.poll(context, &mut self.caller, &mut self.callee, |count| {
            traffic.metrics.add(shard, Count::BytesUp, count as u64);
            quiet.passed(count, Direction::Up);
        });
        let down = self.down.poll(context, &mut self.callee, &mut self.caller, |count| {
            traffic.metrics.add(shard, Count::BytesDown, count as u64);
            quiet.passed(count, Direction::Down);
        });
        for (flow, way) in [(up, Direction::Up), (down, Direction::Down)] {
            match flow {
                Poll::Pending => {},
                Poll::Ready(Ok(end)) => return Some(self.ended(end, way)),
                Poll::Ready(Err(broken)) => {
                    if let Some(finish) = self.broken(&broken, way) {
                        return Some(finish);
                    }
                },
            }
        }
        (self.up.is_over() && self.down.is_over()).then_some(Finish::InOrder)
    }

    /// A fault in this direction ended it.
    fn ended(&self, end: End, way: Direction) -> Finish {
        if end != End::Reset {
            return Finish::InOrder;
        }
        let resets = |acting: &&Acting| {
            acting.takes(way) && matches!(acting.effect(), FaultKind::Reset { .. })
        };
        let both =
            self.armed.acting().find(resets).is_some_and(|acting| acting.takes(Direction::Up));
        Finish::Reset { both }
    }

    /// A vanished peer of a half-open connection is nobody's business.
    fn broken(&mut self, broken: &Broken, way: Direction) -> Option<Finish> {
        let back = if way == Direction::Down { Direction::Up } else { Direction::Down };
        let keeps_silent =
            |acting: &Acting| acting.takes(back) && matches!(acting.effect(), FaultKind::HalfOpen);
        let receiver_vanished = matches!(broken, Broken::Receiver(_));
        if !receiver_vanished || !self.armed.acting().any(keeps_silent) {
            tracing::debug!(error = %broken.error(), "a connection broke");
            return Some(Finish::Broken);
        }
        let flow = if way == Direction::Down { &mut self.down } else { &mut self.up };
        flow.forget_receiver();
        None
    }

    /// Looks at the faults, the time and the process.
    fn look(&mut self) -> Option<Finish> {
        self.began = true;
        let now = Instant::now();
        let Found { changed, drain, gone } = self.armed.look();
        if gone {
            return Some(Finish::InOrder);
        }
        self.drains |= drain || *self.stopping.borrow();
        if changed {
            let acting = || self.armed.acting();
            if let Some(reset) = acting().find(|acting| acting.resets_at_once()) {
                reset.begin();
                return Some(Finish::Reset { both: reset.takes(Direction::Up) });
            }
            let goes_on = [
                self.up.configure(acting(), &self.worker.timer),
                self.down.configure(acting(), &self.worker.timer),
            ];
            if goes_on != [true, true] {
                return Some(Finish::InOrder);
            }
        }
        let mut wake = self.armed.next_look();
        for acting in self.armed.acting() {
            let FaultKind::LimitTime { after_ms } = acting.effect() else { continue };
            let at = acting.since + Duration::from_millis(*after_ms);
            if at <= now {
                acting.begin();
                return Some(Finish::InOrder);
            }
            wake = Some(wake.map_or(at, |wake| wake.min(at)));
        }
        if self.drains {
            let busy = self.up.is_busy() || self.down.is_busy();
            match self.quiet.until(now, busy) {
                at if at <= now => return Some(Finish::InOrder),
                at => wake = Some(wake.map_or(at, |wake| wake.min(at))),
            }
        }
        self.wake = wake;
        None
    }
}

/// How much passes, for the choice of how to watch.
#[derive(Debug, Default)]
struct Pace {
    bytes: u64,
    /// Turns in a row that moved much, or that moved little.
    busy: u32,
    calm: u32,
}

impl Pace {
    /// After a turn: is it right to watch exactly, or not to? `bytes` is all that has passed.
    fn is_right(&mut self, bytes: u64, exact: bool) -> bool {
        let moved = bytes - std::mem::replace(&mut self.bytes, bytes);
        if moved >= BUSY_BYTES {
            (self.busy, self.calm) = (self.busy + 1, 0);
        } else if moved > 0 && moved < CALM_BYTES {
            (self.busy, self.calm) = (0, self.calm + 1);
        }
        let wrong = if exact { self.calm >= CALM_TURNS } else { self.busy >= BUSY_TURNS };
        if wrong {
            (self.busy, self.calm) = (0, 0);
        }
        !wrong
    }
}

impl Quiet {
    fn passed(&mut self, count: usize, way: Direction) {
        self.bytes += count as u64;
        self.last = way;
    }

    /// When it has been quiet for long enough, if it stays so.
    fn until(&mut self, now: Instant, busy: bool) -> Instant {
        let since = match self.since {
            Some((since, bytes)) if bytes == self.bytes && !busy => since,
            _ => now,
        };
        self.since = Some((since, self.bytes));
        let length =
            if self.last == Direction::Down { QUIET_AFTER_ANSWER } else { QUIET_AFTER_REQUEST };
        since + length
    }
}
