//! Questions to a running collector, each a `GET` of its own.

use http::StatusCode;
use model::frame::Frame;
use model::limits::FRAMES_MAX;

use super::super::place::{AskingError, Place};
use super::{LiveError, question};
use crate::ask::{Answer, AskError, Asker, Asking, Question};

/// Asks a collector. An answer comes within some seconds or is an error.
#[derive(Debug, Clone)]
pub struct LiveAsker {
    place: Place,
}

impl LiveAsker {
    pub fn new(place: Place) -> Self {
        Self { place }
    }
}

impl Asker for LiveAsker {
    fn ask(&self, asked: Question) -> Asking {
        let place = self.place.clone();
        Box::pin(async move {
            match place.ask(&question::uri(&asked)).await {
                Ok(body) => question::answer(&asked, &body),
                Err(error) if is_unknown_trace(&asked, &error) => Ok(Answer::Trace(None)),
                Err(error) => Err(AskError(error.to_string())),
            }
        })
    }
}

/// Frames of one answer: a long list of edges may be larger than an answer may be.
const PAGE_FRAMES: usize = 60;

/// All frames that the collector has kept, as they stand now.
pub async fn frames_now(place: &Place) -> Result<Vec<Frame>, AskError> {
    let mut frames: Vec<Frame> = Vec::new();
    loop {
        let from = frames.last().map_or(0, |frame| frame.seq.saturating_add(1));
        let page = page(place, from, PAGE_FRAMES).await;
        let page = page.map_err(|error| AskError(error.to_string()))?;
        let is_last = page.len() < PAGE_FRAMES;
        frames.extend(page);
        if is_last || frames.len() >= FRAMES_MAX {
            return Ok(frames);
        }
    }
}

/// The oldest frame that the collector has kept.
pub(super) async fn oldest_frame(place: &Place) -> Result<Option<Frame>, LiveError> {
    Ok(page(place, 0, 1).await?.pop())
}

async fn page(place: &Place, from: u64, limit: usize) -> Result<Vec<Frame>, LiveError> {
    let body = place.ask(&format!("/v1/frames?from={from}&limit={limit}")).await?;
    Ok(question::read("/v1/frames", &body)?)
}

/// The collector itself says that it has no such trace.
fn is_unknown_trace(asked: &Question, error: &AskingError) -> bool {
    matches!(asked, Question::Trace(_))
        && matches!(error, AskingError::Status { status: StatusCode::NOT_FOUND, text: Some(_), .. })
}
