//! Carts: what a customer wants to buy, at the price of the moment when it was put in.
//!
//! The price is asked from the catalog, once per added line. Without an answer nothing is added:
//! a cart with a guessed price would be a promise that nobody can keep.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use rusqlite::{Connection, OptionalExtension as _};

use crate::audit::CartAudit;
use crate::callee::{Call, Callee};
use crate::error::ServiceError;
use crate::problem::{Input, Problem, check_id};
use crate::request::RequestContext;
use crate::service::{Service, Setup};
use crate::store::Store;
use crate::wire::{Cart, Item, Line, Quantity};

/// Longest wait for a price.
const PRICE_TIMEOUT: Duration = Duration::from_secs(1);
/// Different articles in one cart.
const LINES_MAX: i64 = 50;
/// Pieces of one article that can be added at once.
const QUANTITY_MAX: i64 = 100;

pub(crate) fn prepare(store: &Connection) -> rusqlite::Result<()> {
    store.execute_batch(
        "CREATE TABLE IF NOT EXISTS carts (
             id TEXT PRIMARY KEY,
             version INTEGER NOT NULL
         ) STRICT, WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS lines (
             cart TEXT NOT NULL REFERENCES carts (id),
             sku TEXT NOT NULL,
             quantity INTEGER NOT NULL CHECK (quantity > 0),
             price_cents INTEGER NOT NULL CHECK (price_cents > 0),
             PRIMARY KEY (cart, sku)
         ) STRICT, WITHOUT ROWID",
    )
}

#[derive(Debug, Clone)]
struct Carts {
    store: Store,
    catalog: Callee,
}

pub(crate) fn build(setup: &Setup) -> Result<Service, ServiceError> {
    let carts = Carts { store: setup.store.clone(), catalog: setup.callee("catalog")? };
    let routes = Router::new()
        .route("/carts/{id}/items", post(add))
        .route("/carts/{id}", get(read))
        .with_state(carts.clone());
    let audit = Router::new().route("/audit", get(audit)).with_state(carts);
    Ok(Service { routes, audit, workers: Vec::new() })
}

async fn add(
    State(carts): State<Carts>,
    Path(id): Path<String>,
    context: RequestContext,
    Input(wanted): Input<Quantity>,
) -> Result<Response, Problem> {
    check_id("cart", &id)?;
    check_id("sku", &wanted.sku)?;
    if !(1..=QUANTITY_MAX).contains(&wanted.quantity) {
        let range = format!("quantity must be 1 to {QUANTITY_MAX}, got {}", wanted.quantity);
        return Err(Problem::of_field("quantity", range));
    }
    let price_cents = price(&carts.catalog, &context, &wanted.sku).await?;
    let line = Line { sku: wanted.sku, quantity: wanted.quantity, price_cents };
    let cart = id.clone();
    match carts.store.transact(move |store| put(store, &cart, &line)).await? {
        Some(cart) => {
            tracing::info!(cart = id, version = cart.version, "cart filled");
            Ok((StatusCode::CREATED, Json(cart)).into_response())
        },
        None => {
            let full = format!("cart {id} holds {LINES_MAX} different items already");
            Err(Problem::new(StatusCode::CONFLICT, full))
        },
    }
}

async fn price(catalog: &Callee, context: &RequestContext, sku: &str) -> Result<i64, Problem> {
    let call = Call::get("/catalog/items/{sku}", format!("/catalog/items/{sku}"));
    let no_price = || {
        let error = format!("the catalog gives no price for {sku} at the moment");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, error)
    };
    let answer = catalog.call(context, call.timeout(PRICE_TIMEOUT)).await;
    match answer {
        Ok(answer) if answer.status == StatusCode::OK => {
            let item: Item = answer.json().map_err(|_not_an_item| no_price())?;
            Ok(item.price_cents)
        },
        Ok(answer) if answer.status == StatusCode::NOT_FOUND => {
            Err(Problem::of_field("sku", format!("there is no item {sku:?} in the catalog")))
        },
        _ => Err(no_price()),
    }
}

