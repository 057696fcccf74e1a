//! Requests with log records in JSON from anybody.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| collector::fuzz::text::logs_json(bytes));
