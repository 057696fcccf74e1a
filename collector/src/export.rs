//! Sends everything that was accepted on to OTLP backends, as the bytes in which it came.
//!
//! An accepted request is appended to the log of its signal ([`spool`]) before its sender is
//! answered. One [`lane`] for each backend and signal takes it from there, so that a backend that
//! refuses logs does not hold traces back, nor another backend. Requests that wait are joined, made
//! into what the backend wants ([`message`]) and tried until they are answered. What a backend
//! refuses for good, and what is dropped for want of room, is counted by backend and reason.
//!
//! When the collector ends, the lanes get a bounded time. What is left then stays on disk for the
//! next collector of the run, or is lost and counted when there are no files.

mod backends;
mod counts;
pub(crate) mod json;
mod lane;
mod message;
mod spool;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use model::frame::DropCount;
use telemetry::clock::Clock;
use telemetry::otlp::Settings;
use tokio::sync::watch;
use tokio::time::Instant;

pub use backends::ExportError;
use counts::Counts;
pub(crate) use lane::Lane;
use lane::Way;
use message::Messages;
use spool::Spool;

use crate::record::Signal;

/// Bounds of sending on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportLimits {
    /// Of everything that waits, in files beside the database of the run.
    pub disk_bytes_max: u64,
    /// Of everything that waits, when the run has no files.
    pub memory_bytes_max: u64,
    /// For what waits when the collector ends; zero does not wait.
    pub drain_timeout: Duration,
}

impl Default for ExportLimits {
    fn default() -> Self {
        Self {
            disk_bytes_max: 1024 * 1024 * 1024,
            memory_bytes_max: 64 * 1024 * 1024,
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// What is wrong with a list of backends, before anything is started.
pub fn check_backends(
    backends: &[String],
    env: &BTreeMap<String, String>,
) -> Result<(), ExportError> {
    backends::parse(backends, env).map(drop)
}

#[derive(Debug)]
struct Destination {
    backend: String,
    signal: Signal,
    reader: usize,
    counts: Arc<Counts>,
}

#[derive(Debug)]
pub(crate) struct Exporter {
    spool: Arc<Spool>,
    destinations: Vec<Destination>,
    drain_timeout: Duration,
    /// When the lanes have to end; `None` while the collector runs.
    deadline: watch::Sender<Option<Instant>>,
}

impl Exporter {
    /// Where the logs of a collector are. One that keeps many runs in a folder has one queue there,
    /// so that it sends what an earlier one has left, whose run is over; else the queue is beside
    /// the database.
    pub(crate) fn folder(runs: Option<&Path>, database: Option<&Path>) -> Option<PathBuf> {
        let mut beside = database?.as_os_str().to_owned();
        beside.push("-export");
        Some(runs.map_or_else(|| beside.into(), |runs| runs.join("export-queue")))
    }

    /// Checks the backends; `None` when there are none.
    pub(crate) fn settings(
        backends: &[String],
        env: &BTreeMap<String, String>,
    ) -> Result<Option<Vec<Settings>>, ExportError> {
        let settings = backends::parse(backends, env)?;
        Ok((!settings.is_empty()).then_some(settings))
    }

    /// The exporter and its lanes, which the caller has to run. The logs are in this folder, or in
    /// memory when there is none.
    pub(crate) fn open(
        settings: Vec<Settings>,
        limits: &ExportLimits,
        folder: Option<&Path>,
        clock: &Clock,
    ) -> Result<(Self, Vec<Lane>), ExportError> {
        let names: Vec<String> = settings.iter().map(|backend| backend.name().to_owned()).collect();
        let (spool, cursors) = match folder {
            Some(folder) => Spool::open(Some(folder), limits.disk_bytes_max, &names)?,
            None => Spool::open(None, limits.memory_bytes_max, &names)?,
        };
        let messages = Arc::new(Messages::new(settings.len()));
        let deadline = watch::Sender::new(None);
        let (mut destinations, mut lanes) = (Vec::new(), Vec::new());
        let pairs = settings
            .iter()
            .enumerate()
            .flat_map(|(reader, backend)| Signal::ALL.map(|signal| (reader, backend, signal)));
        for ((reader, settings, signal), cursor) in pairs.zip(cursors) {
            let counts = Arc::new(Counts::default());
            let backend = settings.name().to_owned();
            let way = Way {
                backend: backend.clone(),
                signal,
                target: settings.target(signal).clone(),
                spool: Arc::clone(&spool),
                messages: Arc::clone(&messages),
                counts: Arc::clone(&counts),
                clock: clock.clone(),
                troubled: AtomicBool::new(false),
            };
            lanes.push(Lane::new(way, cursor, deadline.subscribe()));
            destinations.push(Destination { backend, signal, reader, counts });
        }
        let drain_timeout = limits.drain_timeout;
        Ok((Self { spool, destinations, drain_timeout, deadline }, lanes))
    }

    /// Takes a request. It is safe from the end of this process when this returns, unless it is
    /// counted as lost.
    pub(crate) async fn offer(&self, signal: Signal, bytes: Bytes, items: u64) {
        self.spool.append(signal, bytes, items).await;
    }

    /// Gives the lanes a last deadline.
    pub(crate) fn close(&self) {
        self.deadline.send_replace(Some(Instant::now() + self.drain_timeout));
    }

    /// Items that a backend will never have, by backend and reason.
    pub(crate) fn dropped(&self) -> Vec<DropCount> {
        let ended = self.deadline.borrow().is_some();
        let mut dropped = Vec::new();
        for destination in &self.destinations {
            let counts = self.spool.counts(destination.signal, destination.reader);
            let mut losses = destination.counts.losses();
            *losses.entry(counts::NO_ROOM.to_owned()).or_default() += counts.overflowed;
            *losses.entry(counts::UNWRITTEN.to_owned()).or_default() += counts.unreadable;
            losses.entry(counts::REJECTED.to_owned()).or_default();
            if ended && self.spool.folder().is_none() {
                losses.insert(counts::LEFT.to_owned(), counts.waiting);
            }
            let (items, backend) = (destination.signal.items(), &destination.backend);
            dropped.extend(losses.into_iter().map(|(reason, count)| DropCount {
                what: format!("export {items} to {backend}: {reason}"),
                count,
            }));
        }
        let damaged = "export queue damaged".to_owned();
        dropped.push(DropCount { what: damaged, count: self.spool.damaged() });
        dropped
    }

    /// Says what stays on disk. To be called when the lanes have ended.
    pub(crate) fn tell_what_is_left(&self) {
        let Some(folder) = self.spool.folder() else { return };
        for destination in &self.destinations {
            let left = self.spool.counts(destination.signal, destination.reader).waiting;
            if left > 0 {
                let (folder, backend) = (folder.display(), &destination.backend);
                let items = destination.signal.items();
                tracing::warn!(%folder, backend, left, "{items} wait on disk for the next start");
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn delivered(&self, signal: Signal) -> u64 {
        let mine = self.destinations.iter().filter(|destination| destination.signal == signal);
        mine.map(|destination| destination.counts.delivered()).sum()
    }
}

#[cfg(test)]
mod tests;
