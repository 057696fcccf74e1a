//! The task that owns the store: frames and answers in, questions out, snapshots out.
//!
//! A snapshot is built when something has changed, at most ten times a second, and only the newest
//! one is kept for the screen: a slow terminal cannot slow the feed. Without frames and without
//! keys nothing is built, except once a second while frames are due and do not come: the screen
//! then says since when its numbers are old. What the open screen needs beyond the frames is asked
//! of the feed's [`Asker`], one question of a kind at a time; a question is asked when the view has
//! changed or a frame has come.

use std::sync::Arc;
use std::time::Duration;

use model::frame::Verdict;
use telemetry::clock::Clock;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::noticing::Noticing;
use self::silence::Silence;
use crate::ask::{Answer, AskError, Asker};
use crate::derive::words;
use crate::feed::{Feed, FeedEvent};
use crate::own::{OwnKind, OwnLog};
use crate::recorded::Tap;
use crate::screen::{Link, Snapshot, ViewQuery};
use crate::store::answers::{Answers, Slot};
use crate::store::{Store, query};

mod noticing;
mod silence;

/// Events of the feed that wait for the store.
const FEED_QUEUE: usize = 64;
/// Least time between two snapshots when the user has no wish.
const SNAPSHOT_MIN: Duration = Duration::from_millis(100);

/// What the keeper talks over.
pub(crate) struct Keeping {
    pub(crate) queries: watch::Receiver<ViewQuery>,
    pub(crate) snapshots: watch::Sender<Arc<Snapshot>>,
    pub(crate) own: OwnLog,
    pub(crate) clock: Clock,
    /// Gets the frames that are kept, and all that come.
    pub(crate) taps: watch::Receiver<Option<Tap>>,
}

/// Runs a feed and the store behind it until nobody looks any more.
pub(crate) async fn keep(feed: impl Feed, keeping: Keeping) {
    let (sender, receiver) = mpsc::channel(FEED_QUEUE);
    let mut store = Store::default();
    store.own = keeping.own.clone();
    let keeper = Keeper {
        store,
        clock: keeping.clock.clone(),
        answers: Answers::default(),
        asker: feed.asker(),
        asking: JoinSet::new(),
        tap: None,
        silence: Silence::default(),
        noticed: Noticing::default(),
    };
    tokio::select! {
        () = forward(feed, sender) => {},
        () = keeper.answer(receiver, keeping) => {},
    }
}

/// The feed is never cut off in the middle of an attempt.
async fn forward(mut feed: impl Feed, sender: mpsc::Sender<FeedEvent>) {
    loop {
        let event = feed.next().await;
        if sender.send(event).await.is_err() {
            return;
        }
    }
}

/// Time until the next snapshot.
fn pause(frames_per_s: u8) -> Duration {
    match frames_per_s {
        0 => SNAPSHOT_MIN,
        frames => Duration::from_secs(1) / u32::from(frames),
    }
}

struct Keeper {
    store: Store,
    answers: Answers,
    clock: Clock,
    asker: Arc<dyn Asker>,
    asking: JoinSet<(Slot, Result<Answer, AskError>)>,
    tap: Option<Tap>,
    silence: Silence,
    noticed: Noticing,
}

