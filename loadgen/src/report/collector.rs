//! The collector as the place where reports go.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use model::fault::Token;
use model::load::{LoadDone, LoadInterval, LoadReply};
use serde::Serialize;
use telemetry::client::{Client, ClientError};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::engine::Order;
use crate::error::LoadError;

const INTERVALS: &str = "/v1/load/intervals";
const DONE: &str = "/v1/load/done";
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(250);
/// How long the collector may be out of reach.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The same when the load was stopped and somebody waits for the end of this process.
pub(super) const PATIENCE_STOPPED: Duration = Duration::from_secs(2);

/// Adds the token, if there is one.
pub(crate) fn shown(
    request: http::request::Builder,
    token: Option<&Token>,
) -> http::request::Builder {
    match token {
        Some(token) => {
            request.header(http::header::AUTHORIZATION, format!("Bearer {}", token.expose()))
        },
        None => request,
    }
}

/// Posts until it is understood or patience ends.
#[derive(Debug)]
pub(super) struct Collector {
    to: SocketAddr,
    token: Option<Token>,
    client: Client,
    orders: watch::Receiver<Order>,
}

impl Collector {
    pub(super) fn new(
        to: SocketAddr,
        token: Option<Token>,
        orders: watch::Receiver<Order>,
    ) -> Self {
        Self { to, token, client: Client::new(), orders }
    }

    pub(super) async fn interval(&self, interval: &LoadInterval) -> Result<LoadReply, LoadError> {
        self.post(INTERVALS, interval).await
    }

    pub(super) async fn done(&self, done: &LoadDone) -> Result<LoadReply, LoadError> {
        self.post(DONE, done).await
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
            let request = shown(Request::post(path), self.token.as_ref())
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body.clone())
                .expect("method, path and headers are fit for a request");
            let failed = match self.client.send(self.to, request, ANSWER_TIMEOUT).await {
                Ok(answer) => return self.read(path, &answer),
                Err(error) => error,
            };
            self.check_patience(since, failed)?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn check_patience(&self, since: Instant, source: ClientError) -> Result<(), LoadError> {
        let stopped = *self.orders.borrow() == Order::Stop;
        let patience = if stopped { PATIENCE_STOPPED } else { PATIENCE };
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
