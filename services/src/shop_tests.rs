//! The whole shop in one process, services wired to each other directly, without a gateway.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use model::load::Acknowledged;
use model::shop::SERVICES;
use serde_json::{Value, json};
use telemetry::client::Client;
use telemetry::clock::Clock;
use tokio::task::JoinSet;

use crate::audit::{self, ShopAudit, invariants};
use crate::fake::{PATIENCE, ask};
use crate::server::start_with;
use crate::{ServiceConfig, ServiceHandle, start};

struct Shop {
    addresses: BTreeMap<String, SocketAddr>,
    services: Vec<ServiceHandle>,
    weaknesses: Vec<String>,
    folder: tempfile::TempDir,
}

impl Shop {
    /// Starts callees before their callers.
    async fn open(weaknesses: &[&str]) -> Self {
        let mut shop = Self {
            addresses: BTreeMap::new(),
            services: Vec::new(),
            weaknesses: weaknesses.iter().map(|name| (*name).to_owned()).collect(),
            folder: tempfile::tempdir().unwrap(),
        };
        for name in SERVICES {
            let service = start_with(shop.config(name), Clock::system(), PATIENCE).await.unwrap();
            shop.addresses.insert(name.to_owned(), service.address());
            shop.services.push(service);
        }
        shop
    }

    fn config(&self, name: &str) -> ServiceConfig {
        ServiceConfig {
            name: name.to_owned(),
            listen: "127.0.0.1:0".parse().unwrap(),
            data: self.folder.path().to_owned(),
            urls: self.addresses.clone(),
            weaknesses: self.weaknesses.clone(),
        }
    }

    async fn ask(&self, service: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let headers = [("idempotency-key", "key-1"), ("x-correlation-id", "u000001-000001")];
        let (status, _, body) = ask(self.addresses[service], method, path, &headers, body).await;
        (status, body)
    }

    /// Fills cart `c` with `quantity` pots and orders it.
    async fn checkout(&self, quantity: i64) -> (u16, Value) {
        let items = self.ask("catalog", "GET", "/catalog/items", Value::Null).await;
        assert_eq!(items.1["items"].as_array().unwrap().len(), model::shop::ITEMS.len());
        let line = json!({ "sku": "tea-pot", "quantity": quantity });
        let (status, cart) = self.ask("cart", "POST", "/carts/c/items", line).await;
        assert_eq!((status, &cart["total_cents"]), (201, &json!(quantity * 4_900)));
        let order = json!({ "cart": "c", "customer": "ann" });
        self.ask("orders", "POST", "/orders", order).await
    }

    /// Ends `orders` in order, which delivers what is in its outbox, and reads all books with a
    /// new process of it.
    async fn audit(mut self) -> ShopAudit {
        let orders = self.services.pop().unwrap();
        orders.shutdown();
        orders.done().await.unwrap();
        let orders = start(self.config("orders"), Clock::system()).await.unwrap();
        self.addresses.insert("orders".to_owned(), orders.address());
        audit::read(&Client::new(), &self.addresses).await.unwrap()
    }
}

#[tokio::test]
async fn a_checkout_through_the_whole_shop_leaves_books_in_order() {
    let shop = Shop::open(&[]).await;
    let (status, order) = shop.checkout(2).await;
    assert_eq!((status, &order["state"]), (201, &json!("confirmed")), "{order}");
    let promised = Acknowledged {
        value: order["id"].as_str().unwrap().to_owned(),
        correlation_id: "u000001-000001".parse().unwrap(),
        trace_id: "0af7651916cd43dd8448eb211c80319c".parse().unwrap(),
    };
    let audit = shop.audit().await;
    assert!(audit.quiet(), "{audit:?}");
    for finding in invariants(&audit, &[promised]) {
        assert_eq!(finding.holds, Some(true), "{finding:?}");
    }
    assert_eq!((audit.payments.merchant_cents, audit.orders.sold["tea-pot"]), (9_800, 2));
    assert_eq!(audit.cart.carts, 1);
    assert_eq!(usize::try_from(audit.catalog.items), Ok(model::shop::ITEMS.len()));
}

/// Fills a cart and orders it, as the customer with this number.
async fn customer(addresses: BTreeMap<String, SocketAddr>, number: u32) -> u16 {
    let cart = format!("cart-{number}");
    let line = json!({ "sku": "spoon", "quantity": 1 });
    let path = format!("/carts/{cart}/items");
    let filled = ask(addresses["cart"], "POST", &path, &[], line).await;
    assert_eq!(filled.0, 201);
    let key = format!("key-{number}");
    let order = json!({ "cart": cart, "customer": format!("u{}", number % 3) });
    ask(addresses["orders"], "POST", "/orders", &[("idempotency-key", &key)], order).await.0
}

