//! Delays of the latency fault as people write them.

use std::time::Duration;

use crate::distribution::{DELAY_MAX, Distribution};
use crate::scenario::reader::shorten;
use crate::units::parse_duration;

const NOTHING: &str = "a delay of zero does nothing";

/// `1500ms`, `1500ms +- 300ms`, `uniform 1s..2s`, `normal 1500ms deviation 300ms`,
/// `pareto 100ms alpha 1.5`.
pub(super) fn parse(text: &str) -> Result<Distribution, String> {
    let text = text.trim();
    let wrong = || {
        format!(
            "a delay is written \"1500ms\", \"1500ms +- 300ms\", \"uniform 1s..2s\", \
             \"normal 1500ms deviation 300ms\" or \"pareto 100ms alpha 1.5\"; got \"{}\"",
            shorten(text)
        )
    };
    if let Some(range) = text.strip_prefix("uniform ") {
        let (min, max) = range.split_once("..").ok_or_else(wrong)?;
        return uniform(microseconds(min)?, microseconds(max)?);
    }
    if let Some(rest) = text.strip_prefix("normal ") {
        let (mean, deviation) = rest.split_once(" deviation ").ok_or_else(wrong)?;
        let (mean_us, deviation_us) = (microseconds(mean)?, microseconds(deviation)?);
        if mean_us == 0 && deviation_us == 0 {
            return Err(NOTHING.to_owned());
        }
        return Ok(Distribution::Normal { mean_us, deviation_us });
    }
    if let Some(rest) = text.strip_prefix("pareto ") {
        let (scale, alpha) = rest.split_once(" alpha ").ok_or_else(wrong)?;
        let alpha: f64 = alpha.trim().parse().map_err(|_not_a_number| wrong())?;
        if !(0.1..=100.0).contains(&alpha) {
            return Err(format!("alpha of a pareto delay is from 0.1 to 100, got {alpha}"));
        }
        return Ok(Distribution::Pareto { scale_us: above_zero(scale)?, alpha });
    }
    if let Some((middle, around)) = text.split_once("+-") {
        let (middle, around) = (microseconds(middle)?, microseconds(around)?);
        if around == 0 {
            return Err(
                "what stands after `+-` is above zero; without it the delay is always the \
                        same"
                    .to_owned(),
            );
        }
        let min = middle.checked_sub(around).ok_or_else(|| {
            format!("a delay cannot be negative, and \"{}\" goes below 0", shorten(text))
        })?;
        return uniform(min, middle + around);
    }
    parse_duration(text).map_err(|_not_a_duration| wrong())?;
    Ok(Distribution::Fixed { value_us: above_zero(text)? })
}

fn uniform(min_us: u64, max_us: u64) -> Result<Distribution, String> {
    if min_us >= max_us {
        return Err("a uniform delay needs a lower end below its upper end".to_owned());
    }
    Ok(Distribution::Uniform { min_us, max_us })
}

fn above_zero(text: &str) -> Result<u64, String> {
    match microseconds(text)? {
        0 => Err(NOTHING.to_owned()),
        us => Ok(us),
    }
}

fn microseconds(text: &str) -> Result<u64, String> {
    let delay: Duration = parse_duration(text).map_err(|error| error.to_string())?;
    if delay > DELAY_MAX {
        return Err(format!(
            "a delay is at most {}s, got \"{}\"",
            DELAY_MAX.as_secs(),
            text.trim()
        ));
    }
    Ok(delay.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_read_and_print() {
        for (text, printed) in [
            ("1500ms", "1.5s"),
            ("1500ms +- 300ms", "uniform 1.2s..1.8s"),
            ("uniform 1s..2s", "uniform 1s..2s"),
            ("normal 1500ms deviation 300ms", "normal 1.5s deviation 300ms"),
            ("pareto 100ms alpha 1.5", "pareto 100ms alpha 1.5"),
        ] {
            let delay = parse(text).unwrap();
            assert_eq!(delay.to_string(), printed);
            assert_eq!(parse(printed).unwrap(), delay);
        }
    }

    #[test]
    fn impossible_delays_are_refused() {
        for text in [
            "",
            "0ms",
            "5",
            "100ms +- 200ms",
            "100ms +- 0ms",
            "uniform 2s..1s",
            "uniform 2s",
            "pareto 1s alpha 0",
            "pareto 1s alpha NaN",
            "normal 1s",
            "normal 0s deviation 0s",
            "2h",
        ] {
            assert!(parse(text).is_err(), "{text} was accepted");
        }
    }
}
