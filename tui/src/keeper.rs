//! The task that owns the store: frames and answers in, questions out, snapshots out.
//!
//! A snapshot is built when something has changed, at most ten times a second, and only the newest
//! one is kept for the screen: a slow terminal cannot slow the feed. Without frames and without
//! keys nothing is built, except once a second while frames are due and do not come: the screen
//! then says since when its numbers are old. What the open screen needs beyond the frames is asked of the feed's
//! [`Asker`], one question of a kind at a time; a question is asked when the view has changed or a
//! frame has come.

use std::sync::Arc;
use std::time::Duration;

use model::frame::Verdict;
use telemetry::clock::Clock;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::silence::Silence;
use crate::ask::{Answer, AskError, Asker};
use crate::feed::{Feed, FeedEvent};
use crate::own::{OwnKind, OwnLog};
use crate::recorded::Tap;
use crate::screen::{Link, Snapshot, ViewQuery};
use crate::store::answers::{Answers, Slot};
use crate::store::{Store, query};

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
                        self.note(OwnKind::Link, false, "the source has ended");
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
mod tests {
    use std::collections::VecDeque;

    use model::frame::Frame;

    use super::*;
    use crate::feed::Fixture;
    use crate::recording;

    fn keeping(
        queries: watch::Receiver<ViewQuery>,
        snapshots: watch::Sender<Arc<Snapshot>>,
    ) -> Keeping {
        let (own, clock) = (OwnLog::default(), Clock::system());
        Keeping { queries, snapshots, own, clock, taps: watch::channel(None).1 }
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_recording_becomes_one_snapshot_of_its_last_second() {
        let (query, queries) = watch::channel(ViewQuery { columns: 10, ..ViewQuery::default() });
        let (sender, mut snapshots) = watch::channel(Arc::default());
        let frames = recording::run();
        let last = frames.last().unwrap().unix_s;
        let task = tokio::spawn(keep(Fixture::new(frames), keeping(queries, sender)));
        let ended = snapshots.wait_for(|it| it.axis.newest_s == Some(last)).await.unwrap().clone();
        assert_eq!(ended.plot.columns.len(), 10);
        drop(query);
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn questions_are_answered_at_most_ten_times_a_second() {
        let (query, queries) = watch::channel(ViewQuery { columns: 1, ..ViewQuery::default() });
        let (sender, mut snapshots) = watch::channel(Arc::default());
        tokio::spawn(keep(Fixture::new(recording::run()), keeping(queries, sender)));
        snapshots.changed().await.unwrap();
        let start = Instant::now();
        let mut answers = 0;
        for columns in 2..32 {
            query.send_replace(ViewQuery { columns, ..ViewQuery::default() });
            let wait = tokio::time::timeout(Duration::from_millis(20), snapshots.changed());
            answers += u32::from(wait.await.is_ok());
        }
        let most = start.elapsed().as_millis() / SNAPSHOT_MIN.as_millis() + 1;
        assert!(answers >= 3 && u128::from(answers) <= most, "{answers} of at most {most}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_frames_and_questions_nothing_is_built() {
        let (_query, queries) = watch::channel(ViewQuery::default());
        let (sender, mut snapshots) = watch::channel(Arc::default());
        tokio::spawn(keep(Fixture::new([]), keeping(queries, sender)));
        snapshots.changed().await.unwrap();
        snapshots.borrow_and_update();
        let wait = tokio::time::timeout(Duration::from_mins(1), snapshots.changed());
        assert!(wait.await.is_err());
    }

    /// What is sent to it, as a source that is never closed.
    struct Held(mpsc::Receiver<FeedEvent>);

    impl Feed for Held {
        async fn next(&mut self) -> FeedEvent {
            match self.0.recv().await {
                Some(event) => event,
                None => std::future::pending().await,
            }
        }

        fn asker(&self) -> Arc<dyn Asker> {
            Arc::new(crate::feed::NobodyAsked)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_source_is_silent_within_three_seconds_and_its_last_second_stays_the_last() {
        let (_query, queries) = watch::channel(ViewQuery { columns: 20, ..ViewQuery::default() });
        let (sender, mut snapshots) = watch::channel(Arc::default());
        let keeping = keeping(queries, sender);
        let own = keeping.own.clone();
        let (events, received) = mpsc::channel(64);
        tokio::spawn(keep(Held(received), keeping));
        let mut frames: VecDeque<Frame> = recording::until(12).into();
        let late = frames.pop_back().unwrap();
        events.send(FeedEvent::Link(Link::Connected)).await.unwrap();
        for frame in frames {
            tokio::time::sleep(Duration::from_secs(1)).await;
            events.send(FeedEvent::Frame(Arc::new(frame))).await.unwrap();
        }
        let stopped = Instant::now();
        let silent = snapshots.wait_for(|it| it.axis.silent_s > 0).await.unwrap().clone();
        assert!(stopped.elapsed() < Duration::from_secs(3), "{:?}", stopped.elapsed());
        assert_eq!(silent.axis.newest_s, Some(recording::START_S + 10));
        assert_eq!(silent.axis.cursor_s, recording::START_S + 10, "the numbers are of it");
        assert!(silent.axis.gaps[silent.axis.cursor + 1..].iter().all(|gap| *gap));
        assert!(silent.insights[0].starts_with("no second has come for 2 s"));
        // Every further second is one snapshot.
        snapshots.wait_for(|it| it.axis.silent_s == 5).await.unwrap();
        assert_eq!(stopped.elapsed().as_secs(), 5);
        events.send(FeedEvent::Frame(Arc::new(late))).await.unwrap();
        let newest = Some(recording::START_S + 11);
        let again = snapshots.wait_for(|it| it.axis.newest_s == newest).await.unwrap().clone();
        assert_eq!((again.axis.silent_s, again.axis.cursor), (0, 19));
        let told: Vec<(bool, String)> =
            own.entries().into_iter().map(|entry| (entry.bad, entry.text)).collect();
        assert!(told.contains(&(true, "no frame has come for 2 s".to_owned())), "{told:?}");
        assert!(told.contains(&(false, "a frame came after 5 s".to_owned())), "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_verdict_no_frame_is_due() {
        let (_query, queries) = watch::channel(ViewQuery::default());
        let (sender, mut snapshots) = watch::channel(Arc::default());
        let (events, received) = mpsc::channel(64);
        tokio::spawn(keep(Held(received), keeping(queries, sender)));
        let mut last = recording::until(3).pop().unwrap();
        last.run.verdict = Some(Verdict::Pass);
        events.send(FeedEvent::Frame(Arc::new(last))).await.unwrap();
        snapshots.wait_for(|it| it.axis.newest_s.is_some()).await.unwrap();
        let wait = tokio::time::timeout(Duration::from_mins(1), snapshots.changed());
        assert!(wait.await.is_err());
    }

    /// Frames whose source answers nothing.
    #[derive(Debug)]
    struct Deaf(Fixture);

    impl Feed for Deaf {
        async fn next(&mut self) -> FeedEvent {
            self.0.next().await
        }

        fn asker(&self) -> Arc<dyn Asker> {
            Arc::new(Silent)
        }
    }

    #[derive(Debug)]
    struct Silent;

    impl Asker for Silent {
        fn ask(&self, _question: crate::ask::Question) -> crate::ask::Asking {
            Box::pin(std::future::ready(Err(AskError("nobody answers".to_owned()))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn links_refused_frames_and_failed_questions_are_told_in_the_own_log() {
        let mut frames = recording::until(3);
        let mut duration = frames[1].edges[0].duration.clone();
        duration.record_ns(1, 1 << 50);
        frames[1].edges[0].duration = duration;
        let detail = crate::screen::Detail::Traces(crate::screen::traces::TracesQuery::default());
        let (_query, queries) = watch::channel(ViewQuery { detail, ..ViewQuery::default() });
        let (sender, mut snapshots) = watch::channel(Arc::default());
        let keeping = keeping(queries, sender);
        let own = keeping.own.clone();
        tokio::spawn(keep(Deaf(Fixture::new(frames)), keeping));
        let newest = Some(recording::START_S + 2);
        snapshots.wait_for(|it| it.axis.newest_s == newest).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let told: Vec<(OwnKind, bool)> =
            own.entries().iter().map(|entry| (entry.kind, entry.bad)).collect();
        assert!(told.contains(&(OwnKind::Link, false)), "{told:?}");
        assert!(told.contains(&(OwnKind::Frame, true)), "{told:?}");
        assert!(told.contains(&(OwnKind::Question, true)), "{told:?}");
    }
}
