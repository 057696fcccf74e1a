//! Server-sent events that are cut.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proxy::fuzz::event_stream(bytes));
