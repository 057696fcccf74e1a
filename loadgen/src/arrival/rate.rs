//! The expected number of arrivals as a function of time, and its inverse.
//!
//! Within a step of the rate the curve is a parabola (a line when the rate is constant), so both
//! directions are closed forms: no drift, no table, no small steps. A wave on top of a step has a
//! closed form in one direction; the other is found by Newton's method, held between bounds that
//! always contain it, down to the precision of the numbers.

use std::f64::consts::TAU;

use model::load::{RateStep, Wave};

/// Expected arrivals over time: the integral of a rate in pieces.
#[derive(Debug, Clone)]
pub struct RateCurve {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    start_s: f64,
    duration_s: f64,
    from_per_s: f64,
    to_per_s: f64,
    wave: Option<Wave>,
    /// Expected arrivals before this piece.
    before: f64,
}

/// Most steps of the search for an instant. Newton's method takes a handful; halving, which is the
/// way out where the rate is zero, takes one for each bit.
const SEARCH_STEPS: usize = 64;

impl Piece {
    fn slope(&self) -> f64 {
        if self.duration_s > 0.0 {
            (self.to_per_s - self.from_per_s) / self.duration_s
        } else {
            0.0
        }
    }

    /// Expected arrivals in the first `elapsed_s` of the piece.
    fn arrivals(&self, elapsed_s: f64) -> f64 {
        let ramp = (self.from_per_s + 0.5 * self.slope() * elapsed_s) * elapsed_s;
        ramp + self.wave.map_or(0.0, |wave| {
            // The integral of `amplitude * sin(2 pi t / period)`.
            let turns_per_s = 1_000.0 / wave.period_ms as f64;
            wave.amplitude_per_s * (1.0 - (TAU * turns_per_s * elapsed_s).cos())
                / (TAU * turns_per_s)
        })
    }

    /// The rate itself.
    fn rate_per_s(&self, elapsed_s: f64) -> f64 {
        let ramp = self.from_per_s + self.slope() * elapsed_s;
        ramp + self.wave.map_or(0.0, |wave| {
            wave.amplitude_per_s * (TAU * elapsed_s * 1_000.0 / wave.period_ms as f64).sin()
        })
    }

    /// The inverse of [`Self::arrivals`].
    fn elapsed_s(&self, arrivals: f64) -> f64 {
        if self.wave.is_some() { self.searched_s(arrivals) } else { self.ramp_s(arrivals) }
    }

    fn searched_s(&self, arrivals: f64) -> f64 {
        let (mut low, mut high) = (0.0, self.duration_s);
        let mut at = self.ramp_s(arrivals);
        for _ in 0..SEARCH_STEPS {
            let over = self.arrivals(at) - arrivals;
            if over > 0.0 {
                high = at;
            } else {
                low = at;
            }
            let newton = at - over / self.rate_per_s(at);
            let inside = newton > low && newton < high;
            let next = if inside { newton } else { f64::midpoint(low, high) };
            if (next - at).abs() <= f64::EPSILON * at {
                return next;
            }
            at = next;
        }
        at
    }

    /// The inverse of a ramp, in the form that stays exact when the slope is tiny.
    fn ramp_s(&self, arrivals: f64) -> f64 {
        let root = self.from_per_s * self.from_per_s + 2.0 * self.slope() * arrivals;
        let divisor = self.from_per_s + root.max(0.0).sqrt();
        if divisor > 0.0 { (2.0 * arrivals / divisor).min(self.duration_s) } else { 0.0 }
    }
}

impl RateCurve {
    /// The steps follow one another; what the last one ends with is held until `end_ms`.
    pub fn new(steps: &[RateStep], end_ms: u64) -> Self {
        let mut curve = Self { pieces: Vec::with_capacity(steps.len() + 1) };
        let mut start_ms = 0;
        for step in steps {
            let left_ms = end_ms.saturating_sub(start_ms);
            let duration_ms = step.for_ms.unwrap_or(left_ms);
            curve.push(duration_ms, *step);
            start_ms = start_ms.saturating_add(duration_ms);
        }
        if let Some(last) = steps.last() {
            let hold = RateStep::ramp(last.to_per_s, last.to_per_s, None);
            curve.push(end_ms.saturating_sub(start_ms), hold);
        }
        curve
    }

    fn push(&mut self, duration_ms: u64, step: RateStep) {
        let (start_s, before) = self.pieces.last().map_or((0.0, 0.0), |piece| {
            (piece.start_s + piece.duration_s, piece.before + piece.arrivals(piece.duration_s))
        });
        let duration_s = duration_ms as f64 / 1_000.0;
        let RateStep { from_per_s, to_per_s, wave, .. } = step;
        self.pieces.push(Piece { start_s, duration_s, from_per_s, to_per_s, wave, before });
    }

