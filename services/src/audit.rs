//! The books of the shop, read directly from each service, and what they must add up to.
//!
//! The six services are read one after the other, so the answer is no snapshot: while orders are
//! still moving, only what holds at any moment can be judged. What must add up is judged once load
//! has ended and [`ShopAudit::quiet`] says that every order has come to rest.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use model::id::{CorrelationId, TraceId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use telemetry::client::{Client, ClientError};

mod invariant;

pub use invariant::invariants;

/// Which part of a long list to send.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Only orders whose id comes after this one.
    #[serde(default)]
    pub after: String,
    /// At most so many orders, and never more than [`Page::LIMIT_MAX`]; 0 sends counts only.
    pub limit: Option<i64>,
}

impl Page {
    /// A page of it stays well below the largest answer that a client reads.
    pub const LIMIT_MAX: i64 = 10_000;

    pub(crate) fn limit(&self) -> i64 {
        self.limit.unwrap_or(Self::LIMIT_MAX).clamp(0, Self::LIMIT_MAX)
    }

    /// Where the next page starts, when this one is full.
    pub(crate) fn next(&self, last: Option<&String>, rows: usize) -> Option<String> {
        let full = self.limit() > 0 && i64::try_from(rows) == Ok(self.limit());
        last.filter(|_| full).cloned()
    }
}

/// The whole shop.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopAudit {
    pub catalog: CatalogAudit,
    pub cart: CartAudit,
    pub inventory: InventoryAudit,
    pub payments: PaymentsAudit,
    pub orders: OrdersAudit,
    pub notifications: NotificationsAudit,
}

impl ShopAudit {
    /// Every order has come to rest and every event is delivered.
    pub fn quiet(&self) -> bool {
        self.orders.unsettled == 0 && self.orders.outbox_pending == 0
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogAudit {
    pub items: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartAudit {
    pub carts: i64,
    pub lines: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryAudit {
    pub stock: Vec<StockAudit>,
}

/// Pieces of one article.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockAudit {
    pub sku: String,
    pub start: i64,
    pub on_hand: i64,
    pub reserved: i64,
    pub shipped: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentsAudit {
    /// Given to customers when their accounts were opened.
    pub opened_cents: i64,
    pub customers_cents: i64,
    pub merchant_cents: i64,
    /// Negative: the bank has given what the customers were opened with.
    pub bank_cents: i64,
    /// Accounts whose balance is not the sum of their entries.
    pub drifted_accounts: i64,
    /// Every order that was ever charged.
    pub charges: Vec<ChargeAudit>,
    pub next: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeAudit {
    pub order: String,
    pub customer: String,
    /// Charged minus given back.
    pub amount_cents: i64,
    /// Charges that were not given back.
    pub count: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdersAudit {
    pub orders: Vec<OrderAudit>,
    /// Orders that are neither confirmed nor cancelled.
    pub unsettled: i64,
    /// Events that are not delivered yet.
    pub outbox_pending: i64,
    /// Pieces of each article in confirmed orders; empty on a page of limit 0.
    pub sold: BTreeMap<String, i64>,
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderAudit {
    pub id: String,
    /// `confirmed` and `cancelled` are final.
    pub state: String,
    /// Why it is being or was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub total_cents: i64,
    pub customer: String,
    pub correlation_id: CorrelationId,
    pub trace_id: Option<TraceId>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationsAudit {
    /// Every order of which a customer was told something.
    pub notices: Vec<NoticeAudit>,
    /// Events that came again and were not told again.
    pub duplicates_seen: i64,
    pub next: Option<String>,
}

/// How often the customer was told that the order was accepted, confirmed, cancelled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeAudit {
    pub order: String,
    pub accepted: i64,
    pub confirmed: i64,
    pub cancelled: i64,
}

/// Why the books could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the address of {service} is not known, so its books cannot be read")]
    NoAddress { service: &'static str },
    #[error("{service} at {address} did not show its books")]
    Unreachable { service: &'static str, address: SocketAddr, source: ClientError },
    #[error("{service} at {address} answered {status} when asked for its books")]
    Status { service: &'static str, address: SocketAddr, status: StatusCode },
    #[error("the books of {service} at {address} cannot be read")]
    Answer { service: &'static str, address: SocketAddr, source: serde_json::Error },
}

/// How long one page may take.
const PAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads all books, from the services' own addresses, by service name.
pub async fn read(
    client: &Client,
    addresses: &BTreeMap<String, SocketAddr>,
) -> Result<ShopAudit, AuditError> {
    let reader = Reader { client, addresses };
    let mut audit = reader.pages(Page::default()).await?;
    while let Some(after) = audit.orders.next.take() {
        let more: OrdersAudit = reader.get("orders", &Page { after, limit: None }).await?;
        audit.orders.orders.extend(more.orders);
        audit.orders.next = more.next;
    }
    while let Some(after) = audit.payments.next.take() {
        let more: PaymentsAudit = reader.get("payments", &Page { after, limit: None }).await?;
        audit.payments.charges.extend(more.charges);
        audit.payments.next = more.next;
    }
    while let Some(after) = audit.notifications.next.take() {
        let page = Page { after, limit: None };
        let more: NotificationsAudit = reader.get("notifications", &page).await?;
        audit.notifications.notices.extend(more.notices);
        audit.notifications.next = more.next;
    }
    Ok(audit)
}

/// Is the shop quiet? Reads counts only, so it may be asked often.
pub async fn quiet(
    client: &Client,
    addresses: &BTreeMap<String, SocketAddr>,
) -> Result<bool, AuditError> {
    let page = Page { limit: Some(0), ..Page::default() };
    let orders = Reader { client, addresses }.get("orders", &page).await?;
    Ok(ShopAudit { orders, ..ShopAudit::default() }.quiet())
}

struct Reader<'a> {
    client: &'a Client,
    addresses: &'a BTreeMap<String, SocketAddr>,
}

impl Reader<'_> {
    async fn pages(&self, page: Page) -> Result<ShopAudit, AuditError> {
        Ok(ShopAudit {
            catalog: self.get("catalog", &page).await?,
            cart: self.get("cart", &page).await?,
            inventory: self.get("inventory", &page).await?,
            payments: self.get("payments", &page).await?,
            orders: self.get("orders", &page).await?,
            notifications: self.get("notifications", &page).await?,
        })
    }

    async fn get<T: DeserializeOwned>(
        &self,
        service: &'static str,
        page: &Page,
    ) -> Result<T, AuditError> {
        let address = *self.addresses.get(service).ok_or(AuditError::NoAddress { service })?;
        let limit = page.limit();
        let mut request = http::Request::new(axum::body::Bytes::new());
        *request.uri_mut() = format!("/audit?after={}&limit={limit}", page.after)
            .parse()
            .expect("order ids need no escape");
        let answer = self.client.send(address, request, PAGE_TIMEOUT).await;
        let answer =
            answer.map_err(|source| AuditError::Unreachable { service, address, source })?;
        if answer.status() != StatusCode::OK {
            return Err(AuditError::Status { service, address, status: answer.status() });
        }
        serde_json::from_slice(answer.body()).map_err(|source| AuditError::Answer {
            service,
            address,
            source,
        })
    }
}
