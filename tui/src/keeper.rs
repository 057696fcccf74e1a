//! The task that owns the store: frames in, questions in, snapshots out.
//!
//! A snapshot is built when something has changed, at most ten times a second, and only the newest
//! one is kept for the screen: a slow terminal cannot slow the feed. Without frames and without
//! keys nothing is built.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::feed::{Feed, FeedEvent};
use crate::screen::{Snapshot, ViewQuery};
use crate::store::{Store, query};

/// Events of the feed that wait for the store.
const FEED_QUEUE: usize = 64;
/// Least time between two snapshots.
const SNAPSHOT_MIN: Duration = Duration::from_millis(100);

/// Runs a feed and the store behind it until nobody looks any more.
pub(crate) async fn keep(
    feed: impl Feed,
    queries: watch::Receiver<ViewQuery>,
    snapshots: watch::Sender<Arc<Snapshot>>,
) {
    let (sender, receiver) = mpsc::channel(FEED_QUEUE);
    tokio::select! {
        () = forward(feed, sender) => {},
        () = answer(receiver, queries, snapshots) => {},
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

async fn answer(
    mut events: mpsc::Receiver<FeedEvent>,
    mut queries: watch::Receiver<ViewQuery>,
    snapshots: watch::Sender<Arc<Snapshot>>,
) {
    let mut store = Store::default();
    let mut changed = false;
    let mut earliest = Instant::now();
    loop {
        tokio::select! {
            // Everything that waits goes into the store before a snapshot is built from it.
            biased;
            event = events.recv() => match event {
                Some(FeedEvent::Frame(frame)) => store.insert(frame),
                Some(FeedEvent::Link(link)) => store.link = link,
                None => return,
            },
            asked = queries.changed() => if asked.is_err() {
                return;
            },
            () = tokio::time::sleep_until(earliest), if changed => {
                let snapshot = query::build(&store, &queries.borrow_and_update());
                snapshots.send_replace(Arc::new(snapshot));
                earliest = Instant::now() + SNAPSHOT_MIN;
                changed = false;
                continue;
            },
        }
        changed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Fixture;
    use crate::recording;

    #[tokio::test(start_paused = true)]
    async fn a_waiting_recording_becomes_one_snapshot_of_its_last_second() {
        let (query, queries) = watch::channel(ViewQuery { columns: 10, ..ViewQuery::default() });
        let (sender, mut snapshots) = watch::channel(Arc::default());
        let frames = recording::run();
        let last = frames.last().unwrap().unix_s;
        let task = tokio::spawn(keep(Fixture::new(frames), queries, sender));
        let ended = snapshots.wait_for(|it| it.axis.newest_s == Some(last)).await.unwrap().clone();
        assert_eq!(ended.plot.columns.len(), 10);
        drop(query);
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn questions_are_answered_at_most_ten_times_a_second() {
        let (query, queries) = watch::channel(ViewQuery { columns: 1, ..ViewQuery::default() });
        let (sender, mut snapshots) = watch::channel(Arc::default());
        tokio::spawn(keep(Fixture::new(recording::run()), queries, sender));
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
        tokio::spawn(keep(Fixture::new([]), queries, sender));
        snapshots.changed().await.unwrap();
        snapshots.borrow_and_update();
        let wait = tokio::time::timeout(Duration::from_mins(1), snapshots.changed());
        assert!(wait.await.is_err());
    }
}
