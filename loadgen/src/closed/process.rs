//! What Goose would take of the process, taken before: its log and its signals.

use std::io;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::error::LoadError;

/// Passes on what Goose and its libraries have to warn of. Without it Goose would print.
struct Bridge;

impl Log for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        let from = record.target();
        match record.level() {
            Level::Error => tracing::error!(from, "{}", record.args()),
            Level::Warn => tracing::warn!(from, "{}", record.args()),
            Level::Info | Level::Debug | Level::Trace => {},
        }
    }

    fn flush(&self) {}
}

/// A logger that is there already stays.
pub(super) fn take_log() {
    if log::set_logger(&Bridge).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// Keeps SIGINT for the worker. Goose would take it over, stop its users in its own time, and end
/// the process when it comes again; it leaves a handler alone that was set by the same means.
///
/// Must be called before the worker listens for signals: a later listener is asked too, an earlier
/// one would be replaced.
pub(crate) fn keep_signals() -> Result<(), LoadError> {
    match ctrlc::set_handler(|| {}) {
        // Set before, and by nobody else: Goose comes later.
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(()),
        Err(source) => {
            let source = io::Error::other(source);
            Err(LoadError::Setup { what: "the signal handler", source })
        },
    }
}
