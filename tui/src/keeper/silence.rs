//! Since when no frame has come.
//!
//! Counted from the frame that came last, whatever became of the connection: a process that is
//! stopped closes nothing, and one that is gone sends nothing either.

use std::time::Duration;

use tokio::time::Instant;

use crate::feed::SILENT_AFTER;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Silence {
    /// When the last frame came; `None` while no further one is due.
    since: Option<Instant>,
    told_s: u64,
}

impl Silence {
    /// A frame has come, and another one is due.
    pub(super) fn begin(&mut self) {
        (self.since, self.told_s) = (Some(Instant::now()), 0);
    }

    pub(super) fn end(&mut self) {
        self.since = None;
    }

    /// Waits until the silence is worth a word, and then until each further second is full: the
    /// whole seconds of it. Can be dropped and called again.
    pub(super) async fn grows(&mut self) -> u64 {
        let Some(since) = self.since else { return std::future::pending().await };
        let next =
            since + SILENT_AFTER.max(SECOND * u32::try_from(self.told_s + 1).unwrap_or(u32::MAX));
        tokio::time::sleep_until(next).await;
        self.told_s = since.elapsed().as_secs();
        self.told_s
    }
}
