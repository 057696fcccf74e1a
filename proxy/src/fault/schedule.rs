//! Where a fault stands at an instant, and when that changes next. Pure.

use model::fault::{FaultSpec, FaultState};

/// What the lease says about all faults of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arm {
    /// No heartbeat has come yet.
    Never,
    Held,
    /// Lapsed or released: disarmed until another plan comes.
    Over,
}

/// `at_ms` counts from the plan's zero; `None` is before it, or without one.
pub(crate) fn state(fault: &FaultSpec, arm: Arm, at_ms: Option<u64>) -> FaultState {
    let past = at_ms.is_some_and(|at_ms| at_ms >= fault.end_ms());
    let inside = at_ms.is_some_and(|at_ms| fault.scheduled_at(at_ms));
    match arm {
        Arm::Over => FaultState::Done,
        _ if past => FaultState::Done,
        Arm::Held if inside => FaultState::Active,
        Arm::Held | Arm::Never => FaultState::Planned,
    }
}

/// The next edge of a window strictly after `at_ms`, in milliseconds after zero.
pub(crate) fn next_change_ms(fault: &FaultSpec, at_ms: Option<u64>) -> Option<u64> {
    let edges = fault.schedule.iter().flat_map(|window| [window.start_ms, window.end_ms]);
    edges.filter(|edge| at_ms.is_none_or(|at_ms| *edge > at_ms)).min()
}

#[cfg(test)]
mod tests {
    use model::fault::{FaultKind, Window};

    use super::*;

    fn fault() -> FaultSpec {
        let window = |start_ms, end_ms| Window { start_ms, end_ms };
        FaultSpec {
            schedule: vec![window(10, 20), window(30, 40)],
            ..FaultSpec::new("slow", Vec::new(), FaultKind::Blackhole)
        }
    }

    #[test]
    fn a_fault_acts_inside_its_windows_while_the_lease_is_held() {
        use FaultState::{Active, Done, Planned};
        for (at_ms, expected) in [
            (None, Planned),
            (Some(9), Planned),
            (Some(10), Active),
            (Some(19), Active),
            (Some(20), Planned),
            (Some(30), Active),
            (Some(40), Done),
        ] {
            assert_eq!(state(&fault(), Arm::Held, at_ms), expected, "{at_ms:?}");
        }
        assert_eq!(state(&fault(), Arm::Never, Some(10)), Planned);
        assert_eq!(state(&fault(), Arm::Never, Some(40)), Done);
        assert_eq!(state(&fault(), Arm::Over, Some(10)), Done);
        assert_eq!(state(&fault(), Arm::Over, None), Done);
    }

    #[test]
    fn the_next_change_is_the_next_end_of_a_window() {
        let expected =
            [(None, Some(10)), (Some(0), Some(10)), (Some(10), Some(20)), (Some(25), Some(30))];
        for (at_ms, next) in expected {
            assert_eq!(next_change_ms(&fault(), at_ms), next, "{at_ms:?}");
        }
        assert_eq!(next_change_ms(&fault(), Some(40)), None);
    }
}
