//! A load worker of many: fetches its plan, says that it is ready, and begins with all others.
//!
//! The collector's clock is the common one. A few round trips tell how far it is from ours; the
//! shortest of them is the least disturbed, and half of it bounds the error. The order to start is
//! an instant, so how exactly the workers begin together depends on their clocks alone.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use model::fault::Token;
use model::limits::{API_BODY_BYTES_MAX, LOAD_PLAN_BYTES_MAX};
use model::load::{LoadDone, LoadPlan, LoadStart};
use model::rendezvous::{ClockReading, LoadCall, LoadReady};
use serde::de::DeserializeOwned;
use telemetry::client::Client;
use telemetry::clock::Clock;
use telemetry::shutdown::Shutdown;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::arrival::plan_hash;
use crate::error::LoadError;
use crate::plan::Resolved;
use crate::report::shown;

/// Round trips that measure the clock.
const ROUND_TRIPS: usize = 8;
/// Longer than the collector waits before it says that somebody is missing.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A plan with many rows takes its time.
const PLAN_TIMEOUT: Duration = Duration::from_mins(2);
/// How long before the start a worker asks whether it stands: well more than a round trip, and
/// than what an engine needs to be there.
const ASKS_BEFORE: Duration = Duration::from_millis(300);
const PAUSE: Duration = Duration::from_millis(500);
/// How long a collector may be out of reach, or without a plan, before the worker gives up.
const PATIENCE: Duration = Duration::from_mins(5);

/// Takes part in the load that the collector at `collector` offers, as worker `worker`, until it
/// ends, a signal comes, or whoever started this process is `gone`. The token is what the collector
/// wants to be shown.
pub async fn join(
    collector: SocketAddr,
    token: Option<Token>,
    worker: u32,
    gone: impl Future<Output = ()>,
    clock: Clock,
) -> Result<LoadDone, LoadError> {
    // What the plan will ask for is not known yet.
    crate::closed::process::keep_signals()?;
    let mut shutdown = Shutdown::listen()
        .map_err(|source| LoadError::Setup { what: "the signal handler", source })?;
    let (start, started) = oneshot::channel();
    let (stop, stopped) = watch::channel(None);
    let meeting = Meeting { collector, token, client: Client::new(), clock: clock.clone() };
    let mut gone = pin!(gone);
    let mut ended = async || {
        tokio::select! {
            signal = shutdown.requested() => signal,
            () = gone.as_mut() => "the end of its parent",
        }
    };
    let plan = tokio::select! {
        plan = meeting.plan(worker) => plan?,
        signal = ended() => return Err(LoadError::NotBegun { signal }),
    };
    Resolved::new(&plan)?;
    let running = async {
        let called = async {
            let (ready, order) = meeting.called(&plan).await?;
            meeting.stands(&ready, order).await?;
            // A load that has ended by now needs no order.
            start.send(order).ok();
            Ok::<_, LoadError>(std::future::pending::<LoadDone>().await)
        };
        tokio::select! {
            done = crate::run(plan.clone(), started, stopped, clock) => done,
            failed = called => failed,
        }
    };
    let obey = async {
        let reason = ended().await;
        tracing::info!(reason, "the load is stopped");
        stop.send_replace(Some(reason));
        std::future::pending().await
    };
    tokio::select! {
        done = running => done,
        never = obey => never,
    }
}

struct Meeting {
    collector: SocketAddr,
    token: Option<Token>,
    client: Client,
    clock: Clock,
}

impl Meeting {
    async fn plan(&self, worker: u32) -> Result<LoadPlan, LoadError> {
        let path = format!("/v1/load/plan?worker={worker}");
        let since = Instant::now();
        loop {
            let bounds = (PLAN_TIMEOUT, LOAD_PLAN_BYTES_MAX);
            match self.ask_for(Method::GET, &path, Bytes::new(), bounds).await {
                // The plan may say where reports go on the collector's own machine; from here it
                // is where the plan came from.
                Ok(plan) => {
                    let report_token = self.token.clone();
                    return Ok(LoadPlan { report_to: Some(self.collector), report_token, ..plan });
                },
                Err(error) => self.pause(since, error).await?,
            }
        }
    }

    /// Waits until all workers are ready, and gives the start on our own clock.
    async fn called(&self, plan: &LoadPlan) -> Result<(LoadReady, LoadStart), LoadError> {
        let (offset_ns, error_ns) = self.clock_offset().await?;
        let hashed = plan.clone();
        let hashing = tokio::task::spawn_blocking(move || plan_hash(&hashed));
        let ready = LoadReady {
            run_id: plan.run_id.clone(),
            worker: plan.worker,
            workers: plan.workers,
            plan_hash: hashing.await.map_err(|_panic| LoadError::Panicked)?,
            instance: instance(&self.clock),
            clock_offset_ns: offset_ns,
            clock_error_ns: error_ns,
        };
        let since = Instant::now();
        loop {
            match self.ready(&ready).await {
                Ok(LoadCall::Start { start_unix_ns }) => {
                    let ours = i128::from(start_unix_ns) - i128::from(offset_ns);
                    let start_unix_ns = u64::try_from(ours).unwrap_or(0);
                    return Ok((ready, LoadStart { start_unix_ns }));
                },
                Ok(LoadCall::Wait { missing }) => {
                    tracing::info!(?missing, "waiting for other load workers");
                },
                Err(error) => self.pause(since, error).await?,
            }
        }
    }

