//! What a callee says about the next attempt.

use std::time::Duration;

use super::date::imf_fixdate;

/// When a failed request may come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    /// The callee said nothing that can be read.
    Nothing,
    /// Not before this time has passed.
    After(Duration),
    Stop,
}

impl Advice {
    /// Of `retry-after` (RFC 9110 §10.2.3): whole seconds or a date. What is neither counts as
    /// absent, and a date that has passed as no wait.
    pub(crate) fn of_retry_after(text: &str, now_unix_ms: u64) -> Self {
        let text = text.trim_ascii();
        if let Some(seconds) = digits(text) {
            return Self::After(Duration::from_secs(seconds));
        }
        match imf_fixdate(text) {
            Some(unix_s) => {
                let unix_ms = unix_s.saturating_mul(1_000);
                Self::After(Duration::from_millis(unix_ms.saturating_sub(now_unix_ms)))
            },
            None => Self::Nothing,
        }
    }

    /// Of `grpc-retry-pushback-ms` (gRFC A6): what is negative or cannot be read asks for no
    /// further attempt.
    pub(crate) fn of_pushback(text: &str) -> Self {
        match digits(text.trim_ascii()) {
            Some(ms) => Self::After(Duration::from_millis(ms)),
            None => Self::Stop,
        }
    }
}

/// A number without sign. One that is too large is the largest, as RFC 9111 §1.2.2 has it.
fn digits(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })
}

/// For fuzzing: whatever a callee says is read without a panic, and the same text says the same at
/// any time, only nearer.
pub(crate) fn fuzz_advice(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _pushback = Advice::of_pushback(text);
    let early = Advice::of_retry_after(text, 0);
    let late = Advice::of_retry_after(text, u64::MAX);
    match (early, late) {
        (Advice::After(early), Advice::After(late)) => assert!(late <= early, "{text}"),
        (early, late) => assert_eq!(early, late, "{text}"),
    }
}

#[cfg(test)]
mod tests;
