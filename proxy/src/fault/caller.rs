//! What a caller asks for in the headers of its own request.
//!
//! Only a fault of kind `caller` makes the gateway look at these headers, and only with its token:
//! whoever may send headers could otherwise deny service to others. Without the right token nothing
//! happens, nothing is counted, and the answer does not differ.
//!
//! Our names come first; the names of Envoy's fault filter are understood where ours are missing.
//! Each part (a delay, a status, a rate of the answer) is judged on its own, so that 20 % delays
//! and 5 % errors touch 24 % of the requests. The rule has the last word: no part is more likely
//! than its share, and no delay is longer than its longest.
//!
//! The parser is strict: decimal digits, nothing around them, one line per name. A part with a
//! value that cannot be read is not injected with another value; it is skipped as `invalid`, so
//! that the caller finds it in the ledger.

use model::decision::Purpose;
use model::distribution::Distribution;
use model::fault::{FaultKind, Subject, Token};
use model::units::Share;

/// Ours.
const TOKEN: &str = "x-shakedown-inject-token";
const DELAY_MS: &str = "x-shakedown-inject-delay-ms";
const STATUS: &str = "x-shakedown-inject-status";
/// Of all parts.
const PERCENT: &str = "x-shakedown-inject-percent";

/// Envoy's.
const ENVOY_DELAY_MS: &str = "x-envoy-fault-delay-request";
const ENVOY_DELAY_PERCENT: &str = "x-envoy-fault-delay-request-percentage";
const ENVOY_STATUS: &str = "x-envoy-fault-abort-request";
const ENVOY_GRPC_STATUS: &str = "x-envoy-fault-abort-grpc-request";
const ENVOY_STATUS_PERCENT: &str = "x-envoy-fault-abort-request-percentage";
const ENVOY_RATE_KIB_PER_S: &str = "x-envoy-fault-throughput-response";
const ENVOY_RATE_PERCENT: &str = "x-envoy-fault-throughput-response-percentage";

/// All of them, for the guide.
#[cfg(test)]
pub(super) const HEADERS: [&str; 11] = [
    TOKEN,
    DELAY_MS,
    STATUS,
    PERCENT,
    ENVOY_DELAY_MS,
    ENVOY_DELAY_PERCENT,
    ENVOY_STATUS,
    ENVOY_GRPC_STATUS,
    ENVOY_STATUS_PERCENT,
    ENVOY_RATE_KIB_PER_S,
    ENVOY_RATE_PERCENT,
];

/// Digits of the longest number that is read.
const DIGITS_MAX: usize = 9;

/// One thing that a caller asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) purpose: Purpose,
    /// How likely the caller wants it; `None` is as likely as the rule has it.
    pub(crate) share: Option<Share>,
    /// `None` when its value or its share cannot be read.
    pub(crate) effect: Option<FaultKind>,
}

/// What one name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said<T> {
    Nothing,
    Invalid,
    Value(T),
}

/// May this request ask for anything?
pub(crate) fn is_allowed(request: &impl Subject, token: &Token) -> bool {
    said(request, TOKEN, |shown| token.is(shown.as_bytes()).then_some(())) == Said::Value(())
}

/// The parts that act before or instead of the answer.
pub(crate) fn on_request(request: &impl Subject, delay_max_ms: u64) -> [Option<Part>; 2] {
    let delay = match first(request, &[(DELAY_MS, number), (ENVOY_DELAY_MS, number)]) {
        Said::Value(0) => None,
        other => part(Purpose::Fire, other, |ms| {
            let value_us = ms.min(delay_max_ms).saturating_mul(1_000);
            FaultKind::Latency { delay: Distribution::Fixed { value_us } }
        }),
    };
    let status = match first(request, &[(STATUS, http_status), (ENVOY_STATUS, http_status)]) {
        Said::Nothing => part(
            Purpose::FireStatus,
            first(request, &[(ENVOY_GRPC_STATUS, grpc_status)]),
            grpc_answer,
        ),
        other => part(Purpose::FireStatus, other, |status| FaultKind::Errors {
            status: status as u16,
            body: None,
            headers: Vec::new(),
        }),
    };
    [
        delay.map(|part| with_share(part, request, ENVOY_DELAY_PERCENT)),
        status.map(|part| with_share(part, request, ENVOY_STATUS_PERCENT)),
    ]
}

