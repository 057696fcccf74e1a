use std::time::Duration;

use model::hdr::{empty, encode};
use model::load::{Group, LoadCell, Outcome};
use model::phase::Phase;

use super::*;

pub(crate) fn interval(worker: u32, sequence: u64, us: &[u64]) -> LoadInterval {
    let mut histogram = empty();
    for value in us {
        histogram.record(*value).unwrap();
    }
    let key = LoadKey {
        model: LoadModel::Open,
        flow: "checkout".to_owned(),
        step: None,
        phase: Phase::Before,
        group: Group::Exposed,
        hit: false,
        outcome: Outcome::Completed,
    };
    LoadInterval {
        run_id: "run-1".to_owned(),
        worker,
        sequence,
        unix_s: 100,
        offered: us.len() as u64,
        cells: vec![LoadCell::new(key, us.len() as u64, encode(&histogram), encode(&empty()))],
        lateness_hdr: encode(&empty()),
        connection_wait_hdr: encode(&empty()),
        dials: model::load::DialHdr::default(),
        body_bytes: 0,
        in_flight: 2,
        cpu_cores: 0.25,
        validity: Validity::Valid,
        spans_dropped: 3,
        exemplars: Vec::new(),
    }
}

#[test]
fn an_interval_counts_once_however_often_it_is_sent() {
    let mut book = LoadBook::new("run-1");
    for sequence in [0, 2, 1] {
        let added = interval(1, sequence, &[1_000]);
        assert!(book.add(&added).unwrap().is_some());
        assert!(book.add(&added).unwrap().is_none());
    }
    // Another worker has its own numbers.
    assert!(book.add(&interval(2, 0, &[2_000, 3_000])).unwrap().is_some());
    assert_eq!(book.totals().count(|_| true), 5);
    assert_eq!(book.totals().merged(|_| true).len(), 5);
    assert_eq!(book.spans_dropped(), 12);
}

#[test]
fn every_second_of_a_closed_load_carries_its_model_once_it_is_known() {
    let mut book = LoadBook::new("run-1");
    let mut closed = interval(0, 0, &[1_000]);
    closed.cells[0].key.model = LoadModel::Closed;
    let silent = LoadInterval { cells: Vec::new(), sequence: 1, ..closed.clone() };
    for given in [closed, silent] {
        let second = book.add(&given).unwrap().unwrap();
        assert_eq!(second.frame().model, LoadModel::Closed);
    }
    let mut other = LoadBook::new("run-1");
    let open = other.add(&interval(0, 0, &[1_000])).unwrap().unwrap();
    assert_eq!(open.frame().model, LoadModel::Open);
}

#[test]
fn workers_who_wait_for_the_start_of_a_load_that_is_called_off_are_told_so() {
    let mut book = LoadBook::new("run-1");
    let ready = LoadReady {
        run_id: "run-1".to_owned(),
        worker: 0,
        workers: 2,
        plan_hash: "aa".to_owned(),
        instance: 1,
        clock_offset_ns: 0,
        clock_error_ns: 0,
    };
    assert!(matches!(book.ready(ready.clone(), 0), Ok(LoadCall::Wait { .. })));
    let mut news = book.news();
    news.mark_unchanged();
    book.stop("interrupted");
    assert!(news.has_changed().unwrap());
    let refused = book.ready(ready.clone(), 0).unwrap_err().to_string();
    assert_eq!(refused, "the load has been called off: interrupted");
    // It can be called off until it begins; then it is stopped by the answers to its reports.
    let mut called = LoadBook::new("run-1");
    let alone = LoadReady { workers: 1, ..ready };
    let Ok(LoadCall::Start { start_unix_ns }) = called.ready(alone.clone(), 1) else {
        panic!("it knows when it begins");
    };
    assert_eq!(start_unix_ns % 1_000_000_000, 0, "seconds of a load are whole ones");
    called.stop("interrupted");
    assert!(called.ready(alone.clone(), start_unix_ns - 1).is_err());
    assert!(matches!(called.ready(alone, start_unix_ns), Ok(LoadCall::Start { .. })));
}

#[test]
fn seconds_of_several_workers_add_up() {
    let mut book = LoadBook::new("run-1");
    let mut total = LoadSecond::default();
    let mut late = interval(2, 0, &[3_000]);
    late.validity = Validity::Suspect;
    for interval in [interval(1, 0, &[1_000, 500_000]), late] {
        total.merge(&book.add(&interval).unwrap().unwrap());
    }
    let frame = total.frame();
    assert_eq!((frame.offered, frame.in_flight), (3, 4));
    assert_eq!((frame.cells.len(), frame.cells[0].count), (1, 3));
    assert_eq!(frame.validity, Some(Validity::Suspect));
    let median = frame.cells[0].response.quantile(0.5).unwrap();
    assert!(median.abs_diff(Duration::from_millis(3)) < Duration::from_micros(40), "{median:?}");
}

#[test]
fn reports_of_another_run_and_broken_histograms_change_nothing() {
    let mut book = LoadBook::new("run-1");
    let mut foreign = interval(1, 0, &[1]);
    foreign.run_id = "run-2".to_owned();
    assert!(matches!(book.add(&foreign), Err(LoadRefused::OtherRun { .. })));
    let mut broken = interval(1, 0, &[1]);
    broken.lateness_hdr = "!".to_owned();
    assert!(matches!(book.add(&broken), Err(LoadRefused::Hdr(_))));
    assert_eq!(book.totals().count(|_| true), 0);
    assert!(book.add(&interval(1, 0, &[1])).unwrap().is_some());
}

#[test]
fn the_first_reason_to_stop_is_told_to_every_worker() {
    let mut book = LoadBook::new("run-1");
    assert_eq!(book.reply(), LoadReply::Continue);
    book.stop("safety");
    book.stop("later");
    assert_eq!(book.reply(), LoadReply::Stop { reason: "safety".to_owned() });
}
