//! The timer of one connection.
//!
//! A timer that is set anew for each wait costs a few hundred nanoseconds each time. This one is
//! registered once and moved only when it fires too early or is wanted earlier, so a request
//! merely stores until when to wait.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};

#[derive(Debug)]
pub(crate) struct Patience {
    sleep: Pin<Box<Sleep>>,
    until: Instant,
}

impl Patience {
    pub(crate) fn until(until: Instant) -> Self {
        Self { sleep: Box::pin(tokio::time::sleep_until(until)), until }
    }

    pub(crate) fn set(&mut self, until: Instant) {
        self.until = until;
        if until < self.sleep.deadline() {
            self.sleep.as_mut().reset(until);
        }
    }

    /// Ready when the time is over.
    pub(crate) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if self.sleep.deadline() >= self.until {
                return Poll::Ready(());
            }
            let until = self.until;
            self.sleep.as_mut().reset(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ends_at_the_last_time_that_was_set() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut patience = Patience::until(at(10));
        for (set, expected) in [(20, 20), (25, 25), (22, 25)] {
            patience.set(at(set));
            std::future::poll_fn(|context| patience.poll_over(context)).await;
            assert_eq!((Instant::now() - began).as_secs(), expected);
        }
    }
}
