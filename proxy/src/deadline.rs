//! How long a caller still waits: read from its headers, kept as a point in time, and written for
//! the next hop with what is left.
//!
//! A deadline never grows on its way. Time left is always rounded down when it is written, and what
//! rounds down to nothing is spent: the next hop would be told that there is no time, so it need
//! not be asked. A header that cannot be read counts as absent.

use std::time::Duration;

use model::names::header;
use tokio::time::Instant;

use crate::digits::Digits;

/// Of gRPC over HTTP/2: at most eight digits and a unit.
pub(crate) const GRPC_TIMEOUT: &str = "grpc-timeout";
const GRPC_DIGITS_MAX: usize = 8;
const GRPC_NUMBER_MAX: u128 = 99_999_999;
/// Units with their nanoseconds, the finest first.
const GRPC_UNITS: [(char, u128); 6] = [
    ('n', 1),
    ('u', 1_000),
    ('m', 1_000_000),
    ('S', 1_000_000_000),
    ('M', 60_000_000_000),
    ('H', 3_600_000_000_000),
];
/// The finest that every hop understands.
const FINEST: Duration = Duration::from_millis(1);

/// When a request is to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    at: Instant,
    /// The caller wrote it as gRPC does, and so does this hop.
    grpc: bool,
}

impl Deadline {
    /// The nearest of what the caller wrote and of this hop's own `timeout`. `None` waits for ever,
    /// which is also what a time beyond all clocks amounts to.
    pub(crate) fn read(
        grpc_timeout: Option<&str>,
        deadline_ms: Option<&str>,
        timeout: Option<Duration>,
        now: Instant,
    ) -> Option<Self> {
        let grpc = grpc_timeout.and_then(parse_grpc_timeout);
        let told = deadline_ms.and_then(parse_ms);
        let left = [grpc, told, timeout].into_iter().flatten().min()?;
        let at = now.checked_add(left)?;
        Some(Self { at, grpc: grpc.is_some() })
    }

    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }

    /// Is there less left than the next hop could be told?
    pub(crate) fn is_spent(&self, now: Instant) -> bool {
        self.left(now) < FINEST
    }

    /// Hands name and value of each field for the next hop to `put`.
    pub(crate) fn fields(&self, now: Instant, mut put: impl FnMut(&'static str, &str)) {
        let left = self.left(now);
        let ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        put(header::DEADLINE_MS, Digits::of(ms).as_str());
        if self.grpc {
            put(GRPC_TIMEOUT, write_grpc_timeout(left).as_str());
        }
    }
}

/// One to eight digits and one of the letters `H M S m u n`.
pub(crate) fn parse_grpc_timeout(text: &str) -> Option<Duration> {
    let text = text.trim_ascii();
    let (unit, unit_ns) = GRPC_UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
    let number = text.strip_suffix(unit)?;
    let fits = (1..=GRPC_DIGITS_MAX).contains(&number.len()) && is_digits(number);
    let number: u128 = fits.then(|| number.parse().ok()).flatten()?;
    Some(from_ns(number * unit_ns))
}

/// Whole milliseconds, as [`header::DEADLINE_MS`] carries them.
pub(crate) fn parse_ms(text: &str) -> Option<Duration> {
    let text = text.trim_ascii();
    is_digits(text).then(|| text.parse().ok()).flatten().map(Duration::from_millis)
}

/// In the finest unit whose number has at most eight digits, so that little is lost by rounding
/// down. The longest that can be written is 11,415 years.
pub(crate) fn write_grpc_timeout(left: Duration) -> Digits {
    let left_ns = left.as_nanos();
    let fitting = GRPC_UNITS.into_iter().find(|(_, ns)| left_ns / ns <= GRPC_NUMBER_MAX);
    let (unit, unit_ns) = fitting.unwrap_or(GRPC_UNITS[GRPC_UNITS.len() - 1]);
    let number = (left_ns / unit_ns).min(GRPC_NUMBER_MAX);
    Digits::with_unit(number as u64, unit)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn from_ns(ns: u128) -> Duration {
    const NS_PER_S: u128 = 1_000_000_000;
    let seconds = u64::try_from(ns / NS_PER_S).unwrap_or(u64::MAX);
    Duration::new(seconds, (ns % NS_PER_S) as u32)
}

/// For fuzzing: whatever a caller wrote, the next hop is told no more than is left, in a form that
/// it can read.
pub(crate) fn fuzz_deadline(data: &[u8], now: Instant) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (first, second) = text.split_once('\n').unwrap_or((text, text));
    let Some(deadline) = Deadline::read(Some(first), Some(second), None, now) else { return };
    for passed_ms in [0, 1, 50, 100_000] {
        let Some(later) = now.checked_add(Duration::from_millis(passed_ms)) else { continue };
        let left = deadline.left(later);
        deadline.fields(later, |name, value| {
            let parse = if name == GRPC_TIMEOUT { parse_grpc_timeout } else { parse_ms };
            let told = parse(value);
            assert!(told.is_some_and(|told| told <= left), "{name}: {value} with {left:?} left");
        });
    }
}

#[cfg(test)]
mod tests;
