use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use telemetry::clock::Clock;

use crate::audit::OrdersAudit;
use crate::fake::{Fake, PATIENCE, Reply, Seen, ask, nobody};
use crate::server::start_with;
use crate::{ServiceConfig, ServiceHandle};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Orders among fake callees.
struct Bench {
    cart: Fake,
    inventory: Fake,
    payments: Fake,
    notifications: Fake,
    folder: tempfile::TempDir,
}

fn yes() -> Reply {
    Reply::Json(200, json!({}))
}

fn no(status: u16) -> Reply {
    Reply::Json(status, json!({ "error": "no" }))
}

impl Bench {
    /// Inventory and payments answer as scripted, the others well.
    async fn new(inventory: &[Reply], payments: &[Reply]) -> Self {
        let items = json!([{ "sku": "spoon", "quantity": 2, "price_cents": 780 }]);
        let cart = json!({ "id": "c", "version": 1, "items": items, "total_cents": 1_560 });
        Self {
            cart: Fake::answering(&[Reply::Json(200, cart)]).await,
            inventory: Fake::answering(inventory).await,
            payments: Fake::answering(payments).await,
            notifications: Fake::answering(&[yes()]).await,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    async fn start(&self) -> ServiceHandle {
        let urls = [
            ("cart", self.cart.address),
            ("inventory", self.inventory.address),
            ("payments", self.payments.address),
            ("notifications", self.notifications.address),
        ];
        let urls = urls.map(|(name, address)| (name.to_owned(), address)).into();
        start_in(self.folder.path(), urls).await
    }

    /// Stops the service, which finishes what it is at, and reads its books in a new one that has
    /// nobody to call.
    async fn books(&self, service: ServiceHandle) -> OrdersAudit {
        service.shutdown();
        service.done().await.unwrap();
        let dead = nobody().await;
        let names = ["cart", "inventory", "payments", "notifications"];
        let reader =
            start_in(self.folder.path(), names.map(|name| (name.to_owned(), dead)).into()).await;
        let (_, _, books) = ask(reader.address(), "GET", "/audit", &[], Value::Null).await;
        reader.shutdown();
        reader.done().await.unwrap();
        serde_json::from_value(books).unwrap()
    }
}

async fn start_in(folder: &Path, urls: BTreeMap<String, std::net::SocketAddr>) -> ServiceHandle {
    let config = ServiceConfig {
        name: "orders".to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        data: folder.to_owned(),
        urls,
        weaknesses: Vec::new(),
    };
    start_with(config, Clock::system(), PATIENCE).await.unwrap()
}

/// Places the order of customer `ann` under `key`.
async fn order(service: &ServiceHandle, key: &str) -> (u16, Value) {
    let headers = [
        ("idempotency-key", key),
        ("x-correlation-id", "u000001-000002"),
        ("traceparent", &format!("00-{TRACE}-b7ad6b7169203331-01")),
        ("x-shakedown-deadline-ms", "5000"),
    ];
    let body = json!({ "cart": "c", "customer": "ann" });
    let (status, _, body) = ask(service.address(), "POST", "/orders", &headers, body).await;
    (status, body)
}

fn state(books: &OrdersAudit) -> (&str, Option<&str>) {
    let [order] = books.orders.as_slice() else { panic!("one order, got {books:?}") };
    (&order.state, order.reason.as_deref())
}

fn assert_of_the_request(seen: &Seen) {
    assert_eq!(seen.headers["x-correlation-id"], "u000001-000002");
    assert!(seen.headers["traceparent"].contains(TRACE), "{seen:?}");
}

#[tokio::test]
async fn an_order_is_reserved_charged_confirmed_and_told() {
    let mut bench = Bench::new(&[yes()], &[no(201)]).await;
    let service = bench.start().await;
    let (status, answer) = order(&service, "k").await;
    assert_eq!((status, &answer["state"]), (201, &json!("confirmed")), "{answer}");
    assert_eq!(answer["total_cents"], 1_560);
    let id = answer["id"].as_str().unwrap();
    let reserve = bench.inventory.asked().await;
    let items = json!([{ "sku": "spoon", "quantity": 2 }]);
    assert_eq!((reserve.path.as_str(), &reserve.body["items"]), ("/reservations", &items));
    let charge = bench.payments.asked().await;
    assert_eq!(charge.body, json!({ "order": id, "customer": "ann", "amount_cents": 1_560 }));
    assert_eq!(bench.inventory.asked().await.path, format!("/reservations/{id}/confirm"));
    let notice = bench.notifications.asked().await;
    assert_eq!(
        (&notice.body["kind"], &notice.body["trace_id"]),
        (&json!("order-confirmed"), &json!(TRACE))
    );
    for seen in [&reserve, &charge, &notice] {
        assert_of_the_request(seen);
    }
    let read = ask(service.address(), "GET", &format!("/orders/{id}"), &[], Value::Null).await;
    assert_eq!((read.0, &read.2["state"]), (200, &json!("confirmed")));
    let books = bench.books(service).await;
    assert_eq!((books.unsettled, books.outbox_pending, books.sold["spoon"]), (0, 0, 2));
}

#[tokio::test]
async fn a_repeated_order_gets_the_first_answer_and_starts_no_second_saga() {
    let mut bench = Bench::new(&[yes()], &[no(201)]).await;
    let service = bench.start().await;
    let (first, second) = tokio::join!(order(&service, "k"), order(&service, "k"));
    assert_eq!(first, second);
    assert_eq!(first.0, 201);
    assert_eq!(bench.payments.left().len(), 1);
    let other = json!({ "cart": "other", "customer": "ann" });
    let reused =
        ask(service.address(), "POST", "/orders", &[("idempotency-key", "k")], other).await;
    assert_eq!(reused.0, 422);
    let keyless = json!({ "cart": "c", "customer": "ann" });
    assert_eq!(ask(service.address(), "POST", "/orders", &[], keyless).await.0, 400);
}

#[tokio::test]
async fn a_declined_charge_releases_the_stock_and_cancels() {
    let mut bench = Bench::new(&[yes()], &[no(402)]).await;
    let service = bench.start().await;
    let (status, answer) = order(&service, "k").await;
    assert_eq!((status, &answer["state"]), (402, &json!("cancelled")), "{answer}");
    bench.inventory.asked().await;
    assert!(bench.inventory.asked().await.path.ends_with("/release"));
    assert_eq!(bench.notifications.asked().await.body["kind"], "order-cancelled");
    assert_eq!(order(&service, "k").await.0, 402);
    assert_eq!(state(&bench.books(service).await), ("cancelled", Some("declined")));
}

#[tokio::test]
async fn a_lost_answer_is_asked_again_once_under_the_same_key() {
    let mut bench = Bench::new(&[yes()], &[Reply::Lost, no(201)]).await;
    let service = bench.start().await;
    assert_eq!(order(&service, "k").await.0, 201);
    let (first, second) = (bench.payments.asked().await, bench.payments.asked().await);
    assert_eq!(first.headers["idempotency-key"], second.headers["idempotency-key"]);
    assert_eq!(first.body, second.body);
    assert!(bench.payments.left().is_empty());
}

#[tokio::test]
async fn without_payments_an_order_is_accepted_and_paid_later_under_the_same_key() {
    for failure in [no(503), Reply::Lost, Reply::Silence] {
        let payments = [failure.clone(), no(503), no(503), no(201)];
        let mut bench = Bench::new(&[yes()], &payments).await;
        let service = bench.start().await;
        let (status, answer) = order(&service, "k").await;
        assert_eq!((status, &answer["state"]), (202, &json!("accepted")), "{failure:?} {answer}");
        assert_eq!(bench.notifications.asked().await.body["kind"], "order-accepted");
        let confirmed = bench.notifications.asked().await;
        assert_eq!(confirmed.body["kind"], "order-confirmed");
        assert_of_the_request(&confirmed);
        let charges = bench.payments.left();
        assert_eq!(charges.len(), 4, "{failure:?}");
        for charge in &charges {
            assert_eq!(charge.headers["idempotency-key"], charges[0].headers["idempotency-key"]);
            assert_of_the_request(charge);
        }
        assert_eq!(state(&bench.books(service).await), ("confirmed", None));
    }
}

#[tokio::test]
async fn an_accepted_order_that_is_declined_later_is_released_and_told() {
    let mut bench = Bench::new(&[yes()], &[no(503), no(402)]).await;
    let service = bench.start().await;
    assert_eq!(order(&service, "k").await.0, 202);
    assert_eq!(bench.notifications.asked().await.body["kind"], "order-accepted");
    assert_eq!(bench.notifications.asked().await.body["kind"], "order-cancelled");
    assert_eq!(state(&bench.books(service).await), ("cancelled", Some("declined")));
}

#[tokio::test]
async fn without_inventory_nothing_is_charged_and_the_release_is_repeated_until_acknowledged() {
    let mut bench = Bench::new(&[no(503), no(503), no(503), yes()], &[no(201)]).await;
    let service = bench.start().await;
    assert_eq!(order(&service, "k").await.0, 503);
    for _ in 0..4 {
        bench.inventory.asked().await;
    }
    assert!(bench.payments.left().is_empty());
    assert_eq!(state(&bench.books(service).await), ("cancelled", Some("unavailable")));
}

#[tokio::test]
async fn an_order_without_a_cart_is_refused_and_nobody_else_is_asked() {
    for (cart, status) in [(no(404), 409), (no(503), 503), (Reply::Lost, 503)] {
        let mut bench = Bench::new(&[yes()], &[no(201)]).await;
        bench.cart = Fake::answering(&[cart]).await;
        let service = bench.start().await;
        assert_eq!(order(&service, "k").await.0, status);
        assert!(bench.inventory.left().is_empty() && bench.payments.left().is_empty());
        assert_eq!(bench.books(service).await.unsettled, 0);
    }
}

#[tokio::test]
async fn what_cannot_be_shipped_is_refunded_and_released() {
    let mut bench = Bench::new(&[yes(), no(409), yes()], &[no(201)]).await;
    let service = bench.start().await;
    let (status, answer) = order(&service, "k").await;
    assert_eq!((status, &answer["state"]), (409, &json!("cancelled")), "{answer}");
    assert_eq!(bench.payments.asked().await.path, "/charges");
    assert_eq!(bench.payments.asked().await.path, "/refunds");
    assert_eq!(state(&bench.books(service).await), ("cancelled", Some("not-shippable")));
}

#[tokio::test]
async fn an_event_is_delivered_again_until_it_is_acknowledged() {
    let mut bench = Bench::new(&[yes()], &[no(201)]).await;
    bench.notifications = Fake::answering(&[Reply::Lost, no(503), yes()]).await;
    let service = bench.start().await;
    assert_eq!(order(&service, "k").await.0, 201);
    let mut deliveries = Vec::new();
    for _ in 0..3 {
        let seen = bench.notifications.asked().await;
        assert_of_the_request(&seen);
        deliveries.push(seen.body["event"].clone());
    }
    assert!(deliveries.iter().all(|event| *event == deliveries[0]), "{deliveries:?}");
    assert_eq!(bench.books(service).await.outbox_pending, 0);
}

#[tokio::test]
async fn a_customer_who_hangs_up_does_not_stop_the_saga() {
    let mut bench = Bench::new(&[yes()], &[Reply::Silence, no(201)]).await;
    let service = bench.start().await;
    let address = service.address();
    let customer = tokio::spawn(async move {
        let body = json!({ "cart": "c", "customer": "ann" });
        ask(address, "POST", "/orders", &[("idempotency-key", "k")], body).await
    });
    bench.payments.asked().await;
    customer.abort();
    assert!(customer.await.unwrap_err().is_cancelled());
    while bench.notifications.asked().await.body["kind"] != "order-confirmed" {}
    assert_eq!(state(&bench.books(service).await), ("confirmed", None));
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_service_ends() {
    let mut bench = Bench::new(&[yes()], &[Reply::Silence]).await;
    let service = bench.start().await;
    let address = service.address();
    let waiting = tokio::spawn(async move {
        let body = json!({ "cart": "c", "customer": "ann" });
        ask(address, "POST", "/orders", &[("idempotency-key", "k")], body).await
    });
    bench.payments.asked().await;
    assert_eq!(state(&bench.books(service).await), ("accepted", None));
    let (status, _, answer) = waiting.await.unwrap();
    assert_eq!((status, &answer["state"]), (202, &json!("accepted")), "{answer}");
}

/// A process that ends between two steps leaves an order in the state of the step that it had
/// written down; this puts orders there.
async fn crashed_in(bench: &Bench, states: &[&str]) {
    let service = bench.start().await;
    service.shutdown();
    service.done().await.unwrap();
    let store = rusqlite::Connection::open(bench.folder.path().join("orders.db")).unwrap();
    let lines = r#"[{"sku":"spoon","quantity":2,"price_cents":780}]"#;
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    for (number, state) in (0_u32..).zip(states) {
        store
            .execute(
                "INSERT INTO orders VALUES ('ord-' || ?1, 'k' || ?1, 'c', 'ann', ?2, NULL, ?3,
                 1560, 'u000001-000002', ?4, NULL, NULL, 0, 9000000000000)",
                (number, state, lines, &parent),
            )
            .unwrap();
    }
}

#[tokio::test]
async fn after_a_crash_a_new_process_goes_on_with_what_may_have_been_charged() {
    let calls = ["/charges", "/reservations/ord-0/confirm"];
    for (crashed, calls) in [("charging", &calls[..]), ("accepted", &calls), ("paid", &calls[1..])]
    {
        let mut bench = Bench::new(&[yes()], &[no(201)]).await;
        crashed_in(&bench, &[crashed]).await;
        let service = bench.start().await;
        for path in calls {
            let fake = if *path == "/charges" { &mut bench.payments } else { &mut bench.inventory };
            let asked = fake.asked().await;
            assert_of_the_request(&asked);
            assert_eq!(asked.path, *path, "{crashed}");
        }
        while bench.notifications.asked().await.body["kind"] != "order-confirmed" {}
        assert_eq!(state(&bench.books(service).await), ("confirmed", None), "{crashed}");
    }
}

#[tokio::test]
async fn after_a_crash_a_new_process_undoes_what_was_not_charged() {
    let mut bench = Bench::new(&[yes()], &[no(201)]).await;
    crashed_in(&bench, &["placed", "reserving"]).await;
    let service = bench.start().await;
    let release = bench.inventory.asked().await;
    assert_of_the_request(&release);
    assert_eq!(release.path, "/reservations/ord-1/release");
    for _ in ["ord-0", "ord-1"] {
        assert_eq!(bench.notifications.asked().await.body["kind"], "order-cancelled");
    }
    let books = bench.books(service).await;
    for order in &books.orders {
        let end = (order.state.as_str(), order.reason.as_deref());
        assert_eq!(end, ("cancelled", Some("interrupted")), "{}", order.id);
    }
    assert_eq!((books.orders.len(), books.unsettled), (2, 0));
    assert!(bench.payments.left().is_empty() && bench.inventory.left().is_empty());
}
