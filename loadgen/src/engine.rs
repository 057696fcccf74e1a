//! The loop of one engine thread: who is released when, who waits, and when it is over.
//!
//! On each wake all arrivals that are due are released, each with its own intended start: a late
//! wake costs accuracy of sending, never of measuring. At most `places` journeys are under way;
//! further arrivals wait in the queue, or are dropped, as the plan says. Loads without a schedule
//! run as loops that begin the next journey when one is over; those of the closed model are in
//! [`crate::closed`]. When load ends, journeys in flight
//! get a bound, and what has not ended by then is recorded as unfinished.

mod backlog;
mod crew;
mod rest;
mod rounds;

use std::rc::Rc;
use std::time::Duration;

use model::load::{AtLimit, LoadModel, LoadPlan, Outcome};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::arrival::Shard;
use crate::closed::{Turn, Users};
use crate::cpu::CpuMeter;
use crate::error::LoadError;
use crate::journey::Context;
use crate::pacer::Pacer;
use crate::queue::{Queue, Released};
use crate::record::Closed;
use crate::schedule::Schedule;

pub(crate) use backlog::{Backlog, Report};
use crew::{Crew, passed_on};

/// What is left to journeys in flight when the load is stopped.
const STOP: Duration = Duration::from_secs(1);

/// What the outside wants of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Run,
    /// No new arrivals; journeys in flight have one second. Nobody takes it back.
    Stop,
}

/// What an engine leaves behind.
#[derive(Debug)]
pub(crate) struct EngineDone {
    pub(crate) closed: Closed,
    /// Seconds that were not taken yet.
    pub(crate) reports: Vec<Report>,
}

/// What an engine needs besides its context.
pub(crate) struct Orders {
    pub(crate) orders: watch::Receiver<Order>,
    pub(crate) share: Share,
}

/// Which part of a worker's load an engine runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    /// Among all engines of all workers.
    pub(crate) own: u64,
    pub(crate) of: u64,
    /// Journeys in flight at once.
    pub(crate) places: usize,
    /// Users of closed loads; only one engine of a worker has them.
    pub(crate) users: Option<Shard>,
}

impl Share {
    /// Of engine `engine` of the worker that a plan is for. Places are split so that they add up.
    pub(crate) fn new(plan: &LoadPlan, engine: u32) -> Self {
        let (workers, threads) = (u64::from(plan.workers), u64::from(plan.threads.max(1)));
        let (places, rest) =
            (plan.connections_max / plan.threads, plan.connections_max % plan.threads);
        Self {
            own: u64::from(plan.worker) + workers * u64::from(engine),
            of: workers * threads,
            places: (places + u32::from(engine < rest)) as usize,
            users: (engine == 0).then_some(Shard { own: u64::from(plan.worker), of: workers }),
        }
    }
}

pub(crate) struct Engine<P> {
    context: Rc<Context>,
    schedule: Schedule,
    queue: Queue,
    crew: Crew,
    pacer: P,
    orders: watch::Receiver<Order>,
    share: Share,
    /// They take no place from arrivals.
    rounds: JoinSet<()>,
    /// Of closed loads, if the engine has any.
    users: Option<Users>,
    /// Orders may still come.
    listening: bool,
    start: Instant,
    /// When load ends.
    end: Instant,
    /// When what is in flight is given up.
    drain_end: Instant,
    backlog: Backlog,
    meter: CpuMeter,
    /// When arrivals were released last.
    released: Instant,
    /// First second that has not been reported.
    second: u64,
    /// Answers may rest with the kernel until the next release.
    may_rest: bool,
}

impl<P: Pacer> Engine<P> {
    /// Must be called on the engine's own thread.
    pub(crate) fn new(
        context: Rc<Context>,
        schedule: Schedule,
        start: Instant,
        orders: Orders,
        (pacer, backlog): (P, Backlog),
    ) -> Self {
        let end = start + Duration::from_millis(context.plan.timeline.end_ms);
        Self {
            queue: Queue::new(context.plan.loads.len(), crate::queue::WAITING_MAX),
            crew: Crew::new(Rc::clone(&context)),
            listening: true,
            orders: orders.orders,
            share: orders.share,
            rounds: JoinSet::new(),
            users: None,
            pacer,
            start,
            end,
            drain_end: end + context.plan.drain(),
            meter: CpuMeter::new(context.clock.now()),
            second: context.second_of(start),
            released: start,
            backlog,
            schedule,
            may_rest: context.plan.answers_may_wait(),
            context,
        }
    }

    /// Runs to the end of the load, inside a local set.
    pub(crate) async fn run(mut self) -> Result<EngineDone, LoadError> {
        self.context.load_end.set(Some(self.end));
        let order = *self.orders.borrow_and_update();
        self.obey(order, self.context.clock.now());
        self.begin_rounds();
        let context = Rc::clone(&self.context);
        if let Some(shard) = self.share.users {
            self.users = Users::new(&self.context, self.start, shard)?;
        }
        loop {
            let now = self.context.clock.now();
            self.advance(now);
            if now >= self.end && self.in_flight() == 0 {
                return Ok(self.close(now));
            }
            let wake = self.next_wake(now);
            if self.may_rest(now, wake) && self.rest(wake).await? {
                continue;
            }
            // Somebody waits for a place, or the load for its last journeys.
            let awaits_an_end = self.queue.len() > 0 || now >= self.end;
            tokio::select! {
                biased;
                changed = self.orders.changed(), if self.listening => {
                    self.listening = changed.is_ok();
                    // Whoever has gone away without a word does not want load either.
                    let order = *self.orders.borrow_and_update();
                    let order = if self.listening { order } else { Order::Stop };
                    self.obey(order, self.context.clock.now());
                },
                () = self.crew.journey_ended(awaits_an_end) => {},
                Some(ended) = self.rounds.join_next() => passed_on(ended),
                () = context.vigil.sooner() => {},
                never = context.client.tend() => match never {},
                turn = turn_of(&mut self.users) => {
                    // Without users there is no load left that anybody has planned.
                    if turn? == Turn::Ended {
                        self.obey(Order::Stop, self.context.clock.now());
                    }
                },
                paced = self.pacer.until(wake) => {
                    paced.map_err(|source| LoadError::Setup { what: "the timer", source })?;
                },
            }
        }
    }

