//! How the workers of a load on many machines begin at the same instant.
//!
//! Each worker measures how far its clock is from the collector's (`GET /v1/load/clock`), fetches
//! its plan (`GET /v1/load/plan?worker=N`) unless it has one, and says that it is ready (`POST
//! /v1/load/ready`). The answer waits until all workers are ready with the same plan, and then
//! gives one instant on the collector's clock to all of them: how exactly they begin together
//! depends on their clocks, not on how many they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The collector's clock, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockReading {
    pub unix_ns: u64,
}

/// A worker is ready to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadReady {
    pub run_id: String,
    pub worker: u32,
    pub workers: u32,
    /// Equal for all workers of a run.
    pub plan_hash: String,
    /// Drawn when the process starts, so that a restarted worker is told from one that asks again.
    pub instance: u64,
    /// The collector's clock minus the worker's, in nanoseconds.
    pub clock_offset_ns: i64,
    /// Half of the shortest round trip: the offset is as exact as that.
    pub clock_error_ns: u64,
}

/// What a worker is told when it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "call")]
pub enum LoadCall {
    /// Start of the timeline, on the collector's clock.
    Start { start_unix_ns: u64 },
    /// Not all are there; ask again.
    Wait { missing: Vec<u32> },
}

/// Why a worker cannot take part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotWelcome {
    #[error("worker {worker} of {workers} does not exist; workers count from 0")]
    NoSuchWorker { worker: u32, workers: u32 },
    #[error("worker {worker} counts {got} workers, others count {expected}")]
    OtherNumber { worker: u32, got: u32, expected: u32 },
    #[error("the plan of worker {worker} has the hash {got}, that of others {expected}")]
    OtherPlan { worker: u32, got: String, expected: String },
    #[error(
        "the load has begun with another process as worker {worker}; one that was restarted cannot \
         take part"
    )]
    Begun { worker: u32 },
    #[error("the load has been called off: {reason}")]
    CalledOff { reason: String },
}

/// Who is ready, and when it begins. Pure: the caller brings the time.
#[derive(Debug, Clone, Default)]
pub struct Rendezvous {
    /// Number of workers and hash of the plan, once the first one is there.
    terms: Option<(u32, String)>,
    ready: BTreeMap<u32, LoadReady>,
    start_unix_ns: Option<u64>,
}

impl Rendezvous {
    /// Takes a worker's word. Once all are there, `start_at` decides when it begins.
    pub fn ready(
        &mut self,
        ready: LoadReady,
        start_at: impl FnOnce() -> u64,
    ) -> Result<LoadCall, NotWelcome> {
        let (worker, workers) = (ready.worker, ready.workers);
        if worker >= workers {
            return Err(NotWelcome::NoSuchWorker { worker, workers });
        }
        let (expected, hash) = self.terms.get_or_insert_with(|| (workers, ready.plan_hash.clone()));
        if *expected != workers {
            return Err(NotWelcome::OtherNumber { worker, got: workers, expected: *expected });
        }
        if *hash != ready.plan_hash {
            return Err(NotWelcome::OtherPlan {
                worker,
                got: ready.plan_hash,
                expected: hash.clone(),
            });
        }
        if let Some(start_unix_ns) = self.start_unix_ns {
            let known = self.ready.get(&worker).is_some_and(|it| it.instance == ready.instance);
            return if known {
                Ok(LoadCall::Start { start_unix_ns })
            } else {
                Err(NotWelcome::Begun { worker })
            };
        }
        self.ready.insert(worker, ready);
        let missing: Vec<u32> = (0..workers).filter(|one| !self.ready.contains_key(one)).collect();
        if !missing.is_empty() {
            return Ok(LoadCall::Wait { missing });
        }
        let start_unix_ns = *self.start_unix_ns.insert(start_at());
        Ok(LoadCall::Start { start_unix_ns })
    }

    /// When it begins or began.
    pub fn start_unix_ns(&self) -> Option<u64> {
        self.start_unix_ns
    }

    /// Has the instant of the start been given?
    pub fn has_begun(&self) -> bool {
        self.start_unix_ns.is_some()
    }

    /// Those who have said that they are ready.
    pub fn workers(&self) -> impl Iterator<Item = &LoadReady> {
        self.ready.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(worker: u32) -> LoadReady {
        LoadReady {
            run_id: "run".into(),
            worker,
            workers: 3,
            plan_hash: "abc".into(),
            instance: u64::from(worker) + 100,
            clock_offset_ns: -5,
            clock_error_ns: 9,
        }
    }

    #[test]
    fn all_are_called_to_one_instant_when_the_last_is_there_and_not_before() {
        let mut meeting = Rendezvous::default();
        let early = || panic!("nobody may begin yet");
        assert_eq!(meeting.ready(ready(2), early), Ok(LoadCall::Wait { missing: vec![0, 1] }));
        assert_eq!(meeting.ready(ready(0), early), Ok(LoadCall::Wait { missing: vec![1] }));
        // A worker that asks again is no second one, and one restarted in time takes its seat.
        assert_eq!(meeting.ready(ready(0), early), Ok(LoadCall::Wait { missing: vec![1] }));
        let restarted = LoadReady { instance: 7, ..ready(2) };
        assert_eq!(
            meeting.ready(restarted.clone(), early),
            Ok(LoadCall::Wait { missing: vec![1] })
        );
        let start = Ok(LoadCall::Start { start_unix_ns: 77 });
        assert_eq!(meeting.ready(ready(1), || 77), start);
        assert_eq!(meeting.ready(ready(0), early), start);
        assert_eq!(meeting.ready(restarted, early), start);
        assert_eq!((meeting.start_unix_ns(), meeting.workers().count()), (Some(77), 3));
    }

    #[test]
    fn who_has_other_terms_or_comes_back_too_late_is_told_why() {
        let mut meeting = Rendezvous::default();
        for worker in 0..3 {
            meeting.ready(ready(worker), || 77).unwrap();
        }
        let table = [
            (LoadReady { worker: 3, ..ready(0) }, "worker 3 of 3 does not exist"),
            (LoadReady { workers: 4, ..ready(0) }, "counts 4 workers, others count 3"),
            (LoadReady { plan_hash: "x".into(), ..ready(1) }, "hash x, that of others abc"),
            (LoadReady { instance: 1, ..ready(1) }, "the load has begun"),
        ];
        for (given, part) in table {
            let refused = meeting.ready(given, || 0).unwrap_err().to_string();
            assert!(refused.contains(part), "{refused}");
        }
    }
}
