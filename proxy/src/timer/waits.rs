//! The timers themselves, and all waits of a thread in the order of their ends.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use rustix::fd::{AsFd as _, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::net::unix::pipe;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::alarm::Alarm;
use super::floor::{Floor, SPIN_MAX};

/// Cheap to clone; clones share one timer of the kernel.
#[derive(Debug, Clone)]
pub(crate) struct Timer(pub(super) Option<Arc<Precise>>);

impl Timer {
    /// Waits by tokio's clock, paused or not.
    pub(crate) fn coarse() -> Self {
        Self(None)
    }

    /// Waits by the kernel's clock, which nobody can pause. Belongs to the runtime that calls it.
    pub(crate) fn precise() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // A timerfd becomes readable like a pipe, which is all that the runtime looks at.
        let expiry = pipe::Receiver::from_owned_fd_unchecked(timer.try_clone()?)?;
        let waits = Arc::new(Waits { timer, state: Mutex::default() });
        let driver = tokio::spawn(drive(expiry, Arc::clone(&waits))).abort_handle();
        Ok(Self(Some(Arc::new(Precise { waits, driver }))))
    }

    pub(crate) async fn sleep(&self, length: Duration) {
        self.sleep_until(Instant::now() + length).await;
    }

    /// May be dropped at any time; nothing of it remains then.
    pub(crate) async fn sleep_until(&self, deadline: Instant) {
        if self.0.is_none() {
            return tokio::time::sleep_until(deadline).await;
        }
        let mut alarm = Alarm::new(self.clone());
        std::future::poll_fn(|context| alarm.poll_at(context, deadline)).await;
    }
}

#[derive(Debug)]
pub(super) struct Precise {
    pub(super) waits: Arc<Waits>,
    driver: AbortHandle,
}

impl Drop for Precise {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// One wait: when it ends, and a number that tells equal ends apart.
pub(super) type Key = (Instant, u64);

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) waiting: BTreeMap<Key, Waker>,
    next_number: u64,
    armed: Option<Armed>,
    floor: Floor,
}

/// How the kernel's timer is set: for no later than the earliest wait.
#[derive(Debug, Clone, Copy)]
struct Armed {
    deadline: Instant,
    wait: Duration,
    /// Earlier than the deadline by the floor.
    expiry: Instant,
}

#[derive(Debug)]
pub(super) struct Waits {
    timer: OwnedFd,
    state: Mutex<State>,
}

impl Waits {
    pub(super) fn add(&self, deadline: Instant, now: Instant, waker: Waker) -> Key {
        let mut state = self.lock();
        let key = (deadline, state.next_number);
        state.next_number += 1;
        state.waiting.insert(key, waker);
        if state.armed.is_none_or(|armed| deadline < armed.deadline) {
            self.arm(&mut state, deadline, now);
        }
        key
    }

    /// Keeps the waker of a wait that goes on up to date.
    pub(super) fn refresh(&self, key: Key, context: &Context<'_>) {
        if let Some(waker) = self.lock().waiting.get_mut(&key) {
            waker.clone_from(context.waker());
        }
    }

    pub(super) fn remove(&self, key: Key) {
        // A waker may own the last part of a task; it is dropped when the lock is free again.
        let _waker = self.lock().waiting.remove(&key);
    }

    /// Wakes everything that is due and sets the timer for what comes next.
    fn fire(&self, due: &mut Vec<Waker>) {
        let mut state = self.lock();
        let mut now = Instant::now();
        if let Some(armed) = state.armed.take()
            && armed.expiry <= now
        {
            state.floor.learn(armed.wait, now - armed.expiry);
        }
        while let Some(first) = state.waiting.first_entry() {
            let deadline = first.key().0;
            // Who is due already must not wait for the spinning that the next one needs.
            let spin = if due.is_empty() { SPIN_MAX } else { Duration::ZERO };
            if deadline > now + spin {
                self.arm(&mut state, deadline, now);
                break;
            }
            while now < deadline {
                std::hint::spin_loop();
                now = Instant::now();
            }
            due.push(first.remove());
        }
        drop(state);
        due.drain(..).for_each(Waker::wake);
    }

    fn arm(&self, state: &mut State, deadline: Instant, now: Instant) {
        let wait = deadline.saturating_duration_since(now);
        // Nothing at all would disarm the timer.
        let left = wait.saturating_sub(state.floor.lead(wait)).max(Duration::from_nanos(1));
        let (seconds, nanoseconds) = (left.as_secs().cast_signed(), left.subsec_nanos());
        let value = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
        let spec = Itimerspec { it_interval: Timespec::default(), it_value: value };
        match timerfd_settime(self.timer.as_fd(), TimerfdTimerFlags::empty(), &spec) {
            Ok(_before) => state.armed = Some(Armed { deadline, wait, expiry: now + left }),
            // The kernel refuses only what is no timer or no time. The next wait tries again.
            Err(error) => tracing::error!(%error, "a timer could not be set"),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn drive(expiry: pipe::Receiver, waits: Arc<Waits>) {
    let mut due = Vec::new();
    while expiry.readable().await.is_ok() {
        // Setting the timer again forgets the expiry, so there is nothing to read: only tokio has
        // to forget it, too. What expires from here on is an event of its own.
        let _forgotten = expiry.try_io(|| Err::<(), _>(io::ErrorKind::WouldBlock.into()));
        waits.fire(&mut due);
    }
}
