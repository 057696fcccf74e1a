//! A load worker as a process: a plan in a file, an order on standard input, signals.
//!
//! The ready line comes once the plan is checked; then one line with a
//! [`LoadStart`] is awaited. End of input at any time stops the load, because
//! then the runner is gone; so do SIGTERM and its like.

use std::io::BufRead;
use std::path::Path;

use model::load::{LoadDone, LoadPlan, LoadStart};
use serde::{Deserialize, Serialize};
use telemetry::clock::Clock;
use telemetry::shutdown::Shutdown;
use tokio::sync::{mpsc, oneshot, watch};

use crate::arrival::plan_hash;
use crate::error::LoadError;
use crate::plan::Resolved;

/// Payload of a worker's ready line. The hash must be the same for all workers of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerReady {
    pub run_id: String,
    pub worker: u32,
    pub workers: u32,
    pub plan_hash: String,
}

/// Runs the worker of the plan in a file until load ends, its input ends, or a signal comes.
pub async fn main_loop(
    plan_path: &Path,
    input: impl BufRead + Send + 'static,
    clock: Clock,
) -> Result<LoadDone, LoadError> {
    let plan = read_plan(plan_path)?;
    Resolved::new(&plan)?;
    if crate::needs_child(&plan) {
        crate::closed::process::keep_signals()?;
    }
    let mut shutdown = Shutdown::listen()
        .map_err(|source| LoadError::Setup { what: "the signal handler", source })?;
    let mut lines = lines_of(input)?;
    let ready = WorkerReady {
        run_id: plan.run_id.clone(),
        worker: plan.worker,
        workers: plan.workers,
        plan_hash: plan_hash(&plan),
    };
    telemetry::ready::announce(&ready).map_err(|source| LoadError::Announce { source })?;
    let (stop, stopped) = watch::channel(None);
    let (start, started) = oneshot::channel();
    let obey = async {
        let reason = tokio::select! {
            wrong = obey_input(&mut lines, start) => wrong?,
            signal = shutdown.requested() => signal,
        };
        tracing::info!(reason, "the load is stopped");
        stop.send_replace(Some(reason));
        std::future::pending().await
    };
    tokio::select! {
        done = crate::run(plan, started, stopped, clock) => done,
        wrong = obey => wrong,
    }
}

fn read_plan(path: &Path) -> Result<LoadPlan, LoadError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| LoadError::ReadPlan { path: path.to_owned(), source })?;
    serde_json::from_str(&text)
        .map_err(|source| LoadError::ParsePlan { path: path.to_owned(), source })
}

/// Lines of a blocking input. Read on a thread of their own that nobody waits for: a read from
/// standard input cannot be cancelled, and the process must be able to end without one more line.
fn lines_of(input: impl BufRead + Send + 'static) -> Result<mpsc::Receiver<String>, LoadError> {
    let (sender, receiver) = mpsc::channel(1);
    let body = move || {
        for line in input.lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("load-input".into());
    thread.spawn(body).map_err(|source| LoadError::Setup { what: "the input thread", source })?;
    Ok(receiver)
}

/// Passes the first line on and waits for the end of the input, which it names.
async fn obey_input(
    lines: &mut mpsc::Receiver<String>,
    start: oneshot::Sender<LoadStart>,
) -> Result<&'static str, LoadError> {
    let mut start = Some(start);
    while let Some(line) = lines.recv().await {
        match start.take() {
            Some(start) => {
                let order = serde_json::from_str(&line)
                    .map_err(|source| LoadError::Order { line, source })?;
                // A load that has ended by now needs no order.
                start.send(order).ok();
            },
            None => tracing::warn!(line, "only the first line of the input is an order"),
        }
    }
    Ok("end of input")
}

#[cfg(test)]
mod tests;
