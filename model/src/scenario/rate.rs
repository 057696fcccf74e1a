//! Arrival rates as people write them: `40/s`, `60/s for 20s`, `5/s -> 60/s over 10s`, and a sine
//! around a rate: `40/s +- 20/s every 30s`.

use crate::limits::RATE_PER_S_MAX;
use crate::load::{RateStep, Wave};
use crate::reading::reader::shorten;
use crate::units::parse_duration;

/// One step of a rate. A step without a time lasts until load ends.
pub(super) fn parse(text: &str) -> Result<RateStep, String> {
    let wrong = || {
        format!(
            "a rate is written \"40/s\", \"40/s for 20s\", \"5/s -> 60/s over 10s\", \
             \"40/s +- 20/s every 30s\", or alone \"max\"; got \"{}\"",
            shorten(text)
        )
    };
    if let Some((from, rest)) = text.split_once("->") {
        let (to, over) = rest.split_once(" over ").ok_or_else(wrong)?;
        return Ok(RateStep::ramp(
            per_second(from).ok_or_else(wrong)??,
            per_second(to).ok_or_else(wrong)??,
            Some(time_ms(over)?),
        ));
    }
    let (rate, for_ms) = match text.split_once(" for ") {
        Some((rate, time)) => (rate, Some(time_ms(time)?)),
        None => (text, None),
    };
    let Some((middle, wave)) = rate.split_once("+-") else {
        let rate = per_second(rate).ok_or_else(wrong)??;
        return Ok(RateStep::ramp(rate, rate, for_ms));
    };
    let (amplitude, period) = wave.split_once(" every ").ok_or_else(wrong)?;
    let middle = per_second(middle).ok_or_else(wrong)??;
    let amplitude_per_s = per_second(amplitude).ok_or_else(wrong)??;
    if amplitude_per_s > middle {
        return Err(format!("a rate cannot fall below 0/s: \"{}\" swings too far", shorten(text)));
    }
    let wave = Some(Wave { amplitude_per_s, period_ms: time_ms(period)? });
    Ok(RateStep { wave, ..RateStep::ramp(middle, middle, for_ms) })
}

/// `None` when it is no rate at all; an error when it is one out of range.
pub(crate) fn per_second(text: &str) -> Option<Result<f64, String>> {
    let (number, unit) = text.trim().split_once('/')?;
    let seconds = match unit.trim() {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return None,
    };
    let digits = number.trim();
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let rate = digits.parse::<f64>().ok().filter(|_| plain)? / seconds;
    if rate > RATE_PER_S_MAX {
        return Some(Err(format!("a rate is at most {RATE_PER_S_MAX}/s, got \"{}\"", text.trim())));
    }
    Some(Ok(rate))
}

pub(super) fn time_ms(text: &str) -> Result<u64, String> {
    let time = parse_duration(text).map_err(|error| error.to_string())?;
    match u64::try_from(time.as_millis()) {
        Ok(ms) if ms > 0 => Ok(ms),
        _ => Err(format!("a step lasts at least 1ms, got \"{}\"", text.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_as_written() {
        for (text, from_per_s, to_per_s, for_ms) in [
            ("40/s", 40.0, 40.0, None),
            ("120/m", 2.0, 2.0, None),
            ("0.5/s for 20s", 0.5, 0.5, Some(20_000)),
            ("5/s -> 60/s over 10s", 5.0, 60.0, Some(10_000)),
        ] {
            assert_eq!(parse(text), Ok(RateStep::ramp(from_per_s, to_per_s, for_ms)), "{text}");
        }
    }

    #[test]
    fn a_wave_swings_around_its_rate() {
        let wave = |for_ms| RateStep {
            wave: Some(Wave { amplitude_per_s: 20.0, period_ms: 30_000 }),
            ..RateStep::ramp(40.0, 40.0, for_ms)
        };
        assert_eq!(parse("40/s +- 20/s every 30s"), Ok(wave(None)));
        assert_eq!(parse("40/s+-1200/m every 30s for 2m"), Ok(wave(Some(120_000))));
        for text in ["40/s +- 20/s", "40/s +- 50/s every 30s", "40/s +- 20/s every 0s"] {
            assert!(parse(text).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in
            ["", "40", "40/d", "-1/s", "inf/s", "NaN/s", "2000000/s", "1/s -> 2/s", "1/s for 0s"]
        {
            assert!(parse(text).is_err(), "{text} was accepted");
        }
    }
}
