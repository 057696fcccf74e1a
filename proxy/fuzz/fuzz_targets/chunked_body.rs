//! Chunked bodies from anybody.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proxy::fuzz::http1::chunked_body(bytes));
