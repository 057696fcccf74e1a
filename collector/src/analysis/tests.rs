//! What holds for any traces; each answer has tests of its own beside it.

use model::phase::Phase;
use proptest::prelude::*;

use super::blame::BlameQuery;
use super::completeness::Counts;
use super::correlation::Beside;
use super::faults::Compared;
use super::testing::{any_traces, gathered, run};
use super::*;

proptest! {
    #[test]
    fn the_accounts_of_any_traces_add_up(traces in any_traces(), at_p99 in any::<bool>()) {
        let gathered = gathered(traces);
        let run = run(&[("slow", 1_000, 3_000), ("lost", 2_000, 4_000)]);
        let quantile = at_p99.then_some(0.99);
        for edge in [None, Some("a -> b".parse().unwrap())] {
            let query = BlameQuery { edge, quantile, ..BlameQuery::default() };
            let report = blame::blame(&gathered, &run, &query);
            for group in &report.groups {
                let sum = |shares: &[model::trace::BlameShare]| {
                    shares.iter().map(|share| share.total_ns).sum::<u64>()
                };
                let lines: u64 = group.lines.iter().map(|line| line.total_ns).sum();
                prop_assert_eq!(lines, group.total_ns);
                prop_assert_eq!(sum(&group.services), group.total_ns);
                prop_assert_eq!(sum(&group.edges), group.total_ns);
                prop_assert_eq!(sum(&group.work), group.total_ns);
            }
            let parts: u64 = report.groups[1..].iter().map(|group| group.requests).sum();
            prop_assert_eq!(parts, report.groups[0].requests);
            prop_assert!(!text::blame(&report).is_empty());
        }
        let report = faults::faults(&gathered, &run);
        for impact in &report.faults {
            prop_assert_eq!(impact.fates.values().sum::<u64>(), impact.requests);
            prop_assert!(impact.requests <= impact.hits);
            for added in &impact.added {
                prop_assert!(added.compared_with != Compared::Control || added.others >= 10);
            }
        }
        prop_assert!(!text::faults(&report).is_empty());
        let report = retries::retries(&gathered);
        for edge in &report.edges {
            prop_assert!(edge.begun_after <= edge.outlived);
            prop_assert!(edge.attempts_max <= edge.attempts.max(1));
        }
        prop_assert!(!text::retries(&report).is_empty());
        let complete = completeness::completeness(&gathered, Counts::default(), u64::MAX);
        prop_assert_eq!(complete.spans_expected, complete.findings.spans + complete.spans_missing);
        prop_assert!(complete.loss_share_low <= complete.loss_share);
        prop_assert!(complete.loss_share <= complete.loss_share_high);
        prop_assert!(!text::completeness(&complete).is_empty());
        let id: model::id::CorrelationId = "u1-1".parse().unwrap();
        let view = correlation::request_view(id, &gathered.traces, Beside::default());
        prop_assert!(view.lines.is_sorted_by_key(|line| line.unix_ns));
        prop_assert!(!text::request(&view).is_empty());
        for trace in &gathered.traces {
            let Some(path) = path::critical_path(trace) else { continue };
            let sum: u64 = path.pieces.iter().map(|piece| piece.duration_ns).sum();
            prop_assert_eq!(sum, path.duration_ns);
            prop_assert!(!text::critical_path(&path).is_empty());
        }
    }
}

#[test]
fn windows_follow_from_transitions_in_any_order_and_stay_open_while_a_fault_acts() {
    let run = run(&[("slow", 1_000, 2_000), ("slow", 3_000, 4_000), ("lost", 1_500, 3_500)]);
    let at = |ms: u64| (testing::START_MS + ms) * testing::MS;
    let windows: Vec<_> =
        run.windows("slow").iter().map(|window| (window.from_unix_ns, window.to_unix_ns)).collect();
    assert_eq!(windows, [(at(1_000), at(2_000)), (at(3_000), at(4_000))]);
    assert!(run.is_faulted(at(2_500)) && !run.is_faulted(at(4_000)));
    assert_eq!(run.phase_at(at(3_999)), Some(Phase::During));
    assert_eq!(run.phase_at(at(0) - 1_000_000), None);
    assert!(run.windows("unknown").is_empty());
}
