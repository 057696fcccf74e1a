//! One request as one line of JSON, written by hand: all fields, always in the same order, so that
//! the lines of a file have the same columns.
//!
//! Texts that a caller chooses are cut and escaped, so that a line has a bounded length, is one
//! line, and does nothing to a terminal that shows it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use model::edge::Blame;
use model::id::TraceId;

use crate::digits::{Digits, push_hex};

/// Longest texts, in bytes before they are escaped. Longer ones are cut and end with `…`.
const PATH_BYTES_MAX: usize = 2_048;
const TEXT_BYTES_MAX: usize = 256;
const FAULTS_MAX: usize = 16;
/// An escaped byte has six.
const ESCAPED_MAX: usize = 6;
/// Of names of fields and of everything that is no text.
const FIXED_BYTES_MAX: usize = 1_024;
/// Longest line: the path, the faults, and the texts that are cut alike (correlation id, edge,
/// method, type of the error).
pub(super) const LINE_BYTES_MAX: usize =
    FIXED_BYTES_MAX + ESCAPED_MAX * (PATH_BYTES_MAX + (FAULTS_MAX + 4) * TEXT_BYTES_MAX);

/// What the log says about one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    /// When the request came in, in nanoseconds since the Unix epoch.
    pub(crate) at_unix_ns: u64,
    pub(crate) correlation_id: &'a str,
    pub(crate) trace_id: Option<TraceId>,
    /// `caller -> callee`; `None` when no edge takes the request.
    pub(crate) edge: Option<&'a str>,
    pub(crate) method: &'a str,
    /// What follows a `?` or `#` is left out.
    pub(crate) path: &'a str,
    /// `None` when there was no answer.
    pub(crate) status: Option<u16>,
    pub(crate) blame: Option<Blame>,
    pub(crate) error_type: Option<&'a str>,
    pub(crate) attempts: u32,
    pub(crate) took: Duration,
    /// Of bodies, not of heads.
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// Of the last attempt.
    pub(crate) endpoint: Option<SocketAddr>,
    /// Names of the faults that hit.
    pub(crate) faults: &'a [String],
    /// Of the plan that served it.
    pub(crate) epoch: u64,
}

impl Entry<'_> {
    pub(super) fn write(&self, line: &mut Vec<u8>) {
        let began = line.len();
        line.extend_from_slice(br#"{"time":""#);
        time(line, self.at_unix_ns / 1_000_000);
        line.push(b'"');
        name(line, "correlation_id");
        text(line, self.correlation_id, TEXT_BYTES_MAX);
        name(line, "trace_id");
        optional(line, self.trace_id, |line, id| hex(line, id.as_bytes()));
        name(line, "edge");
        optional(line, self.edge, |line, edge| text(line, edge, TEXT_BYTES_MAX));
        name(line, "method");
        text(line, self.method, TEXT_BYTES_MAX);
        name(line, "path");
        text(line, without_query(self.path), PATH_BYTES_MAX);
        name(line, "status");
        optional(line, self.status, |line, status| number(line, u64::from(status)));
        name(line, "blame");
        optional(line, self.blame, |line, blame| text(line, blame.as_str(), TEXT_BYTES_MAX));
        name(line, "error_type");
        optional(line, self.error_type, |line, kind| text(line, kind, TEXT_BYTES_MAX));
        name(line, "attempts");
        number(line, u64::from(self.attempts));
        name(line, "duration_us");
        number(line, u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX));
        name(line, "bytes_in");
        number(line, self.bytes_in);
        name(line, "bytes_out");
        number(line, self.bytes_out);
        name(line, "endpoint");
        optional(line, self.endpoint, address);
        name(line, "faults");
        list(line, self.faults);
        name(line, "epoch");
        number(line, self.epoch);
        line.extend_from_slice(b"}\n");
        debug_assert!(line.len() - began <= LINE_BYTES_MAX, "a line is longer than its bound");
    }
}

fn without_query(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}

fn name(line: &mut Vec<u8>, name: &str) {
    line.extend_from_slice(b",\"");
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\":");
}

fn optional<T>(line: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => write(line, value),
        None => line.extend_from_slice(b"null"),
    }
}

fn number(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(Digits::of(number).as_bytes());
}

fn hex(line: &mut Vec<u8>, bytes: &[u8]) {
    line.push(b'"');
    push_hex(bytes, line);
    line.push(b'"');
}

fn address(line: &mut Vec<u8>, address: SocketAddr) {
    line.push(b'"');
    // Addresses consist of digits, letters, dots, colons and brackets, and a vector takes all.
    let _written = write!(line, "{address}");
    line.push(b'"');
}

fn list(line: &mut Vec<u8>, names: &[String]) {
    line.push(b'[');
    for (index, name) in names.iter().take(FAULTS_MAX).enumerate() {
        if index > 0 {
            line.push(b',');
        }
        text(line, name, TEXT_BYTES_MAX);
    }
    line.push(b']');
}

/// A string. Runs of plain letters are copied as a whole.
fn text(line: &mut Vec<u8>, text: &str, bytes_max: usize) {
    const CUT: &str = "…";
    let (text, cut) = if text.len() <= bytes_max {
        (text, "")
    } else {
        (&text[..text.floor_char_boundary(bytes_max - CUT.len())], CUT)
    };
    line.push(b'"');
    let mut plain = 0;
    for (at, letter) in text.char_indices() {
        if letter == '"' || letter == '\\' || letter.is_control() {
            line.extend_from_slice(&text.as_bytes()[plain..at]);
            escape(line, letter);
            plain = at + letter.len_utf8();
        }
    }
    line.extend_from_slice(&text.as_bytes()[plain..]);
    line.extend_from_slice(cut.as_bytes());
    line.push(b'"');
}

fn escape(line: &mut Vec<u8>, letter: char) {
    match letter {
        '"' => line.extend_from_slice(br#"\""#),
        '\\' => line.extend_from_slice(br"\\"),
        // All control characters are below U+00A0.
        control => {
            let code = u32::from(control) as u8;
            line.extend_from_slice(br"\u00");
            push_hex(&[code], line);
        },
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-20T08:49:37.250Z`.
fn time(line: &mut Vec<u8>, unix_ms: u64) {
    const DAY_MS: u64 = 86_400_000;
    let (year, month, day) = date(unix_ms / DAY_MS);
    let of_day = unix_ms % DAY_MS;
    for (number, digits, end) in [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (of_day / 3_600_000, 2, b':'),
        (of_day / 60_000 % 60, 2, b':'),
        (of_day / 1_000 % 60, 2, b'.'),
        (of_day % 1_000, 3, b'Z'),
    ] {
        padded(line, number, digits);
        line.push(end);
    }
}

fn padded(line: &mut Vec<u8>, number: u64, digits: u32) {
    for place in (0..digits).rev() {
        line.push(b'0' + (number / 10_u64.pow(place) % 10) as u8);
    }
}

/// Year, month and day of a day since the epoch. Years are counted from March, so that the leap
/// day is the last of its year, and months then follow each other in a fixed pattern of 153 days in
/// five months.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    // From 1 March of the year 0.
    let days = days + 719_468;
    let (era, day_of_era) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (year_of_era * 365 + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests;
