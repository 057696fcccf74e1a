//! What must hold for any bytes: the bodies of the fuzz targets in `collector/fuzz`.
//!
//! They live here so that they are built with everything else, and an ordinary test runs each of
//! them over its seeds, over seeds with damage and over random bytes. To add a target: a function
//! that panics when something is wrong, a line in [`TARGETS`], a folder of seeds, and a file in
//! `collector/fuzz/fuzz_targets`.

pub mod signals;
pub mod text;
pub mod walker;

/// The body of a fuzz target.
pub type Target = fn(&[u8]);

/// Every target by the name of its file and of its folder of seeds.
pub const TARGETS: &[(&str, Target)] = &[
    ("fields", walker::fields),
    ("traces", signals::traces),
    ("metrics", signals::metrics),
    ("logs", signals::logs),
    ("traces_json", text::traces_json),
    ("metrics_json", text::metrics_json),
    ("logs_json", text::logs_json),
    ("lines", text::lines),
];

#[cfg(test)]
mod tests;
