//! When each arrival of a load is meant to start, and for which user.
//!
//! Arrival `k` of a load is a pure function of the seed, the name of the load and `k`. Nothing
//! here knows what the system under test does, how many workers there are, or whether earlier
//! arrivals were sent. Worker `i` of `n` runs the arrivals with `k mod n = i`, and the union over
//! the workers is the same whatever `n` is; [`plan_hash`] lets them prove it to each other.

mod hash;
mod rate;

use std::sync::Arc;

use model::decision::{indexed, named};
use model::load::{Load, LoadModel, Spacing};

pub use hash::plan_hash;
pub use rate::RateCurve;

/// One arrival of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Number of the arrival in its load, from 0.
    pub index: u64,
    /// Intended start in nanoseconds after the start of load.
    pub at_ns: u64,
}

/// Which arrivals are ours: those with `index mod of = own`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    pub own: u64,
    pub of: u64,
}

impl Shard {
    pub const WHOLE: Self = Self { own: 0, of: 1 };

    fn owns(self, index: u64) -> bool {
        index % self.of == self.own
    }
}

/// The arrivals of one load in order of time, until load ends.
#[derive(Debug, Clone)]
pub struct Arrivals {
    curve: RateCurve,
    /// Intended starts that were given instead of a rate, and in this case all of them.
    recorded_ns: Option<Arc<[u64]>>,
    spacing: Spacing,
    seed: u64,
    /// Name of the draws for gaps.
    gap_use: String,
    shard: Shard,
    next_index: u64,
    /// Poisson only: sum of the unit-rate gaps so far, in arrivals.
    elapsed: f64,
    end_ns: u64,
}

impl Arrivals {
    pub fn new(seed: u64, load: &Load, end_ms: u64, shard: Shard) -> Self {
        // The other models have no schedule.
        let open = load.model == LoadModel::Open;
        Self {
            curve: RateCurve::new(if open { &load.rate } else { &[] }, end_ms),
            recorded_ns: (!load.recorded_ns.is_empty()).then(|| load.recorded_ns.as_slice().into()),
            spacing: load.spacing,
            seed,
            gap_use: format!("gap {}", load.name),
            shard,
            next_index: 0,
            elapsed: 0.0,
            end_ns: end_ms.saturating_mul(1_000_000),
        }
    }

    /// Intended start of the next arrival, `None` when there is none.
    fn at_ns(&mut self) -> Option<u64> {
        if let Some(recorded_ns) = &self.recorded_ns {
            return recorded_ns.get(usize::try_from(self.next_index).ok()?).copied();
        }
        let position = self.position();
        self.curve.instant_of(position).map(|at_s| (at_s * 1e9).round() as u64)
    }

    /// Position of the next arrival on the axis of expected arrivals.
    fn position(&mut self) -> f64 {
        match self.spacing {
            // In the middle of its slot, so that no arrival falls on the edge of a second or of a
            // phase and the arrivals of a second are exactly those that the rate promises.
            Spacing::Constant => self.next_index as f64 + 0.5,
            Spacing::Poisson => {
                let draw = indexed(self.seed, &self.gap_use, self.next_index).as_f64();
                self.elapsed -= (1.0 - draw).ln();
                self.elapsed
            },
        }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        loop {
            if self.spacing == Spacing::Constant || self.recorded_ns.is_some() {
                let behind = self.next_index % self.shard.of;
                self.next_index += (self.shard.own + self.shard.of - behind) % self.shard.of;
            }
            let at_ns = self.at_ns()?;
            let index = self.next_index;
            self.next_index += 1;
            if at_ns >= self.end_ns {
                return None;
            }
            if self.shard.owns(index) {
                return Some(Arrival { index, at_ns });
            }
        }
    }
}

/// The user of arrival `index`, in `0..users`.
pub fn user_of(seed: u64, load_name: &str, users: u64, index: u64) -> u64 {
    chosen_user(users_key(seed, load_name), users, index)
}

/// Key of the choice of users of a load.
pub(crate) fn users_key(seed: u64, load_name: &str) -> u64 {
    named(seed, "users", &[load_name]).bits()
}

/// [`user_of`] for who keeps the key.
pub(crate) fn chosen_user(key: u64, users: u64, index: u64) -> u64 {
    indexed(key, "user", index).index(users as usize) as u64
}

#[cfg(test)]
mod tests;
