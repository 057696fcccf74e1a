//! Faults that callers ask for.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proxy::fuzz::caller::caller_faults(bytes));
