//! Events, invariants, recovery, and the verdict of the run.

use super::*;

fn breaker_event(second: u64, to: &str) -> Event {
    Event {
        unix_ms: (START_UNIX_S + second) * 1_000 + 300,
        kind: EventKind::Breaker,
        subject: "orders -> payments".to_owned(),
        text: format!("closed -> {to}: failure rate 12 of 20 calls (limit 50%)"),
        trace_id: Some(trace(9)),
    }
}

fn fault(hit: u64, state: FaultState) -> FaultFrame {
    FaultFrame {
        name: "slow".to_owned(),
        what: "reset".to_owned(),
        edges: vec![payments()],
        share: Share::WHOLE,
        state,
        schedule: Vec::new(),
        hit,
        skipped: 3,
        hit_now: 0,
    }
}

#[test]
fn a_breaker_event_counts_in_its_own_phase_only() {
    let mut world = World::new();
    world.frames[25].events.push(breaker_event(25, "open"));
    let opens = "breaker(orders -> payments) opens";
    let judged = world.judge(Phase::During, opens);
    assert_eq!((judged.verdict, judged.observed.as_str()), (Verdict::Pass, "opens once"));
    assert!(judged.detail.starts_with("first 5.3s into during: closed -> open"));
    assert_eq!(judged.trace_ids, [trace(9)]);
    assert_eq!(world.judge(Phase::Before, opens).verdict, Verdict::Fail);
    assert_eq!(world.judge_as(Phase::Before, opens, true).verdict, Verdict::NotExercised);
    assert_eq!(world.judge_as(Phase::During, opens, true).verdict, Verdict::Pass);
    let half = world.judge(Phase::During, "breaker(orders -> payments) half-opens");
    assert_eq!(half.verdict, Verdict::Fail);
    // Seen already, so nobody needs to wait for the end of the phase.
    world.reached_ms = 26_000;
    assert_eq!(world.judge(Phase::During, opens).verdict, Verdict::Pass);
    assert_eq!(world.judge(Phase::After, opens).verdict, Verdict::Waiting);
}

#[test]
fn a_breaker_whose_event_was_lost_is_known_by_its_state() {
    let mut world = World::new();
    for second in 0..60 {
        let open = (30..35).contains(&second);
        let state = if open { BreakerState::Open } else { BreakerState::Closed };
        let since_s = if open { 30 } else { 0 };
        world.frames[second].breakers.push(BreakerFrame {
            edge: payments(),
            state,
            since_unix_ms: (START_UNIX_S + since_s) * 1_000,
            reason: "slow rate".to_owned(),
            probe_at_unix_ms: None,
            trace_id: None,
        });
    }
    let judge =
        |phase, event| world.judge(phase, &format!("breaker(orders -> payments) {event}")).verdict;
    assert_eq!(judge(Phase::During, "opens"), Verdict::Pass);
    assert_eq!(judge(Phase::During, "stays closed"), Verdict::Fail);
    assert_eq!(judge(Phase::Before, "stays closed"), Verdict::Pass);
    assert_eq!(judge(Phase::After, "stays closed"), Verdict::Pass);
}

#[test]
fn a_breaker_that_nobody_reported_is_not_known_to_stay_closed() {
    let judged = World::new().judge(Phase::Before, "breaker(orders -> payments) stays closed");
    assert_eq!(judged.verdict, Verdict::Unclear);
}

#[test]
fn a_fault_that_hit_nothing_is_not_exercised() {
    let mut world = World::new();
    world.frames[59].faults.push(fault(0, FaultState::Done));
    let judged = world.judge(Phase::During, "fault(slow) hits");
    assert_eq!(judged.verdict, Verdict::NotExercised);
    world.frames[59].faults[0].hit = 1;
    world.edge(30, &[5], 0, 1);
    let judged = world.judge_as(Phase::During, "fault(slow) hits", true);
    assert_eq!((judged.verdict, judged.observed.as_str()), (Verdict::Pass, "1 hits, 3 skipped"));
    assert_eq!(judged.trace_ids, [trace(31)]);
}

#[test]
fn an_invariant_waits_for_its_reading_and_then_says_what_was_read() {
    let mut world = World::new();
    let text = "one charge per order";
    assert_eq!(world.judge(Phase::End, text).verdict, Verdict::Waiting);
    world.invariants = Some(Vec::new());
    assert_eq!(world.judge(Phase::End, text).verdict, Verdict::Unclear);
    for (holds, verdict) in
        [(Some(true), Verdict::Pass), (Some(false), Verdict::Fail), (None, Verdict::Unclear)]
    {
        world.invariants = Some(vec![InvariantFinding {
            name: text.to_owned(),
            holds,
            detail: "order o-7 was charged twice".to_owned(),
            trace_ids: vec![trace(7)],
        }]);
        let judged = world.judge(Phase::End, text);
        assert_eq!(judged.verdict, verdict);
        assert_eq!(judged.detail, "order o-7 was charged twice");
        assert_eq!(judged.trace_ids, [trace(7)]);
    }
}

