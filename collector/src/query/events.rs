//! Which events of the run.

use model::frame::{Event, EventKind};
use serde::Deserialize;

/// The newest up to the limit, in order of time.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventQuery {
    pub(crate) kind: Option<EventKind>,
    pub(crate) subject: Option<String>,
    pub(crate) from_unix_ms: Option<u64>,
    /// Up to this time and without it.
    pub(crate) to_unix_ms: Option<u64>,
    pub(crate) limit: Option<usize>,
}

impl EventQuery {
    pub(crate) fn answer(&self, events: impl Iterator<Item = Event>) -> Vec<Event> {
        let mut wanted: Vec<Event> = events
            .filter(|event| self.kind.is_none_or(|kind| kind == event.kind))
            .filter(|event| self.subject.as_ref().is_none_or(|subject| *subject == event.subject))
            .filter(|event| self.from_unix_ms.is_none_or(|from| event.unix_ms >= from))
            .filter(|event| self.to_unix_ms.is_none_or(|to| event.unix_ms < to))
            .collect();
        wanted.sort_by_key(|event| event.unix_ms);
        wanted.split_off(wanted.len().saturating_sub(super::limited(self.limit)))
    }
}