#[tokio::test]
async fn many_customers_at_once_leave_books_in_order() {
    let shop = Shop::open(&[]).await;
    let customers: JoinSet<u16> =
        (0..40).map(|number| customer(shop.addresses.clone(), number)).collect();
    for status in customers.join_all().await {
        assert!(status == 201 || status == 202, "{status}");
    }
    let audit = shop.audit().await;
    assert_eq!(audit.orders.orders.len(), 40);
    for finding in invariants(&audit, &[]) {
        assert_ne!(finding.holds, Some(false), "{finding:?}");
    }
}

#[tokio::test]
async fn a_charge_that_comes_twice_is_booked_twice_only_without_idempotency() {
    for (weaknesses, holds, booked) in
        [(&[][..], Some(true), 1), (&["payments.no-idempotency"], Some(false), 2)]
    {
        let shop = Shop::open(weaknesses).await;
        let order = shop.checkout(1).await.1;
        let id = order["id"].as_str().unwrap();
        let key = format!("charge-{id}");
        let body = json!({ "order": id, "customer": "ann", "amount_cents": 4_900 });
        let headers = [("idempotency-key", key.as_str())];
        let again = ask(shop.addresses["payments"], "POST", "/charges", &headers, body).await;
        assert_eq!(again.0, 201);
        let audit = shop.audit().await;
        assert_eq!(audit.payments.merchant_cents, booked * 4_900);
        let findings = invariants(&audit, &[]);
        let charges =
            findings.iter().find(|finding| finding.name == "one charge per order").unwrap();
        assert_eq!(charges.holds, holds, "{charges:?}");
        assert_eq!(charges.detail.contains(id), holds == Some(false), "{charges:?}");
    }
}

#[tokio::test]
async fn every_service_is_healthy_ready_and_quiet_when_it_has_started() {
    let shop = Shop::open(&[]).await;
    for name in SERVICES {
        assert_eq!(shop.ask(name, "GET", "/health", Value::Null).await.0, 200, "{name}");
        let (status, ready) = shop.ask(name, "GET", "/ready", Value::Null).await;
        assert_eq!((status, &ready["service"]), (200, &json!(name)));
    }
    assert!(audit::quiet(&Client::new(), &shop.addresses).await.unwrap());
}

#[tokio::test]
async fn what_customers_get_wrong_is_refused_with_the_reason() {
    let shop = Shop::open(&[]).await;
    let line = |sku: &str, quantity: i64| json!({ "sku": sku, "quantity": quantity });
    let cases = [
        ("cart", "POST", "/carts/c/items", line("unheard-of", 1), 400, "unheard-of"),
        ("cart", "POST", "/carts/c/items", line("spoon", 0), 400, "quantity"),
        ("cart", "POST", "/carts/..c/items", line("spoon", 1), 400, "cart"),
        ("cart", "POST", "/carts/c/items", json!({ "sku": "spoon" }), 422, "quantity"),
        ("cart", "GET", "/carts/none", Value::Null, 404, "none"),
        ("catalog", "GET", "/catalog/items/none", Value::Null, 404, "none"),
        ("catalog", "GET", "/nowhere", Value::Null, 404, "nothing"),
        ("orders", "GET", "/orders/none", Value::Null, 404, "none"),
        ("orders", "POST", "/orders", json!({ "cart": "none", "customer": "ann" }), 409, "cart"),
        ("inventory", "POST", "/reservations", json!({ "order": "o", "items": [] }), 400, "items"),
    ];
    for (service, method, path, body, status, says) in cases {
        let (got, answer) = shop.ask(service, method, path, body).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(says), "{method} {path}: {answer}");
    }
}

#[tokio::test]
async fn a_port_in_use_and_a_folder_that_is_none_are_told() {
    let shop = Shop::open(&[]).await;
    let taken = ServiceConfig { listen: shop.addresses["cart"], ..shop.config("catalog") };
    let error = start(taken, Clock::system()).await.unwrap_err().to_string();
    assert!(error.contains("catalog cannot listen on"), "{error}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let wrong = ServiceConfig { data: file.path().to_owned(), ..shop.config("catalog") };
    let error = start(wrong, Clock::system()).await.unwrap_err().to_string();
    assert!(error.contains("data folder"), "{error}");
}
