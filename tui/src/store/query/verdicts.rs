//! Every expectation: from frames to what is shown.

use std::cmp::Reverse;

use model::fault::FaultState;
use model::frame::Verdict;
use model::phase::Phase;

use super::time::Times;
use super::trend;
use crate::derive::budget;
use crate::kept::{Frame, VerdictFrame};
use crate::screen::verdicts::{Decided, VerdictOrder, VerdictRow, VerdictsQuery, VerdictsView};
use crate::store::Store;

/// From the gravest on.
const GRAVITY: [Verdict; 5] =
    [Verdict::Fail, Verdict::Unclear, Verdict::NotExercised, Verdict::Waiting, Verdict::Pass];

pub(super) fn build(store: &Store, times: &Times, query: &VerdictsQuery) -> VerdictsView {
    let Some(frame) = store.at_or_before(times.cursor_s) else { return VerdictsView::default() };
    let wanted =
        |verdict: &&VerdictFrame| query.filter.as_ref().is_none_or(|it| it.matches(*verdict));
    let mut rows: Vec<VerdictRow> = frame
        .verdicts
        .iter()
        .filter(wanted)
        .map(|verdict| VerdictRow {
            window_s: window_s(frame, verdict.phase),
            budget: budget::read(&verdict.text, &verdict.observed),
            decided: decided(store, times, verdict),
            frame: verdict.told(),
        })
        .collect();
    sort(&mut rows, query);
    let selected = selected(&rows, query);
    let trend = rows.get(selected).and_then(|row| {
        let is = |it: &VerdictFrame| it.phase == row.frame.phase && it.text == row.frame.text;
        let place = frame.verdicts.iter().position(is)?;
        trend::build(store, times, (row.frame.phase, &row.frame.text), place)
    });
    let count = |kind: Verdict| frame.verdicts.iter().filter(|it| it.verdict == kind).count();
    VerdictsView {
        selected,
        rows,
        trend,
        known: frame.verdicts.len(),
        order: query.order,
        reverse: query.reverse,
        counts: GRAVITY.map(|kind| (kind, count(kind))).into_iter().filter(|it| it.1 > 0).collect(),
        overall: frame.run.verdict,
    }
}

/// Equals stay in the order of the scenario, either way round.
fn sort(rows: &mut [VerdictRow], query: &VerdictsQuery) {
    let gravity = |row: &VerdictRow| GRAVITY.iter().position(|it| *it == row.frame.verdict);
    let time = |row: &VerdictRow| row.decided.as_ref().map(|decided| decided.unix_s);
    match query.order {
        VerdictOrder::Scenario => {},
        VerdictOrder::Worst => rows.sort_by_key(gravity),
        VerdictOrder::Newest => rows.sort_by_key(|row| Reverse(time(row))),
    }
    if query.reverse {
        rows.reverse();
    }
}

/// The one that was chosen, else the first that fails, else the first.
fn selected(rows: &[VerdictRow], query: &VerdictsQuery) -> usize {
    let is = |row: &VerdictRow, (phase, text): &(Phase, String)| {
        row.frame.phase == *phase && row.frame.text == *text
    };
    let chosen = query.selected.as_ref().and_then(|key| rows.iter().position(|row| is(row, key)));
    let failed = || rows.iter().position(|row| row.frame.verdict == Verdict::Fail);
    chosen.or_else(failed).unwrap_or(0)
}

fn window_s(frame: &Frame, phase: Phase) -> Option<(u64, u64)> {
    let (from_ms, to_ms) = frame.run.timeline?.window_ms(phase);
    Some((from_ms / 1_000, to_ms.div_ceil(1_000)))
}

