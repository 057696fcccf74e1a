//! Toxics of the Toxiproxy API.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proxy::fuzz::toxic(bytes));
