//! The same rules, written as plainly as possible: everything that ever happened is kept, and every
//! question is answered by looking through all of it again.

use proptest::prelude::*;

use super::*;

mod sequences;

/// All that a call can be told about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Good,
    Bad,
    Throttled,
    Unknown,
}

/// A state from its beginning to the next change.
#[derive(Debug)]
struct Stay {
    state: BreakerState,
    since_ms: u64,
    attempt: u32,
    open_until_ms: u64,
}

/// A call that was let through.
#[derive(Debug)]
struct Passed {
    id: u64,
    stay: usize,
    at_ms: u64,
    /// It has reported, or its time as a probe is over.
    over: bool,
}

/// An outcome that counted.
#[derive(Debug)]
struct Counted {
    stay: usize,
    at_ms: u64,
    failed: bool,
    slow: bool,
    /// What it means for the row of failures.
    row: Option<bool>,
}

#[derive(Debug)]
struct Oracle {
    policy: BreakerPolicy,
    stays: Vec<Stay>,
    passed: Vec<Passed>,
    counted: Vec<Counted>,
    said: Vec<(usize, &'static str)>,
    trips: u64,
    rejected: u64,
}

impl Oracle {
    fn new(policy: BreakerPolicy) -> Self {
        let mut oracle = Self {
            policy,
            stays: Vec::new(),
            passed: Vec::new(),
            counted: Vec::new(),
            said: Vec::new(),
            trips: 0,
            rejected: 0,
        };
        let closed =
            Stay { state: BreakerState::Closed, since_ms: 0, attempt: 0, open_until_ms: 0 };
        oracle.stays.push(closed);
        if oracle.policy.initial != BreakerState::Closed {
            oracle.go(oracle.policy.initial, 0);
        }
        oracle
    }

    fn now(&self) -> &Stay {
        self.stays.last().expect("it begins in one")
    }

    fn place(&self) -> usize {
        self.stays.len() - 1
    }

    fn state(&self) -> BreakerState {
        self.now().state
    }

    fn open_ms(&self, attempt: u32) -> u64 {
        let Some(backoff) = &self.policy.open_backoff else { return self.policy.open_ms };
        let mut open_ms = self.policy.open_ms;
        for _ in 1..attempt {
            open_ms =
                (open_ms * u64::from(backoff.factor_thousandths) / 1_000).min(backoff.open_max_ms);
        }
        open_ms.min(backoff.open_max_ms)
    }

    fn turn(&mut self, state: BreakerState, attempt: u32, open_ms: u64, now_ms: u64) {
        self.stays.push(Stay { state, since_ms: now_ms, attempt, open_until_ms: now_ms + open_ms });
    }

    fn trip(&mut self, told_ms: u64, now_ms: u64) {
        self.trips += 1;
        let attempt = self.now().attempt + 1;
        self.turn(BreakerState::Open, attempt, self.open_ms(attempt).max(told_ms), now_ms);
    }

    fn order(&mut self, to: BreakerState, now_ms: u64) -> bool {
        let forbidden = [
            (BreakerState::Closed, BreakerState::HalfOpen),
            (BreakerState::MetricsOnly, BreakerState::Open),
            (BreakerState::MetricsOnly, BreakerState::HalfOpen),
        ];
        if forbidden.contains(&(self.state(), to)) {
            return false;
        }
        self.go(to, now_ms);
        true
    }

    fn go(&mut self, to: BreakerState, now_ms: u64) {
        let attempt = match to {
            BreakerState::Open | BreakerState::ForcedOpen => self.now().attempt + 1,
            BreakerState::HalfOpen => self.now().attempt,
            _ => 0,
        };
        self.turn(to, attempt, self.open_ms(attempt), now_ms);
    }

    /// The stay whose outcomes are shown: open shows what made it open.
    fn shown(&self) -> usize {
        let is_open = |place: &usize| self.stays[*place].state == BreakerState::Open;
        (1..=self.place()).rev().find(|place| !is_open(place)).unwrap_or(0)
    }

    /// The outcomes in the window.
    fn window(&self, now_ms: u64) -> Vec<&Counted> {
        let stay = self.shown();
        let all: Vec<&Counted> = self.counted.iter().filter(|it| it.stay == stay).collect();
        let last = |calls: u32| all[all.len().saturating_sub(calls as usize)..].to_vec();
        match (self.stays[stay].state, self.policy.window_ms) {
            (BreakerState::HalfOpen, _) => last(self.policy.half_open_permits),
            (_, None) => last(self.policy.window_calls),
            (_, Some(window_ms)) => {
                let slices = window_ms.div_ceil(1_000).max(10);
                let slice_ns = window_ms * 1_000_000 / slices;
                let slice = |ms: u64| (ms - self.stays[stay].since_ms) * 1_000_000 / slice_ns;
                let recent = |it: &&Counted| slice(it.at_ms) + slices > slice(now_ms);
                all.into_iter().filter(recent).collect()
            },
        }
    }

    fn streak(&self) -> u32 {
        let stay = self.shown();
        let rows = self.counted.iter().filter(|it| it.stay == stay).filter_map(|it| it.row);
        rows.rev().take_while(|failed| *failed).count() as u32
    }

    fn exceeded(&self, minimum: usize, now_ms: u64) -> Vec<&'static str> {
        let window = self.window(now_ms);
        let known = window.len() >= minimum;
        let share = |count: usize| count as f64 / window.len() as f64;
        let failed = share(window.iter().filter(|it| it.failed).count());
        let slow = share(window.iter().filter(|it| it.slow).count());
        let streak = self.policy.consecutive.is_some_and(|limit| self.streak() >= limit);
        let limits = [
            (streak, "streak"),
            (known && failed >= self.policy.failure_rate.as_fraction(), "failures"),
            (known && slow >= self.policy.slow_rate.as_fraction(), "slow"),
        ];
        limits.into_iter().filter(|limit| limit.0).map(|limit| limit.1).collect()
    }

