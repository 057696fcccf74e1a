//! Context and identity of requests.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proxy::fuzz::context::trace_context(bytes));
