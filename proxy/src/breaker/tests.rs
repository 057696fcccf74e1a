use model::units::Share;
use opentelemetry::trace::{SpanId, TraceFlags, TraceId};
use proptest::prelude::*;

use super::*;

fn by(number: u64) -> SpanRef {
    SpanRef {
        trace_id: TraceId::from(u128::from(number)),
        span_id: SpanId::from(number),
        flags: TraceFlags::SAMPLED,
    }
}

fn policy() -> BreakerPolicy {
    BreakerPolicy {
        window_calls: 10,
        minimum_calls: 4,
        failure_rate: Share::from_ppm(500_000),
        slow_call_ms: Some(100),
        slow_rate: Share::from_ppm(800_000),
        open_ms: 5_000,
        half_open_permits: 3,
        half_open_deadline_ms: 1_000,
    }
}

const FAST: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_micros(100_001);

fn ended(failed: bool, took: Duration) -> Outcome {
    Outcome::Ended { failed, took }
}

fn pass(machine: &mut Machine, now: Instant, number: u64) -> Call {
    match machine.acquire(now, by(number)).0 {
        Admission::Pass(call) => call,
        Admission::Reject { reason, .. } => panic!("rejected: {reason}"),
    }
}

fn reject(machine: &mut Machine, now: Instant) -> (String, Duration) {
    match machine.acquire(now, by(0)).0 {
        Admission::Pass(_) => panic!("passed"),
        Admission::Reject { reason, retry_after } => (reason, retry_after),
    }
}

fn run(machine: &mut Machine, now: Instant, outcomes: &[Outcome]) -> Vec<Transition> {
    let mut changes = Vec::new();
    for (number, outcome) in outcomes.iter().enumerate() {
        let call = pass(machine, now, number as u64 + 1);
        changes.extend(machine.record(call, *outcome, now));
    }
    changes
}

fn opened(now: Instant) -> Machine {
    let mut machine = Machine::new(policy(), now);
    run(&mut machine, now, &[ended(true, FAST); 4]);
    machine
}

#[test]
fn it_opens_when_a_rate_is_reached_and_not_before_the_minimum() {
    let (bad, good, slow) = (ended(true, FAST), ended(false, FAST), ended(false, SLOW));
    let unknown = Outcome::Unknown { took: FAST };
    let left_late = Outcome::Unknown { took: SLOW };
    let failures = "failure rate 2 of 4 calls (limit 50%)";
    let slowness = "slow rate 4 of 4 calls over 100ms (limit 80%)";
    for (outcomes, reason) in [
        (vec![bad, bad, bad], None),
        (vec![bad, good, bad, good], Some(failures)),
        (vec![good, good, good, bad], None),
        (vec![slow, slow, slow, good], None),
        (vec![slow, slow, slow, slow], Some(slowness)),
        (vec![left_late, left_late, left_late, left_late], Some(slowness)),
        (vec![bad, bad, bad, unknown], None),
    ] {
        let now = Instant::now();
        let mut machine = Machine::new(policy(), now);
        let changes = run(&mut machine, now, &outcomes);
        let found = changes.first().map(|change| change.reason.as_str());
        assert_eq!(found, reason, "{outcomes:?}");
        if let Some(change) = changes.first() {
            assert_eq!((change.from, change.to), (BreakerState::Closed, BreakerState::Open));
            assert_eq!(change.open_for, Some(Duration::from_secs(5)));
            assert_eq!(change.by, by(outcomes.len() as u64), "names another request");
        }
    }
}

#[test]
fn only_the_last_calls_count() {
    let now = Instant::now();
    let mut machine = Machine::new(policy(), now);
    let mut outcomes = vec![ended(false, FAST); 10];
    outcomes.extend([ended(true, FAST); 4]);
    assert!(run(&mut machine, now, &outcomes).is_empty());
    let tally = machine.status(now);
    assert_eq!((tally.calls, tally.failed), (10, 4));
    let changes = run(&mut machine, now, &[ended(true, FAST)]);
    assert_eq!(changes[0].reason, "failure rate 5 of 10 calls (limit 50%)");
}

#[test]
fn a_minimum_above_the_window_means_the_whole_window() {
    let now = Instant::now();
    let mut machine = Machine::new(BreakerPolicy { minimum_calls: 1_000, ..policy() }, now);
    assert_eq!(run(&mut machine, now, &[ended(true, FAST); 10]).len(), 1);
}

