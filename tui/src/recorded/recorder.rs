//! Writes a recording while a run is watched.
//!
//! Each frame that comes is written a few frames later, when its traces are complete, with the
//! traces that explain it and its log lines, which are asked for. The work of a second is bounded;
//! a recorder that falls behind writes frames alone until it has caught up. Whatever is left out
//! is counted in the [`RecordStatus`].

mod choice;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::frame::Frame;
use model::limits::FRAMES_MAX;
use telemetry::clock::Clock;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::{Header, LeftOut, Second, WriteError, Writer};
use crate::ask::Asker;
use crate::kept;
use choice::Choice;

/// Frames between a frame and its writing.
const LAG_FRAMES: usize = 2;
/// Frames that wait: as many as a collector has kept for a viewer who comes late.
const QUEUE_FRAMES: usize = FRAMES_MAX;
/// With more frames waiting, nothing is asked for.
const BEHIND_FRAMES: usize = 8;
/// For all questions of one second, while others follow.
const ASKING_MAX: Duration = Duration::from_secs(5);

/// How a recording is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordStatus {
    pub path: PathBuf,
    pub seconds: u64,
    /// Length of the file.
    pub bytes: u64,
    pub traces: u64,
    pub lines: u64,
    pub left_out: LeftOut,
    /// Seconds for which nothing was asked, because the recorder was behind.
    pub unasked_seconds: u64,
    /// Questions that got no answer.
    pub failed_questions: u64,
    /// Frames that found no room in the queue.
    pub lost_frames: u64,
    /// Why nothing is written any more.
    pub error: Option<String>,
    /// The file is closed.
    pub ended: bool,
}

/// A recording that is being made.
#[derive(Debug)]
pub struct Recorder {
    tap: Tap,
    stop: oneshot::Sender<()>,
    status: watch::Receiver<RecordStatus>,
    task: JoinHandle<()>,
}

/// Where frames go into a recording. What comes after its end is not recorded.
#[derive(Debug, Clone)]
pub struct Tap {
    frames: mpsc::Sender<Queued>,
    lost_frames: Arc<AtomicU64>,
}

impl Tap {
    /// Takes a frame, without waiting.
    pub fn frame(&self, frame: Arc<Frame>) {
        self.queue(Queued::Came(frame));
    }

    /// Takes a frame of before, as it is remembered: an hour of them waits in little memory.
    pub fn past(&self, frame: Arc<kept::Frame>) {
        self.queue(Queued::Kept(frame));
    }

