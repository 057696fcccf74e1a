//! One function for each request of the API.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::{Shared, counters};
use crate::emit::metrics;

/// The release whose API this is.
const VERSION: &str = "2.12.0";

type Answer = Result<Response, Failure>;

pub(super) async fn list_proxies(State(registry): State<Shared>) -> Json<Value> {
    let registry = registry.lock().await;
    let shown = |(name, proxy): (&String, &super::proxy::Proxy)| (name.clone(), proxy.shown());
    Json(Value::Object(registry.proxies().iter().map(shown).collect()))
}

pub(super) async fn create_proxy(State(registry): State<Shared>, body: Bytes) -> Answer {
    let wanted = parse(&body)?;
    let mut registry = registry.lock().await;
    let proxy = registry.create(wanted).await?;
    Ok((StatusCode::CREATED, Json(proxy.shown())).into_response())
}

pub(super) async fn show_proxy(
    State(registry): State<Shared>,
    Path(proxy): Path<String>,
) -> Answer {
    Ok(show(registry.lock().await.proxy(&proxy)?.shown()))
}

pub(super) async fn update_proxy(
    State(registry): State<Shared>,
    Path(proxy): Path<String>,
    body: Bytes,
) -> Answer {
    let mut registry = registry.lock().await;
    registry.proxy(&proxy)?;
    Ok(show(registry.update(&proxy, parse(&body)?).await?.shown()))
}

pub(super) async fn delete_proxy(
    State(registry): State<Shared>,
    Path(proxy): Path<String>,
) -> Answer {
    registry.lock().await.delete(&proxy).await?;
    Ok(nothing())
}

pub(super) async fn list_toxics(
    State(registry): State<Shared>,
    Path(proxy): Path<String>,
) -> Answer {
    Ok(show(registry.lock().await.proxy(&proxy)?.shown_toxics().into()))
}

pub(super) async fn create_toxic(
    State(registry): State<Shared>,
    Path(proxy): Path<String>,
    body: Bytes,
) -> Answer {
    let mut registry = registry.lock().await;
    registry.proxy(&proxy)?;
    Ok(show(registry.add_toxic(&proxy, parse(&body)?)?.shown()))
}

pub(super) async fn show_toxic(
    State(registry): State<Shared>,
    Path((proxy, toxic)): Path<(String, String)>,
) -> Answer {
    Ok(show(registry.lock().await.proxy(&proxy)?.toxic(&toxic)?.shown()))
}

pub(super) async fn update_toxic(
    State(registry): State<Shared>,
    Path((proxy, toxic)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let mut registry = registry.lock().await;
    registry.proxy(&proxy)?.toxic(&toxic)?;
    Ok(show(registry.update_toxic((&proxy, &toxic), parse(&body)?)?.shown()))
}

pub(super) async fn delete_toxic(
    State(registry): State<Shared>,
    Path((proxy, toxic)): Path<(String, String)>,
) -> Answer {
    registry.lock().await.remove_toxic(&proxy, &toxic)?;
    Ok(nothing())
}

pub(super) async fn populate(State(registry): State<Shared>, body: Bytes) -> Response {
    let mut registry = registry.lock().await;
    let done = match parse(&body) {
        Ok(wanted) => registry.populate(wanted).await,
        Err(failure) => Err(failure),
    };
    let (made, failure) = done.unwrap_or_else(|failure| (Vec::new(), Some(failure)));
    let mut answer = Map::new();
    let mut status = StatusCode::CREATED;
    if let Some(failure) = failure {
        status = failure.status;
        answer.insert("error".to_owned(), failure.text.into());
        answer.insert("status".to_owned(), status.as_u16().into());
    }
    let made: Vec<Value> = made.into_iter().map(super::proxy::Proxy::shown).collect();
    answer.insert("proxies".to_owned(), made.into());
    (status, Json(answer)).into_response()
}

pub(super) async fn reset(State(registry): State<Shared>) -> Answer {
    registry.lock().await.reset().await?;
    Ok(nothing())
}

pub(super) async fn version() -> Json<Value> {
    Json(json!({ "version": VERSION }))
}

pub(super) async fn metrics(State(registry): State<Shared>) -> Response {
    let text = counters::page(&*registry.lock().await);
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(Failure::bad_body)
}

fn show(value: Value) -> Response {
    Json(value).into_response()
}

fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}
