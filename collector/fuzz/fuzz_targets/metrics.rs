//! Requests with metrics from anybody.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| collector::fuzz::signals::metrics(bytes));
