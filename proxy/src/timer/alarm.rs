//! One wait after another for code that is polled: it costs nothing to ask again, and moving the
//! deadline needs no allocation.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::waits::{Key, Timer};

#[derive(Debug)]
pub(crate) struct Alarm {
    timer: Timer,
    /// The wait that the precise timer knows.
    key: Option<Key>,
    /// Kept between waits on the coarse one.
    coarse: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Alarm {
    pub(crate) fn new(timer: Timer) -> Self {
        Self { timer, key: None, coarse: None }
    }

    /// Ready when `deadline` has come. Another deadline takes the place of the one before.
    pub(crate) fn poll_at(&mut self, context: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let Some(precise) = self.timer.0.as_ref().map(Arc::clone) else {
            return self.poll_coarse(context, deadline);
        };
        let now = Instant::now();
        if deadline <= now {
            self.cancel();
            return Poll::Ready(());
        }
        match self.key {
            Some(key) if key.0 == deadline => precise.waits.refresh(key, context),
            _ => {
                self.cancel();
                let waker = context.waker().clone();
                self.key = Some(precise.waits.add(deadline, now, waker));
            },
        }
        Poll::Pending
    }

    /// Forgets the deadline.
    pub(crate) fn cancel(&mut self) {
        if let (Some(key), Some(precise)) = (self.key.take(), &self.timer.0) {
            precise.waits.remove(key);
        }
    }

    fn poll_coarse(&mut self, context: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self.coarse.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(context)
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.cancel();
    }
}