#[test]
fn open_it_rejects_with_a_countdown_and_counts() {
    let now = Instant::now();
    let mut machine = opened(now);
    let (reason, retry_after) = reject(&mut machine, now + Duration::from_secs(2));
    assert_eq!(reason, "breaker open: failure rate 4 of 4 calls (limit 50%)");
    assert_eq!(retry_after, Duration::from_secs(3));
    let status = machine.status(now + Duration::from_secs(2));
    assert_eq!(status.probe_in, Some(Duration::from_secs(3)));
    assert_eq!((status.calls, status.failed, status.rejected), (4, 4, 1));
}

#[test]
fn half_open_lets_exactly_the_permits_through_and_their_outcomes_decide() {
    for (failures, state) in [(0, BreakerState::Closed), (1, BreakerState::Closed)]
        .into_iter()
        .chain([(2, BreakerState::Open), (3, BreakerState::Open)])
    {
        let start = Instant::now();
        let mut machine = opened(start);
        let now = start + Duration::from_secs(5);
        let (first, change) = machine.acquire(now, by(7));
        let change = change.expect("the open time is over");
        assert_eq!(change.to, BreakerState::HalfOpen);
        assert_eq!(change.reason, "open for 5s, probing");
        let Admission::Pass(first) = first else { panic!("rejected") };
        let calls = [first, pass(&mut machine, now, 8), pass(&mut machine, now, 9)];
        reject(&mut machine, now);
        for (number, call) in calls.into_iter().enumerate() {
            machine.record(call, ended(number < failures, FAST), now);
        }
        assert_eq!(machine.status(now).state, state, "{failures} failures");
    }
}

#[test]
fn an_unknown_outcome_gives_the_permit_back() {
    let start = Instant::now();
    let mut machine = opened(start);
    let now = start + Duration::from_secs(5);
    let calls: Vec<Call> = (0..3).map(|number| pass(&mut machine, now, number)).collect();
    machine.record(calls[0], Outcome::Unknown { took: FAST }, now);
    pass(&mut machine, now, 4);
    reject(&mut machine, now);
}

#[test]
fn a_lost_probe_fails_at_its_deadline_instead_of_holding_the_breaker_half_open() {
    let start = Instant::now();
    let mut machine = opened(start);
    let now = start + Duration::from_secs(5);
    let calls: Vec<Call> = (0..3).map(|number| pass(&mut machine, now, number)).collect();
    let (_, retry_after) = reject(&mut machine, now);
    assert_eq!(retry_after, Duration::from_secs(1));
    let late = now + Duration::from_secs(1);
    let (admission, change) = machine.acquire(late, by(0));
    assert!(matches!(admission, Admission::Reject { .. }));
    let change = change.expect("all probes were lost");
    assert_eq!(change.reason, "probes: failure rate 3 of 3 calls (limit 50%)");
    assert_eq!(machine.record(calls[0], ended(false, FAST), late), None);
    assert_eq!(machine.status(late).state, BreakerState::Open);
}

#[test]
fn outcomes_of_calls_from_before_a_change_do_not_count_after_it() {
    let start = Instant::now();
    let mut machine = Machine::new(policy(), start);
    let straggler = pass(&mut machine, start, 99);
    run(&mut machine, start, &[ended(true, FAST); 4]);
    let now = start + Duration::from_secs(5);
    pass(&mut machine, now, 1);
    assert_eq!(machine.record(straggler, ended(true, FAST), now), None);
    assert_eq!(machine.status(now).calls, 0);
}

/// The same rules, written as plainly as possible: whole history, counted anew every time.
struct Oracle {
    policy: BreakerPolicy,
    state: BreakerState,
    since: u64,
    history: Vec<(bool, bool)>,
    /// Probes that are out: id of the call and deadline.
    out: Vec<(usize, u64)>,
    /// Calls that were let through in the present state.
    valid: Vec<usize>,
}

impl Oracle {
    fn turn(&mut self, to: BreakerState, now: u64) {
        self.state = to;
        self.since = now;
        self.history.clear();
        self.out.clear();
        self.valid.clear();
    }

    fn exceeded(&self, last: usize) -> bool {
        let from = self.history.len().saturating_sub(last);
        let seen = &self.history[from..];
        let part = |count: usize| count as f64 / seen.len() as f64;
        let failed = part(seen.iter().filter(|call| call.0).count());
        let slow = part(seen.iter().filter(|call| call.1).count());
        failed >= self.policy.failure_rate.as_fraction()
            || slow >= self.policy.slow_rate.as_fraction()
    }

