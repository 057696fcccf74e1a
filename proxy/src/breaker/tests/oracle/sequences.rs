//! Long random sequences of calls, outcomes, orders and pauses, against the oracle.

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Begin,
    /// Which of the calls that are out ends, how, whether it was slow, and what the callee asked.
    End(usize, End, bool, u64),
    Order(BreakerState),
    Poll,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        5 => Just(End::Good),
        4 => Just(End::Bad),
        1 => Just(End::Throttled),
        1 => Just(End::Unknown),
    ];
    let told_ms = prop_oneof![9 => Just(0_u64), 1 => 1_u64..4_000];
    let end = (0_usize..6, outcome, proptest::bool::weighted(0.3), told_ms);
    prop_oneof![
        20 => (0_u64..1_500).prop_map(Step::Wait),
        60 => Just(Step::Begin),
        60 => end.prop_map(|(which, end, slow, told_ms)| Step::End(which, end, slow, told_ms)),
        2 => proptest::sample::select(&BreakerState::ALL[..]).prop_map(Step::Order),
        5 => Just(Step::Poll),
    ]
}

fn policies() -> impl Strategy<Value = BreakerPolicy> {
    let rate = || (1_u32..=10).prop_map(|tenths| Share::from_ppm(tenths * 100_000));
    let window = (1_u32..8, proptest::option::of(20_u64..12_000), 1_u32..10, rate(), rate());
    let opening = (
        proptest::option::of(1_u32..5),
        1_u64..4_000,
        proptest::option::of((1_000_u32..4_000, 4_000_u64..20_000)),
        prop_oneof![Just(0), Just(2_000)],
        any::<bool>(),
    );
    let then = prop_oneof![Just(HalfOpenThen::Open), Just(HalfOpenThen::Closed)];
    let probing = (1_u32..5, 1_u64..3_000, proptest::option::of(1_u64..5_000), then);
    let initial = prop_oneof![
        3 => Just(BreakerState::Closed),
        1 => proptest::sample::select(&BreakerState::ALL[..]),
    ];
    (window, opening, probing, initial).prop_map(|(window, opening, probing, initial)| {
        let (window_calls, window_ms, minimum_calls, failure_rate, slow_rate) = window;
        let (consecutive, open_ms, backoff, retry_after_max_ms, automatic) = opening;
        let (half_open_permits, half_open_deadline_ms, half_open_max_ms, half_open_then) = probing;
        BreakerPolicy {
            window_calls,
            window_ms,
            minimum_calls,
            failure_rate,
            slow_call_ms: Some(100),
            slow_rate,
            consecutive,
            open_ms,
            // Whole doublings and more have no fractions that two ways of counting could round
            // differently.
            open_backoff: backoff.map(|(factor, open_max_ms)| OpenBackoff {
                factor_thousandths: factor / 1_000 * 1_000,
                open_max_ms,
                jitter: Share::ZERO,
            }),
            retry_after_max_ms,
            automatic,
            half_open_permits,
            half_open_deadline_ms,
            half_open_max_ms,
            half_open_then,
            initial,
        }
    })
}

/// The breaker and its oracle, side by side.
struct Pair {
    breaker: Breaker,
    oracle: Oracle,
    start: Instant,
    now_ms: u64,
    begun: u64,
    out: Vec<(u64, Call)>,
}

