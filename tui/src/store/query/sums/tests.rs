//! Sums that are put together, and changes that are told from neighbours, say what a walk over
//! all frames says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::edge::Edge;
use model::fault::FaultState;
use model::frame::{BreakerFrame, EventKind, Frame, Verdict, VerdictFrame};
use model::hist::Histogram;
use model::load::{Group, Validity};
use model::policy::BreakerState;
use proptest::prelude::*;

use super::acted::Acting;
use super::*;
use crate::kept;
use crate::recording::{self, START_S};
use crate::screen::Subject;

const EDGES: [&str; 3] = ["inventory", "payments", "notifications"];
const STATES: [BreakerState; 6] = [
    BreakerState::Closed,
    BreakerState::Open,
    BreakerState::HalfOpen,
    BreakerState::ForcedOpen,
    BreakerState::Disabled,
    BreakerState::MetricsOnly,
];
const VERDICTS: [Verdict; 3] = [Verdict::Waiting, Verdict::Pass, Verdict::Fail];

fn edge(callee: &str) -> Edge {
    Edge::new("orders", callee)
}

/// A second at this place; `salt` decides which of its parts are there, and how they stand.
fn second(run: &[Frame], at: u64, salt: u64) -> Frame {
    let mut frame = run[at as usize % run.len()].clone();
    frame.unix_s = START_S + at;
    // Lists that are cut, in another order, or empty.
    if salt & 1 == 1 {
        frame.edges.reverse();
        frame.load.cells.reverse();
    }
    frame.edges.truncate(6 - (salt >> 1 & 3) as usize);
    frame.edges.iter_mut().for_each(|edge| edge.requests += salt % 1_000);
    frame.load.offered += salt % 1_000;
    frame.load.validity = [None, Some(Validity::Valid)][(salt >> 3 & 1) as usize];
    let state = |place: usize| STATES[(salt as usize >> place) % STATES.len()];
    let breaker = |(place, callee): (usize, &&str)| BreakerFrame {
        state: state(place),
        edge: edge(callee),
        ..frame.breakers[0].clone()
    };
    let breakers = EDGES.iter().enumerate().skip((salt >> 5 & 1) as usize);
    frame.breakers = breakers.map(breaker).collect();
    let verdict = |place: usize| VerdictFrame {
        text: format!("expectation {place}"),
        verdict: VERDICTS[(salt as usize >> place) % VERDICTS.len()],
        ..frame.verdicts[0].clone()
    };
    frame.verdicts = (0..3).map(verdict).collect();
    if salt >> 4 & 1 == 1 {
        frame.verdicts.rotate_left(1);
        frame.events.clear();
        frame.faults.pop();
    }
    frame
}

/// Seconds in any order: with gaps, late ones between, and some that come again otherwise.
fn seconds() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let run = (0_u64..300, 1_u64..150, any::<u64>()).prop_map(|(from, count, salt)| {
        (from..from + count).map(|at| (at, salt ^ (at / 7))).collect::<Vec<_>>()
    });
    let late = (0_u64..400, any::<u64>()).prop_map(|one| vec![one]);
    let parts = prop::collection::vec(prop_oneof![run, late], 1..6);
    parts.prop_map(|parts| parts.concat())
}

fn frames(store: &Store, (first, last): Span) -> Vec<&kept::Frame> {
    store.between(first, last).collect()
}

/// A span for whom its kind and its place decide, as plots, tables and the whole axis have them.
fn spans(store: &Store, place: u64) -> Vec<Span> {
    let at = START_S + place;
    let columns = [1, 3, 10, 15, 60].map(|length_s| store.piece_of(at, length_s));
    let cut = columns.map(|(first, last)| (first, last.min(at)));
    let others = [(at.saturating_sub(9), at), (START_S, at), (at, at + 200), (0, u64::MAX)];
    columns.into_iter().chain(cut).chain(others).collect()
}