/// 40 journeys a second; `bad` says which seconds after the fault are slow and how.
fn recovering(bad: impl Fn(usize) -> Option<(u64, u64)>) -> World {
    let mut world = World::new();
    for second in 0..60 {
        let after = usize::checked_sub(second, 40);
        let (ms, failed) = match after {
            Some(after) => bad(after).unwrap_or((50, 0)),
            None if second >= 20 => (2_000, 20),
            None => (50, 0),
        };
        let phase = TIMELINE.phase_at(second as u64 * 1_000);
        let cell = |outcome, count: u64| {
            let mut response = Histogram::default();
            response.record_ns(ms * 1_000_000, count);
            let (group, hit) = (Group::Exposed, false);
            let (flow, step) = ("checkout".to_owned(), None);
            LoadCellFrame { flow, step, phase, group, hit, outcome, count, response }
        };
        let cells = vec![cell(Outcome::Completed, 40 - failed), cell(Outcome::Timeout, failed)];
        world.frames[second].load =
            LoadFrame { offered: 40, in_flight: 2, cells, ..LoadFrame::default() };
    }
    world
}

#[test]
fn recovery_is_the_first_second_from_which_the_next_five_hold() {
    type Bad = fn(usize) -> Option<(u64, u64)>;
    let cases: [(Bad, Verdict, &str); 7] = [
        (|_| None, Verdict::Pass, "checkout after 0s..1s"),
        (|second| (second < 3).then_some((2_000, 0)), Verdict::Pass, "checkout after 3s..4s"),
        (|second| (second < 3).then_some((50, 20)), Verdict::Pass, "checkout after 3s..4s"),
        // A relapse within the hold starts the count again.
        (|second| (second == 6).then_some((2_000, 0)), Verdict::Pass, "checkout after 0s..1s"),
        (|second| (second == 4).then_some((2_000, 0)), Verdict::Pass, "checkout after 5s..6s"),
        (|second| (second < 12).then_some((2_000, 0)), Verdict::Fail, "checkout after 12s..13s"),
        (|_| Some((2_000, 0)), Verdict::Fail, "checkout not within the 20s that were watched"),
    ];
    for (bad, verdict, observed) in cases {
        let judged = recovering(bad).judge(Phase::After, "recovered within 10s");
        assert_eq!((judged.verdict, judged.observed.as_str()), (verdict, observed));
        assert!(judged.detail.contains("p95 <= 175ms"), "{}", judged.detail);
    }
}

#[test]
fn one_slow_request_is_no_relapse_and_silence_is_no_recovery() {
    let mut world = recovering(|_| None);
    let cell = &mut world.frames[41].load.cells[0];
    cell.count += 1;
    cell.response.record_ns(3_000_000_000, 1);
    let judged = world.judge(Phase::After, "recovered within 10s");
    assert_eq!(judged.observed, "checkout after 0s..1s");
    let mut silent = recovering(|_| None);
    silent.frames[40..].iter_mut().for_each(|frame| frame.load.cells.clear());
    let judged = silent.judge(Phase::After, "recovered within 10s");
    assert_eq!(judged.verdict, Verdict::Fail);
}

#[test]
fn a_recovery_that_was_not_watched_long_enough_is_unclear() {
    let judged = recovering(|_| Some((2_000, 0))).judge(Phase::After, "recovered within 30s");
    assert_eq!(judged.verdict, Verdict::Unclear);
    let no_baseline = World::new().judge(Phase::After, "recovered within 10s");
    assert_eq!(no_baseline.verdict, Verdict::Unclear);
}

#[test]
fn the_run_is_as_good_as_its_worst_expectation_and_its_idlest_fault() {
    use Verdict::{Fail, NotExercised, Pass, Unclear, Waiting};
    let frame = |verdict| VerdictFrame {
        phase: Phase::During,
        text: String::new(),
        verdict,
        observed: String::new(),
        detail: String::new(),
        trace_ids: Vec::new(),
    };
    let acted = || fault(5, FaultState::Done);
    let idle = || fault(0, FaultState::Done);
    let armed = || fault(0, FaultState::Active);
    for (verdicts, faults, expected) in [
        (&[Pass, Pass][..], vec![], Pass),
        (&[Pass], vec![acted()], Pass),
        (&[Pass], vec![acted(), idle()], NotExercised),
        (&[Pass, NotExercised], vec![acted()], NotExercised),
        (&[Unclear, Pass], vec![idle()], Unclear),
        (&[Unclear, NotExercised, Fail], vec![idle()], Fail),
        (&[Pass, Waiting], vec![armed()], Waiting),
        (&[Pass, Waiting], vec![idle()], NotExercised),
        (&[Pass], vec![armed()], NotExercised),
        (&[], vec![acted()], NotExercised),
    ] {
        let frames: Vec<VerdictFrame> = verdicts.iter().copied().map(frame).collect();
        assert_eq!(overall(&frames, &faults), expected, "{verdicts:?} {}", faults.len());
    }
}
