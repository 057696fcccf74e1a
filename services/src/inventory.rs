//! The shelf: stock is reserved for an order, then shipped or put back.
//!
//! Every request may come twice, late, or in the wrong order, because its caller repeats what was
//! not answered. So each is idempotent by order id, and a release that comes before its
//! reservation leaves a mark that refuses the reservation when it arrives.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use rusqlite::Connection;
use serde_json::json;

use crate::audit::InventoryAudit;
use crate::problem::{Input, Problem, check_id};
use crate::service::{Service, Setup};
use crate::store::Store;
use crate::wire::Reservation;

pub(crate) mod shelf;

use shelf::Answer;

pub(crate) fn prepare(store: &Connection) -> rusqlite::Result<()> {
    shelf::prepare(store)
}

pub(crate) fn build(setup: &Setup) -> Service {
    let routes = Router::new()
        .route("/reservations", post(reserve))
        .route("/reservations/{order}/confirm", post(confirm))
        .route("/reservations/{order}/release", post(release))
        .with_state(setup.store.clone());
    let audit = Router::new().route("/audit", get(audit)).with_state(setup.store.clone());
    Service { routes, audit, workers: Vec::new() }
}

async fn reserve(
    State(store): State<Store>,
    Input(wanted): Input<Reservation>,
) -> Result<Response, Problem> {
    check_id("order", &wanted.order)?;
    let positive = wanted.items.iter().all(|item| item.quantity > 0);
    if wanted.items.is_empty() || !positive {
        let error = "items must not be empty, and each quantity must be at least 1";
        return Err(Problem::of_field("items", error));
    }
    let order = wanted.order.clone();
    let answer = store.transact(move |store| shelf::reserve(store, &wanted)).await?;
    respond(&order, answer)
}

async fn confirm(
    State(store): State<Store>,
    Path(order): Path<String>,
) -> Result<Response, Problem> {
    check_id("order", &order)?;
    let id = order.clone();
    let answer = store.transact(move |store| shelf::confirm(store, &id)).await?;
    respond(&order, answer)
}

async fn release(
    State(store): State<Store>,
    Path(order): Path<String>,
) -> Result<Response, Problem> {
    check_id("order", &order)?;
    let id = order.clone();
    let answer = store.transact(move |store| shelf::release(store, &id)).await?;
    respond(&order, answer)
}

fn respond(order: &str, answer: Answer) -> Result<Response, Problem> {
    match answer {
        Answer::Is { state, changed } => {
            if changed {
                tracing::info!(order, state = state.as_str(), "reservation changed");
            }
            let body = Json(json!({ "order": order, "state": state.as_str() }));
            Ok((StatusCode::OK, body).into_response())
        },
        Answer::Short { sku } => {
            tracing::warn!(order, sku, "out of stock");
            Err(Problem::new(StatusCode::CONFLICT, format!("there is not enough of {sku:?}")))
        },
        Answer::Different => {
            let error = format!("order {order} reserved something else before");
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error))
        },
        Answer::Not { wanted, state } => {
            let is = state.map_or("unknown", shelf::State::as_str);
            let error = format!("the reservation of order {order} is {is}, not {wanted}");
            Err(Problem::new(StatusCode::CONFLICT, error))
        },
    }
}

async fn audit(State(store): State<Store>) -> Result<Json<InventoryAudit>, Problem> {
    let stock = store.transact(|store| shelf::stock(store)).await?;
    Ok(Json(InventoryAudit { stock }))
}
