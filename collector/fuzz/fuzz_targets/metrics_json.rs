//! Requests with metrics in JSON from anybody.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| collector::fuzz::text::metrics_json(bytes));
