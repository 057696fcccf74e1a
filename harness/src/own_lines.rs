//! Hands the log lines of this process to the dashboard, which has the terminal.

use std::fmt::{self, Write as _};

use telemetry::clock::Clock;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tui::own::{OwnKind, OwnLog};

/// A layer of the subscriber.
#[derive(Debug)]
pub(crate) struct OwnLines {
    own: OwnLog,
    clock: Clock,
}

impl OwnLines {
    pub(crate) fn new(own: OwnLog, clock: Clock) -> Self {
        Self { own, clock }
    }
}

impl<S: Subscriber> Layer<S> for OwnLines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        let level = *metadata.level();
        let mut words = Words::default();
        event.record(&mut words);
        let text = format!("{level} {}: {}{}", metadata.target(), words.message, words.fields);
        // Levels are ordered from the gravest on.
        self.own.note(self.clock.unix_ms(), OwnKind::Log, level <= Level::WARN, &text);
    }
}

#[derive(Debug, Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn a_log_line_becomes_an_entry_with_its_fields() {
        let own = OwnLog::default();
        let lines = OwnLines::new(own.clone(), Clock::system());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::warn!(target: "here", port = 7, "no answer");
            tracing::info!(target: "here", "all is well");
        });
        let told: Vec<(bool, String)> =
            own.entries().into_iter().map(|entry| (entry.bad, entry.text)).collect();
        let expected = [(true, "WARN here: no answer port=7"), (false, "INFO here: all is well")];
        assert_eq!(told, expected.map(|(bad, text)| (bad, text.to_owned())));
    }
}
