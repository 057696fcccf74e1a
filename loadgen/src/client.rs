//! HTTP to the targets of a load, on the engine's own thread.
//!
//! HTTP/1.1 is spoken by hand: the bytes of a request go to the socket in one write, and an answer
//! is read where it lies. HTTP/2 is spoken by the crate h2. Connections are kept and used again,
//! last used first. A kept connection that the target has closed before a byte of the request was
//! written, or has left without looking at it, is replaced by another one: that is no fault of
//! anybody. Everything after the first byte is otherwise reported as it happened; nothing that a
//! target may have seen is sent twice here. A request that is given up takes its connection with
//! it, or its part of one, so that the target can notice.

mod alert;
pub(crate) mod answer;
mod arrived;
mod chunks;
mod connect;
mod failure;
mod held;
mod http1;
mod http2;
mod idle;
mod outgoing;
mod stream;
mod vigil;

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use model::target::{HttpVersion, Reuse, Target};
use rustls::AlertDescription;
use telemetry::tls::TlsError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

pub(crate) use answer::Wanted;
pub(crate) use connect::DialTimes;
pub(crate) use failure::Failure;
pub(crate) use held::Held;
pub(crate) use outgoing::Outgoing;
pub(crate) use vigil::{GivenUp, Vigil};

use alert::Alert;
use connect::Dialer;
use held::Whose;
use http1::Http1;
use http2::Http2;

/// Why nothing can be sent to a target.
#[derive(Debug, thiserror::Error)]
#[error("{target} cannot be spoken to")]
pub struct ClientError {
    target: String,
    source: Box<TlsError>,
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    #[error(transparent)]
    Settings(#[from] ClientError),
    #[error("the handshake with {target} failed")]
    Failed { target: String, source: io::Error },
}

/// Shakes hands over a connected socket, as the load will: about keys where something is encrypted,
/// and about HTTP/2. Nothing is done where neither is wanted.
pub async fn shake_hands<S>(target: &Target, socket: S) -> Result<(), HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let shaken = match connect::secured(target)? {
        None => greet(target, socket).await,
        Some(tls) => match tls.wrap(socket).await {
            // Without a word about it a server speaks HTTP/1.1.
            Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                greet(target, stream).await
            },
            Ok(_) if target.version == HttpVersion::Http2 => Err(unversed()),
            Ok(_) => Ok(()),
            Err(error) => match failure::alert(&error) {
                Some(AlertDescription::NoApplicationProtocol) => Err(unversed()),
                _ => Err(error),
            },
        },
    };
    shaken.map_err(|source| HandshakeError::Failed { target: target.to_string(), source })
}

/// HTTP/1.1 knows no greeting.
async fn greet<S>(target: &Target, stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if target.version == HttpVersion::Http1 {
        return Ok(());
    }
    let refused = |failure| match failure {
        Failure::Garbage => unversed(),
        other => io::Error::other(format!("greeted over HTTP/2: {}", other.as_str())),
    };
    http2::greet(stream).await.map(drop).map_err(refused)
}

fn unversed() -> io::Error {
    io::Error::other("it does not speak HTTP/2")
}

/// One request as far as it came.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The body, empty unless it was wanted.
    pub(crate) end: Result<Bytes, Failure>,
    /// A connection was there to write on.
    pub(crate) ready: Option<Instant>,
    /// Just before the first byte was written; over HTTP/2, just before the request was handed to a
    /// connection that had a place for it.
    pub(crate) written: Option<Instant>,
    /// Last byte read, or given up.
    pub(crate) finished: Instant,
    /// What a new connection took.
    pub(crate) dial: DialTimes,
    pub(crate) status: Option<u16>,
    /// Names of faults that hit the request, as the answer says.
    pub(crate) faults: Option<String>,
    /// Lines of the head, empty unless they were wanted.
    pub(crate) head: Vec<u8>,
    pub(crate) body_bytes: u64,
}

/// What is known of a request while it is under way, and kept when it is given up.
#[derive(Debug, Default)]
struct Trail {
    ready: Option<Instant>,
    written: Option<Instant>,
    dial: DialTimes,
    status: Option<u16>,
    faults: Option<String>,
    head: Vec<u8>,
    body: Bytes,
    body_bytes: u64,
    /// When the last bytes came, where that is not when they were read.
    arrived: Option<Instant>,
}

#[derive(Debug)]
struct Lane {
    name: String,
    dialer: Rc<Dialer>,
    reuse: Reuse,
    protocol: Protocol,
}

#[derive(Debug)]
enum Protocol {
    Http1(Http1),
    Http2(Http2),
}

/// All targets of one engine.
#[derive(Debug)]
pub(crate) struct Client {
    lanes: Vec<Lane>,
    vigil: Vigil,
    alert: Alert,
    /// Exhausted files and ports are said once, not once per request.
    warned: Cell<bool>,
}

