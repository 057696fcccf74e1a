//! Redis behind an edge that passes bytes.
//!
//! On a machine without Redis these tests stay ignored; `.ci/run` installs it and runs them.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::ChildStdout;
use tokio::time::Instant;

use super::process::{Gateway, alone, soon};
use super::server::{Server, free_port};

struct Redis {
    server: Server,
    _folder: TempDir,
}

impl Redis {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let address = free_port();
        let mut command = Command::new("redis-server");
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped());
        command.args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"]);
        command.args(["--save", "", "--appendonly", "no"]);
        let server = Server::start(
            (command, address),
            Signal::KILL,
            |child| child.stdout.take().unwrap(),
            "eady to accept connections",
        );
        Self { server, _folder: folder }
    }
}

fn client(at: SocketAddr) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("redis-cli");
    command.args(["-h", "127.0.0.1", "-p", &at.port().to_string()]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// One command over a connection of its own.
async fn ask(at: SocketAddr, words: &[&str]) -> String {
    let output = soon("the command ends", client(at).args(words).output()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A connection that stays open and tells every command that the server gets.
struct Monitor {
    _child: tokio::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Monitor {
    async fn open(at: SocketAddr) -> Self {
        let mut child = client(at).arg("MONITOR").stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut monitor = Self { _child: child, lines };
        assert_eq!(monitor.next().await, "OK");
        monitor
    }

    async fn next(&mut self) -> String {
        let line = soon("the monitor tells something", self.lines.next_line()).await.unwrap();
        line.expect("the connection is open")
    }

    /// Sets a key past the gateway; returns how long it takes until the monitor tells of it.
    async fn told_of(&mut self, server: SocketAddr, key: &str) -> Duration {
        let asked = Instant::now();
        assert_eq!(ask(server, &["SET", key, "1"]).await, "OK");
        // Others may tell of themselves before.
        while !self.next().await.contains(key) {}
        asked.elapsed()
    }
}

async fn arm(gateway: &Gateway, words: &[&str]) {
    let on = ["--on", "client -> upstream", "--for", "5m"];
    gateway.fault_done(&[&["arm"], words, &on].concat()).await;
}

#[test]
#[ignore = "needs Redis"]
fn redis_answers_through_the_gateway() {
    alone(async {
        let redis = Redis::start();
        let gateway = Gateway::before(redis.server.address, &["--tcp"]).await;
        let at = gateway.address();
        assert_eq!(ask(at, &["PING"]).await, "PONG");
        let value = "v".repeat(100_000);
        assert_eq!(ask(at, &["SET", "key", &value]).await, "OK");
        assert_eq!(ask(at, &["GET", "key"]).await, value);
        arm(&gateway, &["slow", "--kind", "latency", "--set", "add=300ms"]).await;
        let asked = Instant::now();
        assert_eq!(ask(at, &["PING"]).await, "PONG");
        assert!(asked.elapsed() >= Duration::from_millis(300), "{:?}", asked.elapsed());
        let [edge] = gateway.state().await.edges.try_into().unwrap();
        assert_eq!(edge.connections, 4);
        assert!(edge.bytes_up > 100_000 && edge.bytes_down > 100_000, "{edge:?}");
    });
}

#[test]
#[ignore = "needs Redis"]
fn redis_keeps_a_connection_while_faults_come_and_go() {
    alone(async {
        let redis = Redis::start();
        let server = redis.server.address;
        let gateway = Gateway::before(server, &["--tcp"]).await;
        let mut monitor = Monitor::open(gateway.address()).await;
        monitor.told_of(server, "before").await;
        for round in 0..3 {
            arm(&gateway, &["slow", "--kind", "latency", "--set", "add=400ms"]).await;
            let took = monitor.told_of(server, &format!("slow-{round}")).await;
            assert!(took >= Duration::from_millis(400), "{took:?}");
            gateway.fault_done(&["disarm", "slow"]).await;
            monitor.told_of(server, &format!("free-{round}")).await;
        }
        let far = ["far", "--kind", "latency", "--set", "add=10m"];
        arm(&gateway, &far).await;
        assert_eq!(ask(server, &["SET", "held", "1"]).await, "OK");
        gateway.until_met("far").await;
        gateway.fault_done(&["clear"]).await;
        while !monitor.next().await.contains("held") {}
        let [edge] = gateway.state().await.edges.try_into().unwrap();
        assert_eq!((edge.connections, edge.connections_open), (1, 1));
    });
}
