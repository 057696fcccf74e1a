//! Which of several states of a breaker must not be missed.
//!
//! A column of time holds many, and a small screen has room for one breaker: the gravest is shown.

use model::policy::BreakerState;

/// Higher needs more attention; 0 is a breaker that never acts.
pub fn gravity(state: BreakerState) -> u8 {
    match state {
        BreakerState::Disabled | BreakerState::MetricsOnly => 0,
        BreakerState::Closed => 1,
        BreakerState::HalfOpen => 2,
        BreakerState::Open => 3,
        BreakerState::ForcedOpen => 4,
    }
}
