//! HTTP/2: many requests at once on few connections, by the crate h2.
//!
//! A connection never gets more requests at once than its server allows. Whoever finds no place on
//! one waits for a place, or for another connection that is made. So that wait is a wait for a
//! connection, as with HTTP/1.1, and no part of the time that the server takes.
//!
//! A kept connection may have ended before a request is handed to it, and a server may leave one
//! while a request is on its way, and says then that it has not looked at it (RFC 9113 §6.8). Such
//! a request goes to another connection, as nobody has seen it. On a connection that has never
//! carried an answer it fails.

mod connection;
mod places;
mod witness;

use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use h2::{Reason, RecvStream};
use http::Response;
use http::header::CONTENT_LENGTH;
use model::names::header;
use tokio::time::Instant;

use super::connect::Dialer;
use super::held::{Held, Kept};
use super::{Failure, Outgoing, Trail, Wanted, Whose};

pub(super) use connection::{Connection, greet};
use places::{Place, Places};

#[derive(Debug)]
pub(super) struct Http2 {
    dialer: Rc<Dialer>,
    places: Places,
    /// `https://host:port`.
    origin: String,
    requests_max: u32,
}

/// What a request goes over.
enum Seat {
    Shared(Place),
    /// Nobody else uses it meanwhile.
    Own(Connection),
}

impl Seat {
    fn connection(&self) -> &Connection {
        match self {
            Self::Shared(place) => place.connection(),
            Self::Own(connection) => connection,
        }
    }
}

/// Why an exchange came to no end.
#[derive(Debug)]
enum Broken {
    /// The server has not looked at the request, if it got there at all.
    Unseen(Failure),
    By(Failure),
}

impl Http2 {
    pub(super) fn new(dialer: Rc<Dialer>, origin: String, requests_max: Option<u32>) -> Self {
        let requests_max = requests_max.unwrap_or(u32::MAX);
        let places = Places::new(Rc::clone(&dialer), requests_max);
        Self { dialer, places, origin, requests_max }
    }

    pub(super) async fn exchange(
        &self,
        (outgoing, wanted): (&Outgoing, Wanted),
        trail: &mut Trail,
        mut whose: Whose<'_>,
    ) -> Result<(), Failure> {
        loop {
            let request = outgoing.to_request(&self.origin).ok_or(Failure::Unsendable)?;
            let seat = self.seat(outgoing.target, trail, &mut whose).await?;
            let connection = seat.connection();
            let answered = ask(connection, (outgoing, request), wanted, trail).await;
            match answered {
                Err(Broken::Unseen(_)) if connection.is_proven() => {
                    connection.retire();
                    (trail.ready, trail.written) = (None, None);
                    outgoing.unwrite();
                    continue;
                },
                Err(Broken::Unseen(failure) | Broken::By(failure)) => return Err(failure),
                Ok(()) => connection.prove(),
            }
            if let (Seat::Own(connection), Whose::Journey(held)) = (seat, whose) {
                held.keep(outgoing.target, Kept::Http2(connection));
            }
            return Ok(());
        }
    }

    async fn seat(
        &self,
        target: usize,
        trail: &mut Trail,
        whose: &mut Whose<'_>,
    ) -> Result<Seat, Failure> {
        let kept = match whose {
            Whose::Everybody => {
                return self.places.place(trail).await.map(Seat::Shared);
            },
            Whose::Journey(held) => kept(held, target),
            Whose::Nobody => None,
        };
        let connection = match kept.filter(|connection| connection.is_open(self.requests_max)) {
            Some(connection) => connection,
            None => Connection::make(&self.dialer, &mut trail.dial).await?,
        };
        connection.book();
        Ok(Seat::Own(connection))
    }
}

fn kept(held: &mut Held, target: usize) -> Option<Connection> {
    match held.take(target)? {
        Kept::Http2(connection) => Some(connection),
        Kept::Http1(_) => None,
    }
}

/// Sends a request over a connection that has a place for it, and reads the answer to its end.
async fn ask(
    connection: &Connection,
    (outgoing, (head, body)): (&Outgoing, (http::Request<()>, Bytes)),
    wanted: Wanted,
    trail: &mut Trail,
) -> Result<(), Broken> {
    let broken = |error: h2::Error| {
        let left = error.is_go_away() && error.is_remote();
        match (error.reason(), connection.failure(&error)) {
            (Some(Reason::NO_ERROR), failure) if left => Broken::Unseen(failure),
            (_, failure) => Broken::By(failure),
        }
    };
    let mut sender = connection.sender().await.map_err(Broken::Unseen)?;
    let now = Instant::now();
    trail.ready = Some(now);
    let (answer, mut stream) = sender.send_request(head, body.is_empty()).map_err(broken)?;
    trail.written = Some(now);
    outgoing.note_written();
    if !body.is_empty() {
        stream.send_data(body, true).map_err(broken)?;
    }
    let response = answer.await.map_err(broken)?;
    trail.status = Some(response.status().as_u16());
    note_head(&response, wanted, trail);
    read(response, wanted, trail).await.map_err(|unread| match unread {
        Unread::TooLarge => Broken::By(Failure::TooLarge),
        Unread::Broken(error) => Broken::By(connection.failure(&error)),
    })
}

fn note_head(response: &Response<RecvStream>, wanted: Wanted, trail: &mut Trail) {
    let faults = response.headers().get(header::FAULT);
    trail.faults = faults.map(|names| String::from_utf8_lossy(names.as_bytes()).into_owned());
    if wanted.head {
        for (name, value) in response.headers() {
            let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat();
            trail.head.extend_from_slice(&line);
        }
    }
}

/// Why a body was not read to its end.
enum Unread {
    TooLarge,
    Broken(h2::Error),
}

/// Reads a body to its end and counts it.
async fn read(
    response: Response<RecvStream>,
    wanted: Wanted,
    trail: &mut Trail,
) -> Result<(), Unread> {
    let said = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length: Option<u64> = said.and_then(|length| length.parse().ok());
    let (mut body, mut kept) = (response.into_body(), BytesMut::new());
    let bytes_max = super::answer::body_bytes_max(wanted);
    while let Some(data) = body.data().await {
        let data = match data {
            Ok(data) => data,
            // All of it came before the connection ended.
            Err(_) if length == Some(trail.body_bytes) => break,
            Err(error) => return Err(Unread::Broken(error)),
        };
        trail.body_bytes += data.len() as u64;
        if trail.body_bytes > bytes_max {
            return Err(Unread::TooLarge);
        }
        // Nothing is left to be given back of a stream that is over.
        body.flow_control().release_capacity(data.len()).ok();
        if wanted.body {
            kept.extend_from_slice(&data);
        }
    }
    trail.body = kept.freeze();
    Ok(())
}
