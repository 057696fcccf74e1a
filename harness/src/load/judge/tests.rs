use model::hdr::{empty, encode};
use model::load::{AtLimit, DialHdr, Group, LoadCell, LoadInterval, LoadModel, Outcome};
use model::phase::Timeline;

use super::*;

const TIMELINE: Timeline =
    Timeline { before_ms: 0, during_ms: 0, after_ms: 60_000, end_ms: 60_000 };
const START_S: u64 = 1_000;

/// A second in which as many journeys began as ended.
fn second(number: u64, journeys: u64) -> LoadInterval {
    ended(number, journeys, (Outcome::Completed, journeys))
}

/// A second in which some journeys began, and some ended.
fn ended(number: u64, offered: u64, (outcome, journeys): (Outcome, u64)) -> LoadInterval {
    let key = LoadKey {
        model: LoadModel::Open,
        flow: "buy".into(),
        step: None,
        phase: Phase::During,
        group: Group::Exposed,
        hit: false,
        outcome,
    };
    let mut times = empty();
    let us = if outcome == Outcome::Completed { 1_000 } else { 3_000_000 };
    times.record_n(us, journeys).unwrap();
    let hdr = encode(&times);
    LoadInterval {
        run_id: "run-1".into(),
        worker: 0,
        sequence: number,
        unix_s: START_S + number,
        offered,
        cells: vec![LoadCell::new(key, journeys, hdr.clone(), hdr)],
        lateness_hdr: encode(&empty()),
        connection_wait_hdr: encode(&empty()),
        dials: DialHdr::default(),
        body_bytes: 0,
        in_flight: 0,
        cpu_cores: 0.1,
        validity: Validity::Valid,
        spans_dropped: 0,
        exemplars: Vec::new(),
    }
}

/// Journeys in each second, of a load that came so far.
fn judged(seconds: &[u64], reached_ms: u64) -> ThresholdResult {
    let seconds = (0..).zip(seconds).map(|(number, journeys)| second(number, *journeys));
    judged_by("rate > 50/s over 1s", TIMELINE, seconds, reached_ms)
}

fn judged_by(
    text: &str,
    timeline: Timeline,
    seconds: impl Iterator<Item = LoadInterval>,
    reached_ms: u64,
) -> ThresholdResult {
    let setting = Setting {
        run_id: "run-1".into(),
        start_unix_ms: START_S * 1_000,
        timeline,
        workers: 1,
        at_limit: AtLimit::Queue,
    };
    let threshold = Threshold::parse(text, &[], timeline).unwrap();
    let mut book = Book::new(setting.clone());
    let mut judge = Judge::new(vec![threshold], setting);
    for second in seconds {
        let report = book.add(&second).unwrap().unwrap();
        let _broken = judge.second(report, &book);
    }
    judge.finish(&book, reached_ms, Validity::Valid).remove(0)
}

#[test]
fn windows_behind_an_early_end_failed_for_want_of_load() {
    for (seconds, reached_ms, verdict, windows, failed) in [
        // Ended in its fourth second, and the last answers took until the sixth.
        (&[100, 100, 100, 7, 0, 0][..], 3_070, Held::Pass, 3, 0),
        (&[100, 100, 20, 3], 3_070, Held::Fail, 3, 1),
        // Nothing was offered for a while, and load went on.
        (&[100, 0, 0, 100], 4_000, Held::Fail, 4, 2),
        (&[100, 0, 0], 3_000, Held::Fail, 3, 2),
        (&[3], 400, Held::Unclear, 0, 0),
    ] {
        let result = judged(seconds, reached_ms);
        let got = (result.verdict, result.windows.unwrap(), result.failed_windows.unwrap());
        assert_eq!(got, (verdict, windows, failed), "{seconds:?} {}", result.observed);
    }
}

#[test]
fn what_timed_out_behind_the_end_of_the_load_was_in_no_window() {
    use Outcome::{Completed, Timeout};
    let timeline = Timeline { after_ms: 4_000, end_ms: 4_000, ..TIMELINE };
    // For each second what was offered, and what ended.
    let dies =
        [(100, Completed, 100), (100, Completed, 100), (100, Completed, 50), (100, Timeout, 0)];
    let behind = [(0, Timeout, 0), (0, Timeout, 150)];
    let never = [(100, Timeout, 0); 4];
    let lives = [(100, Completed, 100); 4];
    let judged = |text: &str, seconds: &[(u64, Outcome, u64)], reached_ms| {
        let seconds = (0..).zip(seconds);
        let seconds = seconds.map(|(number, it)| ended(number, it.0, (it.1, it.2)));
        let result = judged_by(text, timeline, seconds, reached_ms);
        (result.verdict, result.windows.unwrap(), result.failed_windows.unwrap())
    };
    let dead = [&dies[..], &behind].concat();
    for text in ["errors < 5% over 2s", "p50 < 10ms over 2s"] {
        assert_eq!(judged(text, &dead, 4_000), (Held::Fail, 3, 1), "{text}");
        assert_eq!(judged(text, &[&never[..], &behind].concat(), 4_000).0, Held::Fail, "{text}");
    }
    // A load that was stopped: its last answers come in seconds that it would still have had.
    let stopped = [&dies[..2], &[(20, Completed, 0), (0, Timeout, 90)]].concat();
    assert_eq!(judged("errors < 5% over 1s", &stopped, 2_300), (Held::Fail, 2, 1));
    assert_eq!(judged("errors < 5% over 2s", &lives, 4_000), (Held::Pass, 3, 0));
    // Nothing of it adds to a rate.
    let late = [&lives[..], &[(0, Completed, 900)]].concat();
    assert_eq!(judged("rate < 150/s over 1s", &late, 4_000), (Held::Pass, 4, 0));
}
