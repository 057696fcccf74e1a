//! CPU time, read from the kernel's clocks of the thread and of the process.
//!
//! A generator that is short of CPU measures itself. The engine thread's own share of a core is
//! what validity is judged by; the share of the whole process, reporting included, is published.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// CPU used between two readings, in cores.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cores {
    /// Of the calling thread.
    pub(crate) thread: f64,
    /// Of the whole process.
    pub(crate) process: f64,
}

/// Must be made and read on the thread that it is about.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    at: Instant,
    thread: Duration,
    process: Duration,
}

impl CpuMeter {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            at: now,
            thread: used(ClockId::ThreadCPUTime),
            process: used(ClockId::ProcessCPUTime),
        }
    }

    /// CPU since the last reading.
    pub(crate) fn read(&mut self, now: Instant) -> Cores {
        let next = Self::new(now);
        let elapsed_s = next.at.saturating_duration_since(self.at).as_secs_f64();
        let cores = |new: Duration, old: Duration| {
            if elapsed_s > 0.0 { new.saturating_sub(old).as_secs_f64() / elapsed_s } else { 0.0 }
        };
        let read = Cores {
            thread: cores(next.thread, self.thread),
            process: cores(next.process, self.process),
        };
        *self = next;
        read
    }
}

fn used(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_this_threads_work_counts_as_the_threads() {
        let start = Instant::now();
        let mut meter = CpuMeter::new(start);
        let busy = std::thread::spawn(|| {
            let begin = used(ClockId::ThreadCPUTime);
            while used(ClockId::ThreadCPUTime) < begin + Duration::from_millis(50) {}
        });
        busy.join().unwrap();
        let cores = meter.read(start + Duration::from_secs(1));
        assert!(cores.process >= 0.05, "{cores:?}");
        assert!(cores.thread < cores.process, "{cores:?}");
        assert_eq!(meter.read(start + Duration::from_secs(1)), Cores::default());
    }
}
