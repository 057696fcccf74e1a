//! One number that stands for a whole load, by which workers prove that they run the same.
//!
//! Two things enter: what a plan says (loads, flows, bodies, rows, lists), and what this program
//! makes of it (every intended start, user and flow), so that workers of different versions are
//! found out too. What differs between workers, and between two runs of the same scenario, does not
//! enter: names of runs, addresses, threads, values that a set-up has saved.

use std::hash::Hasher as _;
use std::io;

use model::decision::indexed;
use model::load::{Load, LoadPlan};
use siphasher::sip::SipHasher24;

use super::{Arrival, Arrivals, Shard, user_of};

/// Arrivals per load that enter the hash of a plan: more would delay the start of long runs.
const HASHED_MAX: usize = 10_000_000;

/// Equal for all workers of a run. Of a load with more than ten million arrivals only those enter.
pub fn plan_hash(plan: &LoadPlan) -> String {
    let end_ms = plan.timeline.end_ms;
    let start = indexed(content(plan), "plan", end_ms).bits();
    let hash = plan.loads.iter().fold(start, |hash, load| {
        let arrivals = Arrivals::new(plan.seed, load, end_ms, Shard::WHOLE);
        hash_of(hash, plan.seed, load, arrivals.take(HASHED_MAX))
    });
    format!("{hash:016x}")
}

/// What the plan says that all workers must do alike.
fn content(plan: &LoadPlan) -> u64 {
    let mut content = Content(SipHasher24::new_with_keys(plan.seed, 0x706c_616e_0000_0000));
    let LoadPlan { control, timeline, loads, flows, data, feeders, at_limit, .. } = plan;
    let said = (control, timeline, loads, flows, data, feeders, at_limit);
    serde_json::to_writer(&mut content, &said).expect("a plan can be written, as it was read");
    content.0.finish()
}

/// Takes in what is written, without keeping it: rows may be hundreds of megabytes.
struct Content(SipHasher24);

impl io::Write for Content {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn hash_of(
    start: u64,
    seed: u64,
    load: &Load,
    arrivals: impl Iterator<Item = Arrival>,
) -> u64 {
    arrivals.fold(indexed(start, &load.name, load.users).bits(), |hash, arrival| {
        let user = user_of(seed, &load.name, load.users, arrival.index);
        let hash = indexed(indexed(hash, "at", arrival.at_ns).bits(), "user", user).bits();
        match load.flows.len() {
            1 => hash,
            _ => indexed(hash, "flow", load.choice(seed, arrival.index) as u64).bits(),
        }
    })
}
