//! Reports of load workers, whose answer says whether to go on, and the rendezvous of workers on
//! many machines.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::Json;
use model::load::LoadPlan;
use model::load::{LoadDone, LoadInterval, LoadReply};
use model::rendezvous::{ClockReading, LoadCall, LoadReady};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::Failure;
use super::asked::Asked;
use crate::core::Core;
use crate::live::{LoadRefused, LoadWord};

type Body = Result<Bytes, BytesRejection>;

fn parsed<T: DeserializeOwned>(body: Body) -> Result<T, Failure> {
    let body = body.map_err(|error| Failure::new(error.status(), error.body_text()))?;
    serde_json::from_slice(&body).map_err(|error| {
        Failure::new(StatusCode::BAD_REQUEST, format!("the report cannot be read: {error}"))
    })
}

fn refused(error: LoadRefused) -> Failure {
    let status = match &error {
        LoadRefused::OtherRun { .. } | LoadRefused::NotWelcome(_) => StatusCode::CONFLICT,
        LoadRefused::Hdr(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Failure::new(status, error)
}

pub(super) async fn interval(
    State(core): State<Arc<Core>>,
    body: Body,
) -> Result<Json<LoadReply>, Failure> {
    let interval: LoadInterval = parsed(body)?;
    let (second, watcher) = {
        let mut load = core.load();
        load.heard(interval.worker, core.clock.unix_ms());
        (load.add(&interval).map_err(refused)?, load.watcher())
    };
    if let Some(second) = second {
        tell(watcher, || LoadWord::Interval(interval.clone())).await;
        core.live().add_load(interval.unix_s, &second, core.clock.unix_ms());
        core.store.interval(interval);
    }
    // Whoever watches may have had enough of it just now.
    let reply = core.load().reply();
    Ok(Json(reply))
}

pub(super) async fn done(
    State(core): State<Arc<Core>>,
    body: Body,
) -> Result<Json<LoadReply>, Failure> {
    let done: LoadDone = parsed(body)?;
    let (reply, watcher) = {
        let mut load = core.load();
        load.finish(done.clone()).map_err(refused)?;
        (load.reply(), load.watcher())
    };
    tell(watcher, || LoadWord::Done(done.clone())).await;
    core.store.done(done);
    Ok(Json(reply))
}

/// A watcher that has gone away wants to hear nothing.
async fn tell(watcher: Option<mpsc::Sender<LoadWord>>, word: impl FnOnce() -> LoadWord) {
    if let Some(watcher) = watcher {
        watcher.send(word()).await.ok();
    }
}

/// How long an answer may wait for other workers before it says that they are missing.
const WAIT: Duration = Duration::from_secs(20);

pub(super) async fn clock(State(core): State<Arc<Core>>) -> Json<ClockReading> {
    Json(ClockReading { unix_ns: core.clock.unix_ns() })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seat {
    worker: u32,
}

/// Waits for a plan to be offered.
pub(super) async fn plan(asked: Asked<Seat>) -> Result<Json<LoadPlan>, Failure> {
    let (core, worker) = (asked.core, asked.query.worker);
    let mut news = core.load().news();
    let offered = async {
        loop {
            let plan = core.load().plan(worker);
            match plan {
                Some(plan) => return plan,
                // The book lives as long as the collector.
                None => drop(news.changed().await),
            }
        }
    };
    match tokio::time::timeout(WAIT, offered).await {
        Ok(plan) => plan.map(Json).map_err(|error| refused(error.into())),
        Err(_nobody) => Err(Failure::new(StatusCode::NOT_FOUND, "no load plan is offered here")),
    }
}

/// Waits for the other workers.
pub(super) async fn ready(
    State(core): State<Arc<Core>>,
    body: Body,
) -> Result<Json<LoadCall>, Failure> {
    let ready: LoadReady = parsed(body)?;
    let mut news = core.load().news();
    let called = async {
        loop {
            let call = core.load().ready(ready.clone(), core.clock.unix_ns());
            match call {
                Ok(LoadCall::Wait { .. }) => drop(news.changed().await),
                other => return other,
            }
        }
    };
    let call = match tokio::time::timeout(WAIT, called).await {
        Ok(call) => call,
        Err(_somebody_is_missing) => core.load().ready(ready.clone(), core.clock.unix_ns()),
    };
    call.map(Json).map_err(refused)
}