impl Pair {
    fn new(policy: BreakerPolicy) -> Self {
        let start = Instant::now();
        let (breaker, oracle) = (breaker(policy.clone(), start), Oracle::new(policy));
        Self { breaker, oracle, start, now_ms: 0, begun: 0, out: Vec::new() }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.now_ms)
    }

    /// What the breaker reports of one step, and the stays and sayings that the oracle adds.
    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let (stays, said) = (self.oracle.stays.len(), self.oracle.said.len());
        let changed = self.act(step)?;
        let added: Vec<_> = self.oracle.stays[stays..].iter().map(|stay| stay.state).collect();
        match changed {
            Some(change) if change.to == change.from && added.is_empty() => {
                prop_assert_eq!(change.to, BreakerState::MetricsOnly);
                prop_assert!(self.oracle.said.len() > said, "it said something of its own");
            },
            changed => {
                prop_assert_eq!(self.oracle.said.len(), said, "it kept something to itself");
                let to: Vec<_> = changed.iter().map(|change| change.to).collect();
                prop_assert_eq!(to, added);
            },
        }
        self.compare()
    }

    fn act(&mut self, step: &Step) -> Result<Option<Transition>, TestCaseError> {
        let (now, now_ms) = (self.now(), self.now_ms);
        match *step {
            Step::Wait(ms) => self.now_ms += ms,
            Step::Begin => {
                self.begun += 1;
                let (admission, changed) = self.breaker.acquire(now, by(self.begun));
                let passes = self.oracle.acquire(self.begun, now_ms);
                prop_assert_eq!(matches!(admission, Admission::Pass(_)), passes);
                if let Admission::Pass(call) = admission {
                    self.out.push((self.begun, call));
                }
                return Ok(changed);
            },
            Step::End(which, end, slow, told_ms) if !self.out.is_empty() => {
                let (id, call) = self.out.remove(which % self.out.len());
                let took = if slow { SLOW } else { FAST };
                let outcome = match end {
                    End::Good => Outcome::Ended { failed: false, took },
                    End::Bad => Outcome::Ended { failed: true, took },
                    End::Throttled => Outcome::Throttled { took },
                    End::Unknown => Outcome::Unknown { took },
                };
                self.oracle.record(id, (end, slow), told_ms, now_ms);
                let told = Some(Duration::from_millis(told_ms));
                return Ok(self.breaker.record_told(call, outcome, told, now));
            },
            Step::End(..) => {},
            Step::Order(to) => {
                let ordered = self.breaker.order(to, now);
                prop_assert_eq!(ordered.is_ok(), self.oracle.order(to, now_ms));
                return Ok(ordered.ok());
            },
            Step::Poll => {
                self.oracle.poll(now_ms);
                return Ok(self.breaker.poll(now));
            },
        }
        Ok(None)
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let (oracle, now_ms) = (&self.oracle, self.now_ms);
        let status = self.breaker.status(self.now());
        let window = oracle.window(now_ms);
        let failed = window.iter().filter(|it| it.failed).count() as u32;
        let slow = window.iter().filter(|it| it.slow).count() as u32;
        prop_assert_eq!(status.state, oracle.state());
        let tally = (status.calls, status.failed, status.slow);
        prop_assert_eq!(tally, (window.len() as u32, failed, slow));
        prop_assert_eq!(status.streak, oracle.streak());
        prop_assert_eq!(status.attempt, oracle.now().attempt);
        prop_assert_eq!((status.trips.count, status.rejected), (oracle.trips, oracle.rejected));
        let since = self.start + Duration::from_millis(oracle.now().since_ms);
        prop_assert_eq!(status.since, since);
        prop_assert_eq!(status.permits_out as usize, oracle.out());
        let left_ms = oracle.now().open_until_ms.saturating_sub(now_ms);
        match status.state {
            BreakerState::Open => {
                prop_assert_eq!(status.probe_in, Some(Duration::from_millis(left_ms)));
            },
            BreakerState::HalfOpen => {
                prop_assert_eq!(status.permits_free as usize, oracle.free(now_ms));
                let moves_on = status.permits_free > 0 || self.breaker.next_change().is_some();
                prop_assert!(moves_on, "half-open for ever");
            },
            _ => prop_assert_eq!(status.probe_in, None),
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn it_does_what_the_plainest_reading_of_the_rules_does(
        steps in proptest::collection::vec(step(), 1..400),
        policy in policies(),
    ) {
        let mut pair = Pair::new(policy);
        for step in steps {
            pair.take(&step)?;
        }
    }
}
