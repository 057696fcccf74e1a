//! `rate_limit`, `bulkhead` and `adaptive_limit`: how much an edge lets through.

use std::time::Duration;

use super::retry::read_percentile;
use crate::policy::{AdaptiveLimit, Bulkhead, RateLimit};
use crate::reading::reader::{Table, Value, shorten};
use crate::reading::when::read_per;
use crate::units::parse_duration;

/// Most requests that a limit may speak of.
const REQUESTS_MAX: u64 = 1_000_000;
const WAIT_MAX: Duration = Duration::from_mins(10);

pub(super) fn read_rate_limit(mut table: Table<'_>) -> RateLimit {
    let rate = table.require("rate").as_ref().and_then(read_rate);
    let burst = table.get("burst").and_then(|value| value.integer(1..=REQUESTS_MAX));
    let per = table.get("per").as_ref().and_then(read_per);
    table.finish(&[]);
    let (count, period_ms) = rate.unwrap_or((1, 1_000));
    RateLimit {
        count,
        period_ms,
        burst: burst.map_or(count, |burst| burst as u32),
        per: per.unwrap_or_default(),
    }
}

/// `100/s`, `1000/m`, `5/10s`: so many requests in each such time.
fn read_rate(value: &Value<'_>) -> Option<(u32, u64)> {
    value.parsed("a rate like \"100/s\"", |text| {
        let wrong = || {
            format!(
                "a rate of requests is written \"100/s\", \"1000/m\", \"20/h\" or \"5/10s\"; \
                 got \"{}\"",
                shorten(text)
            )
        };
        let (count, period) = text.split_once('/').ok_or_else(wrong)?;
        let count: u32 = count.trim().parse().map_err(|_not_a_number| wrong())?;
        let period = period.trim();
        let one = if period.starts_with(|first: char| first.is_ascii_digit()) { "" } else { "1" };
        let period = parse_duration(&format!("{one}{period}")).map_err(|_not_a_time| wrong())?;
        let period_ms = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
        if count == 0 || u64::from(count) > REQUESTS_MAX || period_ms == 0 {
            return Err(format!(
                "a rate is of 1 to {REQUESTS_MAX} requests in at least 1ms, got \"{}\"",
                shorten(text)
            ));
        }
        Ok((count, period_ms))
    })
}

pub(super) fn read_bulkhead(mut table: Table<'_>) -> Bulkhead {
    let concurrent = table.require("concurrent").and_then(|value| value.integer(1..=REQUESTS_MAX));
    let queue_value = table.get("queue");
    let queue = queue_value.as_ref().and_then(|value| value.integer(0..=REQUESTS_MAX));
    let wait_value = table.get("wait");
    let wait_ms =
        wait_value.as_ref().and_then(|value| value.time_ms_within(Duration::ZERO, WAIT_MAX));
    for (one, other, key) in
        [(&queue_value, &wait_value, "wait"), (&wait_value, &queue_value, "queue")]
    {
        if let (Some(value), None) = (one, other) {
            value.wrong(format!(
                "`queue` says how many wait and `wait` how long; `{key}` is missing"
            ));
        }
    }
    table.finish(&[]);
    Bulkhead {
        concurrent: concurrent.unwrap_or(1) as u32,
        queue: queue.unwrap_or_default() as u32,
        wait_ms: wait_ms.unwrap_or_default(),
    }
}

pub(super) fn read_adaptive(mut table: Table<'_>) -> AdaptiveLimit {
    let mut limit = AdaptiveLimit::default();
    if let Some(percentile) = table.get("percentile").as_ref().and_then(read_percentile) {
        limit.percentile = percentile;
    }
    if let Some(buffer) = table.get("buffer").and_then(|value| value.share()) {
        limit.buffer = buffer;
    }
    for (key, time) in
        [("window", &mut limit.window_ms), ("min_rtt_interval", &mut limit.min_rtt_interval_ms)]
    {
        if let Some(ms) = table.get(key).and_then(|value| value.time_ms()) {
            *time = ms;
        }
    }
    let mut most = None;
    for (key, count) in [
        ("window_requests", &mut limit.window_requests),
        ("min_rtt_requests", &mut limit.min_rtt_requests),
        ("min_rtt_concurrent", &mut limit.min_rtt_concurrent),
        ("concurrent_min", &mut limit.concurrent_min),
        ("concurrent_max", &mut limit.concurrent_max),
    ] {
        let value = table.get(key);
        if let Some(number) = value.as_ref().and_then(|value| value.integer(1..=REQUESTS_MAX)) {
            *count = number as u32;
        }
        most = value.filter(|_| key.starts_with("concurrent")).or(most);
    }
    if let Some(value) = most.filter(|_| limit.concurrent_min > limit.concurrent_max) {
        value.wrong("`concurrent_min` is above `concurrent_max`");
    }
    table.finish(&[]);
    limit
}
