//! Whether what comes from the network must be read at once, or may wait for the next release.
//!
//! An answer may wait: the kernel knows when it came. Nobody stamps the rest: the end of a connect
//! or of a stream, a reset, the room for the rest of a request, and a body so large that it stops
//! when it is not read. While a connection is being made, and for a second after any other of these
//! was seen, everything is read as it comes.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// How long after something that nobody stamps more of it is expected.
const EXPECTED: Duration = Duration::from_secs(1);

/// One for all connections of an engine.
#[derive(Debug, Default)]
pub(crate) struct Alert {
    connecting: Cell<u32>,
    until: Cell<Option<Instant>>,
}

/// A connection that is being made, until dropped.
pub(super) struct Connecting<'a>(&'a Alert);

impl Alert {
    pub(crate) fn is_on(&self, now: Instant) -> bool {
        self.connecting.get() > 0 || self.until.get().is_some_and(|until| now < until)
    }

    pub(super) fn connecting(&self) -> Connecting<'_> {
        self.connecting.set(self.connecting.get() + 1);
        Connecting(self)
    }

    /// Something has come, or is waited for, that nobody stamps.
    pub(super) fn raise(&self) {
        self.until.set(Some(Instant::now() + EXPECTED));
    }
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        self.0.connecting.set(self.0.connecting.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_alert_lasts_while_a_connection_is_made_and_a_second_after_it_was_raised() {
        let alert = Alert::default();
        assert!(!alert.is_on(Instant::now()));
        let (one, other) = (alert.connecting(), alert.connecting());
        drop(one);
        assert!(alert.is_on(Instant::now()));
        drop(other);
        assert!(!alert.is_on(Instant::now()));
        alert.raise();
        assert!(alert.is_on(Instant::now()));
        tokio::time::advance(EXPECTED).await;
        assert!(!alert.is_on(Instant::now()));
    }
}
