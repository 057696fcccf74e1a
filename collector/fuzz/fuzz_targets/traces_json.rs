//! Requests with spans in JSON from anybody.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| collector::fuzz::text::traces_json(bytes));
