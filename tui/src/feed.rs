//! Where frames come from.
//!
//! A feed hands over one frame after the other and says how its source is doing. The live one is
//! a server-sent-event stream; a recording or a fixture is another feed, and everything behind it
//! stays the same.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use model::frame::Frame;

use crate::ask::{Answer, Asker, Asking, Question};
use crate::screen::Link;

pub mod live;
pub mod place;
mod sse;

/// A frame is due every second; without one for so long the source is silent.
pub const SILENT_AFTER: Duration = Duration::from_secs(2);

/// What a feed says.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedEvent {
    Frame(Arc<Frame>),
    /// The state of the source has changed.
    Link(Link),
}

pub trait Feed: Send + 'static {
    /// Waits for what comes next. After [`Link::Ended`] nothing comes until another run begins, if
    /// ever.
    fn next(&mut self) -> impl Future<Output = FeedEvent> + Send;

    /// Who is asked for what the frames do not tell.
    fn asker(&self) -> Arc<dyn Asker>;
}

/// Knows frames alone, so that every answer is empty.
#[derive(Debug, Clone, Copy)]
pub struct NobodyAsked;

impl Asker for NobodyAsked {
    fn ask(&self, question: Question) -> Asking {
        let answer = match question {
            Question::Traces(_) => Answer::Traces(Vec::new()),
            Question::Trace(_) => Answer::Trace(None),
            Question::Logs(_) => Answer::Logs(Vec::new()),
            Question::Calls => Answer::Calls(Vec::new()),
        };
        Box::pin(std::future::ready(Ok(answer)))
    }
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

    fn asker(&self) -> Arc<dyn Asker> {
        Arc::new(NobodyAsked)
    }
}