impl Keeper {
    async fn answer(mut self, mut events: mpsc::Receiver<FeedEvent>, keeping: Keeping) {
        let Keeping { mut queries, snapshots, mut taps, .. } = keeping;
        let mut changed = false;
        let mut earliest = Instant::now();
        loop {
            // A frame is a reason to ask again what could not be answered.
            let mut again = false;
            tokio::select! {
                // Everything that waits goes into the store before a snapshot is built from it.
                biased;
                event = events.recv() => match event {
                    Some(event) => again = self.take(event),
                    None => return,
                },
                Some(answered) = self.asking.join_next() => match answered {
                    Ok((slot, outcome)) => {
                        if let Err(error) = &outcome {
                            self.note(OwnKind::Question, true, &format!("{slot:?}: {error}"));
                        }
                        self.answers.take(slot, outcome);
                    },
                    Err(broken) => {
                        self.note(OwnKind::Question, true, "a question ended in a panic");
                        tracing::error!(%broken, "a question ended in a panic");
                    },
                },
                Ok(()) = taps.changed() => {
                    self.tap.clone_from(&taps.borrow_and_update());
                    self.record_past();
                },
                asked = queries.changed() => if asked.is_err() {
                    return;
                },
                silent_s = self.silence.grows() => self.hush(silent_s),
                () = tokio::time::sleep_until(earliest), if changed => {
                    self.noticed.look(&self.store, self.clock.unix_ms());
                    let query = queries.borrow_and_update().clone();
                    let snapshot = query::build(&self.store, &self.answers, &query);
                    snapshots.send_replace(Arc::new(snapshot));
                    earliest = Instant::now() + pause(query.frames_per_s);
                    changed = false;
                    continue;
                },
            }
            changed = true;
            self.ask(&queries.borrow(), again);
        }
    }

    fn note(&self, kind: OwnKind, bad: bool, text: &str) {
        self.store.own.note(self.clock.unix_ms(), kind, bad, text);
    }

    /// Says whether it was a frame.
    fn take(&mut self, event: FeedEvent) -> bool {
        match event {
            FeedEvent::Frame(frame) => {
                if let Some(tap) = &self.tap {
                    tap.frame(Arc::clone(&frame));
                }
                let (second, refused) = (frame.unix_s, self.store.refused());
                if self.store.insert(frame) {
                    self.note(OwnKind::Frame, false, "another run has begun");
                    self.answers.clear();
                }
                if self.store.refused() > refused {
                    let text = format!("the frame of second {second} contradicts itself");
                    self.note(OwnKind::Frame, true, &text);
                }
                self.heard();
                for slot in query::unfinished(&self.store, &self.answers) {
                    self.answers.expire(slot);
                }
                true
            },
            FeedEvent::Link(link) => {
                match &link {
                    Link::Connecting => self.note(OwnKind::Link, false, "connecting"),
                    Link::Connected => self.note(OwnKind::Link, false, "connected"),
                    // The wait differs from time to time, and would make each a new entry.
                    Link::Lost { reason, .. } => {
                        self.note(OwnKind::Link, true, &format!("lost: {reason}"));
                    },
                    Link::Ended => {
                        self.silence.end();
                        self.store.silent_s = 0;
                        let newest = self.store.at_or_before(u64::MAX);
                        let over = words::over(newest.and_then(|frame| frame.run.verdict));
                        let text = over.unwrap_or_else(|| "the source has ended".to_owned());
                        self.note(OwnKind::Link, false, &text);
                    },
                }
                self.store.link = link;
                false
            },
        }
    }

    /// A frame has come. After the verdict no further one is due.
    fn heard(&mut self) {
        if self.store.silent_s > 0 {
            let text = format!("a frame came after {} s", self.store.silent_s);
            self.note(OwnKind::Link, false, &text);
            self.store.silent_s = 0;
        }
        let newest = self.store.at_or_before(u64::MAX);
        match newest.and_then(|frame| frame.run.verdict) {
            None | Some(Verdict::Waiting) => self.silence.begin(),
            Some(_) => self.silence.end(),
        }
    }

    fn hush(&mut self, silent_s: u64) {
        if self.store.silent_s == 0 {
            let text = format!("no frame has come for {silent_s} s");
            self.note(OwnKind::Link, true, &text);
        }
        self.store.silent_s = silent_s;
    }

    /// What is remembered belongs into a recording too.
    fn record_past(&self) {
        let Some(tap) = &self.tap else { return };
        for frame in self.store.all() {
            tap.past(Arc::clone(frame));
        }
    }

    fn ask(&mut self, query: &ViewQuery, again: bool) {
        let wanted = query::questions(&self.store, &self.answers, query);
        for (slot, question) in self.answers.to_ask(wanted, again) {
            let asking = self.asker.ask(question);
            self.asking.spawn(async move { (slot, asking.await) });
        }
    }
}

#[cfg(test)]
mod tests;
