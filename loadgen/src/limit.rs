//! The highest rate at which an objective holds, found by trying rates.
//!
//! Pure: [`Search`] says which rate to try next and learns what came of it. It doubles or halves
//! until the limit lies between two rates, halves the distance between them, and tries what matters
//! again: a rate of which the trial was too close to call, and both ends of what is left. One trial
//! may be luck; the majority of three is taken where trials of one rate differ. That a higher rate
//! is not easier than a lower one is all that is assumed of the system.

/// Trials of one rate.
const TRIALS_MAX: usize = 3;
/// Trials in all: doubling from 1/s to the highest rate and back needs fewer.
const PROBES_MAX: usize = 60;
/// How far below the first rate the search goes: a factor of a thousand.
const BELOW_MAX: f64 = 1_000.0;

/// What came of one trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    Meets,
    Misses,
    /// Too close to call.
    Unclear,
    /// Too few requests to say anything, as there will be at this rate and at all lower ones.
    TooFew,
    /// The generator could not keep its promise, so nothing was learned of the system.
    Invalid,
}

/// One rate that was tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probe {
    pub rate_per_s: f64,
    pub trial: Trial,
}

/// What all trials of one rate say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Meets,
    Misses,
    /// No trial has said anything.
    Unclear,
    Generator,
    /// Tried, and must be tried again.
    Open,
}

/// What ends the range in which the objective holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The system under load.
    System,
    /// The load generator; the system may bear more.
    Generator,
    /// Trials that could not be decided.
    Unclear,
    /// Nothing up to the highest rate that may be asked for.
    Highest,
}

/// Where the limit lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Highest rate at which the objective held.
    pub holds_per_s: Option<f64>,
    /// Lowest rate at which it did not, or could not be shown to.
    pub fails_per_s: Option<f64>,
    pub bound: Bound,
}

#[derive(Debug, Clone)]
pub struct Search {
    start_per_s: f64,
    highest_per_s: f64,
    /// The search ends when the two ends are closer than this share of the lower one.
    precision: f64,
    probes: Vec<Probe>,
}

impl Search {
    pub fn new(start_per_s: f64, highest_per_s: f64, precision: f64) -> Self {
        let start_per_s = start_per_s.min(highest_per_s);
        Self { start_per_s, highest_per_s, precision, probes: Vec::new() }
    }

    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }

    pub fn learn(&mut self, rate_per_s: f64, trial: Trial) {
        self.probes.push(Probe { rate_per_s, trial });
    }

    /// The rate to try next; `None` when the limit is as well known as it can be.
    pub fn next_rate(&self) -> Option<f64> {
        if self.probes.len() >= PROBES_MAX {
            return None;
        }
        let open =
            self.probes.iter().find(|probe| self.standing(probe.rate_per_s) == Standing::Open);
        if let Some(open) = open {
            return Some(open.rate_per_s);
        }
        match self.ends() {
            (None, None) => Some(self.start_per_s),
            (Some(low), None) if low >= self.highest_per_s => self.again(low),
            (Some(low), None) => Some((low * 2.0).min(self.highest_per_s)),
            // Lower rates have even fewer requests.
            (None, high @ Some(_)) if self.is_short(high) => None,
            (None, Some(high)) => {
                let next = rounded(high / 2.0);
                (next * BELOW_MAX >= self.start_per_s && next < high).then_some(next)
            },
            (Some(low), Some(high)) => self.between(low, high),
        }
    }

    fn between(&self, low: f64, high: f64) -> Option<f64> {
        let middle = rounded((low * high).sqrt());
        if high > low * (1.0 + self.precision) && middle > low && middle < high {
            return Some(middle);
        }
        self.again(low).or_else(|| self.again(high))
    }

    /// A rate that decides is tried at least twice.
    fn again(&self, rate_per_s: f64) -> Option<f64> {
        (self.trials(rate_per_s).count() < 2).then_some(rate_per_s)
    }

    fn trials(&self, rate_per_s: f64) -> impl Iterator<Item = Trial> + '_ {
        let same = move |probe: &&Probe| same(probe.rate_per_s, rate_per_s);
        self.probes.iter().filter(same).map(|probe| probe.trial)
    }

    fn standing(&self, rate_per_s: f64) -> Standing {
        let of = |wanted: Trial| self.trials(rate_per_s).filter(|trial| *trial == wanted).count();
        let (meets, misses, invalid) = (of(Trial::Meets), of(Trial::Misses), of(Trial::Invalid));
        let trials = self.trials(rate_per_s).count();
        if meets == trials {
            return Standing::Meets;
        }
        if misses == trials {
            return Standing::Misses;
        }
        if invalid >= 2 {
            return Standing::Generator;
        }
        if of(Trial::TooFew) == trials {
            return Standing::Unclear;
        }
        if trials < TRIALS_MAX {
            return Standing::Open;
        }
        if of(Trial::Unclear) + of(Trial::TooFew) == trials {
            return Standing::Unclear;
        }
        // What could not be shown to hold does not count as holding.
        if meets * 2 > trials { Standing::Meets } else { Standing::Misses }
    }

    /// The highest rate that holds below the lowest that does not, and that one.
    fn ends(&self) -> (Option<f64>, Option<f64>) {
        let of = |wanted: fn(Standing) -> bool| {
            let rates = self.probes.iter().map(|probe| probe.rate_per_s);
            rates.filter(move |rate| wanted(self.standing(*rate)))
        };
        // What could not be decided is no range in which the objective holds.
        let fails = |standing| !matches!(standing, Standing::Meets | Standing::Open);
        let high = of(fails).reduce(f64::min);
        let below = |rate: &f64| high.is_none_or(|high| *rate < high);
        let low = of(|standing| standing == Standing::Meets).filter(below).reduce(f64::max);
        (low, high)
    }

    /// Were there too few requests in every trial of this rate?
    fn is_short(&self, rate_per_s: Option<f64>) -> bool {
        rate_per_s.is_some_and(|rate| self.trials(rate).all(|trial| trial == Trial::TooFew))
    }

    /// What is known by now.
    pub fn limit(&self) -> Limit {
        let (holds_per_s, fails_per_s) = self.ends();
        let bound = match fails_per_s.map(|rate| self.standing(rate)) {
            None => Bound::Highest,
            Some(Standing::Generator) => Bound::Generator,
            // Too close to call above a rate that holds is where the system begins to fail.
            Some(Standing::Unclear) if holds_per_s.is_none() || self.is_short(fails_per_s) => {
                Bound::Unclear
            },
            Some(_) => Bound::System,
        };
        Limit { holds_per_s, fails_per_s, bound }
    }
}

/// Rates are made once and repeated as they are.
fn same(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs()
}

/// To four digits: a rate that people can type.
fn rounded(rate: f64) -> f64 {
    let unit = 10_f64.powf(rate.log10().floor() - 3.0);
    (rate / unit).round() * unit
}

#[cfg(test)]
mod tests;
