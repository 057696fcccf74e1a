//! Faults that a caller asks for: whatever its headers say is read as a plain reader reads it, is
//! asked for again by headers that say the same, and stays within the rule.

use std::fmt::Write as _;

use model::distribution::Distribution;
use model::fault::{FaultKind, Subject, Token};
use model::units::Share;

use super::context::head_with;
use crate::fault::caller::{Part, is_allowed, on_body, on_request};
use crate::http1::RequestHead;

const TOKEN: &str = "s3cret";
const DELAY_MAX_MS: u64 = 5_000;

/// A request of which only the fields matter.
struct Asking(RequestHead);

impl Subject for Asking {
    fn method(&self) -> &str {
        self.0.method()
    }
    fn path(&self) -> &str {
        self.0.path()
    }
    fn query(&self) -> Option<&str> {
        None
    }
    fn any_header(&self, name: &str, fits: &mut dyn FnMut(&str) -> bool) -> bool {
        self.0.values(name).filter_map(|value| std::str::from_utf8(value).ok()).any(fits)
    }
    fn body(&self) -> Option<&[u8]> {
        None
    }
    fn caller(&self) -> &'static str {
        "client"
    }
}

/// `data` are the fields of a request.
pub fn caller_faults(data: &[u8]) {
    let Some(head) = head_with(data) else { return };
    let asking = Asking(head);
    let lines = |name: &str| -> Vec<String> {
        let mut lines = Vec::new();
        asking.any_header(name, &mut |text| {
            lines.push(text.to_owned());
            false
        });
        lines
    };
    assert_eq!(is_allowed(&asking, &Token::new(TOKEN)), lines(Header::TOKEN) == [TOKEN]);

    let [delay, status] = on_request(&asking, DELAY_MAX_MS);
    let rate = on_body(&asking);
    let percent = &lines(Header::PERCENT)[..];
    for (part, names, envoy_percent) in [
        (&delay, &Header::DELAY[..], Header::DELAY_PERCENT),
        (&status, &Header::STATUS[..], Header::STATUS_PERCENT),
        (&rate, &Header::RATE[..], Header::RATE_PERCENT),
    ] {
        let said = names.iter().map(|name| (*name, lines(name))).find(|(_, said)| !said.is_empty());
        let expected = said.and_then(|(name, said)| {
            let value = only(&said).and_then(|text| naive_value(name, text));
            // Nothing is what no delay and no rate are.
            if value == Some(0) && !Header::STATUS.contains(&name) {
                return None;
            }
            let envoy = lines(envoy_percent);
            let share = match (percent, &envoy[..]) {
                ([], []) => Some(None),
                ([], envoy) => only(envoy).and_then(naive_envoy_percent).map(Some),
                (ours, _) => only(ours).and_then(naive_percent).map(Some),
            };
            Some(value.zip(share))
        });
        let found = part.as_ref().map(|part| {
            let share = part.share.map(Share::ppm);
            part.effect.as_ref().map(|effect| (value_of(effect), share))
        });
        let expected = expected.map(|said| {
            said.map(|(value, share)| {
                let longest = if names == Header::DELAY { DELAY_MAX_MS } else { u64::MAX };
                (value.min(longest), share)
            })
        });
        assert_eq!(found, expected, "{names:?}");
    }
    asked_again(delay.as_ref(), status.as_ref(), rate.as_ref());
}

/// Headers that say what was understood are understood alike.
fn asked_again(delay: Option<&Part>, status: Option<&Part>, rate: Option<&Part>) {
    let mut text = String::new();
    for (part, name, percent) in [
        (delay, Header::DELAY[1], Header::DELAY_PERCENT),
        (status, Header::STATUS[1], Header::STATUS_PERCENT),
        (rate, Header::RATE[0], Header::RATE_PERCENT),
    ] {
        let Some(Part { effect: Some(effect), share, .. }) = part else { continue };
        let grpc = matches!(effect, FaultKind::Errors { headers, .. } if !headers.is_empty());
        let name = if grpc { Header::STATUS[2] } else { name };
        write!(text, "{name}: {}\r\n", value_of(effect)).expect("a string takes everything");
        if let Some(share) = share {
            let ppm = share.ppm();
            write!(text, "{percent}: {ppm}/1000000\r\n").expect("a string takes everything");
        }
    }
    let head = head_with(text.trim_end().as_bytes()).expect("these fields can be read");
    let readable = |part: Option<&Part>| part.filter(|part| part.effect.is_some()).cloned();
    let [delay_again, status_again] = on_request(&Asking(head.clone()), DELAY_MAX_MS);
    assert_eq!(readable(delay_again.as_ref()), readable(delay));
    assert_eq!(readable(status_again.as_ref()), readable(status));
    assert_eq!(readable(on_body(&Asking(head)).as_ref()), readable(rate));
}

