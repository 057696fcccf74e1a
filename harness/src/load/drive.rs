//! Runs one load in this process and adds up what it reports.

use std::time::Duration;

use loadgen::summary::{Book, BookError, Decoded, Setting};
use loadgen::{LoadError, Watcher};
use model::load::{LoadInterval, LoadPlan, LoadStart};
use telemetry::clock::Clock;
use telemetry::shutdown::Shutdown;
use tokio::sync::{mpsc, oneshot, watch};

/// Reports on their way; a full channel makes the reporting side wait, never the engine.
const REPORTS_QUEUED: usize = 64;
/// From the order to the first arrival, so that the engine's threads are there by then.
const LEAD: Duration = Duration::from_millis(50);

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum DriveError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("the load generator's own report cannot be read")]
    Book(#[from] BookError),
    #[error("left at once; requests were in flight, and there is no result")]
    Left,
}

/// A load that is over.
#[derive(Debug)]
pub(super) struct Driven {
    pub(super) book: Book,
    /// How far it came, in milliseconds after its start; at most the length of the timeline.
    pub(super) reached_ms: u64,
    pub(super) end: End,
}

/// Why a load ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Its time was over.
    Over,
    /// By a signal.
    Interrupted(&'static str),
    /// Somebody who watched wanted no more of it, and why.
    Stopped(String),
}

/// Looks at each second of a load as it comes in.
pub(super) trait Look {
    /// A reason ends the load.
    fn second(&mut self, report: Decoded, book: &Book) -> Option<String>;
}

/// Runs the load of a plan to its end.
pub(super) async fn drive<L: Look>(
    plan: LoadPlan,
    look: impl FnOnce(&Setting) -> L,
    signals: &mut Shutdown,
    clock: &Clock,
) -> Result<Driven, DriveError> {
    let (ready, prepared) = oneshot::channel();
    let (reports, mut received) = mpsc::channel(REPORTS_QUEUED);
    let (start, started) = oneshot::channel();
    let (stop, stopped) = watch::channel(false);
    let (timeline, workers, run_id) = (plan.timeline, plan.workers, plan.run_id.clone());
    let watcher = Watcher { ready: Some(ready), intervals: Some(reports) };
    let mut run =
        tokio::spawn(loadgen::run_watched(plan, started, stopped, clock.clone(), watcher));
    if prepared.await.is_err() {
        // It ended before it was ready; it says why.
        return Err(match (&mut run).await {
            Ok(Err(error)) => error.into(),
            Ok(Ok(_)) | Err(_) => LoadError::Panicked.into(),
        });
    }
    let start_unix_ns = clock.unix_ns() + LEAD.as_nanos() as u64;
    start.send(LoadStart { start_unix_ns }).ok();
    let setting = Setting { run_id, start_unix_ms: start_unix_ns / 1_000_000, timeline, workers };
    let look = look(&setting);
    let mut watched = Watched { book: Book::new(setting), look, end: None };
    let done = loop {
        tokio::select! {
            biased;
            signal = signals.requested() => {
                if matches!(watched.end, Some((End::Interrupted(_), _))) {
                    return Err(DriveError::Left);
                }
                watched.end(End::Interrupted(signal), clock);
                stop.send_replace(true);
            },
            Some(interval) = received.recv() => {
                if let Some(reason) = watched.take(&interval)? {
                    watched.end(End::Stopped(reason), clock);
                    stop.send_replace(true);
                }
            },
            done = &mut run => break done.map_err(|_panic| LoadError::Panicked)??,
        }
    };
    while let Some(interval) = received.recv().await {
        watched.take(&interval)?;
    }
    watched.book.finish(done)?;
    let (end, reached_ms) = watched.end.unwrap_or((End::Over, timeline.end_ms));
    Ok(Driven { book: watched.book, reached_ms: reached_ms.min(timeline.end_ms), end })
}

struct Watched<L> {
    book: Book,
    look: L,
    /// The first thing that ended the load early, and how far it had come.
    end: Option<(End, u64)>,
}

impl<L: Look> Watched<L> {
    fn take(&mut self, interval: &LoadInterval) -> Result<Option<String>, BookError> {
        let Some(report) = self.book.add(interval)? else { return Ok(None) };
        let reason = self.look.second(report, &self.book);
        Ok(reason.filter(|_| self.end.is_none()))
    }

    fn end(&mut self, end: End, clock: &Clock) {
        let reached_ms = clock.unix_ms().saturating_sub(self.book.setting().start_unix_ms);
        // A person who interrupts overrules a reason that was found before.
        let reached_ms = self.end.take().map_or(reached_ms, |(_, before_ms)| before_ms);
        self.end = Some((end, reached_ms));
    }
}
