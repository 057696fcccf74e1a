//! What the tests of TCP edges share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use model::distribution::Distribution;
use model::fault::{Direction, FaultKind, FaultSpec, Live, Placement};
use model::plan::Plan;
use model::plan::{FaultStatus, Protocol, ProxyConfig};
use model::policy::EdgePolicy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::tests::kit::{PATIENCE, Stack, edge, fault};

pub(super) const MS: Duration = Duration::from_millis(1);

/// A gateway with one TCP edge, whose delays are precise.
pub(super) async fn stack() -> Stack {
    let mut config = ProxyConfig::on_loopback("test", [edge()]);
    config.edges[0].protocol = Protocol::Tcp;
    config.threads = Some(1);
    Stack::of(config).await
}

/// The same in front of `upstream`, with faults under a lease.
pub(super) async fn stack_with(upstream: SocketAddr, faults: Vec<FaultSpec>) -> Stack {
    let stack = stack().await;
    set(&stack, upstream, faults).await;
    assert_eq!(stack.lease(60_000).await.status(), 200);
    stack
}

/// Replaces the faults.
pub(super) async fn set(stack: &Stack, upstream: SocketAddr, faults: Vec<FaultSpec>) {
    let plan = stack.plan(vec![upstream], EdgePolicy::default(), faults);
    let plan = Plan { routes: Vec::new(), ..plan };
    let answer = stack.put(&plan).await;
    assert_eq!(answer.status(), 200, "{:?}", answer.body());
}

pub(super) fn up(effect: FaultKind) -> FaultSpec {
    going(Direction::Up, effect)
}

pub(super) fn down(effect: FaultKind) -> FaultSpec {
    going(Direction::Down, effect)
}

pub(super) fn both(effect: FaultKind) -> FaultSpec {
    going(Direction::Both, effect)
}

/// When a connection is accepted, and at once on those that are open.
pub(super) fn at_connect(effect: FaultKind) -> FaultSpec {
    FaultSpec { placement: Placement::Connect, ..down(effect) }
}

/// On the bytes that go there, as far as the kind acts on bytes.
fn going(direction: Direction, effect: FaultKind) -> FaultSpec {
    let on_bytes = effect.may_act_at(Placement::Body);
    let placement = if on_bytes { Placement::Body } else { Placement::Connect };
    let directed = on_bytes || matches!(effect, FaultKind::SlowClose { .. } | FaultKind::HalfOpen);
    let direction = if directed { direction } else { Direction::Down };
    FaultSpec { direction, placement, ..fault("it", effect) }
}

pub(super) fn named(name: &str, fault: FaultSpec) -> FaultSpec {
    FaultSpec { name: name.to_owned(), ..fault }
}

pub(super) fn living(live: Live, fault: FaultSpec) -> FaultSpec {
    FaultSpec { live, ..fault }
}

pub(super) fn fixed_ms(ms: u64) -> Distribution {
    Distribution::Fixed { value_us: ms * 1_000 }
}

pub(super) fn latency(ms: u64) -> FaultKind {
    FaultKind::Latency { delay: fixed_ms(ms) }
}

/// Counters and lines of one fault: `(matched, hit, skipped)` and the lines of the ledger.
pub(super) async fn status(stack: &Stack, name: &str) -> FaultStatus {
    let faults = stack.state().await.faults;
    faults.into_iter().find(|fault| fault.name == name).expect("the fault is in the plan")
}

/// Waits until the counters of the edge say so.
pub(super) async fn until(stack: &Stack, holds: impl Fn(&model::plan::EdgeState) -> bool) {
    let waiting = async {
        while !holds(&stack.state().await.edges[0]) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the counters never said so");
}

/// A server whose connections are handled by `serve`.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) accepted: Arc<AtomicUsize>,
}

impl Server {
    pub(super) async fn with<F, W>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> W + Send + Sync + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                socket.set_nodelay(true).unwrap();
                tokio::spawn(serve(socket));
            }
        });
        Self { address, accepted }
    }

    pub(super) async fn echo() -> Self {
        Self::with(async |mut socket| {
            let (mut read, mut write) = socket.split();
            let _ended = tokio::io::copy(&mut read, &mut write).await;
            let _gone = write.shutdown().await;
        })
        .await
    }

    /// Reads everything, then answers the number of bytes and ends.
    pub(super) async fn counting() -> Self {
        Self::with(async |mut socket| {
            if let Ok(count) = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await {
                let _gone = socket.write_all(&count.to_be_bytes()).await;
            }
        })
        .await
    }

    /// Sends so many bytes of [`pattern`] to whoever connects and ends.
    pub(super) async fn sending(count: usize) -> Self {
        Self::with(move |mut socket| async move {
            let _gone = socket.write_all(&pattern(count)).await;
            let _gone = socket.shutdown().await;
            let _rest = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
        })
        .await
    }
}

pub(super) fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at % 251) as u8).collect()
}

pub(super) async fn connect(stack: &Stack) -> TcpStream {
    let socket = TcpStream::connect(stack.edge_address()).await.unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// Connects and asks. Who resets early may be met while connecting.
pub(super) async fn reach(stack: &Stack, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    ask(&mut TcpStream::connect(stack.edge_address()).await?, bytes).await
}

/// Sends some bytes and reads as many.
pub(super) async fn ask(socket: &mut TcpStream, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    socket.write_all(bytes).await?;
    let mut answer = vec![0; bytes.len()];
    patient(socket.read_exact(&mut answer)).await?;
    Ok(answer)
}

/// Reads until the end; what came before an error is lost with it.
pub(super) async fn read_all(socket: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    patient(socket.read_to_end(&mut all)).await?;
    Ok(all)
}

/// Reads until the end or an error and says what came before it.
pub(super) async fn read_until_broken(socket: &mut TcpStream) -> (usize, Option<std::io::Error>) {
    let (mut count, mut buffer) = (0, vec![0; 64 * 1024]);
    loop {
        match patient(socket.read(&mut buffer)).await {
            Ok(0) => return (count, None),
            Ok(read) => count += read,
            Err(error) => return (count, Some(error)),
        }
    }
}

pub(super) async fn patient<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("this never happened")
}

/// Nothing comes within `time`.
pub(super) async fn is_silent(socket: &mut TcpStream, time: Duration) -> bool {
    tokio::time::timeout(time, socket.read_u8()).await.is_err()
}

pub(super) fn is_reset<T: std::fmt::Debug>(result: &std::io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset)
}