fn check_durations(store: &Store, span: Span) -> Result<(), TestCaseError> {
    for subject in store.subjects() {
        let mut merged = Histogram::default();
        for frame in frames(store, span) {
            match subject {
                Subject::Edge(edge) => {
                    let edges = frame.edges.iter().filter(|it| it.edge == *edge);
                    edges.for_each(|it| merged.merge_packed(&it.duration));
                },
                Subject::Flow(flow) => {
                    let cells = frame.load.cells.iter();
                    let cells = cells.filter(|it| it.flow == *flow && it.step.is_none());
                    cells.for_each(|it| merged.merge_packed(&it.response));
                },
            }
        }
        prop_assert_eq!(&store.sums.durations.of(store, subject, span).0, &merged);
    }
    Ok(())
}

fn check_edges(store: &Store, span: Span) -> Result<(), TestCaseError> {
    let (mut counts, mut gravest) = (BTreeMap::new(), BTreeMap::new());
    for frame in frames(store, span) {
        for it in &frame.edges {
            let sum: &mut (u64, u64) = counts.entry(&it.edge).or_default();
            *sum = (sum.0 + it.requests, sum.1 + it.error_count());
        }
        for it in &frame.breakers {
            let states: &mut Vec<BreakerState> = gravest.entry(&it.edge).or_default();
            states.push(it.state);
        }
    }
    let sums = store.sums.counts.of(store, &(), span);
    let found = sums.iter().map(|(edge, it)| (edge, (it.requests, it.failed)));
    prop_assert!(found.eq(counts));
    let sums = store.sums.breakers.of(store, &(), span);
    for (place, callee) in EDGES.iter().enumerate() {
        let edge = edge(callee);
        let seen = gravest.get(&edge).map(Vec::as_slice).unwrap_or_default();
        let order = |state: &&BreakerState| {
            [
                &[BreakerState::Disabled, BreakerState::MetricsOnly][..],
                &[BreakerState::Closed],
                &[BreakerState::HalfOpen],
                &[BreakerState::Open],
                &[BreakerState::ForcedOpen],
            ]
            .iter()
            .position(|alike| alike.contains(state))
        };
        prop_assert_eq!(sums.of(place, &edge), seen.iter().max_by_key(order).copied());
    }
    Ok(())
}

fn check_load(store: &Store, span: Span) -> Result<(), TestCaseError> {
    let all = frames(store, span);
    let sum = store.sums.load.of(store, &(), span);
    prop_assert_eq!(sum.seconds, all.len() as u64);
    prop_assert_eq!(sum.offered, all.iter().map(|it| it.load.offered).sum::<u64>());
    prop_assert_eq!(sum.in_flight, all.iter().map(|it| it.load.in_flight).max());
    prop_assert_eq!(sum.validity, all.iter().filter_map(|it| it.load.validity).max());
    let journeys = || all.iter().flat_map(|it| &it.load.cells).filter(|cell| cell.step.is_none());
    for hit in [false, true] {
        let mut merged = Histogram::default();
        let wanted = journeys().filter(|it| it.group == Group::Exposed && it.hit == hit);
        wanted.for_each(|it| merged.merge_packed(&it.response));
        let found = sum.responses(|group, was_hit| group == Group::Exposed && was_hit == hit);
        prop_assert_eq!(found, merged);
    }
    let failed = journeys().filter(|it| it.outcome.is_error()).map(|it| it.count).sum::<u64>();
    prop_assert_eq!(sum.failed, failed);
    let mut steps = BTreeMap::new();
    for cell in all.iter().flat_map(|it| &it.load.cells) {
        let key = (cell.flow.as_str(), cell.step.as_deref());
        let (count, merged): &mut (u64, Histogram) = steps.entry(key).or_default();
        *count += cell.count;
        merged.merge_packed(&cell.response);
    }
    let cells = store.sums.cells.of(store, &(), span);
    let found = cells
        .0
        .iter()
        .map(|(item, it)| ((item.flow.as_str(), item.step.as_deref()), (it.count, it.merged())));
    prop_assert!(found.eq(steps));
    Ok(())
}

fn check_faults(store: &Store, span: Span) -> Result<(), TestCaseError> {
    let all = frames(store, span);
    let sum = store.sums.faults.of(store, &(), span);
    prop_assert_eq!(sum.seconds, all.len() as u64);
    for name in ["slow-payments", "stock-errors", "none"] {
        let found = all.iter().flat_map(|it| &it.faults).filter(|it| it.name == name);
        let hits = found.clone().map(|it| it.hit_now).sum::<u64>();
        let was_active =
            found.into_iter().any(|it| it.state == FaultState::Active || it.hit_now > 0);
        prop_assert_eq!(sum.of(name), Acting { was_active, hits });
    }
    Ok(())
}

