//! The run in time, and the same run in less time.

use std::time::Duration;

use super::Scenario;
use super::sections::CLOSING;
use crate::phase::Timeline;

impl Scenario {
    /// Does the whole run, its end included, fit into the limit? A file that was read always does;
    /// one that was made longer may not.
    pub fn fits_limit(&self) -> bool {
        Duration::from_millis(self.timeline().end_ms) + CLOSING <= self.safety.limit
    }

    /// When the phases begin. `during` lasts until the last fault ends, or as long as `run.during`
    /// says when there is no fault.
    pub fn timeline(&self) -> Timeline {
        let before_ms = whole_ms(self.run.warmup);
        let during_ms = before_ms + whole_ms(self.run.before);
        let last_fault_ms = self.faults.iter().map(crate::fault::FaultSpec::end_ms).max();
        let after_ms = during_ms + last_fault_ms.unwrap_or_else(|| whole_ms(self.run.during));
        Timeline { before_ms, during_ms, after_ms, end_ms: after_ms + whole_ms(self.run.after) }
    }

    /// The same story, `by` times as fast: phases, fault windows and rate steps are shortened.
    ///
    /// What the system and the gateway do is not: delays, timeouts, breaker times, the lease and
    /// the limits of expectations stay as written, and so do the rates, so a shortened run has
    /// fewer samples. Below 1 the run becomes longer.
    #[must_use]
    pub fn scaled(&self, by: f64) -> Self {
        let by = if by.is_finite() && by > 0.0 { by } else { 1.0 };
        let shorter = |time: u64| (time as f64 / by).round() as u64;
        let shorter_time = |time: Duration| Duration::from_millis(shorter(whole_ms(time)));
        let mut scaled = self.clone();
        for time in [
            &mut scaled.run.warmup,
            &mut scaled.run.before,
            &mut scaled.run.during,
            &mut scaled.run.after,
        ] {
            *time = shorter_time(*time);
        }
        for fault in &mut scaled.faults {
            // Windows stay apart and last at least a millisecond, however short the run becomes.
            let mut free_from_ms = 0;
            for window in &mut fault.schedule {
                window.start_ms = shorter(window.start_ms).max(free_from_ms);
                window.end_ms = shorter(window.end_ms).max(window.start_ms + 1);
                free_from_ms = window.end_ms;
            }
        }
        for load in &mut scaled.loads {
            for step in &mut load.levels {
                step.for_ms = step.for_ms.map(|for_ms| shorter(for_ms).max(1));
            }
            for start_ns in &mut load.recorded_ns {
                *start_ns = shorter(*start_ns);
            }
        }
        for step in scaled.loads.iter_mut().flat_map(|load| &mut load.rate) {
            step.for_ms = step.for_ms.map(|for_ms| shorter(for_ms).max(1));
            if let Some(wave) = &mut step.wave {
                wave.period_ms = shorter(wave.period_ms).max(1);
            }
        }
        scaled
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
