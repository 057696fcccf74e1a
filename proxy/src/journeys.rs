//! What the gateway remembers of each user action: how often it made the same call, and which
//! faults hit it.
//!
//! The count of equal calls is part of every fault decision: without it, a user action that calls
//! the same address twice would be hit both times or never. The hits become the header that tells
//! the load generator which of its requests were touched anywhere below.
//!
//! Most requests need neither: calls are counted only on edges that have faults, and as long as
//! nothing was hit, asking for hits is one look at a flag. An id that the gateway made itself says
//! so in its text.
//!
//! Bounded by [`Keyed`]: a forgotten user action counts its calls from zero again.

use std::sync::atomic::{AtomicBool, Ordering};

use model::id::CorrelationId;
use model::limits::JOURNEYS_MAX;

use crate::digits::push_hex;
use crate::fault::keyed::Keyed;

/// What ids begin with that the gateway made because the caller sent none. It holds no `-`: the
/// part before the last one names the user, and each of these ids is a user of its own.
pub(crate) const MADE_HERE: &str = "gw.";

/// Different calls that are counted for each user action on average.
const CALLS_PER_JOURNEY: usize = 4;

/// Did the gateway make this id, so that it will not come again in another run?
pub(crate) fn is_made_here(id: &CorrelationId) -> bool {
    id.as_str().starts_with(MADE_HERE)
}

/// The id of a request that brought none.
pub(crate) fn make(draws: [u64; 2]) -> CorrelationId {
    let mut text = Vec::with_capacity(MADE_HERE.len() + 32);
    text.extend_from_slice(MADE_HERE.as_bytes());
    for draw in draws {
        push_hex(&draw.to_be_bytes(), &mut text);
    }
    let text = String::from_utf8(text).expect("a dot and hex digits are ASCII");
    text.try_into().expect("a dot and hex digits are visible")
}

#[derive(Debug)]
pub(crate) struct Journeys {
    /// Calls so far, by user action and call.
    calls: Keyed<u64>,
    /// Names of faults in order, by user action.
    hits: Keyed<Vec<String>>,
    /// Was anything ever hit?
    any_hit: AtomicBool,
}

impl Default for Journeys {
    fn default() -> Self {
        Self::with_limit(JOURNEYS_MAX)
    }
}

impl Journeys {
    fn with_limit(limit: usize) -> Self {
        Self {
            calls: Keyed::with_limit(limit.saturating_mul(CALLS_PER_JOURNEY)),
            hits: Keyed::with_limit(limit),
            any_hit: AtomicBool::new(false),
        }
    }

    /// Notes one call and says how many equal ones came before. `call` is edge, method and path.
    /// Needed only where a fault may act; an id made here has no second call to tell apart.
    pub(crate) fn visit(&self, id: &CorrelationId, call: [&str; 3]) -> u32 {
        let [edge, method, path] = call;
        let before = self.calls.count(self.calls.key(&[id.as_str(), edge, method, path]));
        u32::try_from(before).unwrap_or(u32::MAX)
    }

    pub(crate) fn add_hit(&self, id: &CorrelationId, fault: &str) {
        self.hits.change(self.hits.key(&[id.as_str()]), |names| {
            if let Err(place) = names.binary_search_by(|known| known.as_str().cmp(fault)) {
                names.insert(place, fault.to_owned());
            }
        });
        self.any_hit.store(true, Ordering::Release);
    }

    /// Names of the faults that hit this user action so far, in order.
    pub(crate) fn hits(&self, id: &CorrelationId) -> Vec<String> {
        if !self.any_hit.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.hits.look(self.hits.key(&[id.as_str()]), Clone::clone).unwrap_or_default()
    }

    pub(crate) fn forgotten(&self) -> u64 {
        self.calls.forgotten().saturating_add(self.hits.forgotten())
    }
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
            journeys.visit(id, ["orders -> payments", "POST", path])
        };
        assert_eq!([visit(&id(1), "/charges"), visit(&id(1), "/charges")], [0, 1]);
        assert_eq!(visit(&id(1), "/refunds"), 0);
        assert_eq!(visit(&id(2), "/charges"), 0);
    }

    #[test]
    fn hits_are_remembered_once_and_in_order() {
        let journeys = Journeys::default();
        assert!(journeys.hits(&id(1)).is_empty());
        for fault in ["slow", "lost", "slow"] {
            journeys.add_hit(&id(1), fault);
        }
        assert_eq!(journeys.hits(&id(1)), ["lost", "slow"]);
        assert!(journeys.hits(&id(2)).is_empty());
    }

    #[test]
    fn an_id_made_by_the_gateway_says_so_and_is_a_user_of_its_own() {
        let made: CorrelationId = format!("{MADE_HERE}0af7651916cd43dd").parse().unwrap();
        assert!(is_made_here(&made) && !is_made_here(&id(1)));
        assert_eq!(made.user_key(), made.as_str());
    }

    #[test]
    fn what_is_forgotten_at_the_limit_is_counted() {
        let journeys = Journeys::with_limit(16);
        for number in 0..1_000 {
            journeys.visit(&id(number), ["edge", "GET", "/"]);
            journeys.add_hit(&id(number), "slow");
        }
        let (calls, hits) = (journeys.calls.forgotten(), journeys.hits.forgotten());
        assert!(calls >= 900 && hits >= 900, "{calls} {hits}");
        assert_eq!(journeys.forgotten(), calls + hits);
    }
}
