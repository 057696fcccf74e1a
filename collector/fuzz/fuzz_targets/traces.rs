//! Requests with spans from anybody.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| collector::fuzz::signals::traces(bytes));
