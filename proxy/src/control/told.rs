//! What whoever watches the proxy is told about its faults: every change once.

use model::fault::FaultState;
use model::plan::FaultSource;
use tokio::time::Instant;

use super::{Control, State, arm_of};
use crate::emit::Cause;
use crate::fault::schedule::{self, Arm};

/// A fault as it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) state: FaultState,
    /// How long it is armed, if by hand.
    until: Option<Instant>,
}

impl Told {
    /// Of a fault that nobody has told anything about.
    pub(super) const NOTHING: Self = Self { state: FaultState::Planned, until: None };

    /// One that acts and is armed anew ends at another time.
    fn is_news_after(self, was: Self) -> bool {
        let extended = self.state == FaultState::Active && self.until != was.until;
        self.state != was.state || extended
    }
}

impl Control {
    /// Emits every change of a fault's state or end since the last look. A fault that leaves with
    /// its plan while it acts is done.
    pub(super) fn note_changes(&self, state: &mut State, cause: Cause) {
        let snapshot = self.snapshot.load();
        let now_unix_ms = self.clock.unix_ms();
        let leased = if state.parts.plan.held { Arm::Held } else { arm_of(state.lease) };
        let mut known = std::mem::take(&mut state.faults);
        for fault in &snapshot.faults {
            let name = &fault.spec.name;
            let arm = if fault.origin.source == FaultSource::Plan { leased } else { Arm::Held };
            let at_ms = fault.origin.since_zero_ms(now_unix_ms);
            let until = state.parts.by_hand.get(name).and_then(|armed| armed.until);
            let told = Told { state: schedule::state(&fault.spec, arm, at_ms), until };
            let was = known.remove(name).unwrap_or(Told::NOTHING);
            if told.is_news_after(was) {
                let left = until.map(|until| until.saturating_duration_since(self.clock.now()));
                self.emitter.fault_changed(name, Some((fault, left)), told.state, cause);
            }
            state.faults.insert(name.clone(), told);
        }
        for (name, was) in known {
            if was.state == FaultState::Active {
                self.emitter.fault_changed(&name, None, FaultState::Done, cause);
            }
        }
    }
}
