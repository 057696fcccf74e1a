//! What the gateway remembers of each user action: how often it made the same call, and which
//! faults hit it.
//!
//! The count of equal calls is part of every fault decision: without it, a user action that calls
//! the same address twice would be hit both times or never. The hits become the header that tells
//! the load generator which of its requests were touched anywhere below.
//!
//! Bounded: when a shard is full its oldest user action is forgotten, and counted. A forgotten one
//! counts its calls from zero again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use model::id::CorrelationId;
use model::limits::JOURNEYS_MAX;

const SHARDS: usize = 16;
/// Different calls counted for one user action; further ones share the last place.
const CALLS_MAX: usize = 256;

/// What is known when a request comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Visit {
    /// How many equal calls came before.
    pub(crate) occurrence: u32,
    /// The gateway made the id itself, so it is not repeatable.
    pub(crate) made_here: bool,
}

#[derive(Debug, Default)]
struct Journey {
    made_here: bool,
    calls: BTreeMap<u64, u32>,
    hits: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Shard {
    journeys: BTreeMap<CorrelationId, Journey>,
    by_age: VecDeque<CorrelationId>,
}

#[derive(Debug)]
pub(crate) struct Journeys {
    shards: Vec<Mutex<Shard>>,
    shard_max: usize,
    forgotten: AtomicU64,
}

impl Default for Journeys {
    fn default() -> Self {
        Self::with_limit(JOURNEYS_MAX)
    }
}

impl Journeys {
    fn with_limit(limit: usize) -> Self {
        Self {
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            shard_max: limit.div_ceil(SHARDS),
            forgotten: AtomicU64::new(0),
        }
    }

    /// Notes one call. `call` names edge, method and path.
    pub(crate) fn visit(&self, id: &CorrelationId, made_here: bool, call: &[&str]) -> Visit {
        let mut shard = self.shard(id).lock().unwrap_or_else(PoisonError::into_inner);
        if !shard.journeys.contains_key(id) {
            self.make_room(&mut shard);
            shard.by_age.push_back(id.clone());
        }
        let journey = shard.journeys.entry(id.clone()).or_default();
        journey.made_here |= made_here;
        let mut key = hash(call);
        if journey.calls.len() >= CALLS_MAX && !journey.calls.contains_key(&key) {
            key = u64::MAX;
        }
        let count = journey.calls.entry(key).or_default();
        let occurrence = *count;
        *count = count.saturating_add(1);
        Visit { occurrence, made_here: journey.made_here }
    }

    pub(crate) fn add_hit(&self, id: &CorrelationId, fault: &str) {
        let mut shard = self.shard(id).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(journey) = shard.journeys.get_mut(id)
            && !journey.hits.contains(fault)
        {
            journey.hits.insert(fault.to_owned());
        }
    }

    /// Names of the faults that hit this user action so far, in order.
    pub(crate) fn hits(&self, id: &CorrelationId) -> Vec<String> {
        let shard = self.shard(id).lock().unwrap_or_else(PoisonError::into_inner);
        shard
            .journeys
            .get(id)
            .map(|journey| journey.hits.iter().cloned().collect())
            .unwrap_or_default()
    }

    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    fn make_room(&self, shard: &mut Shard) {
        if shard.by_age.len() < self.shard_max {
            return;
        }
        if let Some(oldest) = shard.by_age.pop_front() {
            shard.journeys.remove(&oldest);
            self.forgotten.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn shard(&self, id: &CorrelationId) -> &Mutex<Shard> {
        &self.shards[hash(&[id.as_str()]) as usize % SHARDS]
    }
}

fn hash(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> CorrelationId {
        CorrelationId::of_user(1, number)
    }

    #[test]
    fn equal_calls_of_one_user_action_are_numbered_from_zero() {
        let journeys = Journeys::default();
        let visit = |id: &CorrelationId, path: &str| {
            journeys.visit(id, false, &["orders -> payments", "POST", path]).occurrence
        };
        assert_eq!([visit(&id(1), "/charges"), visit(&id(1), "/charges")], [0, 1]);
        assert_eq!(visit(&id(1), "/refunds"), 0);
        assert_eq!(visit(&id(2), "/charges"), 0);
    }

    #[test]
    fn hits_are_remembered_once_and_in_order() {
        let journeys = Journeys::default();
        journeys.visit(&id(1), false, &["call"]);
        for fault in ["slow", "lost", "slow"] {
            journeys.add_hit(&id(1), fault);
        }
        assert_eq!(journeys.hits(&id(1)), ["lost", "slow"]);
        assert!(journeys.hits(&id(2)).is_empty());
    }

    #[test]
    fn an_id_made_by_the_gateway_stays_known_as_such_further_down() {
        let journeys = Journeys::default();
        assert!(journeys.visit(&id(1), true, &["a"]).made_here);
        assert!(journeys.visit(&id(1), false, &["b"]).made_here);
        assert!(!journeys.visit(&id(2), false, &["b"]).made_here);
    }

    #[test]
    fn the_oldest_is_forgotten_at_the_limit_and_counted() {
        let journeys = Journeys::with_limit(SHARDS);
        for number in 0..1_000 {
            journeys.visit(&id(number), false, &["call"]);
        }
        let kept: usize =
            journeys.shards.iter().map(|shard| shard.lock().unwrap().journeys.len()).sum();
        assert!(kept <= SHARDS, "{kept}");
        assert_eq!(journeys.forgotten(), 1_000 - kept as u64);
    }
}