    /// Asks once more just before the start, so that a load which was called off meanwhile sends
    /// nothing. Whoever gets no answer begins all the same: the others do.
    async fn stands(&self, ready: &LoadReady, start: LoadStart) -> Result<(), LoadError> {
        let asks_at = self.clock.instant_of_unix_ms(start.start_unix_ns / 1_000_000);
        tokio::time::sleep_until(asks_at.checked_sub(ASKS_BEFORE).unwrap_or(asks_at)).await;
        match tokio::time::timeout(ASKS_BEFORE, self.ready(ready)).await {
            Ok(Err(refused @ LoadError::Refused { .. })) => Err(refused),
            Ok(Ok(_) | Err(_)) | Err(_) => Ok(()),
        }
    }

    async fn ready(&self, ready: &LoadReady) -> Result<LoadCall, LoadError> {
        let body = serde_json::to_vec(ready).expect("a ready worker can be said in JSON");
        self.ask(Method::POST, "/v1/load/ready", body.into()).await
    }

    /// The collector's clock minus ours, and how wrong that may be, in nanoseconds.
    async fn clock_offset(&self) -> Result<(i64, u64), LoadError> {
        let mut best: Option<(i64, u64)> = None;
        for _ in 0..ROUND_TRIPS {
            let before_ns = self.clock.unix_ns();
            let theirs: ClockReading =
                self.ask(Method::GET, "/v1/load/clock", Bytes::new()).await?;
            let reading = offset(before_ns, theirs.unix_ns, self.clock.unix_ns());
            if best.is_none_or(|(_, error_ns)| reading.1 < error_ns) {
                best = Some(reading);
            }
        }
        Ok(best.unwrap_or_default())
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, LoadError> {
        self.ask_for(method, path, body, (ANSWER_TIMEOUT, API_BODY_BYTES_MAX)).await
    }

    async fn ask_for<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        bounds: (Duration, usize),
    ) -> Result<T, LoadError> {
        let request = shown(Request::builder(), self.token.as_ref())
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)
            .expect("method, path and header are fit for a request");
        let answer = self.client.send_for(self.collector, request, bounds).await;
        let answer =
            answer.map_err(|source| LoadError::NoMeeting { to: self.collector, source })?;
        let read = answer.status().is_success().then(|| serde_json::from_slice(answer.body()));
        match read {
            Some(Ok(read)) => Ok(read),
            _ => Err(LoadError::Refused {
                to: self.collector,
                path: path.to_owned(),
                status: answer.status().as_u16(),
                body: String::from_utf8_lossy(answer.body()).chars().take(300).collect(),
            }),
        }
    }

    /// Waits before the next question, or gives the error back when asking again is in vain.
    async fn pause(&self, since: Instant, error: LoadError) -> Result<(), LoadError> {
        let again = match &error {
            LoadError::NoMeeting { .. } => true,
            // Nobody has offered a plan yet.
            LoadError::Refused { status, .. } => *status == 404 || *status >= 500,
            _ => false,
        };
        if !again || since.elapsed() > PATIENCE {
            return Err(error);
        }
        // Whoever waits for minutes is told once.
        if since.elapsed() < PAUSE {
            tracing::info!(%error, patience_s = PATIENCE.as_secs(), "asking the collector again");
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }
}

/// Tells this process from one that is started in its place.
fn instance(clock: &Clock) -> u64 {
    model::decision::indexed(clock.unix_ns(), "load worker", u64::from(std::process::id())).bits()
}

/// The middle of a round trip is when the other clock was read, give or take half of it.
fn offset(before_ns: u64, theirs_ns: u64, after_ns: u64) -> (i64, u64) {
    let round_ns = after_ns.saturating_sub(before_ns);
    let middle_ns = before_ns + round_ns / 2;
    let offset_ns = i128::from(theirs_ns) - i128::from(middle_ns);
    (i64::try_from(offset_ns).unwrap_or(0), round_ns / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_counted_from_the_middle_of_the_round_trip() {
        assert_eq!(offset(1_000, 1_050, 1_100), (0, 50));
        assert_eq!(offset(1_000, 9_050, 1_100), (8_000, 50));
        assert_eq!(offset(9_000, 1_050, 9_100), (-8_000, 50));
    }
}
