use super::super::testing::{
    With, attempt, decision, gathered, request, run, span, trace, trace_id,
};
use super::*;
use model::frame::{Span, Trace};
use model::names::attribute;

const SHOP: &str = "client -> shop";
const BANK: &str = "shop -> bank";

/// A user's order at the shop, from `at` on for `ms`, with the shop's call of the bank from `at + 1`
/// on. Spans: 1 user, 2 and 3 gateway, 4 shop, 5 its call, 6 gateway; attempts and more are added.
fn order(at: u64, ms: u64) -> Vec<Span> {
    let end = at + ms;
    vec![
        span(1, 0, "load client", (at, end)).named("place order"),
        request(2, 1, SHOP, (at, end)),
        attempt(3, 2, SHOP, (at, end)),
        span(4, 3, "shop server", (at, end)),
        span(5, 4, "shop client", (at + 1, end - 1)),
        request(6, 5, BANK, (at + 1, end - 1)),
    ]
}

fn fail(spans: &mut [Span], numbers: &[usize]) {
    for number in numbers {
        spans[number - 1].error = true;
    }
}

fn report(traces: Vec<Trace>) -> FaultReport {
    faults(&gathered(traces), &run(&[("slow", 1_000, 3_000), ("lost", 1_500, 3_500)]))
}

fn only_fate(impact: &FaultImpact) -> Fate {
    assert_eq!((impact.requests, impact.fates.len()), (1, 1), "{impact:?}");
    *impact.fates.keys().next().unwrap()
}

#[test]
fn each_hit_is_followed_up_to_where_its_effect_ends() {
    let slow = |at_ms| vec![decision("slow", BANK, 7, at_ms, true)];
    // Nothing failed.
    let mut slowed = order(1_000, 100);
    slowed.push(attempt(7, 6, BANK, (1_001, 1_099)));
    // The gateway's second attempt was good.
    let mut retried = order(1_000, 100);
    retried.push(attempt(7, 6, BANK, (1_001, 1_040)).failed());
    retried.push(attempt(8, 6, BANK, (1_050, 1_099)).with(attribute::ATTEMPT, 1));
    // The shop went on without the bank.
    let mut fallback = order(1_000, 100);
    fallback.push(attempt(7, 6, BANK, (1_001, 1_099)).failed());
    fail(&mut fallback, &[5, 6]);
    // Everything failed.
    let mut failed = fallback.clone();
    fail(&mut failed, &[1, 2, 3, 4]);
    // It failed for the user, but the shop had coped with the bank.
    let mut otherwise = fallback.clone();
    fail(&mut otherwise, &[1, 2, 3]);
    // The shop gave up waiting; the attempt that was delayed went on and was good.
    let mut gave_up = order(1_000, 100);
    gave_up.push(attempt(7, 6, BANK, (1_001, 1_500)));
    gave_up[5].duration_ns = 499 * 1_000_000;
    fail(&mut gave_up, &[1, 2, 3, 4, 5]);
    // The shop pays later, on its own.
    let mut later = order(1_000, 100);
    later.push(span(9, 4, "shop internal", (1_200, 1_400)));
    later.push(attempt(7, 9, BANK, (1_210, 1_390)).failed());
    for (spans, fate, absorbed_by) in [
        (slowed, Fate::Slowed, None),
        (retried, Fate::Absorbed, Some("retry on shop -> bank")),
        (fallback, Fate::Absorbed, Some("fallback in shop")),
        (failed, Fate::Failed, None),
        (otherwise, Fate::FailedOtherwise, Some("fallback in shop")),
        (gave_up, Fate::Failed, None),
        (later, Fate::Background, None),
    ] {
        let report = report(vec![trace(1, spans, slow(1_050))]);
        let impact = &report.faults[0];
        assert_eq!(only_fate(impact), fate, "{impact:?}");
        let by: Vec<&str> = impact.absorbed_by.keys().map(String::as_str).collect();
        assert_eq!(by, absorbed_by.into_iter().collect::<Vec<_>>());
        assert_eq!(impact.examples[&fate], [trace_id(1)]);
    }
}

#[test]
fn services_are_reached_up_to_the_user_and_failed_up_to_the_fallback() {
    let mut spans = order(1_000, 100);
    spans.push(attempt(7, 6, BANK, (1_001, 1_099)).failed());
    fail(&mut spans, &[5, 6]);
    let report = report(vec![trace(1, spans, vec![decision("slow", BANK, 7, 1_050, true)])]);
    let reached: Vec<(&str, u64, u64)> = report.faults[0]
        .reached
        .iter()
        .map(|it| (it.service.as_str(), it.requests, it.failed))
        .collect();
    assert_eq!(reached, [("load", 1, 0), ("shop", 1, 1)]);
}