    /// Brings everything that depends on time up to `now`.
    fn advance(&mut self, now: Instant) {
        self.context.vigil.sweep(now);
        while let Some(released) = self.queue.pop_expired(now) {
            self.context.never_started(released, Outcome::Timeout, now);
        }
        self.fill_places();
        self.release_due(now);
        if now >= self.drain_end && !self.context.vigil.is_aborted() {
            // Journeys notice by themselves and record what they know.
            self.context.vigil.abort();
            while let Some(released) = self.queue.pop() {
                self.context.never_started(released, Outcome::Unfinished, now);
            }
        }
        let current = self.context.second_of(now);
        while self.second < current {
            self.report_second(now);
        }
    }

    fn release_due(&mut self, now: Instant) {
        let due_ns = now.saturating_duration_since(self.start).as_nanos();
        let due_ns = u64::try_from(due_ns).unwrap_or(u64::MAX);
        if now < self.start {
            return;
        }
        self.released = now;
        while let Some((load, arrival)) = self.schedule.due(due_ns) {
            let intended = self.start + Duration::from_nanos(arrival.at_ns);
            let lateness = now.saturating_duration_since(intended);
            self.context.recorder.offered(self.context.second_of(intended), lateness);
            self.place(Released { load, arrival, intended, dispatched: now }, now);
        }
    }

    /// Begins the journey, or does what the plan says when no place is free.
    fn place(&mut self, released: Released, now: Instant) {
        let limit = self.context.plan.at_limit;
        if limit == AtLimit::Spawn || (self.queue.len() == 0 && self.has_place()) {
            return self.crew.begin(released);
        }
        let patience = self.context.plan.patience(released.load);
        let refused = match limit {
            AtLimit::Drop => Err(released),
            AtLimit::Queue | AtLimit::Spawn => self.queue.push(released, patience),
        };
        if let Err(refused) = refused {
            self.context.never_started(refused, Outcome::Dropped, now);
        }
    }

    fn has_place(&self) -> bool {
        self.crew.busy() < self.share.places
    }

    fn fill_places(&mut self) {
        while self.has_place() {
            let Some(released) = self.queue.pop() else { return };
            self.crew.begin(released);
        }
    }

    /// Loads that are as fast as they can be, on all places of the engine each.
    fn begin_rounds(&mut self) {
        let context = Rc::clone(&self.context);
        let as_fast = |load: &usize| context.plan.loads[*load].model == LoadModel::Max;
        for load in (0..context.plan.loads.len()).filter(as_fast) {
            let numbers = rounds::Numbers::new(self.share);
            for _ in 0..self.share.places {
                let round = rounds::Round::new(Rc::clone(&self.context), load, numbers.clone());
                self.rounds.spawn_local(round.run(self.start));
            }
        }
    }

    fn obey(&mut self, order: Order, now: Instant) {
        if order == Order::Run {
            return;
        }
        self.schedule.close();
        self.end = self.end.min(now);
        self.context.load_end.set(Some(self.end));
        self.drain_end = self.drain_end.min(now + STOP);
    }

    fn next_wake(&mut self, now: Instant) -> Instant {
        let second_end_ns = (self.context.second_of(now) + 1) * 1_000_000_000;
        let to_second_end = second_end_ns.saturating_sub(self.context.clock.unix_ns_of(now));
        let arrival = self.schedule.peek().map(|(_, ns)| {
            let together = self.released + self.context.plan.release_every;
            (self.start + Duration::from_nanos(ns)).max(together)
        });
        let end = if now < self.end { self.end } else { self.drain_end };
        let given_up = self.context.vigil.earliest();
        [arrival, self.queue.next_expiry(), given_up, (end > now).then_some(end)]
            .into_iter()
            .flatten()
            .fold(now + Duration::from_nanos(to_second_end), Instant::min)
    }

    /// Offered and not ended; rounds that look for their end, too.
    fn in_flight(&self) -> u64 {
        let users = self.users.as_ref().map_or(0, Users::under_way);
        (self.crew.busy() + self.rounds.len() + self.queue.len()) as u64 + users
    }

    fn report_second(&mut self, now: Instant) {
        self.backlog.push(Report {
            unix_s: self.second,
            second: self.context.recorder.take(self.second),
            in_flight: self.in_flight(),
            cores: self.meter.read(now),
        });
        self.second += 1;
    }

    /// Reports the second that has just begun, too, and closes the account.
    fn close(mut self, now: Instant) -> EngineDone {
        while self.second <= self.context.second_of(now) {
            self.report_second(now);
        }
        EngineDone { closed: self.context.recorder.close(), reports: self.backlog.into_reports() }
    }
}

async fn turn_of(users: &mut Option<Users>) -> Result<Turn, LoadError> {
    match users {
        Some(users) => users.turn().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