/// The number that a header would say.
fn value_of(effect: &FaultKind) -> u64 {
    match effect {
        FaultKind::Latency { delay: Distribution::Fixed { value_us } } => value_us / 1_000,
        FaultKind::Errors { headers, status, .. } => {
            let grpc = headers.iter().find(|(name, _)| name == "grpc-status");
            grpc.map_or(u64::from(*status), |(_, value)| value.parse().expect("it is a number"))
        },
        FaultKind::Bandwidth { bytes_per_s, shared: false } => bytes_per_s / 1_024,
        other => panic!("no caller can ask for {other:?}"),
    }
}

/// Names as the guide has them; ours before Envoy's.
struct Header;

impl Header {
    const TOKEN: &str = "x-shakedown-inject-token";
    const PERCENT: &str = "x-shakedown-inject-percent";
    const DELAY: [&str; 2] = ["x-shakedown-inject-delay-ms", "x-envoy-fault-delay-request"];
    const DELAY_PERCENT: &str = "x-envoy-fault-delay-request-percentage";
    const STATUS: [&str; 3] = [
        "x-shakedown-inject-status",
        "x-envoy-fault-abort-request",
        "x-envoy-fault-abort-grpc-request",
    ];
    const STATUS_PERCENT: &str = "x-envoy-fault-abort-request-percentage";
    const RATE: [&str; 1] = ["x-envoy-fault-throughput-response"];
    const RATE_PERCENT: &str = "x-envoy-fault-throughput-response-percentage";
}

fn only(lines: &[String]) -> Option<&str> {
    if let [only] = lines { Some(only) } else { None }
}

fn naive_value(name: &str, text: &str) -> Option<u64> {
    let right = match name {
        _ if name == Header::STATUS[2] => 0..=16,
        _ if Header::STATUS.contains(&name) => 200..=599,
        _ => 0..=999_999_999,
    };
    naive_number(text).filter(|value| right.contains(value))
}

fn naive_number(text: &str) -> Option<u64> {
    let digits: Option<Vec<u64>> =
        text.chars().map(|character| character.to_digit(10).map(u64::from)).collect();
    let digits = digits.filter(|digits| (1..=9).contains(&digits.len()))?;
    Some(digits.iter().fold(0, |number, digit| number * 10 + digit))
}

/// All digits together are ten-thousandths, once there are four behind the point.
fn naive_percent(text: &str) -> Option<u32> {
    let (whole, fraction) = match text.find('.') {
        Some(place) => (&text[..place], &text[place + 1..]),
        None => (text, "0"),
    };
    naive_number(whole)?;
    naive_number(fraction).filter(|_| fraction.len() <= 4)?;
    let ppm: u64 = format!("{whole}{fraction:0<4}").parse().ok()?;
    u32::try_from(ppm).ok().filter(|ppm| *ppm <= 1_000_000)
}

fn naive_envoy_percent(text: &str) -> Option<u32> {
    let parts: Vec<&str> = text.split('/').collect();
    let (numerator, denominator) = match parts[..] {
        [numerator] => (numerator, 100),
        [numerator, "100"] => (numerator, 100),
        [numerator, "10000"] => (numerator, 10_000),
        [numerator, "1000000"] => (numerator, 1_000_000),
        _ => return None,
    };
    let ppm = naive_number(numerator)? * (1_000_000 / denominator);
    Some(ppm.min(1_000_000) as u32)
}
