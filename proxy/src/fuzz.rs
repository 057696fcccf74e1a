//! What must hold for any bytes: the bodies of the fuzz targets in `proxy/fuzz`.
//!
//! They live here so that they are built with everything else, and an ordinary test runs each of
//! them over its seeds, over seeds with damage and over random bytes. To add a target: a function
//! that panics when something is wrong, a line in [`TARGETS`], a folder of seeds, and a file in
//! `proxy/fuzz/fuzz_targets`.

pub mod http1;

/// The body of a fuzz target.
pub type Target = fn(&[u8]);

/// Every target by the name of its file and of its folder of seeds.
pub const TARGETS: &[(&str, Target)] = &[
    ("request_head", http1::request_head),
    ("response_head", http1::response_head),
    ("chunked_body", http1::chunked_body),
    ("deadline", deadline),
    ("retry_advice", retry_advice),
];

/// Times of the caller, from an instant that does not matter.
pub fn deadline(data: &[u8]) {
    crate::deadline::fuzz_deadline(data, tokio::time::Instant::now());
}

/// What a callee says about another attempt.
pub fn retry_advice(data: &[u8]) {
    crate::retry::advice::fuzz_advice(data);
}

#[cfg(test)]
mod tests;
