//! The OTLP server: both transports on both ports, chosen by content type.
//!
//! Plain hyper, HTTP/1.1 and HTTP/2 with prior knowledge. Nothing here knows what the records mean;
//! it reads a body within its bounds, hands it to [`Core::take`], and answers as OTLP demands.
//! Connections and bodies have `places` of which there are only so many, and which nobody can hold
//! by doing nothing; bytes are bounded by `admission`.

mod answer;
mod body;
mod compression;
mod connection;
mod cors;
mod grpc;
mod http;
mod lines;
mod places;
mod refusal;
mod settings;
pub(crate) mod weight;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, Request, Response};
use bytes::Bytes;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::answer::{Outcome, ReplyBody};
use self::body::{BodyError, Payload};
use self::compression::Compression;
pub use self::lines::{LINE_BYTES_MAX, LineCount, LineIntake, LineSource};
pub(crate) use self::lines::{fuzz_buffer, fuzz_convert};
use self::places::Places;
use self::refusal::Refusal;
pub(crate) use self::settings::Settings;
pub use self::settings::{ReceiveConfig, ReceiveError};
use crate::admission::{Lease, QUEUE_BATCHES, QUEUE_BYTES};
use crate::core::{Core, beside, stopped};
use crate::record::Signal;

/// Bodies that are being read at once: half of the requests that admission lets in, so that bodies
/// which never end leave room for those that do.
const BODIES_MAX: usize = QUEUE_BATCHES / 2;
/// For requests in work when the collector ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// After a failed accept, for example without free file descriptors: there is no event to wait
/// for, and trying again at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the receiver has to tell besides its answers.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    displaced: Arc<AtomicU64>,
    lines_cut: AtomicU64,
    lines_lost: AtomicU64,
}

impl Counters {
    /// Connections and bodies that waited, and were cut off because others needed their place.
    pub(crate) fn displaced(&self) -> u64 {
        self.displaced.load(Ordering::Relaxed)
    }

    /// Lines of text that lost their end.
    pub(crate) fn lines_cut(&self) -> u64 {
        self.lines_cut.load(Ordering::Relaxed)
    }

    /// Lines of text of which nothing was kept.
    pub(crate) fn lines_lost(&self) -> u64 {
        self.lines_lost.load(Ordering::Relaxed)
    }
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Receiver {
    core: Arc<Core>,
    settings: Settings,
    connections: Arc<Places>,
    bodies: Arc<Places>,
}

impl Receiver {
    pub(crate) fn new(core: Arc<Core>, settings: Settings) -> Arc<Self> {
        let places = |most| Places::new(most, Arc::clone(&core.received.displaced));
        let (connections, bodies) = (places(settings.connections_max), places(BODIES_MAX));
        Arc::new(Self { core, settings, connections, bodies })
    }

    /// Reads a body whose head was found good, and inflates it. `peek` is as in [`body::read`].
    async fn read(
        &self,
        peer: IpAddr,
        body: &mut impl Payload,
        bytes_max: usize,
        peek: impl Fn(&[u8]) -> Result<(), BodyError>,
    ) -> Result<(Bytes, Lease), Refusal> {
        let mut lease = self.core.admission.enter().map_err(BodyError::from)?;
        let place = match self.bodies.enter(peer) {
            Some(place) => place,
            None => self.core.admission.refuse().map_err(BodyError::from)?,
        };
        let whole = body::read(body, &place, &mut lease, bytes_max, peek).await?;
        Ok((whole, lease))
    }

    async fn inflate(
        &self,
        compression: Compression,
        packed: Bytes,
        lease: Lease,
    ) -> Result<(Bytes, Lease), Refusal> {
        Ok(compression.inflate(packed, self.settings.request_bytes_max, lease).await?)
    }

    /// Takes lines of text; one that lost its end is a warning to the sender.
    async fn take_lines(
        &self,
        source: LineSource,
        text: Bytes,
        mut lease: Lease,
    ) -> Result<Outcome, Refusal> {
        let (bytes, now) = (text.len(), self.core.clock.unix_ns());
        let work = move || {
            let room = |bytes| lease.grow(text.len() + bytes);
            lines::convert(&source, &text, now, room).map(|converted| (converted, lease))
        };
        let (lines, lease) = beside(bytes, work).await?;
        let mut outcome = self.take(Signal::Logs, body::tight(lines.payload), lease).await?;
        if lines.cut > 0 {
            self.core.received.lines_cut.fetch_add(lines.cut, Ordering::Relaxed);
            outcome.message = format!(
                "{} of {} lines were longer than {} bytes and lost their end",
                lines.cut, lines.records, LINE_BYTES_MAX
            );
        }
        Ok(outcome)
    }

    /// The only way of a request into the core.
    async fn take(
        &self,
        signal: Signal,
        payload: Bytes,
        mut lease: Lease,
    ) -> Result<Outcome, Refusal> {
        let items = weight::items(signal, &payload);
        if items.saturating_mul(weight::ITEM_BYTES) > QUEUE_BYTES {
            let message = format!("{items} {} in one request; send fewer at once", signal.items());
            return Err(Refusal::too_large(message));
        }
        lease.grow(items * weight::ITEM_BYTES).map_err(BodyError::from)?;
        lease.wait_to_be_written().map_err(BodyError::from)?;
        Ok(self.core.take(signal, payload, lease).await?.into())
    }
}

/// Serves until `stop` turns true, then finishes what is in work.
pub(crate) async fn serve(
    listener: TcpListener,
    receiver: Arc<Receiver>,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                receiver.connections.make_room(Duration::ZERO);
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            },
        };
        let place = tokio::select! {
            place = receiver.connections.wait(peer.ip()) => place,
            () = stopped(&mut stop) => break,
        };
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a connection broke before it began");
            continue;
        }
        let (receiver, watcher) = (Arc::clone(&receiver), graceful.watcher());
        tokio::spawn(connection::serve(receiver, socket, peer.ip(), place, watcher));
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("OTLP requests were still in work when the collector ended");
    }
}

async fn answer(
    receiver: &Arc<Receiver>,
    peer: IpAddr,
    request: Request<impl Payload>,
) -> Response<ReplyBody> {
    if media_type(request.headers()).is_some_and(|media_type| grpc::is_grpc(&media_type)) {
        grpc::answer(receiver, peer, request).await
    } else {
        http::answer(receiver, peer, request).await
    }
}

/// In lower case; parameters such as `; charset=utf-8` do not matter.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
