//! The arrivals of all loads of one engine in one order of time.

use std::iter::Peekable;

use model::load::LoadPlan;

use crate::arrival::{Arrival, Arrivals, Shard};
use crate::engine::Share;

/// Merges the loads; arrivals of the same instant come in the order of the plan.
pub(crate) struct Schedule {
    loads: Vec<Peekable<Arrivals>>,
}

impl Schedule {
    /// The arrivals of one of the worker's engines. Together the engines of a worker run what the
    /// worker runs: `k mod workers = worker`.
    pub(crate) fn new(plan: &LoadPlan, share: Share) -> Self {
        let shard = Shard { own: share.own, of: share.of };
        let arrivals =
            |load| Arrivals::new(plan.seed, load, plan.timeline.end_ms, shard).peekable();
        // A load of another model has no arrivals, but keeps its index.
        Self { loads: plan.loads.iter().map(arrivals).collect() }
    }

    /// Index of the load and intended start of the next arrival.
    pub(crate) fn peek(&mut self) -> Option<(usize, u64)> {
        let next = |(at, load): (usize, &mut Peekable<Arrivals>)| {
            load.peek().map(|arrival| (at, arrival.at_ns))
        };
        self.loads.iter_mut().enumerate().filter_map(next).min_by_key(|(_, at_ns)| *at_ns)
    }

    /// The next arrival if it is due at `now_ns`.
    pub(crate) fn due(&mut self, now_ns: u64) -> Option<(usize, Arrival)> {
        let (load, at_ns) = self.peek()?;
        if at_ns > now_ns {
            return None;
        }
        self.loads[load].next().map(|arrival| (load, arrival))
    }

    /// No further arrival is run.
    pub(crate) fn close(&mut self) {
        self.loads.clear();
    }
}

#[cfg(test)]
mod tests {
    use model::load::{Load, RateStep};

    use super::*;

    fn plan() -> LoadPlan {
        let mut plan = crate::testing::plan("127.0.0.1:1".parse().unwrap());
        plan.timeline.end_ms = 3_000;
        let slow = RateStep::ramp(7.0, 3.0, None);
        let other = Load { name: "other".into(), rate: vec![slow], ..plan.loads[0].clone() };
        plan.loads.push(other);
        plan
    }

    fn whole(plan: &LoadPlan) -> Schedule {
        Schedule::new(plan, Share::new(plan, 0))
    }

    fn everything(mut schedule: Schedule) -> Vec<(u64, usize, u64)> {
        std::iter::from_fn(|| schedule.due(u64::MAX))
            .map(|(load, arrival)| (arrival.at_ns, load, arrival.index))
            .collect()
    }

    #[test]
    fn loads_are_merged_in_order_of_time() {
        let merged = everything(whole(&plan()));
        assert!(merged.is_sorted());
        assert!(merged.iter().any(|(_, load, _)| *load == 1));
    }

    #[test]
    fn workers_and_their_engines_together_run_the_plan() {
        let whole = everything(whole(&plan()));
        let mut union = Vec::new();
        for worker in 0..3 {
            for engine in 0..2 {
                let plan = LoadPlan { worker, workers: 3, threads: 2, ..plan() };
                union.extend(everything(Schedule::new(&plan, Share::new(&plan, engine))));
            }
        }
        union.sort_unstable();
        assert_eq!(union, whole);
    }

    #[test]
    fn nothing_is_due_before_its_time_and_nothing_after_closing() {
        let mut schedule = whole(&plan());
        let (_, first_ns) = schedule.peek().unwrap();
        assert_eq!(schedule.due(first_ns - 1), None);
        assert!(schedule.due(first_ns).is_some());
        schedule.close();
        assert_eq!(schedule.due(u64::MAX), None);
    }
}
