//! `gateway.toml`, and what an edit of it does.

use std::net::SocketAddr;
use std::path::PathBuf;

use model::plan::{BreakerStatus, FaultSource};
use model::policy::BreakerState;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::sync::watch;

use super::origin::Origin;
use super::process::{Caller, Gateway, alone, field, soon};

const EDITS: usize = 20;

/// Two services behind one listener.
struct Shop {
    orders: Origin,
    stock: Origin,
    folder: TempDir,
}

impl Shop {
    async fn new() -> Self {
        let (orders, stock) = (Origin::start("orders").await, Origin::start("stock").await);
        Self { orders, stock, folder: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("gateway.toml")
    }

    /// The file with `more` at its end.
    fn text(&self, more: &str) -> String {
        let (orders, stock) = (self.orders.address, self.stock.address);
        format!(
            r#"
[proxy]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
[edge."client -> orders"]
endpoints = "{orders}"
[edge."client -> stock"]
endpoints = "{stock}"
breaker = {{ opens_at = "50% of 4 calls", stays_open = "1h" }}
[[route]]
prefix = "/"
to = "client -> orders"
[[route]]
prefix = "/stock"
to = "client -> stock"
{more}"#
        )
    }

    /// As editors do it: the file is replaced as a whole.
    fn write(&self, more: &str) {
        let next = self.folder.path().join("next");
        std::fs::write(&next, self.text(more)).unwrap();
        std::fs::rename(&next, self.path()).unwrap();
    }

    async fn start(&self, more: &str) -> Gateway {
        self.write(more);
        Gateway::start([std::ffi::OsStr::new("--config"), self.path().as_os_str()]).await
    }
}

/// A fault that answers `orders` with this status.
fn errors(status: u16) -> String {
    format!(
        "[[fault]]\nname = \"errors\"\non = \"client -> orders\"\nkind = \"errors\"\n\
         status = {status}\n"
    )
}

#[test]
fn routes_lead_and_faults_of_the_file_act_without_a_lease() {
    alone(async {
        let shop = Shop::new().await;
        let gateway = shop.start(&errors(418)).await;
        let mut caller = Caller::to(gateway.address()).await;
        assert_eq!(caller.get("/stock/7").await.body, b"stock");
        let hit = caller.get("/stocks").await;
        assert_eq!(hit.status, 418);
        assert_eq!(field(&hit.head, "x-shakedown-fault"), Some("errors"), "{}", hit.head);
        let [fault] = gateway.faults().await.try_into().unwrap();
        assert_eq!((fault.source, fault.left_ms), (FaultSource::Plan, None));
        let kept = gateway.fault(&["disarm", "errors"]).await;
        assert_eq!(kept.code, Some(1), "{kept:?}");
        assert!(kept.stderr.contains("belongs to the plan"), "{kept:?}");
    });
}

/// Calls over one connection until it is told to stop; returns how many answers came.
async fn call_until(stopped: watch::Receiver<bool>, to: SocketAddr) -> usize {
    let mut caller = Caller::to(to).await;
    let mut answers = 0;
    while !*stopped.borrow() {
        let answer = caller.get("/").await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"orders".as_slice()));
        answers += 1;
    }
    answers
}

async fn breaker(gateway: &Gateway) -> BreakerStatus {
    let edges = gateway.state().await.edges;
    edges.into_iter().find_map(|edge| edge.breaker).expect("one edge has a breaker")
}

#[test]
fn an_edit_loses_no_request_and_keeps_the_breaker_open() {
    alone(async {
        let shop = Shop::new().await;
        let mut gateway = shop.start("").await;
        let mut caller = Caller::to(gateway.address()).await;
        for _ in 0..4 {
            assert_eq!(caller.get("/stock/fails").await.status, 500);
        }
        assert_eq!(caller.get("/stock").await.status, 503);
        let opened = breaker(&gateway).await;
        assert_eq!(opened.state, BreakerState::Open);

        let (stop, stopped) = watch::channel(false);
        let address = gateway.address();
        let callers: Vec<_> =
            (0..2).map(|_| tokio::spawn(call_until(stopped.clone(), address))).collect();
        for edit in 0..EDITS {
            shop.write(&format!(
                "[[route]]\nprefix = \"/edit-{edit}\"\nto = \"client -> stock\"\n"
            ));
            gateway.read_until("is in force").await;
        }
        stop.send_replace(true);
        for caller in callers {
            let answers = soon("the caller ends", caller).await.unwrap();
            assert!(answers >= EDITS, "{answers} answers");
        }

        let last = format!("/edit-{}", EDITS - 1);
        assert_eq!(caller.get(&last).await.status, 503, "the breaker let a call through");
        assert_eq!(caller.get("/edit-0").await.body, b"orders", "a route of before still leads");
        let is = breaker(&gateway).await;
        assert_eq!((is.state, is.since_unix_ms), (BreakerState::Open, opened.since_unix_ms));
    });
}

#[test]
fn a_broken_edit_is_shown_with_its_place_and_changes_nothing() {
    alone(async {
        let shop = Shop::new().await;
        let mut gateway = shop.start(&errors(418)).await;
        let mut caller = Caller::to(gateway.address()).await;
        assert_eq!(caller.get("/").await.status, 418);

        let broken = errors(429).replace("status", "statsu");
        shop.write(&broken);
        gateway.read_until("is not taken over, nothing changed").await;
        let line = shop.text(&broken).lines().position(|line| line.starts_with("statsu")).unwrap();
        let place = format!("{}:{}:1: ", shop.path().display(), line + 1);
        let said = gateway.read_until(&place).await;
        assert!(said.contains("did you mean \"status\""), "{said}");
        assert_eq!(caller.get("/").await.status, 418);

        shop.write(&errors(429));
        gateway.read_until("is in force").await;
        assert_eq!(caller.get("/").await.status, 429);
    });
}

#[test]
fn a_hangup_reads_the_file_again_even_where_nothing_changed() {
    alone(async {
        let shop = Shop::new().await;
        let mut gateway = shop.start("").await;
        for epoch in 2..4 {
            gateway.send(Signal::HUP);
            gateway.read_until(&format!("is in force as epoch {epoch}")).await;
        }
        let mut caller = Caller::to(gateway.address()).await;
        assert_eq!(caller.get("/").await.status, 200);
        gateway.send(Signal::TERM);
        assert_eq!(gateway.ended().await, Some(0));
    });
}
