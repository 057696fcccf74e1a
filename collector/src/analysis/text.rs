//! The answers as text, for terminals: tables without colours, one line for each thing.

mod table;
mod tell;

pub use tell::{blame, completeness, critical_path, faults, request, retries};
