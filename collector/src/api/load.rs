//! Reports of load workers. The answer says whether to go on.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::Json;
use model::load::{LoadDone, LoadInterval, LoadReply};
use serde::de::DeserializeOwned;

use super::Failure;
use crate::core::Core;
use crate::live::LoadRefused;

type Body = Result<Bytes, BytesRejection>;

fn parsed<T: DeserializeOwned>(body: Body) -> Result<T, Failure> {
    let body = body.map_err(|error| Failure::new(error.status(), error.body_text()))?;
    serde_json::from_slice(&body).map_err(|error| {
        Failure::new(StatusCode::BAD_REQUEST, format!("the report cannot be read: {error}"))
    })
}

fn refused(error: LoadRefused) -> Failure {
    let status = match &error {
        LoadRefused::OtherRun { .. } => StatusCode::CONFLICT,
        LoadRefused::Hdr(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Failure::new(status, error)
}

pub(super) async fn interval(
    State(core): State<Arc<Core>>,
    body: Body,
) -> Result<Json<LoadReply>, Failure> {
    let interval: LoadInterval = parsed(body)?;
    let (second, reply) = {
        let mut load = core.load();
        (load.add(&interval).map_err(refused)?, load.reply())
    };
    if let Some(second) = second {
        core.live().add_load(interval.unix_s, &second, core.clock.unix_ms());
        core.store.interval(interval);
    }
    Ok(Json(reply))
}

pub(super) async fn done(
    State(core): State<Arc<Core>>,
    body: Body,
) -> Result<Json<LoadReply>, Failure> {
    let done: LoadDone = parsed(body)?;
    let reply = {
        let mut load = core.load();
        load.finish(done.clone()).map_err(refused)?;
        load.reply()
    };
    core.store.done(done);
    Ok(Json(reply))
}