#[test]
fn two_faults_that_act_at_the_same_time_are_told_apart() {
    // Slowed by one, failed by the other.
    let mut one = order(1_600, 100);
    one.push(attempt(7, 6, BANK, (1_601, 1_640)).failed());
    one.push(attempt(8, 6, BANK, (1_650, 1_699)).failed());
    fail(&mut one, &[1, 2, 3, 4, 5, 6]);
    let both = vec![decision("slow", BANK, 7, 1_640, true), decision("lost", BANK, 8, 1_690, true)];
    // The delay on the way in had no part in the failure of the bank.
    let mut two = one.clone();
    two.truncate(6);
    two.push(attempt(8, 6, BANK, (1_650, 1_699)).failed());
    two[2].error = false;
    two[1].error = false;
    two[0].error = false;
    two[3].error = false;
    let apart =
        vec![decision("slow", SHOP, 3, 1_610, true), decision("lost", BANK, 8, 1_690, true)];
    let report = report(vec![trace(1, one, both), trace(2, two, apart)]);
    let [lost, slow] = &report.faults[..] else { panic!("{report:?}") };
    assert_eq!((lost.fault.as_str(), slow.fault.as_str()), ("lost", "slow"));
    assert_eq!(lost.fates, BTreeMap::from([(Fate::Failed, 1), (Fate::Absorbed, 1)]));
    assert_eq!(slow.fates, BTreeMap::from([(Fate::Failed, 1), (Fate::Slowed, 1)]));
    assert_eq!(lost.failed_with, BTreeMap::from([("slow".to_owned(), 1)]));
    assert_eq!(slow.failed_with, BTreeMap::from([("lost".to_owned(), 1)]));
    assert_ne!(lost.windows, slow.windows);
}

/// Orders of the control group take 20 ms, touched ones 70 ms, both with some scatter.
fn orders(count: u64) -> Vec<Trace> {
    (0..count)
        .map(|number| {
            let is_control = number % 2 == 0;
            let ms = if is_control { 20 } else { 70 } + number % 3;
            let mut spans = order(1_000 + number * 10, ms);
            spans.push(attempt(7, 6, BANK, (1_001 + number * 10, 1_000 + number * 10 + ms - 1)));
            spans[0] = spans[0].clone().with(attribute::CONTROL, is_control);
            spans[5] = spans[5].clone().with(attribute::CONTROL, is_control);
            trace(number + 1, spans, vec![decision("slow", BANK, 7, 1_000, !is_control)])
        })
        .collect()
}

#[test]
fn added_latency_is_measured_against_the_control_group_at_the_edge_and_at_the_user() {
    let report = report(orders(190));
    let impact = &report.faults[0];
    assert_eq!((impact.hits, impact.skipped["control"]), (95, 95));
    assert_eq!(impact.control_touched, 0);
    let sorts: Vec<&str> = impact.added.iter().map(|added| added.sort.as_str()).collect();
    assert_eq!(sorts, [BANK, "load place order"]);
    for added in &impact.added {
        assert_eq!((added.touched, added.others, added.mixed), (95, 95, false));
        assert_eq!(added.compared_with, Compared::Control);
        let difference = added.difference.unwrap();
        assert!(difference.low < 50e6 && 50e6 < difference.high, "{difference:?}");
        assert!(difference.high - difference.low < 2e6, "{difference:?}");
    }
}

#[test]
fn without_a_control_group_the_comparison_says_with_whom_it_is() {
    let mut traces = orders(60);
    for span in traces.iter_mut().flat_map(|trace| &mut trace.spans) {
        span.attributes.remove(attribute::CONTROL);
    }
    assert_eq!(report(traces.clone()).faults[0].added[0].compared_with, Compared::Untouched);
    traces.retain(|trace| trace.spans[0].duration_ns > 30_000_000);
    let added = report(traces).faults[0].added[0].clone();
    assert_eq!((added.compared_with, added.others), (Compared::Unfaulted, 0));
    assert_eq!(added.difference, None);
}

#[test]
fn a_hit_whose_span_has_not_come_is_counted_and_nothing_is_claimed_of_it() {
    let report =
        report(vec![trace(1, order(1_000, 100), vec![decision("slow", BANK, 99, 1_050, true)])]);
    let impact = &report.faults[0];
    assert_eq!((impact.hits, impact.hits_without_span, impact.requests), (1, 1, 0));
}
