//! Faults that somebody armed while the run went on. What was expected stands as it was judged, but
//! whoever reads the verdict must know that the run was not what its scenario says.

use std::time::Duration;

use collector::Unplanned;
use model::edge::Edge;
use model::plan::FaultSource;
use model::units::format_duration;
use serde::{Deserialize, Serialize};

use super::Hits;

/// A fault that the scenario does not have, one time that it acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHandFault {
    pub name: String,
    /// Kind and size for people; empty when only the ledger knows of it.
    pub what: String,
    pub edges: Vec<Edge>,
    /// Absent when the proxy did not tell.
    pub source: Option<FaultSource>,
    /// Absent when only the ledger knows of it.
    pub from_unix_ms: Option<u64>,
    /// Absent when it acted until the proxy ended, or nobody told.
    pub until_unix_ms: Option<u64>,
    /// All times together.
    pub ledger: Hits,
}

impl From<Unplanned> for ByHandFault {
    fn from(found: Unplanned) -> Self {
        let Unplanned { name, what, edges, source, from_unix_ms, until_unix_ms, ledger } = found;
        let ledger = Hits { hit: ledger.hit, skipped: ledger.skipped };
        Self { name, what, edges, source, from_unix_ms, until_unix_ms, ledger }
    }
}

/// One sentence for each way in which faults came in.
pub(super) fn findings(faults: &[ByHandFault], started_unix_ms: Option<u64>) -> Vec<String> {
    let said = |is_toxic: bool, how: &str| {
        let times: Vec<String> = faults
            .iter()
            .filter(|fault| (fault.source == Some(FaultSource::Toxiproxy)) == is_toxic)
            .map(|fault| time(fault, started_unix_ms))
            .collect();
        (!times.is_empty()).then(|| format!("Faults were armed {how}: {}.", times.join("; ")))
    };
    [said(false, "by hand"), said(true, "by a client of Toxiproxy")].into_iter().flatten().collect()
}

/// `slow by hand at 00:41 for 1m`.
fn time(fault: &ByHandFault, started_unix_ms: Option<u64>) -> String {
    let name = &fault.name;
    let Some(from_ms) = fault.from_unix_ms else {
        return format!("{name}, nobody knows when, {} hits in the ledger", fault.ledger.hit);
    };
    let at = match started_unix_ms.and_then(|started| from_ms.checked_sub(started)) {
        Some(into_ms) => format!("at {}", tui::format::clock(into_ms / 1_000)),
        None => "before the load began".to_owned(),
    };
    match fault.until_unix_ms {
        Some(until_ms) => format!("{name} {at} for {}", length(until_ms.saturating_sub(from_ms))),
        None => format!("{name} {at} until the end"),
    }
}

/// As people say it: whole seconds, unless it was shorter.
fn length(ms: u64) -> String {
    let rounded = if ms < 1_000 { ms } else { (ms + 500) / 1_000 * 1_000 };
    format_duration(Duration::from_millis(rounded))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(name: &str, from: Option<u64>, until: Option<u64>) -> ByHandFault {
        ByHandFault {
            name: name.to_owned(),
            what: "latency fixed 1s".to_owned(),
            edges: vec![Edge::new("orders", "payments")],
            source: Some(FaultSource::Api),
            from_unix_ms: from,
            until_unix_ms: until,
            ledger: Hits { hit: 3, skipped: 0 },
        }
    }

    #[test]
    fn what_was_armed_by_hand_is_said_with_its_times() {
        let toxic = ByHandFault {
            source: Some(FaultSource::Toxiproxy),
            ..fault("toxic", Some(59_000), None)
        };
        let faults = [
            fault("slow by hand", Some(51_999), Some(112_030)),
            fault("early", Some(9_000), Some(9_250)),
            fault("lost", None, None),
            toxic,
        ];
        assert_eq!(
            findings(&faults, Some(10_000)),
            [
                "Faults were armed by hand: slow by hand at 00:41 for 1m; early before the load \
                 began for 250ms; lost, nobody knows when, 3 hits in the ledger.",
                "Faults were armed by a client of Toxiproxy: toxic at 00:49 until the end.",
            ]
        );
        assert!(findings(&[], Some(0)).is_empty());
    }
}
