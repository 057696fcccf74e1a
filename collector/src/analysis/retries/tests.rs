use super::super::testing::{MS, With, attempt, gathered, request, span, trace, trace_id};
use super::*;

const EDGE: &str = "shop -> bank";

fn only(report: &RetryReport) -> &EdgeRetries {
    assert_eq!(report.edges.len(), 1, "{report:?}");
    &report.edges[0]
}

#[test]
fn attempts_for_each_call_are_counted_with_what_the_failed_ones_failed_with() {
    let calm = vec![
        span(1, 0, "shop client", (0, 100)),
        request(2, 1, EDGE, (0, 100)),
        attempt(3, 2, EDGE, (0, 100)),
    ];
    let repeated = vec![
        span(1, 0, "shop client", (1_000, 1_100)),
        request(2, 1, EDGE, (1_000, 1_100)),
        attempt(3, 2, EDGE, (1_000, 1_010)).failed().with(attribute::ERROR_TYPE, "503"),
        attempt(4, 2, EDGE, (1_020, 1_030)).failed().with(attribute::ERROR_TYPE, "reset"),
        attempt(5, 2, EDGE, (1_050, 1_100)),
    ];
    let traces = vec![trace(1, calm, Vec::new()), trace(2, repeated, Vec::new())];
    let report = retries(&gathered(traces));
    let edge = only(&report);
    assert_eq!((edge.calls, edge.requests, edge.attempts, edge.attempts_max), (2, 2, 4, 3));
    assert!((edge.amplification - 2.0).abs() < 1e-12);
    assert_eq!(edge.rescued, 1);
    let reasons = [("503".to_owned(), 1), ("reset".to_owned(), 1)];
    assert_eq!(edge.reasons, BTreeMap::from(reasons));
    assert_eq!(edge.repeated_in, [trace_id(2)]);
    let worst = edge.worst_second.unwrap();
    assert_eq!((worst.unix_s, worst.calls, worst.attempts), (1_001, 1, 3));
}

#[test]
fn a_caller_that_repeats_itself_multiplies_what_the_gateway_repeats() {
    let resend = attribute::HTTP_RESEND_COUNT;
    let spans = vec![
        span(1, 0, "shop server", (0, 500)),
        span(2, 1, "shop client", (0, 100)).failed(),
        request(3, 2, EDGE, (0, 100)).failed(),
        attempt(4, 3, EDGE, (0, 40)).failed(),
        attempt(5, 3, EDGE, (60, 100)).failed(),
        span(6, 1, "shop client", (200, 300)).with(resend, 1),
        request(7, 6, EDGE, (200, 300)),
        attempt(8, 7, EDGE, (200, 240)).failed(),
        attempt(9, 7, EDGE, (250, 300)),
    ];
    let report = retries(&gathered(vec![trace(1, spans, Vec::new())]));
    let edge = only(&report);
    assert_eq!((edge.calls, edge.resends, edge.requests, edge.attempts), (1, 1, 2, 4));
    assert!((edge.amplification - 4.0).abs() < 1e-12);
    assert_eq!(edge.reasons["unknown"], 2);
}

#[test]
fn without_a_gateway_the_resend_count_of_the_caller_tells() {
    let spans = vec![
        span(1, 0, "shop server", (0, 500)),
        span(2, 1, "shop client", (0, 100)).failed(),
        span(3, 2, "bank server", (10, 90)).failed(),
        span(4, 1, "shop client", (200, 300)).with(attribute::HTTP_RESEND_COUNT, 1),
        span(5, 4, "bank server", (210, 290)),
    ];
    let report = retries(&gathered(vec![trace(1, spans, Vec::new())]));
    let edge = only(&report);
    assert_eq!(edge.edge, EDGE);
    assert_eq!((edge.calls, edge.resends, edge.requests, edge.rescued), (1, 1, 0, 1));
    assert!((edge.amplification - 2.0).abs() < 1e-12);
}

#[test]
fn work_after_the_caller_gave_up_is_wasted_and_nested_work_is_not_counted_twice() {
    let spans = vec![
        span(1, 0, "shop client", (0, 100)).failed(),
        // The gateway does not know that nobody waits.
        request(2, 1, EDGE, (0, 300)),
        attempt(3, 2, EDGE, (0, 120)).failed(),
        attempt(4, 2, EDGE, (150, 300)),
        span(5, 4, "bank server", (160, 290)),
    ];
    let report = retries(&gathered(vec![trace(1, spans, Vec::new())]));
    let edge = only(&report);
    assert_eq!((edge.outlived, edge.begun_after), (4, 2));
    assert_eq!(edge.wasted_ns, 200 * MS);
    assert_eq!(edge.wasted_in, [trace_id(1)]);
}

#[test]
fn work_that_nobody_was_to_wait_for_is_not_wasted() {
    let spans = vec![
        span(1, 0, "shop client", (0, 100)).failed(),
        span(2, 1, "bank server", (10, 90)).failed(),
        // It pays later, on purpose.
        span(3, 2, "bank internal", (95, 500)),
        span(4, 3, "bank client", (100, 490)),
        span(5, 4, "ledger server", (110, 480)),
    ];
    let report = retries(&gathered(vec![trace(1, spans, Vec::new())]));
    assert!(report.edges.iter().all(|edge| edge.outlived == 0), "{report:?}");
}