impl Client {
    /// Where answers are `stamped`, they end when they came and not when they were read, so that
    /// reading them can wait while [`Client::is_alert`] says no.
    pub(crate) fn new(
        targets: &[Target],
        vigil: Vigil,
        stamped: bool,
    ) -> Result<Self, ClientError> {
        let lane = |target| Lane::new(target, stamped);
        let lanes = targets.iter().map(lane).collect::<Result<_, _>>()?;
        Ok(Self { lanes, vigil, alert: Alert::default(), warned: Cell::default() })
    }

    /// Something is under way whose time is taken when this thread notices it.
    pub(crate) fn is_alert(&self, now: Instant) -> bool {
        self.alert.is_on(now)
    }

    /// Sends one request and reads its answer to the end, or gives up at `deadline` or when the
    /// load is aborted. `held` is the connection that a journey keeps for itself.
    pub(crate) async fn exchange(
        &self,
        outgoing: &Outgoing,
        wanted: Wanted,
        deadline: Instant,
        held: &mut Held,
    ) -> Exchange {
        let mut trail = Trail::default();
        let lane = &self.lanes[outgoing.target];
        let attempt = lane.attempt((outgoing, wanted), &self.alert, &mut trail, held);
        let end = match self.vigil.guard(deadline, attempt).await {
            Ok(end) => end,
            Err(GivenUp::Timeout) => Err(Failure::Timeout),
            Err(GivenUp::Stopped) => Err(Failure::Stopped),
        };
        if let Err(failure) = end {
            self.alert.raise();
            self.warn_once(lane, failure);
        }
        let finished = match (trail.arrived, trail.written) {
            (Some(arrived), Some(written)) if end.is_ok() => arrived.max(written),
            _ => Instant::now(),
        };
        Exchange {
            end: end.map(|()| trail.body),
            ready: trail.ready,
            written: trail.written,
            finished,
            dial: trail.dial,
            status: trail.status,
            faults: trail.faults,
            head: trail.head,
            body_bytes: trail.body_bytes,
        }
    }

    /// Takes away the connections that the target has closed while nobody used them, and goes on
    /// with it for as long as it is polled.
    pub(crate) async fn tend(&self) -> Infallible {
        self.tended(Poll::Pending).await
    }

    /// The same, once.
    pub(crate) async fn tend_now(&self) {
        self.tended(Poll::Ready(())).await;
    }

    /// However many there are, all of them are looked at: the runtime would let a task look at some
    /// hundred sockets only, and then ask it to come again.
    async fn tended<T: Copy>(&self, then: Poll<T>) -> T {
        let tend = std::future::poll_fn(|context| {
            self.tend_lanes(context);
            then
        });
        tokio::task::unconstrained(tend).await
    }

    fn tend_lanes(&self, context: &Context<'_>) {
        for lane in &self.lanes {
            if let Protocol::Http1(http) = &lane.protocol {
                http.tend(context);
            }
        }
    }

    fn warn_once(&self, lane: &Lane, failure: Failure) {
        let exhausted = matches!(failure, Failure::FilesExhausted | Failure::PortsExhausted);
        if exhausted && !self.warned.replace(true) {
            tracing::warn!(
                target_address = lane.name,
                kind = failure.as_str(),
                "the load generator itself cannot open more connections; its errors are its own"
            );
        }
    }
}

impl Lane {
    fn new(target: &Target, stamped: bool) -> Result<Self, ClientError> {
        let dialer = Rc::new(Dialer::new(target)?);
        let protocol = match target.version {
            HttpVersion::Http1 => {
                Protocol::Http1(Http1::new(target.requests_per_connection, stamped))
            },
            HttpVersion::Http2 => {
                let scheme = if target.tls.is_some() { "https" } else { "http" };
                let origin = format!("{scheme}://{}", target.authority);
                Protocol::Http2(Http2::new(
                    Rc::clone(&dialer),
                    origin,
                    target.requests_per_connection,
                ))
            },
        };
        Ok(Self { name: target.to_string(), dialer, reuse: target.reuse, protocol })
    }

    async fn attempt(
        &self,
        (outgoing, wanted): (&Outgoing, Wanted),
        alert: &Alert,
        trail: &mut Trail,
        held: &mut Held,
    ) -> Result<(), Failure> {
        let whose = match self.reuse {
            Reuse::Shared => Whose::Everybody,
            Reuse::Journey => Whose::Journey(held),
            Reuse::Never => Whose::Nobody,
        };
        match &self.protocol {
            Protocol::Http1(http) => {
                http.exchange((&self.dialer, alert), (outgoing, wanted), trail, whose).await
            },
            Protocol::Http2(http) => {
                // Rare and large: it would make every journey as large as itself.
                Box::pin(http.exchange((outgoing, wanted), trail, whose)).await
            },
        }
    }
}

#[cfg(test)]
mod tests;
