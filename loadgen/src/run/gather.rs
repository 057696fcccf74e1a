//! The seconds of all engines of a worker, joined to one report each.
//!
//! A second is passed on once every engine has reported it or has ended. Engines report in order,
//! so nothing that belongs to a second comes after it.

use std::collections::{BTreeMap, VecDeque};
use std::task::Poll;

use tokio::sync::mpsc;

use crate::engine::Report;

#[derive(Debug, Default)]
pub(super) struct Gather {
    engines: Vec<Engine>,
    /// What has come, by second.
    seconds: BTreeMap<u64, Report>,
    ready: VecDeque<Report>,
}

#[derive(Debug)]
struct Engine {
    reports: mpsc::Receiver<Report>,
    /// All of its seconds before this one have come.
    reported_before: u64,
}

impl Gather {
    pub(super) fn add(&mut self, reports: mpsc::Receiver<Report>) {
        self.engines.push(Engine { reports, reported_before: 0 });
    }

    /// The next second that is whole; `None` once all engines have closed their ends.
    pub(super) async fn next(&mut self) -> Option<Report> {
        loop {
            if let Some(report) = self.ready.pop_front() {
                return Some(report);
            }
            let (engine, report) = self.receive().await?;
            self.put(engine, report);
            self.release();
        }
    }

    /// What an engine has left behind when it ended.
    pub(super) fn rest(&mut self, engine: usize, reports: Vec<Report>) {
        for report in reports {
            self.put(engine, report);
        }
    }

    /// Everything that is left, in order.
    pub(super) fn finish(self) -> impl Iterator<Item = Report> {
        self.ready.into_iter().chain(self.seconds.into_values())
    }

    async fn receive(&mut self) -> Option<(usize, Report)> {
        std::future::poll_fn(|context| {
            let mut open = false;
            for (at, engine) in self.engines.iter_mut().enumerate() {
                match engine.reports.poll_recv(context) {
                    Poll::Ready(Some(report)) => return Poll::Ready(Some((at, report))),
                    Poll::Ready(None) => {},
                    Poll::Pending => open = true,
                }
            }
            if open { Poll::Pending } else { Poll::Ready(None) }
        })
        .await
    }

    fn put(&mut self, engine: usize, report: Report) {
        self.engines[engine].reported_before = report.unix_s + 1;
        match self.seconds.remove(&report.unix_s) {
            None => self.seconds.insert(report.unix_s, report),
            Some(other) => self.seconds.insert(report.unix_s, other.joined(report)),
        };
    }

    /// An engine that has closed its end without a word about a second reports it at the end.
    fn release(&mut self) {
        let whole = self.engines.iter().map(|engine| engine.reported_before).min();
        let whole_before = whole.unwrap_or_default();
        while let Some(first) = self.seconds.first_entry()
            && *first.key() < whole_before
        {
            self.ready.push_back(first.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Cores;
    use crate::record::Second;

    fn report(unix_s: u64, offered: u64) -> Report {
        let second = Second { offered, ..Second::default() };
        let cores = Cores { thread: offered as f64 / 10.0, process: 1.5 };
        Report { unix_s, second, in_flight: 1, cores }
    }

    #[tokio::test]
    async fn a_second_is_passed_on_once_when_all_engines_have_reported_it() {
        let mut gather = Gather::default();
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let (sender, receiver) = mpsc::channel(8);
                gather.add(receiver);
                sender
            })
            .collect();
        senders[0].send(report(7, 3)).await.unwrap();
        senders[0].send(report(8, 5)).await.unwrap();
        senders[1].send(report(7, 4)).await.unwrap();
        let first = gather.next().await.unwrap();
        assert_eq!((first.unix_s, first.second.offered, first.in_flight), (7, 7, 2));
        // The busiest engine decides whether the generator could keep its promise.
        assert!(
            (first.cores.thread - 0.4).abs() < 1e-9 && (first.cores.process - 1.5).abs() < 1e-9
        );
        drop(senders);
        assert!(gather.next().await.is_none());
        gather.rest(1, vec![report(8, 6), report(9, 1)]);
        let rest: Vec<_> =
            gather.finish().map(|report| (report.unix_s, report.second.offered)).collect();
        assert_eq!(rest, [(8, 11), (9, 1)]);
    }
}
