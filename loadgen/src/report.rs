//! Where a worker's reports go: one each second, and the account at the end.
//!
//! Runs on the caller's runtime, never on an engine thread. Reports go to the collector, to a
//! receiver in this process, or to both. One that the collector did not get is sent again with its
//! sequence number, by which the collector knows it; when the collector stays away the load is
//! stopped, because a load that nobody measures only does harm. A receiver in this process is
//! waited for: the engine joins seconds meanwhile and waits for nobody. One that has gone away
//! wants nothing more.

mod collector;
mod interval;

use std::net::SocketAddr;

use model::fault::Token;
use model::load::{LoadDone, LoadInterval, LoadReply};
use tokio::sync::{mpsc, watch};

use crate::engine::{Order, Report};
use crate::error::LoadError;
use collector::Collector;
pub(crate) use collector::shown;

pub(crate) use interval::Intervals;

/// Passes the seconds of the engine on, and the orders of the collector back to it.
#[derive(Debug)]
pub(crate) struct Reporter {
    collector: Option<Collector>,
    watcher: Option<mpsc::Sender<LoadInterval>>,
    intervals: Intervals,
    orders: watch::Sender<Order>,
    /// Why reporting to the collector has ended early.
    broken: Option<LoadError>,
}

impl Reporter {
    pub(crate) fn new(
        to: Option<(SocketAddr, Option<Token>)>,
        watcher: Option<mpsc::Sender<LoadInterval>>,
        intervals: Intervals,
        orders: watch::Sender<Order>,
    ) -> Self {
        let collector = to.map(|(to, token)| Collector::new(to, token, orders.subscribe()));
        Self { collector, watcher, intervals, orders, broken: None }
    }

    /// Reports one second. After a failure the collector gets no more.
    pub(crate) async fn report(&mut self, report: Report) {
        let interval = self.intervals.next(report);
        if let Some(collector) = self.collector.as_ref().filter(|_| self.broken.is_none()) {
            match collector.interval(&interval).await {
                Ok(LoadReply::Continue) => {},
                Ok(LoadReply::Stop { reason }) => {
                    tracing::info!(reason, "the collector asks the load to stop");
                    self.orders.send_replace(Order::Stop);
                },
                Err(error) => {
                    self.orders.send_replace(Order::Stop);
                    self.broken = Some(error);
                },
            }
        }
        if let Some(watcher) = &self.watcher
            && watcher.send(interval).await.is_err()
        {
            self.watcher = None;
        }
    }

    /// Posts the final account. What kept earlier reports from the collector is the error.
    pub(crate) async fn done(mut self, done: LoadDone) -> Result<LoadDone, LoadError> {
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        if let Some(collector) = &self.collector {
            collector.done(&done).await?;
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests;
