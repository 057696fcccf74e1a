//! Whose fault it is: what holds it, and when its clock began.
//!
//! Faults of a plan are held by the lease of their runner, or by the configuration file. Faults
//! that were armed by hand are held until their own time is over, toxics until they are removed;
//! each of those counts its schedule from its arming.

use std::sync::Arc;

use model::plan::FaultSource;

use super::arming::Arming;

#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) source: FaultSource,
    pub(crate) arming: Arc<Arming>,
    /// Wall-clock instant from which its schedule counts; `None` keeps it planned.
    pub(crate) zero_unix_ms: Option<u64>,
}

impl Origin {
    /// Acts from the beginning of time, whatever happens to anybody.
    #[cfg(test)]
    pub(crate) fn always() -> Self {
        let arming = Arc::new(Arming::default());
        arming.hold_until(u64::MAX);
        Self { source: FaultSource::Plan, arming, zero_unix_ms: Some(0) }
    }

    /// May it act at all?
    pub(crate) fn holds(&self, now_unix_ms: u64) -> bool {
        self.arming.holds(now_unix_ms)
    }

    /// Milliseconds since its zero, if it may act.
    pub(crate) fn active_ms(&self, now_unix_ms: u64) -> Option<u64> {
        self.since_zero_ms(now_unix_ms).filter(|_| self.holds(now_unix_ms))
    }

    /// Milliseconds since its zero; `None` before it.
    pub(crate) fn since_zero_ms(&self, now_unix_ms: u64) -> Option<u64> {
        now_unix_ms.checked_sub(self.zero_unix_ms?)
    }
}
