//! Runs one load in this process and adds up what it reports.

use std::collections::BTreeMap;
use std::time::Duration;

use loadgen::summary::{Book, BookError, Decoded, Setting};
use loadgen::{LoadError, Watcher};
use model::load::{LoadDone, LoadInterval, LoadPlan, LoadStart};
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
    #[error(transparent)]
    Many(#[from] super::many::ManyError),
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
    /// How far apart workers may have begun, by what they know of their clocks, in nanoseconds.
    /// `None` when there was one clock.
    pub(super) start_error_ns: Option<u64>,
}

/// Why a load ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Its time was over.
    Over,
    /// By a signal, or from within the dashboard.
    Interrupted(&'static str),
    /// Somebody who watched wanted no more of it, and why.
    Stopped(String),
    /// A part of it was missing, and which.
    Lost(String),
}

/// Looks at each second of a load as it comes in.
pub(super) trait Look {
    /// A reason ends the load.
    fn second(&mut self, report: Decoded, book: &Book) -> Option<String>;

    /// What a worker in this process has reported, before it is added up.
    fn interval(&mut self, _interval: &LoadInterval) {}

    /// Waits until somebody who looks wants the load to end, and says how they did it.
    fn interrupted(&mut self) -> impl Future<Output = &'static str> + Send {
        std::future::pending()
    }
}

/// The next signal, or word of somebody who looks.
pub(super) async fn interrupted<L: Look>(
    signals: &mut Shutdown,
    watched: &mut Watched<L>,
) -> &'static str {
    tokio::select! {
        biased;
        signal = signals.requested() => signal,
        how = watched.look.interrupted() => how,
    }
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
    let (stop, stopped) = watch::channel(None);
    let setting = Setting::of(&plan, 0);
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
    let begin = LoadStart::after(clock.unix_ns(), LEAD.as_nanos() as u64);
    start.send(begin).ok();
    let start_unix_ns = begin.start_unix_ns;
    let setting = Setting { start_unix_ms: start_unix_ns / 1_000_000, ..setting };
    let look = look(&setting);
    let mut watched = Watched::new(setting, look);
    let done = loop {
        tokio::select! {
            biased;
            signal = interrupted(signals, &mut watched) => {
                if watched.is_interrupted() {
                    return Err(DriveError::Left);
                }
                watched.end(End::Interrupted(signal), clock);
                stop.send_replace(Some("the end of the load"));
            },
            Some(interval) = received.recv() => {
                watched.look.interval(&interval);
                if let Some(reason) = watched.take(&interval)? {
                    watched.end(End::Stopped(reason), clock);
                    stop.send_replace(Some("the end of the load"));
                }
            },
            done = &mut run => break done.map_err(|_panic| LoadError::Panicked)??,
        }
    };
    while let Some(interval) = received.recv().await {
        watched.look.interval(&interval);
        watched.take(&interval)?;
    }
    watched.finish(done)?;
    Ok(watched.driven())
}

/// A load that somebody looks at.
pub(super) struct Watched<L> {
    book: Book,
    look: L,
    /// Seconds that some workers have reported and others have not, with how many have.
    waiting: BTreeMap<u64, (u32, Decoded)>,
    /// The first thing that ended the load early, and how far it had come.
    end: Option<(End, u64)>,
}

impl<L: Look> Watched<L> {
    pub(super) fn new(setting: Setting, look: L) -> Self {
        Self { book: Book::new(setting), look, waiting: BTreeMap::new(), end: None }
    }

    pub(super) fn is_interrupted(&self) -> bool {
        matches!(self.end, Some((End::Interrupted(_), _)))
    }

    /// Somebody has ended the load before its time.
    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    pub(super) fn finish(&mut self, done: LoadDone) -> Result<(), BookError> {
        self.book.finish(done)
    }

    /// What a lost worker has not reported is looked at without it.
    pub(super) fn driven(mut self) -> Driven {
        for (_, (_, part)) in std::mem::take(&mut self.waiting) {
            let _too_late = self.look.second(part, &self.book);
        }
        let end_ms = self.book.setting().timeline.end_ms;
        let (end, reached_ms) = self.end.unwrap_or((End::Over, end_ms));
        Driven { book: self.book, reached_ms: reached_ms.min(end_ms), end, start_error_ns: None }
    }

    pub(super) fn take(&mut self, interval: &LoadInterval) -> Result<Option<String>, BookError> {
        let Some(report) = self.book.add(interval)? else { return Ok(None) };
        let Some(whole) = self.joined(report) else { return Ok(None) };
        let reason = self.look.second(whole, &self.book);
        Ok(reason.filter(|_| self.end.is_none()))
    }

    /// A second of all workers, once the last of them has reported it.
    fn joined(&mut self, report: Decoded) -> Option<Decoded> {
        let unix_s = report.unix_s;
        let (count, whole) = match self.waiting.remove(&unix_s) {
            None => (1, report),
            Some((count, mut whole)) => {
                whole.join(&report);
                (count + 1, whole)
            },
        };
        if count >= self.book.setting().workers {
            return Some(whole);
        }
        self.waiting.insert(unix_s, (count, whole));
        None
    }

    pub(super) fn end(&mut self, end: End, clock: &Clock) {
        let reached_ms = clock.unix_ms().saturating_sub(self.book.setting().start_unix_ms);
        if let End::Lost(what) = &end {
            self.book.lose(what.clone());
        }
        // A person who interrupts overrules a reason that was found before.
        let reached_ms = self.end.take().map_or(reached_ms, |(_, before_ms)| before_ms);
        self.end = Some((end, reached_ms));
    }
}