/// The part that acts on the body of the answer.
pub(crate) fn on_body(request: &impl Subject) -> Option<Part> {
    let part = match first(request, &[(ENVOY_RATE_KIB_PER_S, number)]) {
        Said::Value(0) => None,
        other => part(Purpose::FireRate, other, |kib| FaultKind::Bandwidth {
            bytes_per_s: kib.saturating_mul(1_024),
            shared: false,
        }),
    };
    part.map(|part| with_share(part, request, ENVOY_RATE_PERCENT))
}

fn part(purpose: Purpose, said: Said<u64>, effect: impl FnOnce(u64) -> FaultKind) -> Option<Part> {
    match said {
        Said::Nothing => None,
        Said::Invalid => Some(Part { purpose, share: None, effect: None }),
        Said::Value(value) => Some(Part { purpose, share: None, effect: Some(effect(value)) }),
    }
}

fn with_share(part: Part, request: &impl Subject, envoy_name: &str) -> Part {
    match first(request, &[(PERCENT, percent), (envoy_name, envoy_percent)]) {
        Said::Nothing => part,
        // The rule's own share could be far more than the caller wanted.
        Said::Invalid => Part { effect: None, ..part },
        Said::Value(ppm) => Part { share: Some(Share::from_ppm(ppm as u32)), ..part },
    }
}

type Parser = fn(&str) -> Option<u64>;

/// What the first name says that is there.
fn first(request: &impl Subject, names: &[(&str, Parser)]) -> Said<u64> {
    let answers = names.iter().map(|(name, parse)| said(request, name, parse));
    answers.into_iter().find(|said| *said != Said::Nothing).unwrap_or(Said::Nothing)
}

fn said<T>(request: &impl Subject, name: &str, parse: impl Fn(&str) -> Option<T>) -> Said<T> {
    let mut said = Said::Nothing;
    request.any_header(name, &mut |text| {
        said = match (&said, parse(text)) {
            (Said::Nothing, Some(value)) => Said::Value(value),
            // Two lines are no answer, even when they agree.
            _ => Said::Invalid,
        };
        false
    });
    said
}

fn number(text: &str) -> Option<u64> {
    let fits = (1..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn http_status(text: &str) -> Option<u64> {
    number(text).filter(|status| (200..=599).contains(status))
}

fn grpc_status(text: &str) -> Option<u64> {
    number(text).filter(|status| *status <= 16)
}

/// A gRPC failure is an HTTP success without messages.
fn grpc_answer(status: u64) -> FaultKind {
    let field = |name: &str, value: String| (name.to_owned(), value);
    FaultKind::Errors {
        status: 200,
        body: None,
        headers: vec![
            field("content-type", "application/grpc".to_owned()),
            field("grpc-status", status.to_string()),
        ],
    }
}

/// `12`, `12.5` to `12.3456`, at most 100, as parts per million.
fn percent(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.len() > 4 {
        return None;
    }
    let scale = 10_u64.pow(4 - fraction.len() as u32);
    let ppm = number(whole)?.checked_mul(10_000)?.checked_add(number(fraction)? * scale)?;
    (ppm <= u64::from(Share::WHOLE_PPM)).then_some(ppm)
}

/// Envoy's numerator, of 100 unless it names 10000 or 1000000: `5`, `5/10000`. More than the whole
/// is the whole, as Envoy caps it.
fn envoy_percent(text: &str) -> Option<u64> {
    let (numerator, denominator) = text.split_once('/').unwrap_or((text, "100"));
    let ppm_each = match denominator {
        "100" => 10_000,
        "10000" => 100,
        "1000000" => 1,
        _ => return None,
    };
    Some(number(numerator)?.saturating_mul(ppm_each).min(u64::from(Share::WHOLE_PPM)))
}
