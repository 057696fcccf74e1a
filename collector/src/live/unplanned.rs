//! Faults that the plan of the run does not have: armed by hand, or by a client of Toxiproxy, and
//! for a collector without a run all of them. They are known from what the proxy says about them
//! and from the ledger.

use std::collections::{BTreeMap, BTreeSet};

use model::edge::Edge;
use model::fault::{FaultState, Window};
use model::frame::FaultFrame;
use model::plan::FaultSource;
use model::units::Share;

use super::{LedgerCount, Live};

/// A fault outside of the plan, one time that it acted. Times are milliseconds since the Unix
/// epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unplanned {
    pub name: String,
    /// Kind and size for people; empty when only the ledger knows of it.
    pub what: String,
    pub edges: Vec<Edge>,
    pub source: Option<FaultSource>,
    /// `None` when only the ledger knows of it.
    pub from_unix_ms: Option<u64>,
    /// `None` when it was not told.
    pub until_unix_ms: Option<u64>,
    /// All times together.
    pub ledger: LedgerCount,
}

impl Live {
    /// Every time that a fault outside of the plan acted, by name and then by time.
    pub(crate) fn unplanned(&self) -> Vec<Unplanned> {
        let ledger = self.ledger.counts();
        let mut found = Vec::new();
        for name in self.unplanned_names(ledger, u64::MAX) {
            let spells = self.lanes.spells(name);
            let said = spells.iter().map(|(from, until)| (Some(*from), *until));
            let unsaid = (spells.is_empty() && ledger.contains_key(name)).then_some((None, None));
            let words = self.lanes.described(name);
            found.extend(said.chain(unsaid).map(|(from_ns, until_ns)| Unplanned {
                name: name.to_owned(),
                what: words.map_or_else(String::new, |words| words.effect.clone()),
                edges: words.map_or_else(Vec::new, |words| words.edges.clone()),
                source: words.map(|words| words.source),
                from_unix_ms: from_ns.map(|ns| ns / 1_000_000),
                until_unix_ms: until_ns.map(|ns| ns / 1_000_000),
                ledger: ledger.get(name).copied().unwrap_or_default(),
            }));
        }
        found
    }

    /// Their rows in the frame of a second that ends at `end_ns`; counts are filled in elsewhere.
    pub(super) fn unplanned_frames(
        &self,
        totals: &BTreeMap<String, LedgerCount>,
        now: &BTreeMap<String, LedgerCount>,
        end_ns: u64,
    ) -> Vec<FaultFrame> {
        let row = |name: &str| {
            let words = self.lanes.described(name);
            FaultFrame {
                name: name.to_owned(),
                what: words.map_or_else(String::new, |words| words.effect.clone()),
                edges: words.map_or_else(Vec::new, |words| words.edges.clone()),
                share: words.map_or(Share::WHOLE, |words| words.share),
                // Of one that has said nothing, the ledger is the only sign of life.
                state: if now.contains_key(name) { FaultState::Active } else { FaultState::Done },
                schedule: self.armed_window(name, end_ns).into_iter().collect(),
                hit: 0,
                skipped: 0,
                hit_now: 0,
            }
        };
        self.unplanned_names(totals, end_ns).into_iter().map(row).collect()
    }

    /// The stretch for which a fault is armed that has said when it will end, by the clock of the
    /// plan; nothing without a run, which gives that clock its zero.
    fn armed_window(&self, name: &str, end_ns: u64) -> Option<Window> {
        let (start_unix_ms, timeline) = (self.head.start_unix_ms?, self.head.timeline?);
        let zero_unix_ms = start_unix_ms.saturating_add(timeline.during_ms);
        let (from_ns, left_ms) = self.lanes.armed_before(name, end_ns)?;
        let from_unix_ms = from_ns / 1_000_000;
        let end_ms = from_unix_ms.saturating_add(left_ms).checked_sub(zero_unix_ms)?;
        Some(Window { start_ms: from_unix_ms.saturating_sub(zero_unix_ms), end_ms })
    }

    fn unplanned_names<'a>(
        &'a self,
        totals: &'a BTreeMap<String, LedgerCount>,
        before_ns: u64,
    ) -> BTreeSet<&'a str> {
        let planned: BTreeSet<&str> = self.faults.iter().map(|fault| fault.name.as_str()).collect();
        let told = self.lanes.faults_before(before_ns);
        let known = told.chain(totals.keys().map(String::as_str));
        known.filter(|name| !planned.contains(name)).collect()
    }
}