/// Walks over every frame.
fn check_changes(store: &Store, last_s: u64) -> Result<(), TestCaseError> {
    let all = frames(store, (0, last_s));
    for callee in EDGES {
        let edge = edge(callee);
        let is_open = |frame: &&kept::Frame| {
            let state = frame.breakers.iter().find(|it| it.edge == edge).map(|it| it.state);
            state == Some(BreakerState::Open)
        };
        let open: Vec<bool> = all.iter().map(is_open).collect();
        let opened = (0..open.len()).filter(|at| open[*at] && (*at == 0 || !open[at - 1])).count();
        prop_assert_eq!(store.opened(last_s, &edge), opened);
    }
    for verdict in all.last().map(|frame| &frame.verdicts[..]).unwrap_or_default() {
        let is_same = |frame: &&&kept::Frame| {
            let mut same = frame.verdicts.iter();
            same.any(|it| it.text == verdict.text && it.verdict == verdict.verdict)
        };
        let since = all.iter().rev().take_while(is_same).last().map(|frame| frame.unix_s);
        prop_assert_eq!(store.verdict_since(last_s, verdict).map(|it| it.unix_s), since);
    }
    let of_faults =
        |frame: &&&kept::Frame| frame.events.iter().any(|event| event.kind == EventKind::Fault);
    let seconds: BTreeSet<u64> = all.iter().filter(of_faults).map(|it| it.unix_s).collect();
    let found: BTreeSet<u64> = store.fault_frames(last_s).map(|it| it.unix_s).collect();
    prop_assert_eq!(found, seconds);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Also after questions in between, whose sums are remembered.
    #[test]
    fn sums_and_changes_are_those_of_a_walk_over_all_frames(
        seconds in seconds(),
        capacity in prop::sample::select(vec![40_usize, 130, 1_000]),
        places in prop::collection::vec(0_u64..450, 1..4),
        every in 1_usize..90,
    ) {
        let run = recording::run();
        let mut store = Store::with_capacity(capacity);
        let ends = seconds.len() - 1;
        for (index, (at, salt)) in seconds.into_iter().enumerate() {
            store.insert(Arc::new(second(&run, at, salt)));
            if index % every != 0 && index != ends {
                continue;
            }
            for place in &places {
                let spans = spans(&store, *place);
                // One of them in between, all of them at the end.
                let some = if index == ends { 0..spans.len() } else { index % 14..index % 14 + 1 };
                for span in &spans[some] {
                    check_durations(&store, *span)?;
                    check_edges(&store, *span)?;
                    check_load(&store, *span)?;
                    check_faults(&store, *span)?;
                }
                check_changes(&store, START_S + place)?;
            }
        }
    }
}

#[test]
fn the_pieces_of_a_span_are_its_seconds_once_each() {
    let run = recording::run();
    let mut store = Store::default();
    for at in (0..200).filter(|at| !(70..115).contains(at)) {
        store.insert(Arc::new(second(&run, at, 0)));
    }
    let told = |from, to| -> Vec<(u64, u64, u64)> {
        let pieces = pieces(&store, (START_S + from, START_S + to));
        pieces.into_iter().map(|(length_s, (a, b))| (length_s, a - START_S, b - START_S)).collect()
    };
    assert_eq!(told(0, 59), [(60, 0, 59)]);
    assert_eq!(told(20, 29), [(10, 20, 29)]);
    assert_eq!(told(55, 64), [(0, 55, 59), (0, 60, 64)]);
    assert_eq!(
        told(3, 500),
        [
            (0, 3, 9),
            (10, 10, 19),
            (10, 20, 29),
            (10, 30, 39),
            (10, 40, 49),
            (10, 50, 59),
            (60, 60, 119),
            (60, 120, 179),
            (10, 180, 189),
            (10, 190, 199)
        ]
    );
    assert_eq!(told(70, 110), []);
    assert_eq!(told(300, 400), []);
}
