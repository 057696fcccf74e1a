//! What callees say about another attempt.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proxy::fuzz::retry_advice(bytes));
