//! The till: charges and refunds on a double-entry ledger.
//!
//! A charge may come twice because its answer was lost. The idempotency key tells the repeat from
//! a new charge: the same key gets the first result again. The weakness `payments.no-idempotency`
//! leaves the key unread, so that every repeat is booked.

use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use rusqlite::Connection;
use serde_json::json;

use crate::audit::{Page, PaymentsAudit};
use crate::problem::{Input, Problem, check_id};
use crate::request::IdempotencyKey;
use crate::service::{Service, Setup};
use crate::store::Store;
use crate::wire::{Charge, Refund};

pub(crate) mod account;
pub(crate) mod ledger;

use ledger::{Charged, Receipt};

/// The planted flaw of this service.
const NO_IDEMPOTENCY: &str = "payments.no-idempotency";
/// Largest single charge: a million of the currency's units.
const AMOUNT_MAX_CENTS: i64 = 100_000_000;

pub(crate) fn prepare(store: &Connection) -> rusqlite::Result<()> {
    ledger::prepare(store)
}

#[derive(Debug, Clone)]
struct Payments {
    store: Store,
    reads_keys: bool,
}

pub(crate) fn build(setup: &Setup) -> Service {
    let reads_keys = !setup.config.has(NO_IDEMPOTENCY);
    let payments = Payments { store: setup.store.clone(), reads_keys };
    let routes = Router::new()
        .route("/charges", post(charge))
        .route("/refunds", post(refund))
        .with_state(payments);
    let audit = Router::new().route("/audit", get(audit)).with_state(setup.store.clone());
    Service { routes, audit, workers: Vec::new() }
}

async fn charge(
    State(payments): State<Payments>,
    IdempotencyKey(key): IdempotencyKey,
    Input(wanted): Input<Charge>,
) -> Result<Response, Problem> {
    check_id("order", &wanted.order)?;
    check_id("customer", &wanted.customer)?;
    if !(1..=AMOUNT_MAX_CENTS).contains(&wanted.amount_cents) {
        let error = format!("amount_cents must be 1 to {AMOUNT_MAX_CENTS}");
        return Err(Problem::of_field("amount_cents", error));
    }
    let key = payments.reads_keys.then_some(key);
    let (order, amount_cents) = (wanted.order.clone(), wanted.amount_cents);
    let charged =
        payments.store.transact(move |store| ledger::charge(store, &wanted, key.as_deref()));
    match charged.await? {
        Charged::Receipt { receipt: Receipt::Booked { transfer }, repeated } => {
            tracing::info!(order, amount_cents, repeated, "charge booked");
            let body = json!({ "order": order, "charge": transfer, "amount_cents": amount_cents });
            Ok((StatusCode::CREATED, Json(body)).into_response())
        },
        Charged::Receipt { receipt: Receipt::Declined, repeated } => {
            tracing::warn!(order, amount_cents, repeated, "charge declined");
            let error = format!("the balance does not suffice for {amount_cents} cents");
            Err(Problem::new(StatusCode::PAYMENT_REQUIRED, error))
        },
        Charged::KeyReused => {
            let error = "this idempotency key was used with another body";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error))
        },
    }
}

async fn refund(
    State(payments): State<Payments>,
    Input(wanted): Input<Refund>,
) -> Result<Response, Problem> {
    check_id("order", &wanted.order)?;
    let order = wanted.order.clone();
    let refunded = payments.store.transact(move |store| ledger::refund(store, &wanted.order));
    let refunded_cents = refunded.await?;
    tracing::info!(order, refunded_cents, "order refunded");
    Ok(Json(json!({ "order": order, "refunded_cents": refunded_cents })).into_response())
}

async fn audit(
    State(store): State<Store>,
    Query(page): Query<Page>,
) -> Result<Json<PaymentsAudit>, Problem> {
    Ok(Json(store.transact(move |store| account::audit(store, &page)).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planted_flaw_is_one_that_scenarios_may_name() {
        assert!(model::shop::WEAKNESSES.iter().any(|(name, _)| *name == NO_IDEMPOTENCY));
    }
}
