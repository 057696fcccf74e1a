//! Orders: the saga that turns a cart into a paid and shipped order, or into nothing.
//!
//! `POST /orders` takes the saga as far as it goes within the request's deadline. What cannot be
//! finished then (payments do not answer, an undo is not acknowledged) is left to the settlement
//! workers, which go on until it is. What happened is told through the outbox. Everything is in the
//! service's own store before it is done, so a new process goes on where a killed one stopped.
//!
//! A customer hears: 201 confirmed; 202 accepted, to be paid later; 402 declined; 409 no such cart
//! or out of stock; 503 not now, and nothing was charged.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State as Shared};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use rusqlite::Connection;
use telemetry::clock::Clock;
use tokio::sync::Notify;
use tracing::{Instrument as _, Span};

use crate::audit::{OrdersAudit, Page};
use crate::callee::Callee;
use crate::error::ServiceError;
use crate::problem::{Input, Problem, check_id};
use crate::request::{DEADLINE_MAX, IdempotencyKey, RequestContext};
use crate::service::{Service, Setup};
use crate::store::{Store, StoreError};
use crate::wire::{NewOrder, OrderView};

mod books;
mod calls;
mod drive;
pub(crate) mod event;
mod journal;
mod outbox;
mod pace;
mod queue;
mod saga;
mod turns;

use journal::{Order, Placed};
use queue::{Lane, Outbox, Settlement};
use saga::{Reason, State};
use turns::{Turn, Turns};

/// State of an order that is paid and shipped.
pub(crate) const CONFIRMED: &str = State::Confirmed.as_str();
/// State of an order that did not come about.
pub(crate) const CANCELLED: &str = State::Cancelled.as_str();
/// Reason of an order whose customer could not pay.
pub(crate) const DECLINED: &str = Reason::Declined.as_str();

/// How long a request may work on an order before the settlement takes it over: longer than any
/// request lives.
const LEASE: Duration = DEADLINE_MAX.saturating_add(Duration::from_secs(10));

pub(crate) fn prepare(store: &Connection) -> rusqlite::Result<()> {
    journal::prepare(store)
}

/// What requests and workers share.
#[derive(Debug)]
pub(crate) struct Orders {
    store: Store,
    clock: Clock,
    cart: Callee,
    inventory: Callee,
    payments: Callee,
    notifications: Callee,
    turns: Turns,
    /// Wakes the settlement of each lane.
    payable: Notify,
    movable: Notify,
    /// Wakes the outbox.
    tellable: Notify,
}

pub(crate) fn build(setup: &Setup) -> Result<Service, ServiceError> {
    let orders = Arc::new(Orders {
        store: setup.store.clone(),
        clock: setup.clock.clone(),
        cart: setup.callee("cart")?,
        inventory: setup.callee("inventory")?,
        payments: setup.callee("payments")?,
        notifications: setup.callee("notifications")?,
        turns: Turns::default(),
        payable: Notify::new(),
        movable: Notify::new(),
        tellable: Notify::new(),
    });
    let settle = |lane| Settlement { orders: Arc::clone(&orders), lane };
    let (clock, stop) = (&setup.clock, &setup.stop);
    let workers: Vec<crate::service::Worker> = vec![
        Box::pin(queue::work(settle(Lane::Payments), clock.clone(), stop.clone())),
        Box::pin(queue::work(settle(Lane::Stock), clock.clone(), stop.clone())),
        Box::pin(queue::work(Outbox(Arc::clone(&orders)), clock.clone(), stop.clone())),
    ];
    let routes = Router::new()
        .route("/orders", post(place))
        .route("/orders/{id}", get(read))
        .with_state(Arc::clone(&orders));
    let audit = Router::new().route("/audit", get(audit)).with_state(orders);
    Ok(Service { routes, audit, workers })
}

async fn place(
    Shared(orders): Shared<Arc<Orders>>,
    context: RequestContext,
    IdempotencyKey(key): IdempotencyKey,
    Input(wanted): Input<NewOrder>,
) -> Result<Response, Problem> {
    check_id("cart", &wanted.cart)?;
    check_id("customer", &wanted.customer)?;
    let turn = orders.turns.take(&key).await;
    // A saga is not cut off in the middle because its customer hangs up.
    let saga = tokio::spawn(run(orders, turn, key, wanted, context).instrument(Span::current()));
    let order = saga.await.map_err(StoreError::from)??;
    Ok(respond(&order))
}

/// Writes the order down and takes it as far as it goes; a known one is left as it is.
async fn run(
    orders: Arc<Orders>,
    turn: Turn,
    key: String,
    wanted: NewOrder,
    context: RequestContext,
) -> Result<Order, Problem> {
    let (now_ms, trail) = (orders.now_ms(), context.trail.clone());
    let times = (now_ms, now_ms + LEASE.as_millis() as i64);
    let placed =
        orders.store.transact(move |store| journal::place(store, &wanted, &key, trail, times));
    let order = match placed.await? {
        Placed::New(order) => {
            tracing::info!(order = order.id, cart = order.cart, "order placed");
            orders.drive(order, &context).await?.order
        },
        Placed::Known(order) => order,
        Placed::KeyReused => {
            let error = "this idempotency key was used for another order";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error));
        },
    };
    drop(turn);
    Ok(order)
}

/// What the customer is told when an order has come so far.
fn status(order: &Order) -> StatusCode {
    match (order.state, order.reason) {
        (State::Confirmed, _) => StatusCode::CREATED,
        (State::Charging | State::Accepted | State::Paid, _) => StatusCode::ACCEPTED,
        (_, Some(Reason::Declined)) => StatusCode::PAYMENT_REQUIRED,
        (_, Some(Reason::NoCart | Reason::OutOfStock | Reason::NotShippable)) => {
            StatusCode::CONFLICT
        },
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn respond(order: &Order) -> Response {
    (status(order), Json(view(order))).into_response()
}

fn view(order: &Order) -> OrderView {
    OrderView {
        id: order.id.clone(),
        state: order.state.to_string(),
        total_cents: order.total_cents,
        error: order.reason.map(|reason| reason.sentence().to_owned()),
    }
}

async fn read(
    Shared(orders): Shared<Arc<Orders>>,
    Path(id): Path<String>,
) -> Result<Json<OrderView>, Problem> {
    let unknown = format!("there is no order {id:?}");
    let found = orders.store.transact(move |store| journal::find(store, &id)).await?;
    let order = found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, unknown))?;
    Ok(Json(view(&order)))
}

async fn audit(
    Shared(orders): Shared<Arc<Orders>>,
    Query(page): Query<Page>,
) -> Result<Json<OrdersAudit>, Problem> {
    Ok(Json(orders.store.transact(move |store| books::audit(store, &page)).await?))
}

impl Orders {
    /// Wall-clock time as the store keeps it.
    fn now_ms(&self) -> i64 {
        i64::try_from(self.clock.unix_ms()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
