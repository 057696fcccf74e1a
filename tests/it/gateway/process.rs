//! The gateway as a process, and those who call it.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use model::plan::{ArmedFault, ProxyState};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};

use crate::support::{machine, program};

/// Far more than anything here takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// For delays that nobody shall sit out: longer than the patience.
pub(super) const ENDLESS: &str = "add=10m";

/// Runs a test alone on the machine, because runs that measure time share it.
pub(super) fn alone(test: impl Future<Output = ()>) {
    let _machine = machine();
    tokio::runtime::Runtime::new().unwrap().block_on(test);
}

/// Waits for an event, and fails by name when it does not come.
pub(super) async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, event).await;
    outcome.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// A gateway that serves.
pub(super) struct Gateway {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    /// What it has said and a test has read.
    said: Vec<String>,
    admin: SocketAddr,
    /// Where it listens, in the order of its ready line.
    places: Vec<SocketAddr>,
}

impl Drop for Gateway {
    #[expect(clippy::print_stdout, reason = "whoever reads the failure needs what it said")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the gateway said:\n{}", self.said.join("\n"));
        }
    }
}

impl Gateway {
    /// Starts it in front of `upstream`, on ports that the system chooses.
    pub(super) async fn before(upstream: SocketAddr, more: &[&str]) -> Self {
        let upstream = upstream.to_string();
        let flags = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--upstream", &upstream];
        Self::start(flags.iter().chain(more)).await
    }

    pub(super) async fn start(flags: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = Command::from(program());
        command.arg("proxy").args(flags).stdout(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let admin = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut gateway = Self { child, lines, said: Vec::new(), admin, places: Vec::new() };
        let ready = gateway.read_until("serving ").await;
        gateway.admin = ready.rsplit_once("http://").unwrap().1.parse().unwrap();
        let (_, places) = ready.split_once(" on ").unwrap();
        let (places, _) = places.split_once("; faults").unwrap();
        for place in places.split(", ") {
            let address = place.trim_start_matches("http://").split(' ').next().unwrap();
            gateway.places.push(address.parse().unwrap_or_else(|_| panic!("{ready}")));
        }
        gateway
    }

    /// Where it listens first.
    pub(super) fn address(&self) -> SocketAddr {
        self.places[0]
    }

    pub(super) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Reads what it says until a line has these words, and returns that line.
    pub(super) async fn read_until(&mut self, words: &str) -> String {
        let reading = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                self.said.push(line.clone());
                if line.contains(words) {
                    return line;
                }
            }
            panic!("the gateway ended before it said {words:?}")
        };
        tokio::time::timeout(PATIENCE, reading)
            .await
            .unwrap_or_else(|_| panic!("the gateway did not say {words:?}"))
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id().expect("it has not ended")
    }

    pub(super) fn send(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid().cast_signed()).unwrap(), signal).unwrap();
    }

    /// Waits for its end and returns its exit code.
    pub(super) async fn ended(&mut self) -> Option<i32> {
        soon("the gateway ends", self.child.wait()).await.unwrap().code()
    }

    /// Runs `shakedown fault` against it.
    pub(super) async fn fault(&self, words: &[&str]) -> Said {
        fault(words, self.admin).await
    }

    /// The same, when it must succeed.
    pub(super) async fn fault_done(&self, words: &[&str]) -> String {
        let said = self.fault(words).await;
        assert_eq!(said.code, Some(0), "{words:?}: {said:?}");
        said.stdout
    }

    pub(super) async fn faults(&self) -> Vec<ArmedFault> {
        serde_json::from_str(&self.fault_done(&["list", "--json"]).await).unwrap()
    }

    /// Waits until a request has met an armed fault; another process can only be asked. What is
    /// held back counts as hit when it is free.
    pub(super) async fn until_met(&self, name: &str) {
        let asking = async {
            loop {
                let faults = self.faults().await;
                let named = faults.iter().find(|fault| fault.fault.name == name);
                if named.expect("it is armed").status.matched > 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        soon("the fault is met", asking).await;
    }

    pub(super) async fn state(&self) -> ProxyState {
        let answer = Caller::to(self.admin).await.get("/v1/state").await;
        serde_json::from_slice(&answer.body).unwrap()
    }
}

/// What a command said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

pub(super) async fn fault(words: &[&str], admin: SocketAddr) -> Said {
    let mut command = Command::from(program());
    command.arg("fault").args(words).arg("--admin").arg(format!("http://{admin}"));
    let output = soon("the command ends", command.kill_on_drop(true).output()).await.unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// One connection, which is never opened again by itself: whatever happens to it is seen.
pub(super) struct Caller {
    stream: BufReader<TcpStream>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Caller {
    pub(super) async fn to(address: SocketAddr) -> Self {
        let stream = soon("it is connected", TcpStream::connect(address)).await.unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// One request and its whole answer.
    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.ask(path, "").await;
        let head = self.head().await;
        let body = soon("the body comes", self.body(&head)).await;
        Answer { status: status(&head), head, body }
    }

    /// Sends a request; `fields` are further lines of its head.
    pub(super) async fn ask(&mut self, path: &str, fields: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n{fields}\r\n");
        self.stream.write_all(request.as_bytes()).await.unwrap();
    }

    pub(super) async fn head(&mut self) -> String {
        let reading = async {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                let count = self.stream.read_line(&mut head).await.unwrap();
                assert!(count > 0, "the connection ended within a head: {head:?}");
            }
            head
        };
        soon("the head of an answer comes", reading).await
    }

    async fn body(&mut self, head: &str) -> Vec<u8> {
        if let Some(length) = field(head, "content-length") {
            let mut body = vec![0; length.parse().unwrap()];
            self.stream.read_exact(&mut body).await.unwrap();
            return body;
        }
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await {
            body.extend(chunk);
        }
        body
    }

    /// The next chunk of a body; `None` after its last one.
    pub(super) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let reading = async {
            let mut line = String::new();
            self.stream.read_line(&mut line).await.unwrap();
            let size = usize::from_str_radix(line.trim_end(), 16)
                .unwrap_or_else(|_| panic!("no size of a chunk: {line:?}"));
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk).await.unwrap();
            assert!(chunk.ends_with(b"\r\n"), "a chunk ends with its line");
            chunk.truncate(size);
            (size > 0).then_some(chunk)
        };
        soon("a chunk comes", reading).await
    }

    /// The connection below, with what came of it already.
    pub(super) fn into_stream(self) -> BufReader<TcpStream> {
        self.stream
    }
}

pub(super) fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// A field of a head, by its name in lower case.
pub(super) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut named = fields.filter(|(found, _)| found.eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.trim())
}