    fn queue(&self, frame: Queued) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.frames.try_send(frame) {
            self.lost_frames.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[derive(Debug)]
enum Queued {
    Came(Arc<Frame>),
    Kept(Arc<kept::Frame>),
}

impl Queued {
    fn frame(self) -> Arc<Frame> {
        match self {
            Self::Came(frame) => frame,
            Self::Kept(frame) => Arc::new(frame.told()),
        }
    }
}

impl Recorder {
    /// Begins a recording. The file is made with the first frame, which says what run it is.
    pub fn start(path: PathBuf, asker: Arc<dyn Asker>, clock: Clock) -> Self {
        let (frames, queue) = mpsc::channel(QUEUE_FRAMES);
        let first = RecordStatus { path: path.clone(), ..RecordStatus::default() };
        let (sender, status) = watch::channel(first);
        let lost_frames = Arc::new(AtomicU64::new(0));
        let record = Record::new(path, asker, clock, sender);
        let tap = Tap { frames, lost_frames };
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(run(record, queue, stopped, Arc::clone(&tap.lost_frames)));
        Self { tap, stop, status, task }
    }

    pub fn tap(&self) -> Tap {
        self.tap.clone()
    }

    /// Changes with every second that is written.
    pub fn status(&self) -> watch::Receiver<RecordStatus> {
        self.status.clone()
    }

    /// Writes what has come and closes the file.
    pub async fn stop(self) -> RecordStatus {
        // A task that is gone needs no word.
        let _gone = self.stop.send(());
        // A task that broke leaves its last words.
        let ended = self.task.await;
        let mut status = self.status.borrow().clone();
        if let Err(error) = ended {
            status.error = Some(error.to_string());
        }
        status.lost_frames = self.tap.lost_frames.load(Ordering::Relaxed);
        status
    }
}

/// Writes a recording of frames that are all there, asking for each of them as long as it takes.
pub async fn record_all(
    path: &Path,
    frames: impl IntoIterator<Item = Arc<Frame>>,
    asker: Arc<dyn Asker>,
    clock: Clock,
) -> RecordStatus {
    let first = RecordStatus { path: path.to_owned(), ..RecordStatus::default() };
    let (sender, status) = watch::channel(first);
    let mut record = Record::new(path.to_owned(), asker, clock, sender);
    record.asking_max = Duration::MAX;
    for frame in frames {
        if !record.take(frame, false).await {
            break;
        }
    }
    record.finish().await;
    status.borrow().clone()
}

async fn run(
    mut record: Record,
    mut queue: mpsc::Receiver<Queued>,
    mut stopped: oneshot::Receiver<()>,
    lost: Arc<AtomicU64>,
) {
    loop {
        let next = tokio::select! {
            frame = queue.recv() => frame,
            _ = &mut stopped, if !queue.is_closed() => {
                // What waits is still written.
                queue.close();
                continue;
            },
        };
        let Some(frame) = next.map(Queued::frame) else { break };
        let is_behind = queue.len() > BEHIND_FRAMES;
        let lost = lost.load(Ordering::Relaxed);
        record
            .status
            .send_if_modified(|status| std::mem::replace(&mut status.lost_frames, lost) != lost);
        if !record.take(frame, is_behind).await {
            return;
        }
    }
    record.finish().await;
}

struct Record {
    path: PathBuf,
    asker: Arc<dyn Asker>,
    clock: Clock,
    status: watch::Sender<RecordStatus>,
    /// With the word whether something may be asked.
    waiting: VecDeque<(Arc<Frame>, bool)>,
    choice: Choice,
    asking_max: Duration,
    writer: Option<Writer>,
}

impl Record {
    fn new(
        path: PathBuf,
        asker: Arc<dyn Asker>,
        clock: Clock,
        status: watch::Sender<RecordStatus>,
    ) -> Self {
        Self {
            path,
            asker,
            clock,
            status,
            waiting: VecDeque::new(),
            choice: Choice::default(),
            asking_max: ASKING_MAX,
            writer: None,
        }
    }

    /// False when nothing can be written any more.
    async fn take(&mut self, frame: Arc<Frame>, is_behind: bool) -> bool {
        if self.status.borrow().error.is_some() {
            return false;
        }
        // A collector goes soon after the verdict of its run.
        let lag = if frame.run.verdict.is_some() { 0 } else { LAG_FRAMES };
        self.waiting.push_back((frame, !is_behind));
        while self.waiting.len() > lag {
            if !self.write_oldest().await {
                return false;
            }
        }
        true
    }

    async fn write_oldest(&mut self) -> bool {
        let Some((frame, may_ask)) = self.waiting.pop_front() else { return true };
        let (second, failed) = if may_ask {
            self.second(frame).await
        } else {
            (Second { frame, ..Second::default() }, 0)
        };
        let (traces, lines) = (second.traces.len() as u64, second.lines.len() as u64);
        let left_out = second.left_out;
        let written = self.write(second).await;
        self.status.send_modify(|status| {
            status.failed_questions += failed;
            status.unasked_seconds += u64::from(!may_ask);
            match &written {
                Ok(bytes) => {
                    status.seconds += 1;
                    status.bytes = *bytes;
                    status.traces += traces;
                    status.lines += lines;
                    status.left_out.traces += left_out.traces;
                    status.left_out.lines += left_out.lines;
                },
                Err(error) => status.error = Some(error.clone()),
            }
        });
        written.is_ok()
    }

    /// The second of a frame, and the number of questions that failed.
    async fn second(&mut self, frame: Arc<Frame>) -> (Second, u64) {
        let asked = choice::ask(&self.asker, &frame, &mut self.choice);
        match tokio::time::timeout(self.asking_max, asked).await {
            Ok(found) => {
                let second = Second {
                    frame,
                    traces: found.traces,
                    lines: found.lines,
                    calls: found.calls,
                    left_out: found.left_out,
                };
                (second, found.failed)
            },
            Err(_elapsed) => (Second { frame, ..Second::default() }, 1),
        }
    }

    /// The length of the file, or why it cannot be written. Compressing and writing block.
    async fn write(&mut self, second: Second) -> Result<u64, String> {
        let (writer, path) = (self.writer.take(), self.path.clone());
        let header = Header::of(&second.frame, self.clock.unix_ms());
        let writing = tokio::task::spawn_blocking(move || {
            let mut writer = match writer {
                Some(writer) => writer,
                None => Writer::create(&path, &header)?,
            };
            writer.second(&second)?;
            Ok::<_, WriteError>(writer)
        });
        let writer = ended(writing.await)?;
        let bytes = writer.bytes();
        self.writer = Some(writer);
        Ok(bytes)
    }

    async fn finish(&mut self) {
        while !self.waiting.is_empty() {
            if !self.write_oldest().await {
                return;
            }
        }
        let Some(writer) = self.writer.take() else { return };
        let finished = ended(tokio::task::spawn_blocking(move || writer.finish()).await);
        self.status.send_modify(|status| match finished {
            Ok(bytes) => (status.bytes, status.ended) = (bytes, true),
            Err(error) => status.error = Some(error),
        });
    }
}

/// What blocking work came to, with its causes in one sentence.
fn ended<T>(work: Result<Result<T, WriteError>, tokio::task::JoinError>) -> Result<T, String> {
    match work {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(crate::feed::place::with_sources(&error)),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
