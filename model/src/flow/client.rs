//! What the users' client does about slow and failed requests, in the words of the gateway's
//! policies: real clients retry, and a retry storm that the generator cannot make is not seen.

use serde::{Deserialize, Serialize};

use crate::policy::RetryPolicy;
use crate::units::Share;

/// The part of a client's policy that a step may leave to its load.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientPolicy {
    /// For each attempt; the step's timeout is for all of them and the waits between them.
    pub attempt_timeout_ms: Option<u64>,
    pub retry: Setting<RetryPolicy>,
    pub hedge: Setting<ClientHedge>,
}

/// A table that may be left out, which takes it from elsewhere, or be `false`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Setting<T> {
    #[default]
    Inherited,
    Off,
    On(T),
}

/// A second copy of a request whose answer is late: the first answer wins, the other request is
/// given up. Only for idempotent requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientHedge {
    /// The copy leaves when there was no answer for so long.
    pub after_ms: u64,
    /// Copies allowed as a share of first attempts over the last ten seconds.
    pub budget: Share,
    /// Copies per second that are allowed whatever the traffic.
    pub budget_reserve_per_s: u32,
}

impl<T> Setting<T> {
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::On(value) => Some(value),
            Self::Inherited | Self::Off => None,
        }
    }

    fn or(self, base: Self) -> Self {
        match self {
            Self::Inherited => base,
            own => own,
        }
    }
}

impl ClientPolicy {
    /// What this one leaves out comes from `base`.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let base = base.clone();
        Self {
            attempt_timeout_ms: self.attempt_timeout_ms.or(base.attempt_timeout_ms),
            retry: self.retry.or(base.retry),
            hedge: self.hedge.or(base.hedge),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_leaves_out_comes_from_its_load_and_off_stays_off() {
        let hedge =
            |after_ms| ClientHedge { after_ms, budget: Share::WHOLE, budget_reserve_per_s: 1 };
        let base = ClientPolicy {
            attempt_timeout_ms: Some(100),
            retry: Setting::Off,
            hedge: Setting::On(hedge(10)),
        };
        assert_eq!(ClientPolicy::default().over(&base), base);
        let own = ClientPolicy { hedge: Setting::Off, ..ClientPolicy::default() };
        let both = own.over(&base);
        assert_eq!((both.hedge.value(), both.attempt_timeout_ms), (None, Some(100)));
        let own = ClientPolicy { hedge: Setting::On(hedge(20)), ..ClientPolicy::default() };
        assert_eq!(own.over(&base).hedge.value(), Some(&hedge(20)));
    }
}
