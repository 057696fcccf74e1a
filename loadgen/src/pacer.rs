//! What wakes the engine at the intended start of the next arrival.
//!
//! tokio rounds timers up to the next millisecond, which would make every arrival late by about
//! one. A timerfd with an absolute deadline on the monotonic clock wakes the same event loop within
//! some 50 us. However good a timer is, it can be late: the engine publishes by how much.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

/// Waits for an instant. A wait that is dropped may be asked for again.
pub(crate) trait Pacer {
    fn until(&mut self, at: Instant) -> impl Future<Output = io::Result<()>>;

    /// Stands still until then, and this thread with it: nothing that comes meanwhile wakes it.
    /// False when this timer cannot do that; then nothing has happened.
    fn rest_until(&mut self, at: Instant) -> io::Result<bool>;
}

/// The kernel's timer, for every real run.
#[derive(Debug)]
pub(crate) struct TimerPacer {
    timer: AsyncFd<OwnedFd>,
    armed: Option<Instant>,
    /// The same moment on tokio's clock and on the kernel's.
    origin: Instant,
    origin_monotonic: Duration,
}

impl TimerPacer {
    /// Must be called on the engine's runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self {
            timer: watched(timer)?,
            armed: None,
            origin: Instant::now(),
            origin_monotonic: Duration::try_from(clock_gettime(ClockId::Monotonic))
                .unwrap_or_default(),
        })
    }

    /// The instant on the kernel's clock.
    fn monotonic(&self, at: Instant) -> io::Result<Timespec> {
        let deadline = self.origin_monotonic + at.saturating_duration_since(self.origin);
        Timespec::try_from(deadline).map_err(io::Error::other)
    }

    fn arm(&mut self, at: Instant) -> io::Result<()> {
        if self.armed == Some(at) {
            return Ok(());
        }
        let it_value = self.monotonic(at)?;
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = Itimerspec { it_interval, it_value };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::ABSTIME, &spec)?;
        self.armed = Some(at);
        Ok(())
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for the sake of types that could close their descriptor \
              early; an OwnedFd cannot"
)]
fn watched(timer: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(timer, Interest::READABLE)
}

impl Pacer for TimerPacer {
    async fn until(&mut self, at: Instant) -> io::Result<()> {
        if at <= Instant::now() {
            return Ok(());
        }
        self.arm(at)?;
        loop {
            let mut ready = self.timer.readable().await?;
            let mut expirations = [0; 8];
            let fired = ready.try_io(|timer| {
                rustix::io::read(timer.get_ref(), &mut expirations).map_err(io::Error::from)
            });
            // Without expirations the readiness belonged to an earlier deadline.
            if let Ok(fired) = fired {
                fired?;
                self.armed = None;
                return Ok(());
            }
        }
    }

    fn rest_until(&mut self, at: Instant) -> io::Result<bool> {
        let deadline = self.monotonic(at)?;
        while let Err(error) = clock_nanosleep_absolute(ClockId::Monotonic, &deadline) {
            if error != Errno::INTR {
                return Err(error.into());
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ms: u64) -> Instant {
        Instant::now() + Duration::from_millis(ms)
    }

    #[tokio::test]
    async fn a_timer_wakes_after_its_instant_and_never_before() {
        let mut pacer = TimerPacer::new().unwrap();
        for ms in [3, 1, 7] {
            let at = after(ms);
            pacer.until(at).await.unwrap();
            assert!(Instant::now() >= at, "woke early");
        }
        pacer.until(Instant::now()).await.unwrap();
    }

    #[tokio::test]
    async fn a_rest_ends_after_its_instant_and_one_that_is_over_at_once() {
        let mut pacer = TimerPacer::new().unwrap();
        let at = after(3);
        assert!(pacer.rest_until(at).unwrap());
        assert!(Instant::now() >= at, "woke early");
        assert!(pacer.rest_until(at).unwrap());
    }

    #[tokio::test]
    async fn a_dropped_wait_leaves_no_wake_up_behind() {
        let mut pacer = TimerPacer::new().unwrap();
        let early = after(2);
        {
            let mut wait = std::pin::pin!(pacer.until(early));
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(wait.as_mut().poll(context).is_pending())
            });
            assert!(polled.await);
        }
        // Lets the dropped deadline pass unread, then moves the timer.
        tokio::time::sleep_until(early + Duration::from_millis(2)).await;
        let late = after(10);
        pacer.until(late).await.unwrap();
        assert!(Instant::now() >= late, "an old expiration woke the wait");
    }
}
