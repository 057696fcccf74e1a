//! What `shakedown fault` arms, shows and disarms.

use std::net::SocketAddr;
use std::time::Duration;

use model::fault::FaultState;
use model::plan::FaultSource;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::origin::Origin;
use super::process::{Caller, ENDLESS, Gateway, alone, fault, soon, status};
use crate::support::{ANY_PORT, program};

const ON: &str = "client -> upstream";

/// The words that arm a latency which nobody sits out.
fn endless<'w>(name: &'w str, time: &'w str) -> Vec<&'w str> {
    vec!["arm", name, "--on", ON, "--kind", "latency", "--set", ENDLESS, "--for", time]
}

#[test]
fn an_armed_latency_is_felt_and_shown() {
    alone(async {
        let origin = Origin::start("shop").await;
        let gateway = Gateway::before(origin.address, &[]).await;
        let none = gateway.fault_done(&["list"]).await;
        assert!(none.contains("no faults"), "{none}");
        let words = ["arm", "slow", "--on", ON, "--kind", "latency", "--set", "add=300ms"];
        let said = gateway.fault_done(&[&words[..], &["--for", "5m"]].concat()).await;
        assert!(said.contains("armed slow for 5m"), "{said}");

        let asked = Instant::now();
        let answer = Caller::to(gateway.address()).await.get("/").await;
        assert_eq!(answer.status, 200);
        assert!(asked.elapsed() >= Duration::from_millis(300), "{:?}", asked.elapsed());

        let table = gateway.fault_done(&["list"]).await;
        let row = table.lines().find(|line| line.starts_with("slow")).unwrap();
        for part in ["active", "100%", "1/1", "armed", "latency 300ms on client -> upstream"] {
            assert!(row.contains(part), "{part} is missing in\n{table}");
        }
        let [fault] = gateway.faults().await.try_into().unwrap();
        assert_eq!((fault.fault.name.as_str(), fault.source), ("slow", FaultSource::Api));
        assert_eq!((fault.status.state, fault.status.hit), (FaultState::Active, 1));
        assert!(fault.left_ms.is_some_and(|left| left > 0 && left <= 300_000), "{fault:?}");
    });
}

#[test]
fn a_fault_with_a_token_is_listed_and_its_token_is_not_shown() {
    alone(async {
        let origin = Origin::start("shop").await;
        let gateway = Gateway::before(origin.address, &[]).await;
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "s3cret\n").unwrap();
        let token = format!("token_file={}", file.display());
        let words = ["arm", "wish", "--on", ON, "--kind", "caller", "--set", &token, "--for", "5m"];
        gateway.fault_done(&words).await;
        let table = gateway.fault_done(&["list"]).await;
        assert!(table.contains("wish") && !table.contains("s3cret"), "{table}");
        let [fault] = gateway.faults().await.try_into().unwrap();
        assert_eq!(fault.fault.name, "wish");
    });
}

#[test]
fn what_a_fault_holds_back_is_free_once_it_is_disarmed() {
    alone(async {
        let origin = Origin::start("shop").await;
        let gateway = Gateway::before(origin.address, &[]).await;
        gateway.fault_done(&endless("one", "5m")).await;
        gateway.fault_done(&endless("two", "5m")).await;
        let mut held = Caller::to(gateway.address()).await;
        held.ask("/", "").await;
        gateway.until_met("one").await;
        gateway.fault_done(&["disarm", "one", "two"]).await;
        assert_eq!(status(&held.head().await), 200);
        assert!(gateway.faults().await.is_empty());

        gateway.fault_done(&endless("three", "5m")).await;
        let mut held = Caller::to(gateway.address()).await;
        held.ask("/", "").await;
        gateway.until_met("three").await;
        gateway.fault_done(&["clear"]).await;
        assert_eq!(status(&held.head().await), 200);
        let gone = gateway.fault(&["disarm", "three"]).await;
        assert_eq!(gone.code, Some(1), "{gone:?}");
        assert!(gone.stderr.contains("three"), "{gone:?}");
    });
}

