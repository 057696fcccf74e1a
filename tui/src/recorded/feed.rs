//! A recording as a feed.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{RecordedAsker, Recording};
use crate::ask::Asker;
use crate::feed::{Feed, FeedEvent};
use crate::kept::Frame;
use crate::screen::Link;

/// Pours all frames at once and ends: replaying is a matter of what is shown of them.
pub struct RecordedFeed {
    frames: VecDeque<Arc<Frame>>,
    ended: bool,
    asker: Arc<dyn Asker>,
}

impl std::fmt::Debug for RecordedFeed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RecordedFeed")
            .field("frames", &self.frames.len())
            .finish_non_exhaustive()
    }
}

impl RecordedFeed {
    /// `asker` knows what belongs to the frames.
    pub fn new(frames: impl IntoIterator<Item = Arc<Frame>>, asker: Arc<dyn Asker>) -> Self {
        Self { frames: frames.into_iter().collect(), ended: false, asker }
    }

    pub fn of(recording: Arc<Recording>) -> Self {
        let frames: VecDeque<Arc<Frame>> = recording.frames().cloned().collect();
        Self { frames, ended: false, asker: Arc::new(RecordedAsker::new(recording)) }
    }
}

impl Feed for RecordedFeed {
    async fn next(&mut self) -> FeedEvent {
        if let Some(frame) = self.frames.pop_front() {
            return FeedEvent::Frame(Arc::new(frame.told()));
        }
        if !self.ended {
            self.ended = true;
            return FeedEvent::Link(Link::Ended);
        }
        std::future::pending().await
    }

    fn asker(&self) -> Arc<dyn Asker> {
        Arc::clone(&self.asker)
    }
}
