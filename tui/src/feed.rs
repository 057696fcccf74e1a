//! Where frames come from.
//!
//! A feed hands over one frame after the other and says how its source is doing. The live one is
//! a server-sent-event stream; a recording or a fixture is another feed, and everything behind it
//! stays the same.

use std::collections::VecDeque;
use std::sync::Arc;

use model::frame::Frame;

use crate::screen::Link;

pub mod live;
mod sse;

/// What a feed says.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedEvent {
    Frame(Arc<Frame>),
    /// The state of the source has changed.
    Link(Link),
}

pub trait Feed: Send + 'static {
    /// Waits for what comes next. After [`Link::Ended`] nothing comes any more.
    fn next(&mut self) -> impl Future<Output = FeedEvent> + Send;
}

/// Frames that are already there.
#[derive(Debug)]
pub struct Fixture {
    events: VecDeque<FeedEvent>,
}

impl Fixture {
    pub fn new(frames: impl IntoIterator<Item = Frame>) -> Self {
        let frames = frames.into_iter().map(|frame| FeedEvent::Frame(Arc::new(frame)));
        let ended = [FeedEvent::Link(Link::Ended)];
        Self { events: frames.chain(ended).collect() }
    }
}

impl Feed for Fixture {
    async fn next(&mut self) -> FeedEvent {
        match self.events.pop_front() {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }
}
