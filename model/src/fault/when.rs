//! Which of the matching requests a fault takes, and how that changes over time.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decision;
use crate::units::{Share, format_duration};

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

impl fmt::Display for Per {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edge => formatter.write_str("edge"),
            Self::User => formatter.write_str("user"),
            Self::CorrelationId => formatter.write_str("correlation-id"),
            Self::Path => formatter.write_str("path"),
            Self::Header(name) => write!(formatter, "header {name}"),
        }
    }
}

/// `first 3 per user, on 2s off 8s`, in the words of the language; nothing when there is no
/// condition. `ramp_to` belongs to the share.
impl fmt::Display for When {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |ms: u64| format_duration(Duration::from_millis(ms));
        let mut parts = Vec::new();
        let counted = [("first", self.first), ("every", self.every)];
        for (word, count) in counted {
            parts.extend(count.map(|count| format!("{word} {count} per {}", self.per)));
        }
        parts.extend(self.max_active.map(|most| format!("at most {most} at once")));
        parts.extend(
            self.flapping.map(|turn| format!("on {} off {}", time(turn.on_ms), time(turn.off_ms))),
        );
        parts.extend(self.regime.map(|regime| {
            let spell = |steps: u32| time(regime.step_ms.saturating_mul(u64::from(steps)));
            format!("good {} bad {}", spell(regime.good_steps), spell(regime.bad_steps))
        }));
        formatter.write_str(&parts.join(", "))
    }
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

/// Longest mean of a spell, in steps.
pub const REGIME_STEPS_MAX: u32 = 100_000;

/// A two-state Markov process over steps of `step_ms`: the chance to turn bad is `1 / good_steps`
/// and to turn good `1 / bad_steps`, so spells last so many steps on average. The state at a step
/// is a function of seed, fault and step alone; step 0, at the zero of the plan, is good.
///
/// Steps count from the zero and not from a window, because windows shorter than a spell would
/// otherwise all look the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regime {
    pub step_ms: u64,
    /// Mean length of a good spell, in steps.
    pub good_steps: u32,
    /// Mean length of a bad spell, in steps.
    pub bad_steps: u32,
}

/// What one step does to the state, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Keep,
    ToGood,
    ToBad,
    Swap,
}

impl Regime {
    /// The step at a time, in milliseconds after the zero of the plan.
    pub fn step(&self, at_ms: u64) -> u64 {
        at_ms / self.step_ms.max(1)
    }

    /// Is this step bad? `known` is an earlier step and its state, which saves work and never
    /// changes the answer.
    ///
    /// The draw of a step is used so that most of them lead to one state from both. Looking back
    /// from a step to the last such one answers without the whole past: about as many steps as a
    /// spell is long, however long ago the zero was.
    pub fn is_bad(&self, seed: u64, fault: &str, step: u64, known: Option<(u64, bool)>) -> bool {
        if self.good_steps.max(self.bad_steps) <= 1 {
            // Every step is a change, and looking back would find no end.
            return step % 2 == 1;
        }
        let (from, state) = known.filter(|(from, _)| *from <= step).unwrap_or((0, false));
        let mut swapped = false;
        for before in (from..step).rev() {
            match self.turn(seed, fault, before) {
                Turn::Keep => {},
                Turn::Swap => swapped = !swapped,
                Turn::ToGood => return swapped,
                Turn::ToBad => return !swapped,
            }
        }
        state ^ swapped
    }

