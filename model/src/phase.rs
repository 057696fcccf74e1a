//! The parts of a run in time.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A part of a run. Requests belong to the phase of their *intended* start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Load flows, but nothing is judged.
    Warmup,
    /// The baseline.
    Before,
    /// From the end of the baseline to the end of the last fault.
    During,
    /// Recovery is watched.
    After,
    /// Load has stopped and the system is quiet; data is read and checked.
    End,
}

impl Phase {
    pub const ALL: [Self; 5] = [Self::Warmup, Self::Before, Self::During, Self::After, Self::End];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warmup => "warmup",
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
            Self::End => "end",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// When the phases of a run begin, in milliseconds after the start of load.
///
/// Time in scenario files is counted from the end of the baseline: that instant is
/// `during_ms` here, and the *zero* of fault schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    pub before_ms: u64,
    pub during_ms: u64,
    pub after_ms: u64,
    /// Load stops here.
    pub end_ms: u64,
}

impl Timeline {
    /// The phase of an instant given in milliseconds after the start of load.
    pub fn phase_at(&self, since_start_ms: u64) -> Phase {
        match since_start_ms {
            at if at < self.before_ms => Phase::Warmup,
            at if at < self.during_ms => Phase::Before,
            at if at < self.after_ms => Phase::During,
            at if at < self.end_ms => Phase::After,
            _ => Phase::End,
        }
    }

    /// The half-open interval `[start, end)` of a phase in milliseconds after the start of load;
    /// `End` has no end and gives an empty interval.
    pub fn window_ms(&self, phase: Phase) -> (u64, u64) {
        match phase {
            Phase::Warmup => (0, self.before_ms),
            Phase::Before => (self.before_ms, self.during_ms),
            Phase::During => (self.during_ms, self.after_ms),
            Phase::After => (self.after_ms, self.end_ms),
            Phase::End => (self.end_ms, self.end_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instant_belongs_to_the_phase_whose_window_holds_it() {
        let timeline =
            Timeline { before_ms: 1_000, during_ms: 3_000, after_ms: 7_000, end_ms: 9_000 };
        for at in [0, 999, 1_000, 2_999, 3_000, 6_999, 7_000, 8_999] {
            let (start, end) = timeline.window_ms(timeline.phase_at(at));
            assert!((start..end).contains(&at), "{at}");
        }
        assert_eq!(timeline.phase_at(9_000), Phase::End);
    }
}
