//! Who is hit: every random choice about a request is a keyed hash of its identity.
//!
//! `u = H(seed, fault, edge, subject, occurrence, attempt, purpose) / 2^64`; a fault acts when
//! `u < share`. Nothing is drawn from a running stream, so the answer depends neither on the order
//! of concurrent requests nor on other rules: the same seed hits the same requests at concurrency
//! 1, 16 and 256, a retry is a new draw because its attempt differs, and removing one fault never
//! shifts another. The hash is SipHash-2-4, whose output is the same on every machine and in every
//! version, with the seed as its key.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;

use crate::edge::Edge;
use crate::id::CorrelationId;
use crate::units::Share;

/// What a draw is for, so that "does it act" and "how long" are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Does the fault act on this request?
    Fire,
    /// How large is its effect?
    Size,
    /// Does the status that a caller asked for act? Apart from the delay of the same request, which
    /// is a question of its own.
    FireStatus,
    /// Does the rate that a caller asked for act?
    FireRate,
}

/// The identity of the request that a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
pub enum Subject {
    /// Repeatable: the id comes from the load generator's seed.
    CorrelationId(CorrelationId),
    /// Depends on the order of arrival; the ledger says so.
    Counter(u64),
}

impl Subject {
    /// `correlation-id` or `counter`, as the ledger writes it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CorrelationId(_) => "correlation-id",
            Self::Counter(_) => "counter",
        }
    }
}

/// All that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'a> {
    pub seed: u64,
    pub fault: &'a str,
    pub edge: &'a Edge,
    pub subject: &'a Subject,
    /// How many calls with the same edge, method and path this subject made before.
    pub occurrence: u32,
    /// Attempt of the gateway, from 0.
    pub attempt: u32,
}

impl Draw<'_> {
    /// The draw for one purpose.
    pub fn unit(&self, purpose: Purpose) -> Unit {
        let mut hasher = SipHasher24::new_with_keys(self.seed, 0x7368_616b_6564_6f77);
        text(&mut hasher, self.fault);
        text(&mut hasher, &self.edge.caller);
        text(&mut hasher, &self.edge.callee);
        match self.subject {
            Subject::CorrelationId(id) => {
                hasher.write_u8(1);
                text(&mut hasher, id.as_str());
            },
            Subject::Counter(count) => {
                hasher.write_u8(2);
                hasher.write(&count.to_le_bytes());
            },
        }
        hasher.write(&self.occurrence.to_le_bytes());
        hasher.write(&self.attempt.to_le_bytes());
        hasher.write_u8(match purpose {
            Purpose::Fire => 0,
            Purpose::Size => 1,
            Purpose::FireStatus => 2,
            Purpose::FireRate => 3,
        });
        Unit(hasher.finish())
    }
}

/// Is the user of this correlation id in the control group, which no fault may touch?
///
/// Pure and sticky: load generator, gateway and report compute the same answer without talking.
pub fn in_control_group(seed: u64, share: Share, id: &CorrelationId) -> bool {
    named(seed, "control", &[id.user_key()]).below(share)
}

/// A draw for anything that is not a fault decision (arrival times, think times, data rows): named
/// by its use and by what it is about.
pub fn named(seed: u64, use_name: &str, about: &[&str]) -> Unit {
    let mut hasher = SipHasher24::new_with_keys(seed, 0x6e61_6d65_6400_0000);
    text(&mut hasher, use_name);
    for part in about {
        text(&mut hasher, part);
    }
    Unit(hasher.finish())
}

/// A draw named by its use and an index, for streams of numbers such as arrivals.
pub fn indexed(seed: u64, use_name: &str, index: u64) -> Unit {
    let mut hasher = SipHasher24::new_with_keys(seed, 0x696e_6465_7800_0000);
    text(&mut hasher, use_name);
    hasher.write(&index.to_le_bytes());
    Unit(hasher.finish())
}

