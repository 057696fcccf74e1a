//! One line of the access log, as the end of a request writes it.

use std::time::Duration;

use model::edge::Blame;
use model::id::TraceId;

use super::limit::Case;
use crate::access::{AccessLog, Entry};

const ENTRY: Entry<'static> = Entry {
    at_unix_ns: 1_795_078_177_250_999_999,
    correlation_id: "u1-0007-0001",
    trace_id: None,
    edge: Some("orders -> payments"),
    method: "POST",
    path: "/charges/8b0a7c52",
    status: Some(503),
    blame: Some(Blame::Injected),
    error_type: Some("injected-status"),
    attempts: 2,
    took: Duration::from_micros(12_345),
    bytes_in: 170,
    bytes_out: 1_024,
    endpoint: None,
    faults: &[],
    epoch: 3,
};

/// Empty when nothing can be written to.
pub fn cases() -> Vec<Case> {
    let Ok(log) = AccessLog::open("/dev/null") else { return Vec::new() };
    let entry = Entry {
        trace_id: TraceId::from_bytes([0xab; 16]),
        endpoint: Some(([127, 0, 0, 1], 8_080).into()),
        ..ENTRY
    };
    let step = move |number, _now| {
        log.line(&Entry { at_unix_ns: number * 1_000_000, ..entry });
        log.dropped() == 0
    };
    vec![Case { name: "access line, written to /dev/null", step: Box::new(step) }]
}
