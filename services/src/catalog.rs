//! What is for sale and for how much. Read only: the shop's items are put in at the first start.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use model::shop::ITEMS;
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::audit::CatalogAudit;
use crate::problem::Problem;
use crate::service::{Service, Setup};
use crate::store::{Store, StoreError};
use crate::wire::{Item, Items};

pub(crate) fn prepare(store: &Connection) -> rusqlite::Result<()> {
    store.execute_batch(
        "CREATE TABLE IF NOT EXISTS items (
             sku TEXT PRIMARY KEY,
             name TEXT NOT NULL,
             price_cents INTEGER NOT NULL CHECK (price_cents > 0)
         ) STRICT, WITHOUT ROWID",
    )?;
    for (sku, name, price_cents) in ITEMS {
        store.execute(
            "INSERT INTO items VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            (sku, name, price_cents),
        )?;
    }
    Ok(())
}

pub(crate) fn build(setup: &Setup) -> Service {
    let routes = Router::new()
        .route("/catalog/items", get(items))
        .route("/catalog/items/{sku}", get(item))
        .with_state(setup.store.clone());
    let audit = Router::new().route("/audit", get(audit)).with_state(setup.store.clone());
    Service { routes, audit, workers: Vec::new() }
}

fn item_of(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item { sku: row.get(0)?, name: row.get(1)?, price_cents: row.get(2)? })
}

async fn items(State(store): State<Store>) -> Result<Json<Items>, Problem> {
    let read = |store: &Connection| {
        store
            .prepare_cached("SELECT sku, name, price_cents FROM items ORDER BY sku")?
            .query_map([], item_of)?
            .collect()
    };
    let items = store.transact(move |store| read(store)).await?;
    Ok(Json(Items { items }))
}

async fn item(State(store): State<Store>, Path(sku): Path<String>) -> Result<Json<Item>, Problem> {
    let unknown = format!("there is no item {sku:?} in the catalog");
    let found = store.transact(move |store| {
        store
            .prepare_cached("SELECT sku, name, price_cents FROM items WHERE sku = ?1")?
            .query_row([sku], item_of)
            .optional()
    });
    found.await?.map(Json).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, unknown))
}

async fn audit(State(store): State<Store>) -> Result<Json<CatalogAudit>, Problem> {
    let count = "SELECT count(*) FROM items";
    let items = store.transact(|store| store.query_row(count, [], |row| row.get(0)));
    let items = items.await.map_err(|error: StoreError| Problem::from(error))?;
    Ok(Json(CatalogAudit { items }))
}
