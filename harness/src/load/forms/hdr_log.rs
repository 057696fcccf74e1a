//! An interval log in the format of HdrHistogram, microseconds: a line for the response times and
//! one, tagged `service`, for the service times of the journeys that ended in each second. Tools
//! that look at untagged lines alone see the response times. What was given up counts as if it had
//! ended then. Warm-up is left out.

use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use loadgen::summary::Book;

use crate::load::result::LoadResult;

/// The readable longest of a line is in milliseconds.
const MAX_DIVISOR: f64 = 1_000.0;

pub(super) fn hdr_log(result: &LoadResult, book: &Book) -> Vec<u8> {
    let mut text = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let start = Duration::from_millis(result.summary.started_unix_ms);
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(&format!("[shakedown load {}: {}]", result.version, result.load.requests))
        .add_comment(&format!("[Model: {}]", result.load.model))
        .add_comment("[Values in microseconds; response times, and service times tagged service]")
        .with_start_time(UNIX_EPOCH + start)
        .with_max_value_divisor(MAX_DIVISOR)
        .begin_log_with(&mut text, &mut serializer)
        .expect("writing to memory does not fail");
    let series = book.series();
    let width = Duration::from_secs(series.width_s());
    for (at, slot) in series.slots() {
        if book.setting().is_warmup(at + series.width_s() / 2) {
            continue;
        }
        // Seconds since the start, to the millisecond; the second of the start has begun before it.
        let since = Duration::from_secs(at).saturating_sub(start);
        let mut response = slot.response.clone();
        response.add(&slot.censored);
        for (durations, tag) in [(&response, None), (&slot.service, Tag::new("service"))] {
            log.write_histogram(&durations.to_histogram(), since, width, tag)
                .expect("writing to memory does not fail");
        }
    }
    text
}
