//! `breaker` and `shadow_breakers`: when they open, and how they probe.

use std::time::Duration;

use crate::policy::{
    BreakerPolicy, BreakerState, HALF_OPEN_PERMITS_MAX, HalfOpenThen, OpenBackoff,
    WINDOW_CALLS_MAX, WINDOW_MS_MAX,
};
use crate::reading::reader::{Table, Value, shorten};
use crate::units::{Share, format_duration, parse_duration};

/// Largest factor by which the open time grows each time.
const FACTOR_MAX: f64 = 100.0;
const OPEN_DEFAULT_MS: u64 = 5_000;
const TRIALS_DEFAULT: u32 = 3;
const TRIAL_TIMEOUT_DEFAULT_MS: u64 = 10_000;

/// What opens a breaker: a share of the last calls, or of the calls of the last while.
#[derive(Debug, Clone, Copy)]
struct OpensAt {
    rate: Share,
    calls: u32,
    ms: Option<u64>,
}

pub(super) fn read(mut table: Table<'_>) -> BreakerPolicy {
    let opens_at = table.require("opens_at").as_ref().and_then(read_opens_at);
    let minimum = table.get("minimum").and_then(|value| read_calls(&value));
    let mut policy = BreakerPolicy {
        open_ms: OPEN_DEFAULT_MS,
        half_open_permits: TRIALS_DEFAULT,
        half_open_deadline_ms: TRIAL_TIMEOUT_DEFAULT_MS,
        ..BreakerPolicy::default()
    };
    if let Some(opens_at) = opens_at {
        take_window(&table, &mut policy, opens_at, minimum);
    }
    read_slow(&mut table, &mut policy);
    let consecutive = table.get("consecutive");
    policy.consecutive =
        consecutive.and_then(|value| value.integer(1..=1_000_000)).map(|count| count as u32);
    read_open_time(&mut table, &mut policy);
    read_half_open(&mut table, &mut policy);
    let initial = table.get("initial").and_then(|value| {
        value.one_of("state of a breaker", BreakerState::ALL.map(BreakerState::as_str))
    });
    policy.initial = initial.and_then(BreakerState::parse).unwrap_or(BreakerState::Closed);
    if let (Err(problem), true) = (policy.check(), table.report.is_empty()) {
        table.wrong(format!("{}: {problem}", table.name));
    }
    table.finish(&[]);
    policy
}

fn take_window(
    table: &Table<'_>,
    policy: &mut BreakerPolicy,
    opens_at: OpensAt,
    minimum: Option<u32>,
) {
    policy.failure_rate = opens_at.rate;
    policy.window_ms = opens_at.ms;
    if opens_at.ms.is_some() {
        if minimum.is_none() {
            table.wrong(format!(
                "{}: a window of time needs `minimum`, the calls below which no rate is known",
                table.name
            ));
        }
        policy.minimum_calls = minimum.unwrap_or(policy.minimum_calls);
        return;
    }
    let calls = opens_at.calls;
    if minimum.is_some_and(|minimum| minimum > calls) {
        table.wrong(format!(
            "{}: `minimum` is above the {calls} calls of the window, so it never opens",
            table.name
        ));
    }
    policy.window_calls = calls;
    policy.minimum_calls = minimum.unwrap_or(calls);
}

/// `50% of 20 calls`, or `50% of calls in 10s`.
fn read_opens_at(value: &Value<'_>) -> Option<OpensAt> {
    value.parsed("a rate and a window like \"50% of 20 calls\"", |text| {
        let wrong = || {
            format!(
                "a breaker opens at something like \"50% of 20 calls\" or \"50% of calls in 10s\", \
                 got \"{}\"",
                shorten(text)
            )
        };
        let (rate, window) = text.split_once(" of ").ok_or_else(wrong)?;
        let rate: Share = rate.parse().map_err(|_not_a_share| wrong())?;
        if let Some(time) = window.trim().strip_prefix("calls in ") {
            let time = parse_duration(time).map_err(|_not_a_time| wrong())?;
            let longest = Duration::from_millis(WINDOW_MS_MAX);
            if rate == Share::ZERO || time < Duration::from_millis(10) || time > longest {
                return Err(format!(
                    "a breaker needs a rate above 0% and a window from 10ms to {}",
                    format_duration(longest)
                ));
            }
            return Ok(OpensAt { rate, calls: 1, ms: Some(time.as_millis() as u64) });
        }
        let calls = window.trim().strip_suffix("calls").ok_or_else(wrong)?;
        let calls: u32 = calls.trim().parse().map_err(|_not_a_number| wrong())?;
        if rate == Share::ZERO || calls == 0 || calls > WINDOW_CALLS_MAX {
            return Err(format!(
                "a breaker needs a rate above 0% and a window of 1 to {WINDOW_CALLS_MAX} calls"
            ));
        }
        Ok(OpensAt { rate, calls, ms: None })
    })
}