fn decided(store: &Store, times: &Times, verdict: &VerdictFrame) -> Option<Decided> {
    if verdict.verdict == Verdict::Waiting {
        return None;
    }
    let first = store.verdict_since(times.cursor_s, verdict)?;
    let active = first.faults.iter().filter(|fault| fault.state == FaultState::Active);
    Some(Decided {
        unix_s: first.unix_s,
        clock_s: first.unix_s.saturating_sub(times.origin_ms / 1_000),
        faults: active.map(|fault| fault.name.clone()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{self, START_S};
    use crate::screen::{Cursor, Detail, DetailView, ViewQuery};
    use crate::store::answers::Answers;

    fn view(seconds: u64, cursor: Cursor, query: VerdictsQuery) -> VerdictsView {
        let mut store = Store::default();
        for frame in recording::until(seconds) {
            store.insert(std::sync::Arc::new(frame));
        }
        let detail = Detail::Verdicts(query);
        let query = ViewQuery { columns: 50, cursor, detail, ..ViewQuery::default() };
        match super::super::build(&store, &Answers::default(), &query).detail {
            DetailView::Verdicts(view) => *view,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_verdict_says_since_when_it_is_what_it_is_and_which_fault_acted_then() {
        let view = view(100, Cursor::Live, VerdictsQuery::default());
        let decided: Vec<_> = view
            .rows
            .iter()
            .map(|row| row.decided.as_ref().map(|it| (it.clock_s, it.faults.join(","))))
            .collect();
        let at = |clock_s, fault: &str| Some((clock_s, fault.to_owned()));
        assert_eq!(
            decided,
            [
                at(25, "slow-payments"),
                at(31, "slow-payments"),
                at(75, ""),
                at(75, ""),
                at(99, ""),
                at(99, "")
            ]
        );
        assert_eq!(view.rows[2].window_s, Some((25, 75)));
        assert_eq!(view.selected, 2, "the first that fails");
        assert_eq!(view.overall, Some(Verdict::Fail));
        assert_eq!(view.counts, [(Verdict::Fail, 1), (Verdict::Unclear, 1), (Verdict::Pass, 4)]);
    }

    #[test]
    fn the_selected_expectation_is_told_over_time_against_its_limit() {
        let key = |phase, text: &str| Some((phase, text.to_owned()));
        let trend = |selected| {
            view(100, Cursor::Live, VerdictsQuery { selected, ..VerdictsQuery::default() }).trend
        };
        let errors = trend(key(Phase::During, "checkout errors < 10%")).unwrap();
        assert!(errors.limit.at_most && (errors.limit.value - 10.0).abs() < 1e-12);
        assert_eq!(errors.columns.len(), 50);
        let last = errors.columns.last().copied().flatten().unwrap();
        assert!(last.broken && last.value > 10.0 && errors.highest >= last.value, "{last:?}");
        assert_eq!(errors.columns[0], None, "nothing was observed before");
        let p99 = trend(key(Phase::Before, "checkout p99 < 300ms")).unwrap();
        let last = p99.columns.last().copied().flatten().unwrap();
        assert!(!last.broken && (p99.limit.value - 0.3).abs() < 1e-12, "{last:?}");
        assert!((p99.highest - p99.limit.value).abs() < 1e-12, "the limit is always in sight");
        assert_eq!(trend(key(Phase::End, "money conserved")), None);
    }

    #[test]
    fn what_waits_at_the_cursor_is_not_decided() {
        let view = view(100, Cursor::At(START_S + 28), VerdictsQuery::default());
        assert!(view.rows[0].decided.is_some());
        assert!(view.rows[1..].iter().all(|row| row.decided.is_none()));
        assert_eq!(view.overall, None);
    }

    #[test]
    fn the_list_is_sorted_and_narrowed_as_asked_and_the_selection_stays() {
        let texts = |order, reverse, filter: Option<&str>| {
            let filter = filter
                .map(|text| Filter::parse(text, &crate::filter::fields::VERDICTS_LIST).unwrap());
            let key = (Phase::End, "money conserved".to_owned());
            let query = VerdictsQuery { filter, selected: Some(key), order, reverse };
            let view = view(100, Cursor::Live, query);
            assert_eq!(view.rows[view.selected].frame.text, "money conserved");
            view.rows.iter().map(|row| row.frame.text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(texts(VerdictOrder::Worst, false, None)[0], "checkout errors < 10%");
        assert_eq!(texts(VerdictOrder::Worst, true, None)[5], "checkout errors < 10%");
        assert_eq!(texts(VerdictOrder::Newest, false, None)[5], "checkout p99 < 300ms");
        assert_eq!(texts(VerdictOrder::Scenario, false, Some("phase=end")), ["money conserved"]);
    }

    use crate::filter::Filter;
}
