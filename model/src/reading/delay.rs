//! Delays as people write them: fixed, drawn from a distribution, or as they were recorded.

use std::time::Duration;

use serde::Deserialize;

use super::outside::Outside;
use super::reader::{Value, shorten};
use crate::distribution::{DELAY_MAX, Distribution, Quantile};
use crate::units::{Share, parse_duration};

const NOTHING: &str = "a delay of zero does nothing";

/// A file of recorded response times: `{"quantiles": [{"share": 0.5, "value_us": 1200}, ...]}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    /// Where they come from, for people.
    #[serde(default, rename = "source")]
    _source: Option<String>,
    quantiles: Vec<Quantile>,
}

/// A delay as text, or as a table of quantiles that stands here or in a file of its own.
pub(crate) fn read(value: &Value<'_>, outside: &dyn Outside) -> Option<Distribution> {
    if !value.is_table() {
        return value.parsed("a delay like \"1500ms +- 300ms\", or a table of quantiles", parse);
    }
    let mut table = value.inner_table()?;
    let here = table.get("quantiles");
    let elsewhere = table.get("quantiles_from");
    let span = table.span.clone();
    table.finish(&[]);
    let rows = match (&here, &elsewhere) {
        (Some(here), None) => read_rows(here),
        (None, Some(path)) => path.parsed("a path", |path| read_recorded(path, outside)),
        _ => {
            let name = &value.name;
            let message = format!("{name} needs one of the keys `quantiles` and `quantiles_from`");
            value.report.add(span, message);
            None
        },
    }?;
    let delay = Distribution::Quantiles { table: rows };
    if let Some(problem) = delay.problem() {
        value.wrong(format!("{}: {problem}", value.name));
        return None;
    }
    Some(delay)
}

/// `{ "50%" = "10ms", "99%" = "120ms" }`, in any order.
fn read_rows(value: &Value<'_>) -> Option<Vec<Quantile>> {
    let table = value.inner_table()?;
    let mut rows = Vec::new();
    for (share, span, delay) in table.named() {
        let share: Option<Share> =
            share.parse().map_err(|error| table.report.add(span, format!("{error}"))).ok();
        let us = delay.parsed("a delay like \"10ms\"", microseconds);
        if let (Some(share), Some(value_us)) = (share, us) {
            rows.push(Quantile { share: share.as_fraction(), value_us });
        }
    }
    rows.sort_by(|left, right| left.share.total_cmp(&right.share));
    Some(rows)
}

fn read_recorded(path: &str, outside: &dyn Outside) -> Result<Vec<Quantile>, String> {
    let text = outside.text(path)?;
    let recorded: Recorded = serde_json::from_str(&text)
        .map_err(|error| format!("\"{}\" is no recorded latency: {error}", shorten(path)))?;
    let most = DELAY_MAX.as_micros() as u64;
    if recorded.quantiles.iter().any(|row| row.value_us > most) {
        return Err(format!("\"{}\" has a delay above {}s", shorten(path), DELAY_MAX.as_secs()));
    }
    Ok(recorded.quantiles)
}

/// How long a user thinks: a delay, or `1s..3s` for anything between, evenly; it may be nothing.
pub(crate) fn parse_think(text: &str) -> Result<Distribution, String> {
    if text.trim() == "0s" {
        return Ok(Distribution::Fixed { value_us: 0 });
    }
    let range = text.split_once("..").filter(|(min, _)| !min.trim().contains(' '));
    match range {
        Some((min, max)) => uniform(microseconds(min)?, microseconds(max)?),
        None => parse(text),
    }
}

/// `1500ms`, `1500ms +- 300ms`, `uniform 1s..2s`, `normal 1500ms deviation 300ms`,
/// `lognormal 1500ms deviation 300ms`, `exponential 200ms`, `pareto 100ms alpha 1.5`.
pub(crate) fn parse(text: &str) -> Result<Distribution, String> {
    let text = text.trim();
    let wrong = || {
        format!(
            "a delay is written \"1500ms\", \"1500ms +- 300ms\", \"uniform 1s..2s\", \
             \"normal 1500ms deviation 300ms\", \"lognormal 1500ms deviation 300ms\", \
             \"exponential 200ms\" or \"pareto 100ms alpha 1.5\"; got \"{}\"",
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
    if let Some(rest) = text.strip_prefix("lognormal ") {
        let (mean, deviation) = rest.split_once(" deviation ").ok_or_else(wrong)?;
        let (mean_us, deviation_us) = (above_zero(mean)?, microseconds(deviation)?);
        return Ok(Distribution::LogNormal { mean_us, deviation_us });
    }
    if let Some(mean) = text.strip_prefix("exponential ") {
        return Ok(Distribution::Exponential { mean_us: above_zero(mean)? });
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
            ("lognormal 1500ms deviation 300ms", "lognormal 1.5s deviation 300ms"),
            ("exponential 200ms", "exponential 200ms"),
            ("pareto 100ms alpha 1.5", "pareto 100ms alpha 1.5"),
        ] {
            let delay = parse(text).unwrap();
            assert_eq!(delay.to_string(), printed);
            assert_eq!(parse(printed).unwrap(), delay);
        }
    }

    #[test]
    fn a_think_time_may_be_a_bare_range_or_nothing() {
        let uniform = Distribution::Uniform { min_us: 1_000_000, max_us: 3_000_000 };
        assert_eq!(parse_think("1s..3s"), Ok(uniform.clone()));
        assert_eq!(parse_think("uniform 1s..3s"), Ok(uniform));
        assert_eq!(parse_think("0s"), Ok(Distribution::Fixed { value_us: 0 }));
        assert!(parse_think("3s..1s").is_err() && parse_think("1..3").is_err());
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
            "exponential 0s",
            "pareto 1s alpha 0",
            "pareto 1s alpha NaN",
            "normal 1s",
            "lognormal 0s deviation 1s",
            "lognormal 1s",
            "normal 0s deviation 0s",
            "2h",
        ] {
            assert!(parse(text).is_err(), "{text} was accepted");
        }
    }
}