    fn out(&self) -> usize {
        let place = self.place();
        let half_open = self.state() == BreakerState::HalfOpen;
        self.passed.iter().filter(|it| half_open && it.stay == place && !it.over).count()
    }

    fn free(&self, now_ms: u64) -> usize {
        let used = self.out() + self.window(now_ms).len();
        (self.policy.half_open_permits as usize).saturating_sub(used)
    }

    /// True when the probes that have reported changed the state.
    fn verdict(&mut self, told_ms: u64, now_ms: u64) -> bool {
        let minimum = self.policy.minimum_calls.min(self.policy.half_open_permits) as usize;
        if !self.exceeded(minimum, now_ms).is_empty() {
            self.trip(told_ms, now_ms);
            return true;
        }
        let enough = self.window(now_ms).len() >= minimum;
        if enough {
            self.turn(BreakerState::Closed, 0, 0, now_ms);
        }
        enough
    }

    /// What time alone does while half-open.
    fn expire(&mut self, now_ms: u64) {
        if self.state() != BreakerState::HalfOpen {
            return;
        }
        let place = self.place();
        let end_ms = self.policy.half_open_max_ms.map(|max_ms| self.now().since_ms + max_ms);
        let until_ms = end_ms.map_or(now_ms, |end_ms| end_ms.min(now_ms));
        for index in 0..self.passed.len() {
            let call = &mut self.passed[index];
            let due = call.at_ms + self.policy.half_open_deadline_ms <= until_ms;
            if call.stay != place || call.over || !due {
                continue;
            }
            call.over = true;
            let lost =
                Counted { stay: place, at_ms: now_ms, failed: true, slow: false, row: Some(true) };
            self.counted.push(lost);
            if self.verdict(0, now_ms) {
                return;
            }
        }
        if end_ms.is_some_and(|end_ms| end_ms <= now_ms) {
            match self.policy.half_open_then {
                HalfOpenThen::Open => self.trip(0, now_ms),
                HalfOpenThen::Closed => self.turn(BreakerState::Closed, 0, 0, now_ms),
            }
        }
    }

    fn open_is_over(&self, now_ms: u64) -> bool {
        self.state() == BreakerState::Open && self.now().open_until_ms <= now_ms
    }

    fn poll(&mut self, now_ms: u64) {
        if self.policy.automatic && self.open_is_over(now_ms) {
            self.turn(BreakerState::HalfOpen, self.now().attempt, 0, now_ms);
        } else {
            self.expire(now_ms);
        }
    }

    fn acquire(&mut self, id: u64, now_ms: u64) -> bool {
        if self.open_is_over(now_ms) {
            self.turn(BreakerState::HalfOpen, self.now().attempt, 0, now_ms);
        } else {
            self.expire(now_ms);
        }
        let passes = match self.state() {
            BreakerState::Closed | BreakerState::Disabled | BreakerState::MetricsOnly => true,
            BreakerState::HalfOpen => self.free(now_ms) > 0,
            BreakerState::Open | BreakerState::ForcedOpen => false,
        };
        if passes {
            let stay = self.place();
            self.passed.push(Passed { id, stay, at_ms: now_ms, over: false });
        } else {
            self.rejected += 1;
        }
        passes
    }

    fn record(&mut self, id: u64, (end, slow): (End, bool), told_ms: u64, now_ms: u64) {
        let before = self.stays.len();
        self.expire(now_ms);
        let call = self.passed.iter_mut().find(|call| call.id == id).expect("it was let through");
        let (stay, was_over) = (call.stay, std::mem::replace(&mut call.over, true));
        let place = self.place();
        let opened_from_closed = place > 0
            && self.stays[place].state == BreakerState::Open
            && self.stays[place - 1].state == BreakerState::Closed;
        let belongs = stay == place || opened_from_closed && stay + 1 == place;
        let learns = !matches!(self.state(), BreakerState::Disabled | BreakerState::ForcedOpen);
        let ignored = end == End::Unknown && !slow;
        if self.stays.len() > before || was_over || !belongs || !learns || ignored {
            return;
        }
        let failed = matches!(end, End::Bad | End::Throttled);
        let row = match end {
            End::Good => Some(false),
            End::Bad => Some(true),
            End::Throttled | End::Unknown => None,
        };
        self.counted.push(Counted { stay, at_ms: now_ms, failed, slow, row });
        let told_ms = if failed { told_ms.min(self.policy.retry_after_max_ms) } else { 0 };
        self.conclude(told_ms, now_ms);
    }

    fn conclude(&mut self, told_ms: u64, now_ms: u64) {
        let minimum = match self.policy.window_ms {
            Some(_) => self.policy.minimum_calls,
            None => self.policy.minimum_calls.min(self.policy.window_calls),
        };
        let exceeded = self.exceeded(minimum as usize, now_ms);
        let changed = match self.state() {
            BreakerState::Closed if !exceeded.is_empty() => {
                self.trip(told_ms, now_ms);
                true
            },
            BreakerState::HalfOpen => self.verdict(told_ms, now_ms),
            BreakerState::MetricsOnly => {
                let place = self.place();
                for limit in exceeded {
                    if !self.said.contains(&(place, limit)) {
                        self.said.push((place, limit));
                    }
                }
                true
            },
            BreakerState::Open => true,
            _ => false,
        };
        if !changed && told_ms > 0 {
            self.trips += 1;
            self.turn(BreakerState::Open, self.now().attempt, told_ms, now_ms);
        }
    }
}