#[test]
fn an_armed_fault_ends_by_itself() {
    alone(async {
        let origin = Origin::start("shop").await;
        let gateway = Gateway::before(origin.address, &[]).await;
        let armed = Instant::now();
        gateway.fault_done(&endless("short", "1s")).await;
        let mut held = Caller::to(gateway.address()).await;
        held.ask("/", "").await;
        assert_eq!(status(&held.head().await), 200);
        assert!(armed.elapsed() >= Duration::from_secs(1), "{:?}", armed.elapsed());
        assert!(gateway.faults().await.is_empty());
        assert_eq!(Caller::to(gateway.address()).await.get("/").await.status, 200);
    });
}

#[test]
fn a_mistyped_word_is_answered_with_the_nearest_right_one() {
    alone(async {
        let origin = Origin::start("shop").await;
        let gateway = Gateway::before(origin.address, &[]).await;
        for (words, expected) in [
            ("--on|client -> upstream|--kind|latencie|--set|add=1s", "did you mean \"latency\""),
            ("--on|client -> upstream|--kind|latency|--set|ad=1s", "did you mean \"add\""),
            ("--on|client -> upstreem|--kind|refuse", "upstream"),
            ("--on|client -> upstream|--kind|refuse|--when|frist=1", "did you mean \"first\""),
            ("--on|client -> upstream|--kind|refuse|--match|pth=/a", "did you mean \"path\""),
        ] {
            let words: Vec<&str> = words.split('|').collect();
            let said = gateway.fault(&[&["arm", "x", "--for", "1m"], &words[..]].concat()).await;
            assert_eq!(said.code, Some(4), "{words:?}: {said:?}");
            assert!(said.stderr.contains(expected), "{words:?}: {said:?}");
        }
        assert!(gateway.faults().await.is_empty());
    });
}

#[test]
fn a_proxy_that_is_away_is_an_environment_fault() {
    alone(async {
        let nobody = TcpListener::bind(ANY_PORT).await.unwrap();
        let address = nobody.local_addr().unwrap();
        drop(nobody);
        for words in [vec!["list"], vec!["clear"], endless("x", "1m")] {
            let said = fault(&words, address).await;
            assert_eq!(said.code, Some(5), "{words:?}: {said:?}");
            assert!(said.stderr.contains(&address.to_string()), "{said:?}");
        }
    });
}

#[test]
fn a_client_that_is_killed_while_it_arms_leaves_a_fault_that_ends_by_itself() {
    alone(async {
        let origin = Origin::start("shop").await;
        let gateway = Gateway::before(origin.address, &[]).await;
        let (relay, armed) = withholding(gateway.admin()).await;
        let mut client = Command::from(program())
            .arg("fault")
            .args(endless("orphan", "2s"))
            .arg("--admin")
            .arg(format!("http://{relay}"))
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        soon("the proxy answers", armed).await.unwrap();
        client.kill().await.unwrap();

        let mut held = Caller::to(gateway.address()).await;
        let asked = Instant::now();
        held.ask("/", "").await;
        assert_eq!(status(&held.head().await), 200);
        assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
        assert!(gateway.faults().await.is_empty());
    });
}

/// Passes calls on to the admin API, but keeps the answer to a `POST` and tells that it came: so
/// the client is still waiting when it is killed.
async fn withholding(admin: SocketAddr) -> (SocketAddr, oneshot::Receiver<()>) {
    let listener = TcpListener::bind(ANY_PORT).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (told, answered) = oneshot::channel();
    tokio::spawn(async move {
        let mut told = Some(told);
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut proxy = TcpStream::connect(admin).await.unwrap();
            let (mut call, mut reply) = ([0; 16_384], [0; 16_384]);
            let mut posted = false;
            loop {
                tokio::select! {
                    read = client.read(&mut call) => {
                        let Ok(count @ 1..) = read else { break };
                        posted |= call.starts_with(b"POST");
                        proxy.write_all(&call[..count]).await.unwrap();
                    },
                    read = proxy.read(&mut reply) => {
                        let Ok(count @ 1..) = read else { break };
                        if !posted {
                            client.write_all(&reply[..count]).await.unwrap();
                        } else if let Some(told) = told.take() {
                            told.send(()).unwrap();
                        }
                    },
                }
            }
        }
    });
    (address, answered)
}