/// `10` or `"10 calls"`.
fn read_calls(value: &Value<'_>) -> Option<u32> {
    if !value.is_text() {
        return value.integer(1..=u64::from(WINDOW_CALLS_MAX)).map(|calls| calls as u32);
    }
    value.parsed("a number of calls", |text| {
        let number = text.trim().strip_suffix("calls").map(str::trim);
        number
            .and_then(|number| number.parse().ok())
            .filter(|calls| (1..=WINDOW_CALLS_MAX).contains(calls))
            .ok_or_else(|| {
                format!("a number of calls is written \"10 calls\", got \"{}\"", shorten(text))
            })
    })
}

fn read_slow(table: &mut Table<'_>, policy: &mut BreakerPolicy) {
    policy.slow_call_ms = table.get("slow").and_then(|value| value.time_ms());
    let rate = table.get("slow_opens_at");
    if let (Some(value), None) = (&rate, policy.slow_call_ms) {
        value.wrong("`slow_opens_at` needs `slow`, the duration above which a call is slow");
    }
    if let Some(rate) = rate.as_ref().and_then(read_rate) {
        policy.slow_rate = rate;
    }
}

fn read_rate(value: &Value<'_>) -> Option<Share> {
    let rate = value.share()?;
    if rate == Share::ZERO {
        value.wrong("a breaker that opens at 0% would always be open");
        return None;
    }
    Some(rate)
}

fn read_open_time(table: &mut Table<'_>, policy: &mut BreakerPolicy) {
    if let Some(ms) = table.get("stays_open").and_then(|value| value.time_ms()) {
        policy.open_ms = ms;
    }
    if let Some(inner) = table.get("backoff").and_then(|value| value.inner_table()) {
        policy.open_backoff = Some(read_backoff(inner, policy.open_ms));
    }
    if let Some(time) = table.get("retry_after").and_then(|value| value.duration()) {
        policy.retry_after_max_ms = time.as_millis() as u64;
    }
    if let Some(automatic) = table.get("automatic").and_then(|value| value.flag()) {
        policy.automatic = automatic;
    }
}

/// `{ factor = 2, max = "5m", jitter = "10%" }`.
fn read_backoff(mut table: Table<'_>, open_ms: u64) -> OpenBackoff {
    let mut backoff = OpenBackoff::default();
    if let Some(factor) = table.get("factor").and_then(|value| value.number(1.0..=FACTOR_MAX)) {
        backoff.factor_thousandths = (factor * 1_000.0).round() as u32;
    }
    let max = table.get("max");
    if let Some(ms) = max.as_ref().and_then(Value::time_ms) {
        backoff.open_max_ms = ms;
    }
    if backoff.open_max_ms < open_ms {
        let message = "the longest open time, `max`, is below `stays_open`";
        table.report.add(max.map_or_else(|| table.span.clone(), |value| value.span), message);
    }
    if let Some(jitter) = table.get("jitter").and_then(|value| value.share()) {
        backoff.jitter = jitter;
    }
    table.finish(&[]);
    backoff
}

fn read_half_open(table: &mut Table<'_>, policy: &mut BreakerPolicy) {
    let most = u64::from(HALF_OPEN_PERMITS_MAX);
    if let Some(trials) = table.get("trials").and_then(|value| value.integer(1..=most)) {
        policy.half_open_permits = trials as u32;
    }
    if let Some(ms) = table.get("trial_timeout").and_then(|value| value.time_ms()) {
        policy.half_open_deadline_ms = ms;
    }
    policy.half_open_max_ms = table.get("half_open_max").and_then(|value| value.time_ms());
    let then = table.get("half_open_then");
    if let (Some(value), None) = (&then, policy.half_open_max_ms) {
        value.wrong("`half_open_then` needs `half_open_max`, the time after which it is so");
    }
    let then = then.and_then(|value| value.one_of("state after that time", ["open", "closed"]));
    if then == Some("closed") {
        policy.half_open_then = HalfOpenThen::Closed;
    }
}
