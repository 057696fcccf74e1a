//! One wake-up for two things: the next release, and the answers that came before it.
//!
//! To wake up costs a thread more than to send a request. So an engine whose next release is near
//! stands still until then, reads what came meanwhile, and releases what is due. That is honest
//! only because an answer ends when the kernel took it in (see `client::arrived`), and only while
//! nothing is under way that has no such stamp (`client::alert`), nobody waits for a place, and no
//! journey goes on after its first answer.

use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::Engine;
use crate::error::LoadError;
use crate::pacer::Pacer;

/// How long answers may wait to be read, and orders to be obeyed.
const REST_MAX: Duration = Duration::from_micros(500);

impl<P: Pacer> Engine<P> {
    pub(super) fn may_rest(&self, now: Instant, wake: Instant) -> bool {
        self.may_rest
            && wake <= now + REST_MAX
            && self.queue.len() == 0
            && !self.context.client.is_alert(now)
    }

    /// Lets the journeys send what they have, rests until `wake`, and lets them read what has come.
    /// False when there is something that does not wait.
    pub(super) async fn rest(&mut self, wake: Instant) -> Result<bool, LoadError> {
        step_aside().await;
        let now = self.context.clock.now();
        let ordered = self.listening && self.orders.has_changed().unwrap_or(true);
        if ordered || self.next_wake(now) < wake || !self.may_rest(now, wake) {
            return Ok(false);
        }
        let setup = |source| LoadError::Setup { what: "the timer", source };
        self.may_rest = self.pacer.rest_until(wake).map_err(setup)?;
        // The runtime looks for what has come, and its tasks have their turn before this one.
        tokio::task::yield_now().await;
        self.context.client.tend_now().await;
        Ok(self.may_rest)
    }
}

/// Lets all tasks that are ready have their turn, without a look at what has come.
async fn step_aside() {
    let mut aside = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut aside, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
