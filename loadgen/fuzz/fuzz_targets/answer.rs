//! Answers from anybody, as this client and as hyper read them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loadgen::fuzz_answer(bytes));