    /// What happens between a step and the next.
    fn turn(&self, seed: u64, fault: &str, step: u64) -> Turn {
        let unit = decision::numbered(seed, "regime", fault, step).as_f64();
        let chance = |steps: u32| 1.0 / f64::from(steps.max(1));
        // The lower end of the draws heals, the upper end breaks.
        match (unit < chance(self.bad_steps), unit >= 1.0 - chance(self.good_steps)) {
            (false, false) => Turn::Keep,
            (true, false) => Turn::ToGood,
            (false, true) => Turn::ToBad,
            (true, true) => Turn::Swap,
        }
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
    fn conditions_print_in_the_words_of_the_language() {
        let when = When {
            first: Some(3),
            every: Some(2),
            per: Per::Header("x-tenant".into()),
            max_active: Some(10),
            ramp_to: None,
            flapping: Some(Flapping { on_ms: 2_000, off_ms: 500 }),
            regime: Some(Regime { step_ms: 100, good_steps: 80, bad_steps: 20 }),
        };
        let said = "first 3 per header x-tenant, every 2 per header x-tenant, at most 10 at once, \
                    on 2s off 500ms, good 8s bad 2s";
        assert_eq!(when.to_string(), said);
        assert_eq!(When::default().to_string(), "");
    }

    #[test]
    fn flapping_is_on_first() {
        let flapping = Flapping { on_ms: 2, off_ms: 3 };
        let on: Vec<bool> = (0..10).map(|ms| flapping.is_on(ms)).collect();
        let turn = [true, true, false, false, false];
        assert_eq!(on, [turn, turn].concat());
    }

    /// The states of `0..steps`, each computed from the one before.
    fn spells(regime: Regime, seed: u64, steps: u64) -> Vec<bool> {
        let mut known = None;
        let state = |step| {
            let bad = regime.is_bad(seed, "slow", step, known);
            known = Some((step, bad));
            bad
        };
        (0..steps).map(state).collect()
    }

    #[test]
    fn spells_have_the_mean_lengths_that_were_asked_for_and_repeat() {
        let regime = Regime { step_ms: 100, good_steps: 8, bad_steps: 2 };
        let states = spells(regime, 1, 40_000);
        let bad = states.iter().filter(|bad| **bad).count() as f64;
        let began = states.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
        // The share of bad steps is 2 / (2 + 8); about 4,000 spells of each kind.
        let (mean_bad, mean_good) = (bad / began, (40_000.0 - bad) / began);
        assert!((1.85..=2.15).contains(&mean_bad), "{mean_bad}");
        assert!((7.4..=8.6).contains(&mean_good), "{mean_good}");
        assert!(!states[0], "step 0 is good");
        assert_eq!(spells(regime, 1, 1_000), states[..1_000]);
        assert_ne!(spells(regime, 2, 1_000), states[..1_000]);
    }

    #[test]
    fn the_state_of_a_step_is_the_same_from_wherever_it_is_looked_at() {
        for (good_steps, bad_steps) in [(8, 2), (1, 1), (1, 5), (5, 1), (2, 2), (40, 40), (0, 3)] {
            let regime = Regime { step_ms: 1, good_steps, bad_steps };
            let states = spells(regime, 7, 300);
            for step in 0..300_usize {
                let known = (step as u64 / 2, states[step / 2]);
                let later = (step as u64 + 1, !states[step]);
                for known in [None, Some((0, false)), Some(known), Some(later)] {
                    let bad = regime.is_bad(7, "slow", step as u64, known);
                    assert_eq!(bad, states[step], "{regime:?} step {step} from {known:?}");
                }
            }
        }
    }

    #[test]
    fn a_zero_that_is_long_ago_costs_no_more_than_a_spell() {
        let regime =
            Regime { step_ms: 1, good_steps: REGIME_STEPS_MAX, bad_steps: REGIME_STEPS_MAX };
        let far = u64::MAX / 2;
        let bad = regime.is_bad(3, "slow", far, None);
        assert_eq!(regime.is_bad(3, "slow", far, Some((far - 1_000_000, !bad))), bad);
    }

    #[test]
    fn the_spells_never_change_between_versions() {
        let states = spells(Regime { step_ms: 1, good_steps: 4, bad_steps: 2 }, 42, 40);
        let text: String = states.iter().map(|bad| if *bad { 'x' } else { '.' }).collect();
        assert_eq!(text, PINNED);
    }
    const PINNED: &str = "...x..xx.....xx......xx.xx...xx......xx.";
}
