//! How many users of a closed load there are over time, and so when each of them is there.
//!
//! Users are numbered from 0, and user `u` is there while the level is above `u`: users come in the
//! order of their numbers and leave in the other. Every worker knows by that when its own users are
//! there, without asking anybody.

use serde::{Deserialize, Serialize};

/// Users over a time; a ramp when the ends differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserStep {
    pub from: u64,
    pub to: u64,
    /// `None` lasts until load ends.
    pub for_ms: Option<u64>,
}

impl UserStep {
    pub fn level(users: u64, for_ms: Option<u64>) -> Self {
        Self { from: users, to: users, for_ms }
    }

    /// The part of the step, in nanoseconds after its begin, in which a user is there. On a ramp
    /// user `u` is there from the instant at which the level reaches `u`.
    fn presence_ns(&self, user: u64) -> Option<(u64, u64)> {
        let length_ns = self.for_ms.map_or(u64::MAX, |ms| ms.saturating_mul(1_000_000));
        let at_level = |first: u64, last: u64| {
            let part = u128::from(user - first) * u128::from(length_ns) / u128::from(last - first);
            u64::try_from(part).unwrap_or(u64::MAX)
        };
        match (self.from > user, self.to > user) {
            (true, true) => Some((0, length_ns)),
            (false, true) => Some((at_level(self.from, self.to), length_ns)),
            // The same line, walked from its other end.
            (true, false) => Some((0, length_ns - at_level(self.to, self.from))),
            (false, false) => None,
        }
    }
}

/// When a user is there next, at `at_ns` after the start of load or later; `None` when it never
/// comes again.
pub fn present_from_ns(levels: &[UserStep], user: u64, at_ns: u64) -> Option<u64> {
    if levels.is_empty() {
        return Some(at_ns);
    }
    let mut begin_ns: u64 = 0;
    for step in levels {
        if let Some((from_ns, until_ns)) = step.presence_ns(user) {
            let from_ns = begin_ns.saturating_add(from_ns).max(at_ns);
            if from_ns < begin_ns.saturating_add(until_ns) {
                return Some(from_ns);
            }
        }
        begin_ns = begin_ns.saturating_add(step.for_ms?.saturating_mul(1_000_000));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from: u64, to: u64, for_ms: u64) -> UserStep {
        UserStep { from, to, for_ms: Some(for_ms) }
    }

    fn present_from_ms(levels: &[UserStep], user: u64, at_ms: u64) -> Option<u64> {
        present_from_ns(levels, user, at_ms * 1_000_000).map(|ns| ns / 1_000_000)
    }

    #[test]
    fn users_come_in_the_order_of_their_numbers_and_leave_in_the_other() {
        let levels =
            [step(2, 2, 10_000), step(0, 4, 4_000), step(4, 0, 4_000), UserStep::level(1, None)];
        for (user, at_ms, expected) in [
            (0, 0, Some(0)),
            (0, 9_999, Some(9_999)),
            // The ramp begins at nobody.
            (0, 10_000, Some(10_000)),
            (1, 9_999, Some(9_999)),
            (1, 10_000, Some(11_000)),
            (2, 0, Some(12_000)),
            (3, 0, Some(13_000)),
            (3, 14_500, Some(14_500)),
            (3, 15_000, None),
            (2, 15_999, Some(15_999)),
            (2, 16_000, None),
            (0, 17_999, Some(17_999)),
            (0, 18_000, Some(18_000)),
            (0, 900_000, Some(900_000)),
            (1, 17_000, None),
            (4, 0, None),
        ] {
            let got = present_from_ms(&levels, user, at_ms);
            assert_eq!(got, expected, "user {user} at {at_ms} ms");
        }
    }

    #[test]
    fn without_levels_everybody_is_always_there() {
        assert_eq!(present_from_ns(&[], 7, 5), Some(5));
    }

    proptest::proptest! {
        #[test]
        fn the_level_is_the_number_of_users_who_are_there(
            steps in proptest::collection::vec((0_u64..30, 0_u64..30, 1_u64..5_000), 1..6),
            part in 0.0_f64..1.0,
        ) {
            let levels: Vec<_> = steps.iter().map(|(a, b, ms)| step(*a, *b, *ms)).collect();
            let length_ns: u64 = steps.iter().map(|(_, _, ms)| ms * 1_000_000).sum();
            let at_ns = (part * length_ns as f64) as u64;
            let is_there = |user: &u64| present_from_ns(&levels, *user, at_ns) == Some(at_ns);
            let there = (0..30).filter(is_there).count() as f64;
            let (mut begin_ns, mut level) = (0, 0.0);
            for (from, to, ms) in &steps {
                let ns = ms * 1_000_000;
                if (begin_ns..begin_ns + ns).contains(&at_ns) {
                    let done = (at_ns - begin_ns) as f64 / ns as f64;
                    level = *from as f64 + (*to as f64 - *from as f64) * done;
                }
                begin_ns += ns;
            }
            proptest::prop_assert!((there - level).abs() <= 1.0 + 1e-6, "{there} of {level}");
        }
    }
}
