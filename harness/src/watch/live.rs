//! A running collector: on a terminal, as lines, or once.

use std::pin::pin;
use std::sync::Arc;

use model::frame::Frame;
use telemetry::shutdown::Shutdown;
use tui::Setup;
use tui::feed::live::{LiveAsker, LiveFeed, frames_now};
use tui::feed::place::Place;
use tui::feed::{Feed, FeedEvent, SILENT_AFTER};
use tui::recorded::Recorder;
use tui::screen::Link;

use super::replay::Kept;
use super::{WatchError, dashboard, is_plain, page, plain, recorded, verdict};
use crate::cli::WatchArguments;
use crate::result::ExitCode;

/// Attempts to find a collector again that has gone in the middle of a run, in plain lines.
const ATTEMPTS_MAX: u32 = 6;

pub(super) async fn watch(
    arguments: &WatchArguments,
    setup: Setup,
) -> Result<ExitCode, WatchError> {
    let token = arguments.token_file.as_deref().map(crate::control::token).transpose();
    let place = Place::parse(&arguments.url)?.with_token(token.map_err(WatchError::Token)?);
    if arguments.once || arguments.snapshot.is_some() {
        let frames = frames_now(&place).await.map_err(|error| WatchError::Unreachable {
            url: place.to_string(),
            reason: error.to_string(),
        })?;
        let frames = tui::kept::of(frames).into_iter().map(Arc::new).collect();
        let asker = Arc::new(LiveAsker::new(place));
        let now = Kept { frames, asker, note: None };
        return Ok(page(arguments, &setup, &now, &Link::Connected).await);
    }
    let feed = LiveFeed::new(place.clone());
    if !is_plain(arguments) {
        return dashboard(Setup { record: arguments.record.clone(), ..setup }, feed).await;
    }
    let recorder = arguments.record.clone().map(|path| {
        Recorder::start(path, Arc::new(LiveAsker::new(place.clone())), setup.clock.clone())
    });
    let ended = lines(feed, recorder.as_ref(), &place).await;
    if let Some(recorder) = recorder {
        let told = recorded(&recorder.stop().await);
        // Why the watching ended is said before what became of its recording.
        return ended.and_then(|code| told.map(|()| code));
    }
    ended
}

/// Follows until the run ends, the collector is gone, or a signal comes.
async fn lines(
    mut feed: LiveFeed,
    recorder: Option<&Recorder>,
    place: &Place,
) -> Result<ExitCode, WatchError> {
    let mut signals = Shutdown::listen().map_err(WatchError::Signals)?;
    let mut newest: Option<Arc<Frame>> = None;
    let mut failures = 0;
    let mut is_due = false;
    loop {
        let event = tokio::select! {
            event = next(&mut feed, is_due) => event,
            _ = signals.requested() => return Ok(ExitCode::Interrupted),
        };
        is_due = false;
        match event {
            FeedEvent::Frame(frame) => {
                failures = 0;
                is_due = frame.run.verdict.is_none();
                plain::print(&frame);
                if let Some(recorder) = recorder {
                    recorder.tap().frame(Arc::clone(&frame));
                }
                newest = Some(frame);
            },
            FeedEvent::Link(Link::Lost { reason, retry_ms }) => {
                let is_over = newest.as_ref().is_some_and(|frame| frame.run.verdict.is_some());
                if is_over {
                    return Ok(verdict::of(newest.as_deref()));
                }
                failures += 1;
                if newest.is_none() || failures >= ATTEMPTS_MAX {
                    return Err(WatchError::Unreachable { url: place.to_string(), reason });
                }
                crate::say(&format!("{reason}; trying again in {retry_ms} ms"));
            },
            FeedEvent::Link(Link::Ended) => return Ok(verdict::of(newest.as_deref())),
            FeedEvent::Link(Link::Connecting | Link::Connected) => {},
        }
    }
}

/// What comes next; says once when it does not come although it is due.
async fn next(feed: &mut LiveFeed, is_due: bool) -> FeedEvent {
    let mut event = pin!(feed.next());
    if !is_due {
        return event.await;
    }
    match tokio::time::timeout(SILENT_AFTER, &mut event).await {
        Ok(event) => event,
        Err(_) => {
            crate::say(&format!("no second has come for {} s", SILENT_AFTER.as_secs()));
            event.await
        },
    }
}