    fn settle(&mut self, now: u64) {
        let permits = self.policy.half_open_permits as usize;
        if self.state == BreakerState::HalfOpen && self.history.len() >= permits {
            let to = if self.exceeded(permits) { BreakerState::Open } else { BreakerState::Closed };
            self.turn(to, now);
        }
    }

    fn expire(&mut self, now: u64) {
        let lost = self.out.iter().filter(|probe| probe.1 <= now).count();
        self.out.retain(|probe| probe.1 > now);
        self.history.extend(std::iter::repeat_n((true, false), lost));
        self.settle(now);
    }

    fn acquire(&mut self, id: usize, now: u64) -> bool {
        self.expire(now);
        if self.state == BreakerState::Open && now >= self.since + self.policy.open_ms {
            self.turn(BreakerState::HalfOpen, now);
        }
        let passes = match self.state {
            BreakerState::Closed => true,
            BreakerState::HalfOpen => {
                self.history.len() + self.out.len() < self.policy.half_open_permits as usize
            },
            _ => false,
        };
        if passes {
            self.valid.push(id);
            if self.state == BreakerState::HalfOpen {
                self.out.push((id, now + self.policy.half_open_deadline_ms));
            }
        }
        passes
    }

    fn record(&mut self, id: usize, outcome: Option<(bool, bool)>, now: u64) {
        let before = self.state;
        self.expire(now);
        let counts = self.valid.contains(&id)
            && (before == BreakerState::Closed || self.out.iter().any(|probe| probe.0 == id));
        if !counts {
            return;
        }
        self.out.retain(|probe| probe.0 != id);
        self.valid.retain(|known| *known != id);
        let Some(outcome) = outcome else { return };
        self.history.push(outcome);
        let window = self.policy.window_calls as usize;
        let minimum = (self.policy.minimum_calls as usize).min(window);
        let known = self.history.len().min(window) >= minimum;
        if self.state == BreakerState::Closed && known && self.exceeded(window) {
            self.turn(BreakerState::Open, now);
        }
        self.settle(now);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Begin,
    /// Which of the calls that are out ends, and how.
    End(usize, Option<bool>, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let end = (0_usize..6, proptest::option::weighted(0.9, any::<bool>()), any::<bool>());
    prop_oneof![
        1 => (0_u64..1_500).prop_map(Step::Wait),
        4 => Just(Step::Begin),
        4 => end.prop_map(|(which, failed, slow)| Step::End(which, failed, slow)),
    ]
}

proptest! {
    #[test]
    fn it_does_what_the_plainest_reading_of_the_rules_does(
        steps in proptest::collection::vec(step(), 1..300),
        (window, minimum, permits) in (1_u32..8, 1_u32..10, 1_u32..4),
        (failure, slow) in (1_u32..=10, 1_u32..=10),
    ) {
        let policy = BreakerPolicy {
            window_calls: window,
            minimum_calls: minimum,
            failure_rate: Share::from_ppm(failure * 100_000),
            slow_rate: Share::from_ppm(slow * 100_000),
            half_open_permits: permits,
            ..policy()
        };
        let start = Instant::now();
        let mut machine = Machine::new(policy.clone(), start);
        let mut oracle = Oracle {
            policy,
            state: BreakerState::Closed,
            since: 0,
            history: Vec::new(),
            out: Vec::new(),
            valid: Vec::new(),
        };
        let (mut now_ms, mut begun, mut out) = (0, 0, Vec::new());
        for step in steps {
            let now = start + Duration::from_millis(now_ms);
            match step {
                Step::Wait(ms) => now_ms += ms,
                Step::Begin => {
                    let (admission, _) = machine.acquire(now, by(begun));
                    let passes = oracle.acquire(begun as usize, now_ms);
                    prop_assert_eq!(matches!(admission, Admission::Pass(_)), passes);
                    if let Admission::Pass(call) = admission {
                        out.push((begun as usize, call));
                    }
                    begun += 1;
                },
                Step::End(which, failed, slow) if !out.is_empty() => {
                    let (id, call) = out.remove(which % out.len());
                    let took = if slow { SLOW } else { FAST };
                    let (outcome, plain) = match failed {
                        Some(failed) => (ended(failed, took), Some((failed, slow))),
                        None => (Outcome::Unknown { took: FAST }, None),
                    };
                    machine.record(call, outcome, now);
                    oracle.record(id, plain, now_ms);
                },
                Step::End(..) => {},
            }
            let now = start + Duration::from_millis(now_ms);
            prop_assert_eq!(machine.status(now).state, oracle.state);
        }
    }
}
