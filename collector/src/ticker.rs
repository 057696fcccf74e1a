//! Emits one frame per second, one watermark after the second has ended.

use std::sync::Arc;

use tokio::sync::watch;

use crate::core::{Core, stopped};

/// Runs until the collector stops. A process that was held up emits the missed seconds in order.
pub(crate) async fn run(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    loop {
        let due_unix_ms = core.live().seconds.due_unix_ms();
        let due = core.clock.instant_of_unix_ms(due_unix_ms);
        tokio::select! {
            () = tokio::time::sleep_until(due) => core.emit(false),
            () = stopped(&mut stop) => return,
        }
    }
}

#[cfg(test)]
mod tests;
