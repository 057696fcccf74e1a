//! Ends the processes of a run whose runner died.
//!
//! The guardian is a child of the runner in a session of its own, so that neither a closed terminal
//! nor Ctrl-C reaches it. It holds a process descriptor of everything that the runner started; a
//! descriptor names one process for ever, so a recycled process id cannot be hit.
//!
//! It acts when its standard input ends without a farewell (the runner was killed) or when the run
//! is past its end: the load generator is killed at once; the rest goes on for a grace in which the
//! proxy's leases lapse and traffic passes without faults; then the services and at last the proxy
//! are asked to end, and killed when they do not. It does nothing when the runner says farewell.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use telemetry::clock::Clock;
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// How long a process may take to end once it is asked.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the runner says, one JSON object a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "order")]
pub enum Order {
    /// Latest end of the run, and how long traffic may still pass once the runner is gone.
    Limits {
        until_unix_ms: u64,
        grace_ms: u64,
    },
    Watch {
        pid: i32,
        stage: Stage,
    },
    /// The runner has ended everything itself.
    Farewell,
}

/// In which order processes are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Killed before the grace.
    AtOnce,
    /// Asked to end after the grace.
    Service,
    /// Asked to end when the services have.
    Proxy,
}

#[derive(Debug, thiserror::Error)]
pub enum GuardianError {
    #[error("cannot start a session of its own")]
    Session(#[source] rustix::io::Errno),
    #[error("cannot say that it is ready")]
    Ready(#[source] io::Error),
}

/// Watches until the runner says farewell or is gone.
pub async fn guard(clock: Clock) -> Result<(), GuardianError> {
    rustix::process::setsid().map_err(GuardianError::Session)?;
    telemetry::ready::announce(&()).map_err(GuardianError::Ready)?;
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut watched: BTreeMap<Stage, Vec<OwnedFd>> = BTreeMap::new();
    let mut end = None;
    let mut grace = Duration::ZERO;
    loop {
        let past_the_end = async {
            match end {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        let line = tokio::select! {
            // Input that cannot be read is a runner that cannot be heard.
            line = orders.next_line() => line.unwrap_or(None),
            () = past_the_end => None,
        };
        match line.as_deref().map(serde_json::from_str) {
            Some(Ok(Order::Watch { pid, stage })) => {
                watched.entry(stage).or_default().extend(descriptor(pid));
            },
            Some(Ok(Order::Limits { until_unix_ms, grace_ms })) => {
                end = Some(clock.instant_of_unix_ms(until_unix_ms));
                grace = Duration::from_millis(grace_ms);
            },
            Some(Ok(Order::Farewell)) => return Ok(()),
            // A torn last line is how a killed runner ends.
            Some(Err(_)) | None => break,
        }
    }
    undo(watched, grace).await;
    Ok(())
}

/// `None` when the process has already ended.
fn descriptor(pid: i32) -> Option<OwnedFd> {
    pidfd_open(Pid::from_raw(pid)?, PidfdFlags::NONBLOCK).ok()
}

async fn undo(mut watched: BTreeMap<Stage, Vec<OwnedFd>>, grace: Duration) {
    for process in watched.remove(&Stage::AtOnce).unwrap_or_default() {
        signal(&process, Signal::KILL);
    }
    tokio::time::sleep(grace).await;
    let stages: Vec<Vec<OwnedFd>> = watched.into_values().collect();
    // Waiting blocks the thread; nothing else is left to do, but the runtime must not be starved.
    let ended = tokio::task::spawn_blocking(move || stages.iter().for_each(|stage| end(stage)));
    ended.await.expect("ending processes does not panic");
}

/// Asks the processes to end and kills those that do not.
fn end(processes: &[OwnedFd]) {
    for process in processes {
        signal(process, Signal::TERM);
    }
    let patience = Timespec::try_from(PATIENCE).expect("a few seconds fit");
    for process in processes {
        // A process descriptor becomes readable when its process ends.
        let mut events = [PollFd::new(process, PollFlags::IN)];
        if !matches!(poll(&mut events, Some(&patience)), Ok(1..)) {
            signal(process, Signal::KILL);
        }
    }
}

/// A process that is already gone needs no signal.
fn signal(process: &OwnedFd, signal: Signal) {
    let _already_gone = pidfd_send_signal(process, signal);
}