/// A draw named by its use and by what it is about, with an index: [`named`] for streams.
pub fn numbered(seed: u64, use_name: &str, about: &str, index: u64) -> Unit {
    let mut hasher = SipHasher24::new_with_keys(seed, 0x6e75_6d62_6572_6564);
    text(&mut hasher, use_name);
    text(&mut hasher, about);
    hasher.write(&index.to_le_bytes());
    Unit(hasher.finish())
}

/// Length first, so that `("ab", "c")` and `("a", "bc")` differ.
fn text(hasher: &mut SipHasher24, text: &str) {
    hasher.write(&(text.len() as u64).to_le_bytes());
    hasher.write(text.as_bytes());
}

/// A number in [0, 1) with 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unit(u64);

impl Unit {
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub fn bits(self) -> u64 {
        self.0
    }

    /// Exactly `share` of all draws are below it, to one part in 2^44.
    pub fn below(self, share: Share) -> bool {
        let scaled = (u128::from(self.0) * u128::from(Share::WHOLE_PPM)) >> 64;
        scaled < u128::from(share.ppm())
    }

    /// In [0, 1), with the 53 bits that a double holds.
    pub fn as_f64(self) -> f64 {
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// An index in `0..length`; 0 when the length is 0.
    pub fn index(self, length: usize) -> usize {
        ((u128::from(self.0) * length as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(seed: u64, fault: &str, share: Share) -> Vec<u64> {
        let edge = Edge::new("orders", "payments");
        (0..10_000)
            .filter(|number| {
                let subject = Subject::CorrelationId(CorrelationId::of_user(7, *number));
                let draw =
                    Draw { seed, fault, edge: &edge, subject: &subject, occurrence: 0, attempt: 0 };
                draw.unit(Purpose::Fire).below(share)
            })
            .collect()
    }

    #[test]
    fn the_share_of_hits_is_inside_its_binomial_interval() {
        // 10,000 draws at 15 %: mean 1,500, standard deviation 35.7; five of them either side.
        let count = hits(42, "slow", Share::from_ppm(150_000)).len();
        assert!((1_322..=1_678).contains(&count), "{count}");
    }

    #[test]
    fn nothing_and_everything_are_exact() {
        assert!(hits(42, "slow", Share::ZERO).is_empty());
        assert_eq!(hits(42, "slow", Share::WHOLE).len(), 10_000);
    }

    #[test]
    fn another_fault_and_another_seed_hit_other_requests() {
        let share = Share::from_ppm(150_000);
        assert_eq!(hits(42, "slow", share), hits(42, "slow", share));
        assert_ne!(hits(42, "slow", share), hits(42, "lost", share));
        assert_ne!(hits(42, "slow", share), hits(43, "slow", share));
    }

    #[test]
    fn the_hash_never_changes_between_versions() {
        let edge = Edge::new("orders", "payments");
        let subject = Subject::CorrelationId(CorrelationId::of_user(7, 1));
        let draw = Draw {
            seed: 42,
            fault: "slow",
            edge: &edge,
            subject: &subject,
            occurrence: 0,
            attempt: 0,
        };
        assert_eq!(draw.unit(Purpose::Fire).bits(), PINNED);
    }
    const PINNED: u64 = 1_735_293_970_530_212_780;

    #[test]
    fn a_whole_user_is_in_the_control_group_or_none_of_it() {
        let share = Share::from_ppm(200_000);
        for user in 0..100 {
            let first = in_control_group(42, share, &CorrelationId::of_user(user, 0));
            for number in 1..20 {
                let id = CorrelationId::of_user(user, number);
                assert_eq!(in_control_group(42, share, &id), first);
            }
        }
    }

    #[test]
    fn an_index_stays_inside_its_list() {
        assert_eq!(Unit::from_bits(u64::MAX).index(3), 2);
        assert_eq!(Unit::from_bits(0).index(3), 0);
        assert_eq!(Unit::from_bits(u64::MAX).index(0), 0);
    }
}