    /// Expected arrivals from the start of load until `at_s`.
    pub fn arrivals_until(&self, at_s: f64) -> f64 {
        let piece = self.pieces.iter().rev().find(|piece| piece.start_s <= at_s);
        piece.map_or(0.0, |piece| {
            piece.before + piece.arrivals((at_s - piece.start_s).min(piece.duration_s))
        })
    }

    /// The instant at which that many arrivals are expected; `None` when load ends before.
    pub fn instant_of(&self, arrivals: f64) -> Option<f64> {
        let at = self.pieces.partition_point(|piece| piece.before <= arrivals).checked_sub(1)?;
        let piece = self.pieces.get(at)?;
        let within = arrivals - piece.before;
        (within < piece.arrivals(piece.duration_s)).then(|| piece.start_s + piece.elapsed_s(within))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn step(from_per_s: f64, to_per_s: f64, for_ms: Option<u64>) -> RateStep {
        RateStep::ramp(from_per_s, to_per_s, for_ms)
    }

    fn close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-6, "{left} is not {right}");
    }

    #[test]
    fn ramps_and_holds_have_the_areas_that_a_ruler_gives() {
        // 0 to 100/s in 10 s, 100/s for 5 s, down to 20/s in 4 s, then 20/s until 30 s.
        let steps = [
            step(0.0, 100.0, Some(10_000)),
            step(100.0, 100.0, Some(5_000)),
            step(100.0, 20.0, Some(4_000)),
        ];
        let curve = RateCurve::new(&steps, 30_000);
        let table = [
            (0.0, 0.0),
            (5.0, 125.0),
            (10.0, 500.0),
            (15.0, 1_000.0),
            (19.0, 1_240.0),
            (30.0, 1_460.0),
        ];
        for (at_s, arrivals) in table {
            close(curve.arrivals_until(at_s), arrivals);
        }
        for (at_s, arrivals) in table.into_iter().take(5) {
            close(curve.instant_of(arrivals).unwrap(), at_s);
        }
        assert_eq!(curve.instant_of(1_460.5), None);
    }

    #[test]
    fn a_ramp_without_an_end_of_its_own_reaches_its_rate_when_load_ends() {
        let curve = RateCurve::new(&[step(10.0, 30.0, None)], 4_000);
        close(curve.arrivals_until(4.0), 80.0);
        close(curve.instant_of(30.0).unwrap(), 2.0);
    }

    #[test]
    fn nothing_arrives_in_a_pause_and_load_goes_on_after_it() {
        let pause =
            [step(10.0, 10.0, Some(1_000)), step(0.0, 0.0, Some(5_000)), step(10.0, 10.0, None)];
        let curve = RateCurve::new(&pause, 7_000);
        close(curve.instant_of(9.5).unwrap(), 0.95);
        close(curve.instant_of(10.5).unwrap(), 6.05);
        assert_eq!(RateCurve::new(&[step(0.0, 0.0, None)], 1_000).instant_of(0.5), None);
        assert_eq!(RateCurve::new(&[], 1_000).instant_of(0.5), None);
    }

    #[test]
    fn a_wave_comes_on_top_of_the_rate_and_vanishes_over_whole_periods() {
        let wave = Some(Wave { amplitude_per_s: 50.0, period_ms: 4_000 });
        let curve = RateCurve::new(&[RateStep { wave, ..step(100.0, 100.0, None) }], 8_000);
        close(curve.arrivals_until(4.0), 400.0);
        close(curve.arrivals_until(8.0), 800.0);
        // Half a period holds the whole hump: amplitude * period / pi.
        close(curve.arrivals_until(2.0), 200.0 + 50.0 * 4.0 / std::f64::consts::PI);
        close(curve.instant_of(400.0).unwrap(), 4.0);
    }

    proptest! {
        #[test]
        fn the_inverse_leads_back(
            rates in prop::collection::vec(
                (0.0..5e3_f64, 0.0..5e3_f64, 1..20_000_u64, 0.0..=1.0_f64, 1..30_000_u64),
                1..6,
            ),
            share in 0.0..1.0_f64,
        ) {
            let steps: Vec<_> = rates
                .iter()
                .map(|(from, to, for_ms, height, period_ms)| {
                    let amplitude_per_s = from.min(*to) * height;
                    let wave = Wave { amplitude_per_s, period_ms: *period_ms };
                    let wave = (*height > 0.3).then_some(wave);
                    RateStep { wave, ..step(*from, *to, Some(*for_ms)) }
                })
                .collect();
            let curve = RateCurve::new(&steps, 100_000);
            let wanted = curve.arrivals_until(100.0) * share;
            if let Some(at_s) = curve.instant_of(wanted) {
                let found = curve.arrivals_until(at_s);
                prop_assert!((found - wanted).abs() <= 1e-6 * wanted.max(1.0), "{found} {wanted}");
            }
        }
    }
}
