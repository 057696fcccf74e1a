use std::time::Duration;

use model::frame::{Event, EventKind};

use crate::testing::{RUN, collector, end};

/// Real I/O of other parts must not move paused time, so only the ticker's own frames are awaited.
#[tokio::test(start_paused = true)]
async fn one_frame_a_second_leaves_from_the_start_on_and_none_is_missing() {
    let (handle, _folder) = collector().await;
    let mut frames = handle.subscribe();
    for seq in 0..5 {
        let frame = frames.recv().await.unwrap();
        assert_eq!((frame.seq, frame.run.run_id.as_str()), (seq, RUN));
        let now_ms = handle.core_clock().unix_ms();
        assert!((frame.unix_s + 2..frame.unix_s + 4).contains(&(now_ms / 1_000)));
    }
    assert_eq!(handle.frames().len(), 5);
    end(handle).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_of_the_runner_is_in_the_frame_of_its_second() {
    let (handle, _folder) = collector().await;
    let mut frames = handle.subscribe();
    let unix_ms = handle.core_clock().unix_ms();
    handle.add_event(Event {
        unix_ms,
        kind: EventKind::Process,
        subject: "orders".to_owned(),
        text: "ready".to_owned(),
        trace_id: None,
    });
    tokio::time::advance(Duration::from_secs(1)).await;
    let frame = frames.recv().await.unwrap();
    assert_eq!((frame.unix_s, frame.events.len()), (unix_ms / 1_000, 1));
    end(handle).await;
}
