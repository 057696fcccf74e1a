//! A user: thinks, does one journey, thinks.
//!
//! Who does not think goes on with the next journey at once. Goose is asked again only when the
//! user rests, or after a stretch as long as Goose's own: between two journeys its loop has nothing
//! to decide here, and costs a third of what a request does.
//!
//! Journey `n` of user `u` of a load with `m` users has the number `n m + u`. Everything about it
//! follows from that number, so that runs repeat and workers never share one, however fast the
//! system answers.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use model::decision::indexed;
use model::load::{Outcome, present_from_ns};
use tokio::time::Instant;

use super::crowd::Crowd;
use crate::arrival::Arrival;
use crate::client::Outgoing;
use crate::journey::{Journey, REST};
use crate::plan::ResolvedLoad;
use crate::queue::Released;

/// How long a user goes on without a rest before Goose hears of it.
const STRETCH: Duration = Duration::from_millis(500);

pub(super) struct User {
    crowd: Rc<Crowd>,
    load: usize,
    /// Its number among the users of the load.
    seat: u64,
    /// Of the next journey.
    number: Cell<u64>,
    /// Before that the user does not want to begin.
    ready: Cell<Option<Instant>>,
    /// Of the last request: its memory serves for the next one.
    buffer: Cell<Outgoing>,
}

impl User {
    /// User `number` of a load, in `0..users`.
    pub(super) fn new(crowd: Rc<Crowd>, load: usize, number: u64) -> Self {
        let start = crowd.start;
        Self {
            crowd,
            load,
            seat: number,
            number: Cell::new(number),
            ready: Cell::new(Some(start)),
            buffer: Cell::default(),
        }
    }

    /// Journeys until the user rests. Never returns once load has ended.
    pub(super) async fn stretch(&self) {
        let end = self.next_journey().await + STRETCH;
        while self.ready.get().is_none() && self.next_journey().await < end {}
    }

    /// Gives the instant at which the journey was over. Never returns once load has ended.
    async fn next_journey(&self) -> Instant {
        let context = &self.crowd.context;
        if let Some(ready) = self.ready.take() {
            // The end of load ends the wait: what waits is dropped.
            tokio::time::sleep_until(ready).await;
        }
        self.present().await;
        let now = context.clock.now();
        if self.crowd.is_over(now) {
            return std::future::pending().await;
        }
        let at_ns = now.saturating_duration_since(self.crowd.start).as_nanos();
        let at_ns = u64::try_from(at_ns).unwrap_or(u64::MAX);
        let load = &context.plan.loads[self.load];
        let index = self.number.replace(self.number.get() + load.users);
        let released = Released {
            load: self.load,
            arrival: Arrival { index, at_ns },
            intended: now,
            dispatched: now,
        };
        let under_way = self.crowd.enter();
        context.recorder.started(context.second_of(now));
        let mut buffer = self.buffer.take();
        let (finished, outcome) = Journey::new(Rc::clone(context), released).run(&mut buffer).await;
        self.buffer.replace(buffer);
        drop(under_way);
        let rest = if outcome == Outcome::Connection { REST } else { Duration::ZERO };
        let pause = thinks(load, index).max(rest);
        self.ready.set((!pause.is_zero()).then(|| finished + pause));
        finished
    }

    /// Waits until the load has so many users that this one is among them. One who is sent away in
    /// the middle of a journey comes to its end first.
    async fn present(&self) {
        let context = &self.crowd.context;
        let levels = &context.plan.loads[self.load].levels;
        loop {
            let since = context.clock.now().saturating_duration_since(self.crowd.start).as_nanos();
            let since_ns = u64::try_from(since).unwrap_or(u64::MAX);
            match present_from_ns(levels, self.seat, since_ns) {
                None => return std::future::pending().await,
                Some(at_ns) if at_ns <= since_ns => return,
                Some(at_ns) => {
                    let at = self.crowd.start + Duration::from_nanos(at_ns);
                    tokio::time::sleep_until(at).await;
                },
            }
        }
    }
}

/// What a user waits after a journey.
fn thinks(load: &ResolvedLoad, journey: u64) -> Duration {
    let Some(think) = &load.think else { return Duration::ZERO };
    think.sample(indexed(load.draw_key, "think", journey))
}

#[cfg(test)]
mod tests {
    use model::distribution::Distribution;
    use model::load::{Load, LoadModel};

    use super::*;
    use crate::plan::Resolved;
    use crate::testing;

    fn load(change: impl FnOnce(&mut Load)) -> ResolvedLoad {
        let mut plan = testing::plan("127.0.0.1:1".parse().unwrap());
        plan.loads[0].model = LoadModel::Closed;
        plan.loads[0].rate.clear();
        change(&mut plan.loads[0]);
        Resolved::new(&plan).unwrap().loads.remove(0)
    }

    #[test]
    fn think_times_follow_from_the_number_of_the_journey_and_from_the_seed() {
        let uniform = Distribution::Uniform { min_us: 1_000, max_us: 9_000 };
        let thinker = load(|load| load.think = Some(uniform.clone()));
        let times: Vec<Duration> = (0..1_000).map(|n| thinks(&thinker, n)).collect();
        assert_eq!(times, (0..1_000).map(|n| thinks(&thinker, n)).collect::<Vec<_>>());
        let mean_us = times.iter().sum::<Duration>().as_micros() / 1_000;
        // Uniform over 8 ms: the mean of a thousand deviates by 73 us; five of them either side.
        assert!((4_635..=5_365).contains(&mean_us), "{mean_us}");
        let other = load(|load| (load.name, load.think) = ("other".into(), Some(uniform)));
        assert_ne!(thinks(&thinker, 7), thinks(&other, 7));
        assert_eq!(thinks(&load(|_| ()), 7), Duration::ZERO);
    }
}
