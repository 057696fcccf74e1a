//! Complaints of what runs beside a load. While the dashboard has the terminal they stand in its
//! own log, and on standard error once it is gone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tui::own::{OwnKind, OwnLog};

/// Complaints that are kept for the end of the dashboard; its own log counts all of them.
const HELD_MAX: usize = 100;

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Voice {
    own: OwnLog,
    /// `None` while the terminal is free.
    held: Arc<Mutex<Option<Vec<String>>>>,
}

impl Voice {
    pub(super) fn own(&self) -> OwnLog {
        self.own.clone()
    }

    pub(super) fn say(&self, text: String, now_unix_ms: u64) {
        match self.held().as_mut() {
            None => crate::say(&text),
            Some(held) => {
                self.own.note(now_unix_ms, OwnKind::Log, true, &text);
                if held.len() < HELD_MAX {
                    held.push(text);
                }
            },
        }
    }

    /// The dashboard takes the terminal.
    pub(super) fn hold(&self) {
        self.held().get_or_insert_default();
    }

    /// The terminal is free again.
    pub(super) fn release(&self) {
        self.released().iter().for_each(|text| crate::say(text));
    }

    fn released(&self) -> Vec<String> {
        self.held().take().unwrap_or_default()
    }

    fn held(&self) -> MutexGuard<'_, Option<Vec<String>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_behind_the_dashboard_is_in_its_log_and_said_once_it_is_gone() {
        let voice = Voice::default();
        voice.hold();
        voice.say("no metrics".to_owned(), 7);
        let entries = voice.own().entries();
        assert_eq!((entries.len(), entries[0].text.as_str()), (1, "no metrics"));
        assert_eq!(voice.released(), ["no metrics"]);
        assert!(voice.released().is_empty());
        voice.say("at once".to_owned(), 8);
        assert_eq!((voice.own().entries().len(), voice.released().len()), (1, 0));
    }
}
