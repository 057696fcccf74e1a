//! `retry` and `hedge`: repeats of failed attempts, and second copies of slow ones.

use crate::policy::{HedgePolicy, RetryOn, RetryPolicy};
use crate::reading::nearest::nearest;
use crate::reading::reader::{Table, Value, shorten};
use crate::units::{Share, parse_duration};

pub(crate) fn read(mut table: Table<'_>) -> RetryPolicy {
    let attempts = table.require("attempts").and_then(|value| value.integer(1..=10));
    let on = table.get("on").map(|value| value.items().iter().filter_map(retry_on).collect());
    let backoff = table.get("backoff").as_ref().and_then(read_backoff);
    let (backoff_min_ms, backoff_max_ms) = backoff.unwrap_or((50, 400));
    let budget = table.get("budget").and_then(|value| value.share());
    let reserve = table.get("reserve").and_then(|value| value.integer(0..=1_000_000));
    let retry_after = table.get("retry_after").and_then(|value| value.duration());
    table.finish(&[]);
    RetryPolicy {
        attempts: attempts.unwrap_or(1) as u32,
        on: on.unwrap_or_else(|| vec![RetryOn::Connect]),
        backoff_min_ms,
        backoff_max_ms,
        budget: budget.unwrap_or(Share::from_ppm(100_000)),
        budget_reserve_per_s: reserve.unwrap_or(1) as u32,
        retry_after_max_ms: retry_after.map_or(0, |time| time.as_millis() as u64),
    }
}

fn retry_on(value: &Value<'_>) -> Option<RetryOn> {
    if !value.is_text() {
        return value.integer(400..=599).map(|status| RetryOn::Status(status as u16));
    }
    match value.text("a cause")? {
        "connect" => Some(RetryOn::Connect),
        "reset" => Some(RetryOn::Reset),
        other => {
            let status = other.parse().ok().filter(|status| (400..=599).contains(status));
            if status.is_none() {
                let near = nearest(other, ["connect", "reset"]);
                let near = near.map(|near| format!("; did you mean \"{near}\"?"));
                value.wrong(format!(
                    "a retry is on \"connect\", \"reset\" or a status from \"400\" to \"599\", \
                     got \"{}\"{}",
                    shorten(other),
                    near.unwrap_or_default()
                ));
            }
            status.map(RetryOn::Status)
        },
    }
}

fn read_backoff(value: &Value<'_>) -> Option<(u64, u64)> {
    value.parsed("a range like \"50ms..400ms\"", |text| {
        let (min, max) = text.split_once("..").ok_or_else(|| {
            format!("a backoff is a range like \"50ms..400ms\", got \"{}\"", shorten(text))
        })?;
        let ms = |text: &str| {
            parse_duration(text)
                .map(|time| time.as_millis() as u64)
                .map_err(|error| error.to_string())
        };
        let (min, max) = (ms(min)?, ms(max)?);
        if min == 0 || max < min {
            return Err("a backoff needs a lower end of at least 1ms and not above its upper end"
                .to_owned());
        }
        Ok((min, max))
    })
}

pub(super) fn read_hedge(mut table: Table<'_>) -> HedgePolicy {
    let percentile = table.get("percentile").and_then(|value| read_percentile(&value));
    let delay_min = table.get("delay_min").and_then(|value| value.duration());
    let minimum = table.get("minimum_requests").and_then(|value| value.integer(1..=1_000_000));
    table.finish(&[]);
    HedgePolicy {
        percentile: percentile.unwrap_or(Share::from_ppm(950_000)),
        delay_min_ms: delay_min.map_or(10, |time| time.as_millis() as u64),
        minimum_requests: minimum.unwrap_or(100) as u32,
    }
}

/// A share at which something can lie above and below.
pub(super) fn read_percentile(value: &Value<'_>) -> Option<Share> {
    let share = value.share()?;
    if share == Share::ZERO || share == Share::WHOLE {
        value.wrong(format!("{} must be above 0% and below 100%", value.name));
        return None;
    }
    Some(share)
}
