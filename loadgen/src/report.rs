//! What goes to the collector: a report each second, and the account at the end.
//!
//! Runs on the caller's runtime, never on an engine thread. A report that could not be delivered is
//! sent again with its sequence number, by which the collector knows it; when the collector stays
//! away the load is stopped, because a load that nobody measures only does harm.

mod interval;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use model::load::{LoadDone, LoadReply};
use serde::Serialize;
use telemetry::client::{Client, ClientError};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::engine::{Order, Report};
use crate::error::LoadError;

pub(crate) use interval::Intervals;

const INTERVALS: &str = "/v1/load/intervals";
const DONE: &str = "/v1/load/done";
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(250);
/// How long the collector may be out of reach.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same when the load was aborted and somebody waits for the end of this process.
const PATIENCE_ABORTED: Duration = Duration::from_secs(2);

/// Posts to the collector and passes its orders on to the engine.
#[derive(Debug)]
pub(crate) struct Reporter {
    to: SocketAddr,
    client: Client,
    intervals: Intervals,
    orders: watch::Sender<Order>,
    /// Why reporting has ended early.
    broken: Option<LoadError>,
}

impl Reporter {
    pub(crate) fn new(to: SocketAddr, intervals: Intervals, orders: watch::Sender<Order>) -> Self {
        Self { to, client: Client::new(), intervals, orders, broken: None }
    }

    /// Posts a report. After a failure reports are only taken.
    pub(crate) async fn report(&mut self, report: Report) {
        if self.broken.is_some() {
            return;
        }
        let interval = self.intervals.next(report);
        match self.post(INTERVALS, &interval).await {
            Ok(LoadReply::Continue) => {},
            Ok(LoadReply::Stop { reason }) => {
                tracing::info!(reason, "the collector asks the load to stop");
                raise(&self.orders, Order::End);
            },
            Err(error) => {
                raise(&self.orders, Order::Abort);
                self.broken = Some(error);
            },
        }
    }

    /// Posts the final account. What kept earlier reports from the collector is the error.
    pub(crate) async fn done(mut self, done: LoadDone) -> Result<LoadDone, LoadError> {
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        self.post(DONE, &done).await.map(|_reply| done)
    }

    async fn post<T: Serialize + Sync>(
        &self,
        path: &'static str,
        body: &T,
    ) -> Result<LoadReply, LoadError> {
        let body = serde_json::to_vec(body).expect("reports hold only what JSON can say");
        let body = Bytes::from(body);
        let since = Instant::now();
        loop {
            let request = Request::post(path)
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body.clone())
                .expect("method, path and header are constants");
            let failed = match self.client.send(self.to, request, ANSWER_TIMEOUT).await {
                Ok(answer) => return self.read(path, &answer),
                Err(error) => error,
            };
            self.check_patience(since, failed)?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn check_patience(&self, since: Instant, source: ClientError) -> Result<(), LoadError> {
        let aborted = *self.orders.borrow() == Order::Abort;
        let patience = if aborted { PATIENCE_ABORTED } else { PATIENCE };
        if since.elapsed() < patience {
            return Ok(());
        }
        Err(LoadError::Unreachable { to: self.to, for_s: patience.as_secs(), source })
    }

    fn read(&self, path: &'static str, answer: &Response<Bytes>) -> Result<LoadReply, LoadError> {
        let reply = answer.status().is_success().then(|| serde_json::from_slice(answer.body()));
        match reply {
            Some(Ok(reply)) => Ok(reply),
            _ => Err(LoadError::Refused {
                to: self.to,
                path: path.to_owned(),
                status: answer.status().as_u16(),
                body: String::from_utf8_lossy(answer.body()).chars().take(300).collect(),
            }),
        }
    }
}

/// An order never becomes milder.
pub(crate) fn raise(orders: &watch::Sender<Order>, order: Order) {
    orders.send_if_modified(|current| {
        let raised = order > *current;
        *current = order.max(*current);
        raised
    });
}

#[cfg(test)]
mod tests;
