//! The policy of an edge, as `[gateway.defaults]` of a scenario and `[defaults]` of a gateway file
//! say it, and as an edge says it anew.
//!
//! A key that an edge leaves out comes from the defaults, a table replaces the default one as a
//! whole, and `false` switches it off.

use super::reader::{Table, Value, shorten};
use crate::policy::{EdgePolicy, SHADOWS_MAX, ShadowBreaker};

mod balance;
mod breaker;
mod limit;
mod retry;

pub(crate) use retry::read as read_retry;

/// Longest name of a shadow breaker in characters.
const NAME_MAX: usize = 64;

/// Reads what the table says of a policy; its other keys are left to the caller.
pub(crate) fn read(table: &mut Table<'_>, base: &EdgePolicy) -> EdgePolicy {
    let mut policy = base.clone();
    read_times(table, &mut policy);
    switched(table, "retry", &mut policy.retry, retry::read);
    let hedge = switched(table, "hedge", &mut policy.hedge, retry::read_hedge);
    if let (Some(value), Some(_), None) = (hedge, &policy.hedge, &policy.retry) {
        value.wrong("a hedge is paid from the budget of `retry`, so it needs one");
    }
    switched(table, "breaker", &mut policy.breaker, breaker::read);
    if let Some(value) = table.get("shadow_breakers") {
        policy.shadows = read_shadows(&value);
    }
    switched(table, "rate_limit", &mut policy.rate_limit, limit::read_rate_limit);
    switched(table, "bulkhead", &mut policy.bulkhead, limit::read_bulkhead);
    switched(table, "adaptive_limit", &mut policy.adaptive_limit, limit::read_adaptive);
    read_balance(table, &mut policy);
    policy
}

/// What edges of bytes have of a policy.
pub(crate) fn read_balance(table: &mut Table<'_>, policy: &mut EdgePolicy) {
    if let Some(inner) = table.get("balance").and_then(|value| value.inner_table()) {
        policy.balance.algorithm = balance::read_algorithm(inner);
    }
    switched(table, "health", &mut policy.balance.health, balance::read_health);
    switched(table, "outlier", &mut policy.balance.outlier, balance::read_outlier);
}

fn read_times(table: &mut Table<'_>, policy: &mut EdgePolicy) {
    let timeout = table.get("timeout");
    if let Some(value) = &timeout {
        policy.timeout_ms = value.time_ms();
    }
    let attempt_timeout = table.get("attempt_timeout");
    if let Some(value) = &attempt_timeout {
        policy.attempt_timeout_ms = value.time_ms();
    }
    let place = attempt_timeout.or(timeout);
    if let (Some(place), Some(attempt_ms), Some(whole_ms)) =
        (place, policy.attempt_timeout_ms, policy.timeout_ms)
        && attempt_ms > whole_ms
    {
        place.wrong(
            "`attempt_timeout` is above `timeout`, which ends the request before any attempt",
        );
    }
}

/// A table that may be switched off; answers the value when it is there.
fn switched<'r, T>(
    table: &mut Table<'r>,
    key: &'static str,
    policy: &mut Option<T>,
    read: impl FnOnce(Table<'r>) -> T,
) -> Option<Value<'r>> {
    let value = table.get(key)?;
    *policy = if value.is_false() { None } else { value.inner_table().map(read) };
    Some(value)
}

/// Other configurations of the breaker by name.
fn read_shadows(value: &Value<'_>) -> Vec<ShadowBreaker> {
    if value.is_false() {
        return Vec::new();
    }
    let Some(table) = value.inner_table() else { return Vec::new() };
    let named = table.named();
    if named.len() > SHADOWS_MAX {
        value.wrong(format!("an edge has at most {SHADOWS_MAX} shadow breakers"));
    }
    let mut shadows = Vec::new();
    for (name, span, value) in named.into_iter().take(SHADOWS_MAX) {
        let visible = name.bytes().all(|byte| byte.is_ascii_graphic());
        if !(1..=NAME_MAX).contains(&name.len()) || !visible {
            let name = shorten(name);
            let message = format!(
                "a shadow breaker is named by 1 to {NAME_MAX} visible ASCII characters without a \
                 blank, got \"{name}\""
            );
            table.report.add(span, message);
            continue;
        }
        let policy = value.table(&format!("the shadow breaker \"{name}\"")).map(breaker::read);
        shadows.extend(policy.map(|policy| ShadowBreaker { name: name.to_owned(), policy }));
    }
    shadows
}
