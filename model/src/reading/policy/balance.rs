//! `balance`, `health` and `outlier`: which endpoint gets a request, and which are left out.

use crate::policy::balance::{Algorithm, HealthPolicy, OutlierPolicy};
use crate::reading::reader::{Table, Value, shorten};
use crate::reading::when::read_per;
use crate::units::{Share, format_duration};

const KINDS: [&str; 4] = ["round-robin", "least-request", "peak-ewma", "ring-hash"];
/// Most of anything that is counted here.
const COUNT_MAX: u64 = 1_000_000;

pub(super) fn read_algorithm(mut table: Table<'_>) -> Algorithm {
    let kind = table.require("kind").and_then(|value| value.one_of("kind of balance", KINDS));
    let decay = table.get("decay");
    let penalty = table.get("penalty");
    let start = table.get("start");
    let by = table.get("by");
    for (value, owner) in
        [(&decay, "peak-ewma"), (&penalty, "peak-ewma"), (&start, "peak-ewma"), (&by, "ring-hash")]
    {
        if let (Some(value), Some(kind)) = (value, kind.filter(|kind| *kind != owner)) {
            value.wrong(format!("{} belongs to \"{owner}\", not to \"{kind}\"", value.name));
        }
    }
    let ms = |value: Option<Value<'_>>| value.and_then(|value| value.time_ms());
    let algorithm = match kind {
        Some("least-request") => Algorithm::LeastRequest,
        Some("peak-ewma") => {
            let mut algorithm = Algorithm::peak_ewma();
            if let Algorithm::PeakEwma { decay_ms, penalty_ms, start_ms } = &mut algorithm {
                *decay_ms = ms(decay).unwrap_or(*decay_ms);
                *penalty_ms = ms(penalty).unwrap_or(*penalty_ms);
                *start_ms = ms(start).unwrap_or(*start_ms);
            }
            algorithm
        },
        Some("ring-hash") => {
            if by.is_none() {
                table
                    .wrong("a ring needs `by`, what goes to the same endpoint, like by = \"user\"");
            }
            Algorithm::RingHash { by: by.as_ref().and_then(read_per).unwrap_or_default() }
        },
        _ => Algorithm::RoundRobin,
    };
    table.finish(&[]);
    algorithm
}

pub(super) fn read_health(mut table: Table<'_>) -> HealthPolicy {
    let mut health = HealthPolicy::default();
    if let Some(value) = table.get("path")
        && let Some(path) = value.text("a path like \"/health\"")
    {
        let plain = path.bytes().all(|byte| byte.is_ascii_graphic());
        if !path.starts_with('/') || !plain {
            value.wrong(format!("a path begins with \"/\", got \"{}\"", shorten(path)));
        }
        health.path = Some(path.to_owned());
    }
    let mut slow = None;
    for (key, time) in [("interval", &mut health.interval_ms), ("timeout", &mut health.timeout_ms)]
    {
        let value = table.get(key);
        if let Some(ms) = value.as_ref().and_then(Value::time_ms) {
            *time = ms;
        }
        slow = value.or(slow);
    }
    if let Some(value) = slow.filter(|_| health.timeout_ms > health.interval_ms) {
        let time = |ms| format_duration(std::time::Duration::from_millis(ms));
        value.wrong(format!(
            "a check may take {} and the next one comes after {}; `timeout` must not be above \
             `interval`",
            time(health.timeout_ms),
            time(health.interval_ms)
        ));
    }
    for (key, count) in [
        ("unhealthy_after", &mut health.unhealthy_after),
        ("healthy_after", &mut health.healthy_after),
    ] {
        if let Some(number) = table.get(key).and_then(|value| value.integer(1..=COUNT_MAX)) {
            *count = number as u32;
        }
    }
    table.finish(&[]);
    health
}

pub(super) fn read_outlier(mut table: Table<'_>) -> OutlierPolicy {
    let mut outlier = OutlierPolicy::default();
    read_outlier_shares(&mut table, &mut outlier);
    // A detector of failures in a row with a limit of 0 is off.
    for (key, count) in [
        ("consecutive_5xx", &mut outlier.consecutive_5xx),
        ("consecutive_gateway_failure", &mut outlier.consecutive_gateway_failure),
        ("consecutive_local_origin_failure", &mut outlier.consecutive_local_origin_failure),
    ] {
        if let Some(number) = table.get(key).and_then(|value| value.integer(0..=COUNT_MAX)) {
            *count = number as u32;
        }
    }
    for (key, count) in [
        ("success_rate_minimum_hosts", &mut outlier.success_rate_minimum_hosts),
        ("success_rate_request_volume", &mut outlier.success_rate_request_volume),
        ("success_rate_stdev_factor", &mut outlier.success_rate_stdev_factor),
        ("failure_percentage_minimum_hosts", &mut outlier.failure_percentage_minimum_hosts),
        ("failure_percentage_request_volume", &mut outlier.failure_percentage_request_volume),
    ] {
        if let Some(number) = table.get(key).and_then(|value| value.integer(1..=COUNT_MAX)) {
            *count = number as u32;
        }
    }
    for (key, time) in [
        ("interval", &mut outlier.interval_ms),
        ("base_ejection_time", &mut outlier.base_ejection_time_ms),
        ("max_ejection_time", &mut outlier.max_ejection_time_ms),
    ] {
        if let Some(ms) = table.get(key).and_then(|value| value.time_ms()) {
            *time = ms;
        }
    }
    if let Some(time) = table.get("max_ejection_time_jitter").and_then(|value| value.duration()) {
        outlier.max_ejection_time_jitter_ms = time.as_millis() as u64;
    }
    for (key, flag) in [
        ("split_external_local_origin_errors", &mut outlier.split_external_local_origin_errors),
        ("successful_active_check_unejects", &mut outlier.successful_active_check_unejects),
        ("count_injected", &mut outlier.count_injected),
    ] {
        if let Some(read) = table.get(key).and_then(|value| value.flag()) {
            *flag = read;
        }
    }
    if outlier.base_ejection_time_ms > outlier.max_ejection_time_ms {
        table.wrong("`base_ejection_time` is above `max_ejection_time`");
    }
    table.finish(&[]);
    outlier
}

fn read_outlier_shares(table: &mut Table<'_>, outlier: &mut OutlierPolicy) {
    let shares: [(&'static str, &mut Share); 7] = [
        ("enforcing_consecutive_5xx", &mut outlier.enforcing_consecutive_5xx),
        (
            "enforcing_consecutive_gateway_failure",
            &mut outlier.enforcing_consecutive_gateway_failure,
        ),
        (
            "enforcing_consecutive_local_origin_failure",
            &mut outlier.enforcing_consecutive_local_origin_failure,
        ),
        ("max_ejection", &mut outlier.max_ejection),
        ("enforcing_success_rate", &mut outlier.enforcing_success_rate),
        ("failure_percentage_threshold", &mut outlier.failure_percentage_threshold),
        ("enforcing_failure_percentage", &mut outlier.enforcing_failure_percentage),
    ];
    for (key, share) in shares {
        if let Some(read) = table.get(key).and_then(|value| value.share()) {
            *share = read;
        }
    }
}
