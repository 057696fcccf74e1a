//! Which of the matching requests a fault takes, and how that changes over time.

use serde::{Deserialize, Serialize};

use crate::decision;
use crate::units::Share;

/// Conditions beside share and schedule. All that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// Only the first so many matching requests of each key are taken; then all succeed.
    pub first: Option<u64>,
    /// Only every k-th matching request of each key is taken, the k-th first.
    pub every: Option<u64>,
    /// What `first` and `every` count by.
    pub per: Per,
    /// At most so many requests are held by this fault at once; more are spared, and the ledger
    /// says so.
    pub max_active: Option<u32>,
    /// The share at the end of each window; it changes in a straight line from the fault's own.
    pub ramp_to: Option<Share>,
    /// On and off by turns within each window, on first.
    pub flapping: Option<Flapping>,
    /// Good and bad spells of random length.
    pub regime: Option<Regime>,
}

/// What requests have in common that are counted together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by", content = "name")]
pub enum Per {
    /// All of the edge.
    #[default]
    Edge,
    /// One user, by the part of the correlation id before its last `-`.
    User,
    /// One user action, by its correlation id.
    CorrelationId,
    /// One path without its query.
    Path,
    /// One value of this header field; requests without it are one more key.
    Header(String),
}

/// On for `on_ms`, then off for `off_ms`, and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flapping {
    pub on_ms: u64,
    pub off_ms: u64,
}

impl Flapping {
    /// Is it on, so long after the window began?
    pub fn is_on(&self, since_ms: u64) -> bool {
        let turn = self.on_ms.saturating_add(self.off_ms).max(1);
        since_ms % turn < self.on_ms
    }
}

/// A two-state Markov process over steps of `step_ms`: the chance to turn bad is `1 / good_steps`
/// and to turn good `1 / bad_steps`, so spells last so many steps on average. The state at a step
/// is a function of seed, fault and step alone; it begins good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regime {
    pub step_ms: u64,
    /// Mean length of a good spell, in steps.
    pub good_steps: u32,
    /// Mean length of a bad spell, in steps.
    pub bad_steps: u32,
}

impl Regime {
    /// The step at a time.
    pub fn step(&self, since_ms: u64) -> u64 {
        since_ms / self.step_ms.max(1)
    }

    /// Is the next step bad, given the state at `step`?
    pub fn next(&self, seed: u64, fault: &str, step: u64, bad: bool) -> bool {
        let text = step.to_string();
        let unit = decision::named(seed, "regime", &[fault, text.as_str()]).as_f64();
        let mean = f64::from(if bad { self.bad_steps } else { self.good_steps }.max(1));
        if unit < 1.0 / mean { !bad } else { bad }
    }
}

/// The share in a window of `length_ms`, `since_ms` after it began.
pub fn share_at(from: Share, ramp_to: Option<Share>, since_ms: u64, length_ms: u64) -> Share {
    let Some(to) = ramp_to else { return from };
    let (from, to) = (i128::from(from.ppm()), i128::from(to.ppm()));
    let length = i128::from(length_ms.max(1));
    let at = i128::from(since_ms).min(length);
    Share::from_ppm((from + (to - from) * at / length) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_is_a_straight_line_up_or_down_and_ends_at_its_end() {
        let percent = |percent: u32| Share::from_ppm(percent * 10_000);
        for (from, to, since_ms, expected) in [
            (0, 100, 0, 0),
            (0, 100, 500, 50),
            (0, 100, 1_000, 100),
            (0, 100, 9_000, 100),
            (80, 20, 500, 50),
        ] {
            let share = share_at(percent(from), Some(percent(to)), since_ms, 1_000);
            assert_eq!(share, percent(expected), "{from} {to} {since_ms}");
        }
        assert_eq!(share_at(percent(7), None, 500, 1_000), percent(7));
    }

    #[test]
    fn flapping_is_on_first() {
        let flapping = Flapping { on_ms: 2, off_ms: 3 };
        let on: Vec<bool> = (0..10).map(|ms| flapping.is_on(ms)).collect();
        let turn = [true, true, false, false, false];
        assert_eq!(on, [turn, turn].concat());
    }

    #[test]
    fn spells_have_the_mean_lengths_that_were_asked_for_and_repeat() {
        let regime = Regime { step_ms: 100, good_steps: 8, bad_steps: 2 };
        let run = |seed: u64| {
            let mut bad = false;
            (0..20_000)
                .map(|step| {
                    bad = regime.next(seed, "slow", step, bad);
                    bad
                })
                .collect::<Vec<bool>>()
        };
        let bad = run(1).iter().filter(|bad| **bad).count();
        // The share of bad steps is 2 / (2 + 8); spells are correlated, hence the wide margin.
        assert!((3_500..=4_500).contains(&bad), "{bad}");
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}
