//! The JSON bodies that the services say to each other and to customers.

use serde::{Deserialize, Serialize};

/// One article of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) sku: String,
    pub(crate) name: String,
    pub(crate) price_cents: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Items {
    pub(crate) items: Vec<Item>,
}

/// So many pieces of an article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quantity {
    pub(crate) sku: String,
    pub(crate) quantity: i64,
}

/// A line of a cart, with the price at which the article was put in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: i64,
    pub(crate) price_cents: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cart {
    pub(crate) id: String,
    /// Rises with every change.
    pub(crate) version: i64,
    pub(crate) items: Vec<Line>,
    pub(crate) total_cents: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reservation {
    pub(crate) order: String,
    pub(crate) items: Vec<Quantity>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Charge {
    pub(crate) order: String,
    pub(crate) customer: String,
    pub(crate) amount_cents: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refund {
    pub(crate) order: String,
}

/// Something that happened to an order and that its customer should be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notice {
    /// The same for every delivery of this event.
    pub(crate) event: String,
    pub(crate) order: String,
    pub(crate) kind: String,
    /// Of the request that placed the order.
    pub(crate) trace_id: Option<model::id::TraceId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrder {
    pub(crate) cart: String,
    pub(crate) customer: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderView {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) total_cents: i64,
    /// Why the order did not come about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}