/// Adds pieces to a cart, which is made when absent. `None` when it has no room for a new line.
fn put(store: &Connection, cart: &str, line: &Line) -> rusqlite::Result<Option<Cart>> {
    let others = "SELECT count(*) FROM lines WHERE cart = ?1 AND sku <> ?2";
    let others: i64 =
        store.prepare_cached(others)?.query_row((cart, &line.sku), |row| row.get(0))?;
    if others >= LINES_MAX {
        return Ok(None);
    }
    store
        .prepare_cached(
            "INSERT INTO carts VALUES (?1, 1)
             ON CONFLICT (id) DO UPDATE SET version = version + 1",
        )?
        .execute([cart])?;
    store
        .prepare_cached(
            "INSERT INTO lines VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (cart, sku) DO UPDATE
             SET quantity = quantity + excluded.quantity, price_cents = excluded.price_cents",
        )?
        .execute((cart, &line.sku, line.quantity, line.price_cents))?;
    find(store, cart)
}

fn find(store: &Connection, cart: &str) -> rusqlite::Result<Option<Cart>> {
    let version: Option<i64> = store
        .prepare_cached("SELECT version FROM carts WHERE id = ?1")?
        .query_row([cart], |row| row.get(0))
        .optional()?;
    let Some(version) = version else { return Ok(None) };
    let items: Vec<Line> = store
        .prepare_cached(
            "SELECT sku, quantity, price_cents FROM lines WHERE cart = ?1 ORDER BY sku",
        )?
        .query_map([cart], |row| {
            Ok(Line { sku: row.get(0)?, quantity: row.get(1)?, price_cents: row.get(2)? })
        })?
        .collect::<Result<_, _>>()?;
    let total_cents = items.iter().map(|line| line.quantity * line.price_cents).sum();
    Ok(Some(Cart { id: cart.to_owned(), version, items, total_cents }))
}

async fn read(State(carts): State<Carts>, Path(id): Path<String>) -> Result<Json<Cart>, Problem> {
    let unknown = format!("there is no cart {id:?}");
    let found = carts.store.transact(move |store| find(store, &id)).await?;
    found.map(Json).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, unknown))
}

async fn audit(State(carts): State<Carts>) -> Result<Json<CartAudit>, Problem> {
    let counted = carts.store.transact(|store| {
        let count = "SELECT (SELECT count(*) FROM carts), (SELECT count(*) FROM lines)";
        store.query_row(count, [], |row| Ok(CartAudit { carts: row.get(0)?, lines: row.get(1)? }))
    });
    Ok(Json(counted.await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Connection {
        let store = Connection::open_in_memory().unwrap();
        prepare(&store).unwrap();
        store
    }

    fn line(sku: &str, quantity: i64, price_cents: i64) -> Line {
        Line { sku: sku.to_owned(), quantity, price_cents }
    }

    #[test]
    fn pieces_add_up_and_the_latest_price_counts() {
        let store = store();
        put(&store, "c", &line("cup", 1, 100)).unwrap();
        put(&store, "c", &line("pot", 2, 500)).unwrap();
        let cart = put(&store, "c", &line("cup", 3, 110)).unwrap().unwrap();
        assert_eq!((cart.version, cart.total_cents), (3, 4 * 110 + 2 * 500));
        assert_eq!(cart.items, [line("cup", 4, 110), line("pot", 2, 500)]);
        assert_eq!(find(&store, "other").unwrap(), None);
    }

    #[test]
    fn a_full_cart_takes_more_of_what_it_holds_and_nothing_else() {
        let store = store();
        for number in 0..LINES_MAX {
            assert!(put(&store, "c", &line(&format!("s{number}"), 1, 1)).unwrap().is_some());
        }
        assert!(put(&store, "c", &line("one-more", 1, 1)).unwrap().is_none());
        assert!(put(&store, "c", &line("s0", 1, 1)).unwrap().is_some());
    }
}
