//! The folder of runs: one file per run, who writes it, which ones may go.
//!
//! A collector by itself keeps `run-<utc>-<id>.db` files in one folder; `shakedown run` makes a
//! folder for each run with a `run.db` in it. Both are listed and asked alike. Beside a file may
//! stand its lock, while it is written, and a pin, which keeps it from being removed.

mod folder;
mod list;
mod lock;
mod retention;

pub use folder::{RunFolder, RunName, RunsError};
pub use list::RunEntry;
pub(crate) use lock::{RunLock, is_held};
pub use retention::{Removed, Retention};

#[cfg(test)]
mod tests;
