//! What is wrong in the frames, told in the own log when it begins.
//!
//! The numbers in such a sentence change with every second, so it is known by what it is about.

use crate::derive::insight::Noticed;
use crate::format;
use crate::own::OwnKind;
use crate::store::{Store, query};

#[derive(Debug, Default)]
pub(super) struct Noticing {
    /// The newest second that was looked at.
    newest_s: Option<u64>,
    /// What was noticed then, and of whom.
    known: Vec<(Noticed, String)>,
}

impl Noticing {
    /// Looks at the newest second once.
    pub(super) fn look(&mut self, store: &Store, now_unix_ms: u64) {
        let Some(frame) = store.at_or_before(u64::MAX) else { return };
        if self.newest_s.replace(frame.unix_s) == Some(frame.unix_s) {
            return;
        }
        let start_s = frame.run.start_unix_ms.map(|ms| ms / 1_000);
        let clock = start_s.and_then(|start_s| frame.unix_s.checked_sub(start_s));
        let clock = clock.map_or_else(String::new, |at_s| format!("{} ", format::clock(at_s)));
        let found = query::noticed(store, frame.unix_s);
        let before = std::mem::take(&mut self.known);
        for insight in found {
            let about = (insight.noticed, insight.subject);
            if !before.contains(&about) {
                let text = format!("{clock}{}", insight.sentence);
                store.own.note(now_unix_ms, OwnKind::Insight, true, &text);
            }
            self.known.push(about);
        }
    }
}
