//! Vertical scales: logarithmic for durations, which differ by a factor of a thousand in one run.

use super::Stack;
use super::{LEFT, RIGHT};
use crate::report::escape::esc;
use crate::report::figures;
use crate::report::markup::put;

/// Durations in milliseconds, upwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogScale {
    low_ms: f64,
    high_ms: f64,
}

impl LogScale {
    /// Holds all values, with ends at 1, 2 or 5 times a power of ten. Limits just outside are
    /// worth seeing too, so they count as values.
    pub(super) fn around(values: impl Iterator<Item = f64>) -> Self {
        let fitting = values.filter(|value| value.is_finite() && *value > 0.0);
        let (low, high) = fitting
            .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        if high == 0.0 {
            return Self { low_ms: 1.0, high_ms: 10.0 };
        }
        let low_ms = round_values(low / 10.0, low).last().copied().unwrap_or(low);
        let high_ms = round_values(high, high * 10.0).first().copied().unwrap_or(high);
        Self { low_ms, high_ms: high_ms.max(low_ms * 2.0) }
    }

    /// 0 at the bottom, 1 at the top; values outside stay at the border.
    pub(super) fn part(&self, ms: f64) -> f64 {
        let whole = (self.high_ms / self.low_ms).ln();
        ((ms.max(f64::MIN_POSITIVE) / self.low_ms).ln() / whole).clamp(0.0, 1.0)
    }

    /// Few enough to be read apart: powers of ten, and 2 and 5 between them when there is room.
    pub(super) fn ticks(&self, height: f64) -> Vec<f64> {
        let all = round_values(self.low_ms, self.high_ms);
        if all.len() as f64 * 16.0 <= height {
            return all;
        }
        let tens =
            all.into_iter().filter(|value| (value.log10() - value.log10().round()).abs() < 1e-6);
        tens.collect()
    }
}

/// 1, 2 and 5 times powers of ten in `[low, high]`.
fn round_values(low: f64, high: f64) -> Vec<f64> {
    let first = low.log10().floor() as i32;
    let last = high.log10().ceil() as i32;
    let steps =
        (first..=last).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power)));
    steps.filter(|value| *value >= low * 0.999_999 && *value <= high * 1.000_001).collect()
}

/// The place of one panel in the stack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) top: f64,
    pub(super) height: f64,
}

impl Place {
    pub(super) fn y(&self, part: f64) -> f64 {
        self.top + self.height * (1.0 - part)
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// Horizontal lines with their durations at the left.
pub(super) fn draw_ticks(stack: &mut Stack<'_>, place: Place, scale: &LogScale) {
    for tick in scale.ticks(place.height) {
        draw_tick(stack, place.y(scale.part(tick)), &tick_text(tick));
    }
}

pub(super) fn draw_tick(stack: &mut Stack<'_>, y: f64, text: &str) {
    put!(
        stack.svg,
        "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>\
         <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        LEFT - 6.0,
        y + 3.5,
        esc(text)
    );
}

fn tick_text(ms: f64) -> String {
    match ms {
        _ if ms >= 1e3 => format!("{} s", ms / 1e3),
        _ if ms >= 1.0 => format!("{ms} ms"),
        _ => figures::duration(ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_holds_its_values_between_round_ends() {
        let scale = LogScale::around([0.0, 3.0, f64::NAN, 170.0].into_iter());
        assert_eq!((scale.low_ms, scale.high_ms), (2.0, 200.0));
        assert!((scale.part(2.0), scale.part(20.0), scale.part(200.0)) == (0.0, 0.5, 1.0));
        assert!((scale.part(0.0), scale.part(1e9)) == (0.0, 1.0), "the border keeps outsiders");
    }

    #[test]
    fn ticks_thin_out_where_there_is_no_room() {
        let scale = LogScale::around([3.0, 170.0].into_iter());
        assert_eq!(scale.ticks(150.0).len(), 7);
        assert_eq!(scale.ticks(40.0), [10.0, 100.0]);
    }

    #[test]
    fn without_values_there_is_still_a_scale() {
        let scale = LogScale::around(std::iter::empty());
        assert_eq!((scale.low_ms, scale.high_ms), (1.0, 10.0));
    }
}
