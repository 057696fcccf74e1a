//! The armed state that requests look at: one atomic word, and a bell for those that wait.
//!
//! It belongs to a lease, not to a plan: a plan that comes while the lease is held shares it, so
//! that requests held back under an older plan are freed by the same lapse.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// No lease has been taken yet.
const NEVER: u64 = 0;
/// Disarmed for good.
const OVER: u64 = u64::MAX;

#[derive(Debug, Default)]
pub(crate) struct Arming {
    /// Wall-clock millisecond at which the lease ends, or one of the two words above.
    until_unix_ms: AtomicU64,
    bell: Notify,
}

impl Arming {
    /// Is the lease held? Exact even when the task that ends it runs late.
    pub(crate) fn holds(&self, now_unix_ms: u64) -> bool {
        match self.until_unix_ms.load(Ordering::Acquire) {
            NEVER | OVER => false,
            until => now_unix_ms < until,
        }
    }

    pub(crate) fn hold_until(&self, unix_ms: u64) {
        let until = unix_ms.clamp(NEVER + 1, OVER - 1);
        self.until_unix_ms.store(until, Ordering::Release);
    }

    /// Disarms and frees everything that waits.
    pub(crate) fn end(&self) {
        self.until_unix_ms.store(OVER, Ordering::Release);
        self.bell.notify_waiters();
    }

    /// Waits for the end.
    pub(crate) async fn ended(&self) {
        loop {
            let mut rings = std::pin::pin!(self.bell.notified());
            // Listening starts before the look, so that no ring falls between the two.
            rings.as_mut().enable();
            if self.until_unix_ms.load(Ordering::Acquire) == OVER {
                return;
            }
            rings.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_who_waits_is_freed_and_nobody_waits_after_the_end() {
        let arming = Arming::default();
        arming.hold_until(10);
        assert!(arming.holds(9) && !arming.holds(10));
        tokio::join!(arming.ended(), arming.ended(), async { arming.end() });
        arming.ended().await;
        assert!(!arming.holds(9));
    }
}
