//! HTTP/2: many requests at once on few connections, by hyper.
//!
//! A connection takes as many requests as servers usually allow at once; when all are full another
//! one is made. A server that allows fewer lets requests wait within the connection, and as nobody
//! outside of it can see that wait, it is part of the service time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use model::names::header;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::connect::Dialer;
use super::stream::Stream;
use super::{Failure, Outgoing, Trail, Wanted};

/// Requests at once on a connection: what servers commonly allow at least.
const STREAMS_MAX: u32 = 100;

#[derive(Debug)]
pub(super) struct Http2 {
    connections: RefCell<Vec<Rc<Connection>>>,
    /// `https://host:port`.
    origin: String,
    requests_max: u32,
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    streams: Cell<u32>,
    requests: Cell<u32>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A request's place on a connection.
struct Place(Rc<Connection>);

impl Place {
    fn take(connection: &Rc<Connection>) -> Self {
        connection.streams.set(connection.streams.get() + 1);
        connection.requests.set(connection.requests.get() + 1);
        Self(Rc::clone(connection))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
    }
}

impl Http2 {
    pub(super) fn new(origin: String, requests_max: Option<u32>) -> Self {
        let requests_max = requests_max.unwrap_or(u32::MAX);
        Self { connections: RefCell::default(), origin, requests_max }
    }

    pub(super) async fn exchange(
        &self,
        dialer: &Dialer,
        outgoing: &Outgoing,
        wanted: Wanted,
        trail: &mut Trail,
    ) -> Result<(), Failure> {
        let request = outgoing.to_request(&self.origin).ok_or(Failure::Unsendable)?;
        let place = self.place(dialer, trail).await?;
        let mut sender = place.0.sender.clone();
        sender.ready().await.map_err(|error| Failure::of(&error))?;
        let now = Instant::now();
        (trail.ready, trail.written) = (Some(now), Some(now));
        let response = sender.send_request(request).await.map_err(|error| Failure::of(&error))?;
        trail.status = Some(response.status().as_u16());
        note_head(&response, wanted, trail);
        read(response.into_body(), wanted, trail).await
    }

    async fn place(&self, dialer: &Dialer, trail: &mut Trail) -> Result<Place, Failure> {
        let full = |one: &Rc<Connection>| {
            one.streams.get() >= STREAMS_MAX || one.requests.get() >= self.requests_max
        };
        {
            let mut connections = self.connections.borrow_mut();
            connections
                .retain(|one| !one.sender.is_closed() && one.requests.get() < self.requests_max);
            if let Some(free) = connections.iter().find(|one| !full(one)) {
                return Ok(Place::take(free));
            }
        }
        let stream = dialer.dial(&mut trail.dial).await?;
        let connection = Rc::new(shake_hands(stream).await?);
        let place = Place::take(&connection);
        self.connections.borrow_mut().push(connection);
        Ok(place)
    }
}

async fn shake_hands(stream: Stream) -> Result<Connection, Failure> {
    let (sender, connection) = Builder::new(Local)
        .timer(TokioTimer::new())
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Failure::of(&error))?;
    let driver = tokio::task::spawn_local(async move {
        // Whatever ends the connection is told to the requests that wait on it.
        drop(connection.await);
    });
    Ok(Connection { sender, streams: Cell::new(0), requests: Cell::new(0), driver })
}

/// Runs hyper's helpers on the engine's own thread.
#[derive(Debug, Clone, Copy)]
struct Local;

impl<F: Future + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

fn note_head(response: &Response<Incoming>, wanted: Wanted, trail: &mut Trail) {
    let faults = response.headers().get(header::FAULT);
    trail.faults = faults.map(|names| String::from_utf8_lossy(names.as_bytes()).into_owned());
    if wanted.head {
        for (name, value) in response.headers() {
            let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat();
            trail.head.extend_from_slice(&line);
        }
    }
}

/// Reads a body to its end and counts it.
async fn read(mut incoming: Incoming, wanted: Wanted, trail: &mut Trail) -> Result<(), Failure> {
    let mut kept = BytesMut::new();
    let bytes_max = super::answer::body_bytes_max(wanted);
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| Failure::of(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        trail.body_bytes += data.len() as u64;
        if trail.body_bytes > bytes_max {
            return Err(Failure::TooLarge);
        }
        if wanted.body {
            kept.extend_from_slice(data);
        }
    }
    trail.body = kept.freeze();
    Ok(())
}
