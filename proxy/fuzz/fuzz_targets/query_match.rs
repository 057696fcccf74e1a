//! Queries that are matched.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proxy::fuzz::text::query_match(bytes));
