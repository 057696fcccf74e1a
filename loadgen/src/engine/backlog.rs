//! Seconds on their way from the engine to the reporting side.
//!
//! The engine never waits: when the reporting side lags, seconds stay here, and when too many have
//! gathered the oldest are joined. Fewer, larger reports lose resolution in time and nothing else.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use crate::cpu::Cores;
use crate::record::Second;

/// Seconds kept apart while the reporting side lags: twice as long as it may be out of reach.
const SECONDS_MAX: usize = 20;

/// One second of one engine.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) unix_s: u64,
    pub(crate) second: Second,
    /// Offered and not ended when the second was over.
    pub(crate) in_flight: u64,
    pub(crate) cores: Cores,
}

impl Report {
    /// The same second of two engines.
    pub(crate) fn joined(mut self, other: Self) -> Self {
        self.second.absorb(other.second);
        self.in_flight += other.in_flight;
        self.cores = Cores {
            thread: self.cores.thread.max(other.cores.thread),
            process: self.cores.process.max(other.cores.process),
        };
        self
    }
}

#[derive(Debug)]
pub(crate) struct Backlog {
    waiting: VecDeque<Report>,
    reports: mpsc::Sender<Report>,
    joined: u64,
}

impl Backlog {
    pub(crate) fn new(reports: mpsc::Sender<Report>) -> Self {
        Self { waiting: VecDeque::new(), reports, joined: 0 }
    }

    pub(crate) fn push(&mut self, report: Report) {
        self.waiting.push_back(report);
        while let Some(oldest) = self.waiting.pop_front() {
            // A closed channel means that nobody wants reports; the last ones go with the result.
            if let Err(refused) = self.reports.try_send(oldest) {
                self.waiting.push_front(refused.into_inner());
                break;
            }
        }
        if self.waiting.len() > SECONDS_MAX {
            self.join_oldest();
        }
    }

    fn join_oldest(&mut self) {
        let Some(oldest) = self.waiting.pop_front() else { return };
        let Some(next) = self.waiting.front_mut() else { return };
        next.second.absorb(oldest.second);
        self.joined += 1;
        if self.joined == 1 {
            tracing::warn!("the collector lags behind the load; seconds are joined");
        }
    }

    /// What has not been taken.
    pub(crate) fn into_reports(self) -> Vec<Report> {
        self.waiting.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(unix_s: u64) -> Report {
        let second = Second { offered: 1, ..Second::default() };
        Report { unix_s, second, in_flight: 0, cores: Cores::default() }
    }

    #[tokio::test]
    async fn nothing_is_lost_when_nobody_takes_the_seconds() {
        let (sender, mut receiver) = mpsc::channel(2);
        let mut backlog = Backlog::new(sender);
        (0..100).for_each(|unix_s| backlog.push(report(unix_s)));
        assert!(backlog.waiting.len() <= SECONDS_MAX);
        let taken: Vec<Report> =
            std::iter::from_fn(|| receiver.try_recv().ok()).chain(backlog.into_reports()).collect();
        assert_eq!(taken.iter().map(|report| report.second.offered).sum::<u64>(), 100);
        assert!(taken.is_sorted_by_key(|report| report.unix_s));
        assert_eq!(taken.last().unwrap().unix_s, 99);
    }
}
