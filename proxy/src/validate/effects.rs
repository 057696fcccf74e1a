//! The parameters of each kind of fault.

use model::distribution::{DELAY_MAX, Distribution};
use model::fault::{FaultKind, Token};
use model::limits::{API_BODY_BYTES_MAX, HEADERS_MAX};

use super::{Checked, at_least_one, at_most, ensure, share, share_above_zero, text};

pub(super) fn check(field: &str, effect: &FaultKind) -> Checked {
    let of = |name: &str| format!("{field}.{name}");
    match effect {
        FaultKind::Latency { delay }
        | FaultKind::SlowAccept { delay }
        | FaultKind::SlowClose { delay } => check_delay(&of("delay"), delay),
        FaultKind::Errors { status, body, headers } => {
            check_status(&of("status"), *status)?;
            check_error_body(&of("body"), *status, body.as_deref())?;
            check_fields(&of("headers"), headers)
        },
        FaultKind::Corrupt { bytes } => at_least_one(&of("bytes"), u64::from(*bytes)),
        FaultKind::SlowDrip { bytes, pause_us } => {
            at_least_one(&of("bytes"), *bytes)?;
            at_least_one(&of("pause_us"), *pause_us)?;
            not_too_long(&of("pause_us"), *pause_us)
        },
        FaultKind::WrongLength { by } => {
            ensure(*by != 0, &of("by"), || "a length that is wrong by 0 bytes is right".to_owned())
        },
        FaultKind::Headers { set, remove } => check_edits(field, set, remove),
        FaultKind::Caller { token, delay_max_ms } => {
            check_token(&of("token"), token)?;
            at_least_one(&of("delay_max_ms"), *delay_max_ms)?;
            not_too_long(&of("delay_max_ms"), delay_max_ms.saturating_mul(1_000))
        },
        FaultKind::Bandwidth { bytes_per_s, .. } => at_least_one(&of("bytes_per_s"), *bytes_per_s),
        FaultKind::Slicer { bytes, variation, pause_us } => {
            at_least_one(&of("bytes"), *bytes)?;
            ensure(variation < bytes, &of("variation"), || {
                format!("must be less than the {bytes} bytes of a piece, got {variation}")
            })?;
            not_too_long(&of("pause_us"), *pause_us)
        },
        FaultKind::LimitTime { after_ms } => at_least_one(&of("after_ms"), *after_ms),
        FaultKind::Loss { rate, correlation, timeout_us } => {
            share_above_zero(&of("rate"), *rate)?;
            share(&of("correlation"), *correlation)?;
            at_least_one(&of("timeout_us"), *timeout_us)?;
            not_too_long(&of("timeout_us"), *timeout_us)
        },
        // A limit of 0 closes a connection in front of its first byte.
        FaultKind::LimitData { .. }
        | FaultKind::Blackhole
        | FaultKind::Reset { .. }
        | FaultKind::LostReply
        | FaultKind::Duplicate
        | FaultKind::Truncate { .. }
        | FaultKind::BrokenChunk { .. }
        | FaultKind::CutEvents { .. }
        | FaultKind::Refuse
        | FaultKind::HalfOpen => Ok(()),
    }
}

pub(super) fn check_status(field: &str, status: u16) -> Checked {
    ensure((200..=599).contains(&status), field, || {
        format!("a status of an answer is 200 to 599, got {status}")
    })
}

fn check_error_body(field: &str, status: u16, body: Option<&str>) -> Checked {
    let Some(body) = body else { return Ok(()) };
    ensure(!matches!(status, 204 | 205 | 304), field, || {
        format!("an answer of status {status} has no body")
    })?;
    at_most(field, body.len(), API_BODY_BYTES_MAX)
}

fn check_fields(field: &str, fields: &[(String, String)]) -> Checked {
    at_most(field, fields.len(), HEADERS_MAX)?;
    for (index, (name, value)) in fields.iter().enumerate() {
        text::own_field_name(&format!("{field}[{index}][0]"), name)?;
        text::field_value(&format!("{field}[{index}][1]"), value)?;
    }
    Ok(())
}

fn check_edits(field: &str, set: &[(String, String)], remove: &[String]) -> Checked {
    ensure(!set.is_empty() || !remove.is_empty(), field, || {
        "sets and removes nothing: set or remove at least one field".to_owned()
    })?;
    check_fields(&format!("{field}.set"), set)?;
    at_most(&format!("{field}.remove"), remove.len(), HEADERS_MAX)?;
    for (index, name) in remove.iter().enumerate() {
        text::own_field_name(&format!("{field}.remove[{index}]"), name)?;
    }
    Ok(())
}

/// Nothing is held back longer than the longest delay, so nothing longer may be asked for. The
/// tails of a distribution are cut there.
fn check_delay(field: &str, delay: &Distribution) -> Checked {
    if let Some(problem) = delay.problem() {
        return ensure(false, field, || problem.to_owned());
    }
    let nominal_us = match delay {
        Distribution::Fixed { value_us } => *value_us,
        Distribution::Uniform { max_us, .. } => *max_us,
        Distribution::Normal { mean_us, .. }
        | Distribution::LogNormal { mean_us, .. }
        | Distribution::Exponential { mean_us } => *mean_us,
        Distribution::Pareto { scale_us, .. } => *scale_us,
        Distribution::Quantiles { table } => table.last().map_or(0, |row| row.value_us),
    };
    not_too_long(field, nominal_us)
}

fn not_too_long(field: &str, us: u64) -> Checked {
    ensure(u128::from(us) <= DELAY_MAX.as_micros(), field, || {
        format!("at most {} s, got {} s", DELAY_MAX.as_secs(), us / 1_000_000)
    })
}

/// A caller must be able to show it.
fn check_token(field: &str, token: &Token) -> Checked {
    ensure(!token.is_empty(), field, || "a token must not be empty".to_owned())?;
    ensure(!token.is_hidden(), field, || {
        "*** stands where a token is not shown: name the token itself".to_owned()
    })?;
    ensure(token.is_visible(), field, || {
        "a token is visible ASCII characters, so that it fits into a header".to_owned()
    })
}
