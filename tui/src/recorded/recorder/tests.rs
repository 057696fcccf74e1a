//! A recorder over frames and answers that are made up, and what is read back.

use std::sync::Arc;

use std::sync::Mutex;

use model::frame::{DropCount, Trace, TraceHead};

use super::*;
use crate::ask::{Answer, AskError, Asking, Question};
use crate::recorded::Bounds;
use crate::recorded::testing::{line, trace};
use crate::{kept, recording};

/// Knows every trace, and one line per second.
#[derive(Debug, Default)]
struct Everything {
    asked: Mutex<Vec<Question>>,
    broken: bool,
}

impl Asker for Everything {
    fn ask(&self, question: Question) -> Asking {
        self.asked.lock().unwrap().push(question.clone());
        let answer = match question {
            _ if self.broken => Err(AskError("gone".to_owned())),
            Question::Trace(id) => {
                let known = Trace { trace_id: id, ..trace(1, 1) };
                Ok(Answer::Trace(Some(Arc::new(known))))
            },
            Question::Traces(_) => Ok(Answer::Traces(Vec::new())),
            Question::Logs(asked) => {
                let at = asked.from_unix_ms.unwrap() * 1_000_000 + 5;
                Ok(Answer::Logs(vec![line(at, "INFO", "hello")]))
            },
            Question::Calls => Ok(Answer::Calls(Vec::new())),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// Every second of the recording names `number` exemplars of its own.
fn frames(seconds: u64, number: u64) -> Vec<Arc<Frame>> {
    let with_exemplars = |mut frame: Frame| {
        let head = |index: u64| TraceHead {
            trace_id: trace(frame.seq * 1_000 + index + 1, 1).trace_id,
            correlation_id: None,
            start_unix_ns: frame.unix_s * 1_000_000_000,
            duration_ns: index,
            error: false,
            fault: None,
        };
        frame.edges[0].exemplars = (0..number).map(head).collect();
        Arc::new(frame)
    };
    recording::until(seconds).into_iter().map(with_exemplars).collect()
}

#[tokio::test]
async fn what_was_recorded_is_read_back_with_its_traces_and_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.rec");
    let asker = Arc::new(Everything::default());
    let recorder = Recorder::start(path.clone(), asker, Clock::system());
    let frames = frames(6, 2);
    let (past, coming) = frames.split_at(3);
    for frame in kept::of(past.iter().cloned()) {
        recorder.tap().past(Arc::new(frame));
    }
    for frame in coming {
        recorder.tap().frame(Arc::clone(frame));
    }
    let status = recorder.stop().await;
    assert!(status.ended && status.error.is_none(), "{status:?}");
    assert_eq!((status.seconds, status.traces, status.lines), (6, 12, 6));
    assert_eq!(status.bytes, std::fs::metadata(&path).unwrap().len());
    let recording = crate::recorded::open(&path).unwrap();
    assert_eq!(recording.cut, None);
    assert_eq!(recording.header.run_id, frames[0].run.run_id);
    assert!(recording.frames().map(|frame| Arc::new(frame.told())).eq(frames));
    let counts = recording.counts();
    assert_eq!((counts.frames, counts.traces, counts.lines), (6, 12, 6));
}

#[tokio::test]
async fn the_work_of_a_second_is_bounded_and_the_rest_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.rec");
    let asker = Arc::new(Everything::default());
    let status = record_all(&path, frames(2, 100), Arc::clone(&asker) as _, Clock::system()).await;
    assert_eq!((status.traces, status.left_out.traces), (48, 152));
    let asked = asker.asked.lock().unwrap().len();
    // Per second two lists, one for lines, one trace each; and once the calls.
    assert_eq!(asked, 2 * (2 + 1 + 24) + 1);
}

#[tokio::test]
async fn without_answers_the_frames_are_recorded_and_the_failures_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.rec");
    let asker = Arc::new(Everything { broken: true, ..Everything::default() });
    let status = record_all(&path, frames(3, 0), asker, Clock::system()).await;
    assert_eq!((status.seconds, status.traces, status.lines), (3, 0, 0));
    assert_eq!(status.failed_questions, 3);
    assert_eq!(crate::recorded::open(&path).unwrap().counts().frames, 3);
}

#[tokio::test]
async fn a_file_that_is_there_stays_and_the_recorder_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.rec");
    std::fs::write(&path, "mine").unwrap();
    let recorder = Recorder::start(path.clone(), Arc::new(Everything::default()), Clock::system());
    for frame in frames(5, 0) {
        recorder.tap().frame(frame);
    }
    let status = recorder.stop().await;
    assert!(status.error.unwrap().ends_with("does not replace a file"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[tokio::test]
async fn what_a_recording_left_out_is_counted_among_the_losses_also_in_a_recording_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let left_out = |name: &str| folder.path().join(name);
    let (first, second) = (left_out("first.rec"), left_out("second.rec"));
    record_all(&first, frames(2, 100), Arc::new(Everything::default()), Clock::system()).await;
    let losses = |path: &Path| {
        let recording = crate::recorded::open(path).unwrap();
        let count = |frame: &Arc<kept::Frame>| {
            crate::recorded::missing(&frame.dropped).map(|loss| loss.count).sum::<u64>()
        };
        recording.frames().map(count).collect::<Vec<u64>>()
    };
    assert_eq!(losses(&first), [76, 152]);
    let recording = crate::recorded::open(&first).unwrap();
    let again = recording.frames().map(|frame| Arc::new(frame.told())).collect::<Vec<_>>();
    record_all(&second, again, Arc::new(Everything::default()), Clock::system()).await;
    // The second one has left out as much of what the first one knew of.
    assert_eq!(losses(&second), [152, 304]);
}

#[test]
fn what_memory_has_no_room_for_is_missing_from_every_second() {
    let (path, bounds) = (Path::new("r.rec"), Bounds { frames: 4, ..Bounds::default() });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.rec");
    let mut writer = Writer::create(&file, &Header::default()).unwrap();
    for frame in frames(6, 0) {
        writer.second(&Second { frame, ..Second::default() }).unwrap();
    }
    writer.finish().unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let recording = crate::recorded::read(&bytes[..], path, bounds).unwrap();
    let lists: Vec<_> = recording.frames().map(|frame| frame.dropped.to_vec()).collect();
    let lost = DropCount { what: crate::recorded::SECONDS_NOT_HELD.to_owned(), count: 2 };
    assert_eq!(lists, vec![vec![lost]; 4]);
    assert!(recording.frames().all(|it| Arc::strong_count(&it.dropped) == 4));
}
