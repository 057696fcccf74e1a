//! The collector's live stream, joined again whenever it breaks.
//!
//! Every connection asks for the frames after the last one that came, so that a break costs no
//! data that the collector still has. One that was started anew is asked for all that it has.
//! The wait before another attempt grows, is capped, and is drawn from a range, so that several
//! viewers do not come back in step. A connection that says nothing for [`SILENCE_MAX`] counts as
//! broken: frames come every second.
//!
//! After the verdict a collector may go: then the run is over and nothing is lost. The place is
//! still looked at now and then, so that the next run there is shown.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use model::frame::{Frame, Verdict};

use super::place::{AskingError, Place, with_sources};
use super::sse::{Parser, SseError, SseEvent};
use super::{Feed, FeedEvent};
use crate::ask::{AskError, Asker};
use crate::screen::Link;

mod asker;
mod question;

pub use asker::{LiveAsker, frames_now};

const SILENCE_MAX: Duration = Duration::from_secs(10);
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// Between two looks for another run, when the last one is over.
const NEXT_RUN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct LiveFeed {
    place: Place,
    /// The first sequence number that has not come yet.
    next_sequence: u64,
    /// Of the frames that have come.
    origin: Option<Origin>,
    stream: Option<Stream>,
    /// Attempts since the last frame.
    failures: u32,
    retry_after: Duration,
    /// The newest frame has the verdict.
    is_over: bool,
    /// The end of the run was said, and no frame has come since.
    is_ended: bool,
    ready: VecDeque<FeedEvent>,
}

#[derive(Debug)]
struct Stream {
    body: Incoming,
    parser: Parser,
}

/// What all frames of one collector have in common: another one at the same place has another run,
/// or began at another time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    run_id: String,
    /// The second with sequence number 0.
    zero_unix_s: u64,
}

impl Origin {
    fn of(frame: &Frame) -> Self {
        let zero_unix_s = frame.unix_s.wrapping_sub(frame.seq);
        Self { run_id: frame.run.run_id.clone(), zero_unix_s }
    }
}

/// Why the stream is not there.
#[derive(Debug, thiserror::Error)]
enum LiveError {
    #[error(transparent)]
    Asking(#[from] AskingError),
    #[error("the live stream was silent for {} s", SILENCE_MAX.as_secs())]
    Silent,
    #[error("the collector closed the live stream")]
    Closed,
    #[error("frame {id} of the live stream cannot be read: {reason}")]
    Frame { id: String, reason: String },
    #[error("the connection to the collector broke: {0}")]
    Broken(String),
    #[error(transparent)]
    Sse(#[from] SseError),
    #[error("what the collector keeps cannot be read: {0}")]
    Kept(#[from] AskError),
}

impl LiveFeed {
    pub fn new(place: Place) -> Self {
        Self {
            place,
            next_sequence: 0,
            origin: None,
            stream: None,
            failures: 0,
            retry_after: Duration::ZERO,
            is_over: false,
            is_ended: false,
            ready: VecDeque::new(),
        }
    }

    async fn connect(&mut self) -> Result<Stream, LiveError> {
        if self.origin.is_some() {
            let oldest = asker::oldest_frame(&self.place).await?;
            if oldest.as_ref().map(Origin::of) != self.origin {
                // It counts from 0 again.
                self.next_sequence = 0;
                self.origin = None;
            }
        }
        let path = format!("/v1/live?from={}", self.next_sequence);
        let body = self.place.stream(&path).await?;
        Ok(Stream { body, parser: Parser::default() })
    }

    /// Reads until at least one event is ready.
    async fn read(&mut self) -> Result<(), LiveError> {
        while self.ready.is_empty() {
            let Some(stream) = &mut self.stream else { return Ok(()) };
            let part = tokio::time::timeout(SILENCE_MAX, stream.body.frame())
                .await
                .map_err(|_elapsed| LiveError::Silent)?
                .ok_or(LiveError::Closed)?
                .map_err(|error| LiveError::Broken(with_sources(&error)))?;
            let Some(bytes) = part.data_ref() else { continue };
            for event in stream.parser.push(bytes)? {
                self.take(&event)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, event: &SseEvent) -> Result<(), LiveError> {
        let id = event.id.clone().unwrap_or_default();
        match serde_json::from_str::<Frame>(&event.data) {
            Ok(frame) => {
                self.next_sequence = self.next_sequence.max(frame.seq.saturating_add(1));
                self.origin = Some(Origin::of(&frame));
                self.failures = 0;
                self.is_over = frame.run.verdict.is_some_and(|verdict| verdict != Verdict::Waiting);
                if std::mem::take(&mut self.is_ended) {
                    self.ready.push_back(FeedEvent::Link(Link::Connected));
                }
                self.ready.push_back(FeedEvent::Frame(Arc::new(frame)));
                Ok(())
            },
            Err(error) => {
                // The next attempt must not meet the same frame again.
                let sequence = id.parse::<u64>().unwrap_or(self.next_sequence);
                self.next_sequence = self.next_sequence.max(sequence.saturating_add(1));
                Err(LiveError::Frame { id, reason: error.to_string() })
            },
        }
    }

    /// What there is to say of it; nothing if the run is over and that has been said.
    fn lose(&mut self, error: &LiveError) -> Option<FeedEvent> {
        self.stream = None;
        if self.is_over {
            self.retry_after = NEXT_RUN;
            let is_news = !std::mem::replace(&mut self.is_ended, true);
            return is_news.then_some(FeedEvent::Link(Link::Ended));
        }
        self.retry_after = retry_after(self.failures, rand::random::<f64>());
        self.failures = self.failures.saturating_add(1);
        let retry_ms = u64::try_from(self.retry_after.as_millis()).unwrap_or(u64::MAX);
        Some(FeedEvent::Link(Link::Lost { reason: error.to_string(), retry_ms }))
    }
}

impl Feed for LiveFeed {
    fn asker(&self) -> Arc<dyn Asker> {
        Arc::new(LiveAsker::new(self.place.clone()))
    }

    async fn next(&mut self) -> FeedEvent {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            if self.stream.is_some() {
                if let Err(error) = self.read().await {
                    // What came before the break is still good.
                    let lost = self.lose(&error);
                    self.ready.extend(lost);
                }
                continue;
            }
            tokio::time::sleep(self.retry_after).await;
            match self.connect().await {
                Ok(stream) => {
                    self.stream = Some(stream);
                    // A collector that stays when its run is over has nothing to say.
                    if !self.is_ended {
                        return FeedEvent::Link(Link::Connected);
                    }
                },
                Err(error) => {
                    let lost = self.lose(&error);
                    self.ready.extend(lost);
                },
            }
        }
    }
}

/// The wait after `failures` attempts; `jitter` in [0, 1) takes up to half of it away.
fn retry_after(failures: u32, jitter: f64) -> Duration {
    let full = RETRY_MIN.saturating_mul(1 << failures.min(8)).min(RETRY_MAX);
    full.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests;
