use model::frame::{Span, Trace};
use model::hdr::{empty, encode};
use model::load::{Attempts, Group, LoadCell, LoadInterval, LoadKey, Validity};
use model::names::attribute;
use model::phase::Phase;

use super::super::testing::{With, gathered, span, trace};
use super::*;

/// A call with its server, ended after a tenth of a second.
fn call() -> Vec<Span> {
    vec![
        span(1, 0, "shop client", (0, 100)).named("GET").with(attribute::HTTP_STATUS, 200),
        span(2, 1, "bank server", (10, 90)),
    ]
}

fn calls(count: u64) -> Vec<Trace> {
    (1..=count).map(|number| trace(number, call(), Vec::new())).collect()
}

fn ended() -> Counts {
    Counts { load_ended: true, ..Counts::default() }
}

fn judge(traces: Vec<Trace>, counts: Counts) -> Completeness {
    completeness(&gathered(traces), counts, u64::MAX)
}

fn cause(report: &Completeness, what: &str) -> u64 {
    report.causes.iter().find(|cause| cause.what == what).map_or(0, |cause| cause.count)
}

#[test]
fn without_a_loss_it_takes_enough_spans_to_be_sure() {
    let report = judge(calls(5_000), ended());
    assert_eq!((report.trust, report.spans_missing), (Trust::Complete, 0));
    assert_eq!(report.causes, []);
    assert_eq!(judge(calls(100), ended()).trust, Trust::Unclear);
    assert_eq!(judge(Vec::new(), Counts::default()).trust, Trust::Unclear);
}

#[test]
fn parents_that_never_came_count_once_each_and_too_many_of_them_spoil_the_run() {
    let mut traces = calls(1_000);
    for trace in traces.iter_mut().take(50) {
        trace.spans.push(span(3, 9, "shop internal", (10, 20)));
        trace.spans.push(span(4, 9, "shop internal", (30, 40)));
    }
    let report = judge(traces, ended());
    assert_eq!((report.trust, cause(&report, "parents missing")), (Trust::Untrustworthy, 50));
    assert_eq!(report.spans_expected, 2_000 + 100 + 50);
}

#[test]
fn a_server_span_is_missing_only_where_calls_of_its_sort_have_one() {
    let mut traces = calls(100);
    traces[0].spans.truncate(1);
    // Nobody ever answers with a span here.
    for trace in &mut traces {
        let call = span(5, 1, "shop client", (20, 30)).named("PUT");
        trace.spans.push(call.with(attribute::HTTP_STATUS, 200));
    }
    let report = judge(traces.clone(), ended());
    assert_eq!((cause(&report, "servers missing"), report.spans_missing), (1, 1));
    // A call without an answer, or with one that the gateway made up, was served by nobody.
    traces[0].spans[0].attributes.remove(attribute::HTTP_STATUS);
    assert_eq!(judge(traces.clone(), ended()).spans_missing, 0);
    traces[0].spans[0] = call()[0].clone().with(attribute::BLAME, "internal");
    assert_eq!(judge(traces, ended()).spans_missing, 0);
}

#[test]
fn traces_that_may_still_be_on_their_way_are_left_out() {
    let mut traces = calls(10);
    traces[0].spans.push(span(3, 9, "shop internal", (10, 4_000)));
    let settled = traces[1].spans[0].start_unix_ns + 1_000_000_000;
    let report = completeness(&gathered(traces), ended(), settled);
    assert_eq!((report.findings.traces, report.spans_missing), (9, 0));
}

#[test]
fn requests_are_reconciled_between_load_and_gateway_once_the_load_has_ended() {
    let counts = Counts { answered: 1_000, uncertain: 5, entered: 990, ..ended() };
    let report = judge(calls(5_000), counts.clone());
    assert_eq!((cause(&report, "requests unseen"), report.trust), (10, Trust::Untrustworthy));
    let running = Counts { load_ended: false, ..counts.clone() };
    assert_eq!(judge(calls(5_000), running).causes, []);
    // What is uncertain may have arrived; what is above it came from others.
    let report = judge(calls(5_000), Counts { entered: 1_005, ..counts.clone() });
    assert_eq!((report.causes.len(), report.trust), (0, Trust::Complete));
    let report = judge(calls(5_000), Counts { entered: 1_007, ..counts });
    assert_eq!((cause(&report, "requests of others"), report.trust), (2, Trust::Complete));
}

#[test]
fn counted_losses_weigh_and_refusals_do_not() {
    let dropped = |what: &str, count| vec![DropCount { what: what.to_owned(), count }];
    for (what, trust) in [
        ("gateway spans", Trust::Untrustworthy),
        ("collector items not written", Trust::Untrustworthy),
        ("collector requests refused", Trust::Complete),
        ("collector viewers too slow", Trust::Complete),
    ] {
        let counts = Counts { spans_written: 10_000, dropped: dropped(what, 100), ..ended() };
        let report = judge(calls(5_000), counts);
        assert_eq!((report.trust, cause(&report, what)), (trust, 100), "{what}");
    }
    let counts = Counts {
        late: 7,
        duplicates: 8,
        sampling: SamplingCounts { spans_left: 9, ..SamplingCounts::default() },
        ..ended()
    };
    let report = judge(calls(5_000), counts);
    assert_eq!((report.causes.len(), report.trust), (3, Trust::Complete));
    assert!(report.causes.iter().all(|cause| !cause.is_loss));
}

#[test]
fn of_the_load_only_steps_count_and_only_those_that_were_answered_for_sure() {
    let cell = |step: Option<&str>, outcome: Outcome, count: u64| {
        let key = LoadKey {
            model: model::load::LoadModel::Open,
            flow: "checkout".to_owned(),
            step: step.map(str::to_owned),
            phase: Phase::During,
            group: Group::Exposed,
            hit: false,
            outcome,
        };
        LoadCell::new(key, count, encode(&empty()), encode(&empty()))
    };
    let mut again = cell(Some("pay"), Outcome::Check, 2);
    again.attempts = Attempts { sent: 7, retries: 4, hedges: 1, denied: 1 };
    let interval = LoadInterval {
        run_id: "run-1".to_owned(),
        worker: 0,
        sequence: 0,
        unix_s: 0,
        offered: 0,
        cells: vec![
            cell(None, Outcome::Completed, 100),
            cell(Some("pay"), Outcome::Completed, 10),
            cell(Some("pay"), Outcome::Status, 20),
            cell(Some("pay"), Outcome::Timeout, 3),
            cell(Some("pay"), Outcome::Connection, 4),
            cell(Some("pay"), Outcome::Dropped, 5),
            again,
        ],
        lateness_hdr: encode(&empty()),
        connection_wait_hdr: encode(&empty()),
        dials: model::load::DialHdr::default(),
        body_bytes: 0,
        in_flight: 0,
        cpu_cores: 0.0,
        validity: Validity::Valid,
        spans_dropped: 0,
        exemplars: Vec::new(),
    };
    let mut totals = LoadTotals::default();
    totals.add(&interval).unwrap();
    let mut counts = Counts::default();
    counts.add_load(&totals);
    assert_eq!((counts.answered, counts.uncertain), (32, 12));
}
