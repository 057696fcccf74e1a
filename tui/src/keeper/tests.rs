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

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_told_in_the_own_log_once_with_the_time_at_which_it_began() {
    let (_query, queries) = watch::channel(ViewQuery::default());
    let (sender, mut snapshots) = watch::channel(Arc::default());
    let keeping = keeping(queries, sender);
    let own = keeping.own.clone();
    let (events, received) = mpsc::channel(64);
    tokio::spawn(keep(Held(received), keeping));
    for frame in recording::until(60) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        events.send(FeedEvent::Frame(Arc::new(frame))).await.unwrap();
    }
    let newest = Some(recording::START_S + 59);
    snapshots.wait_for(|it| it.axis.newest_s == newest).await.unwrap();
    let entries = own.entries();
    let told = entries.iter().filter(|entry| entry.kind == OwnKind::Insight);
    let told: Vec<&str> = told.map(|entry| entry.text.as_str()).collect();
    let flaps = told.iter().filter(|text| text.contains("breaker orders>payments flaps"));
    assert_eq!(flaps.count(), 1, "{told:?}");
    assert!(told.iter().all(|text| text.starts_with("00:")), "{told:?}");
}
