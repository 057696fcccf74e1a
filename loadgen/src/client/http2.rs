//! HTTP/2: many requests at once on few connections, by the crate h2.
//!
//! A connection never gets more requests at once than its server allows. Whoever finds no place on
//! one waits for the connections that are being made, or makes another. So the wait for a place is
//! a wait for a connection, as with HTTP/1.1, and no part of the time that the server takes.
//!
//! A server may leave a kept connection while a request is on its way, and says then that it has
//! not looked at it (RFC 9113 §6.8): it goes to another connection, as nobody has seen it.

mod connection;
mod places;

use bytes::{Bytes, BytesMut};
use h2::{Reason, RecvStream};
use http::Response;
use model::names::header;
use tokio::time::Instant;

use super::connect::Dialer;
use super::held::{Held, Kept};
use super::{Failure, Outgoing, Trail, Wanted, Whose};

pub(super) use connection::{Connection, greet};
use places::{Place, Places};

#[derive(Debug)]
pub(super) struct Http2 {
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
    /// The server has left the connection, and has not looked at the request.
    Unseen,
    By(Failure),
}

impl Broken {
    fn by(error: &h2::Error) -> Self {
        let left = error.is_go_away() && error.is_remote();
        match error.reason() {
            Some(Reason::NO_ERROR) if left => Self::Unseen,
            _ => Self::By(Failure::of_http2(error)),
        }
    }

    fn failure(self) -> Failure {
        match self {
            Self::Unseen => Failure::Closed,
            Self::By(failure) => failure,
        }
    }
}

impl Http2 {
    pub(super) fn new(origin: String, requests_max: Option<u32>) -> Self {
        let requests_max = requests_max.unwrap_or(u32::MAX);
        Self { places: Places::new(requests_max), origin, requests_max }
    }

    pub(super) async fn exchange(
        &self,
        dialer: &Dialer,
        (outgoing, wanted): (&Outgoing, Wanted),
        trail: &mut Trail,
        mut whose: Whose<'_>,
    ) -> Result<(), Failure> {
        loop {
            let (head, body) = outgoing.to_request(&self.origin).ok_or(Failure::Unsendable)?;
            let (seat, fresh) = self.seat((dialer, outgoing.target), trail, &mut whose).await?;
            let connection = seat.connection();
            let answered = ask(connection, (head, body), wanted, trail).await;
            match answered {
                Err(Broken::Unseen) if !fresh => {
                    connection.retire();
                    (trail.ready, trail.written) = (None, None);
                    continue;
                },
                Err(broken) => return Err(broken.failure()),
                Ok(()) => {},
            }
            if let (Seat::Own(connection), Whose::Journey(held)) = (seat, whose)
                && connection.is_open(self.requests_max)
            {
                held.keep(outgoing.target, Kept::Http2(connection));
            }
            return Ok(());
        }
    }

    /// Also whether the connection was made for it.
    async fn seat(
        &self,
        (dialer, target): (&Dialer, usize),
        trail: &mut Trail,
        whose: &mut Whose<'_>,
    ) -> Result<(Seat, bool), Failure> {
        let kept = match whose {
            Whose::Everybody => {
                let (place, fresh) = self.places.place(dialer, trail).await?;
                return Ok((Seat::Shared(place), fresh));
            },
            Whose::Journey(held) => kept(held, target),
            Whose::Nobody => None,
        };
        match kept {
            Some(connection) => Ok((Seat::Own(connection), false)),
            None => Ok((Seat::Own(Connection::make(dialer, trail).await?), true)),
        }
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
    (head, body): (http::Request<()>, Bytes),
    wanted: Wanted,
    trail: &mut Trail,
) -> Result<(), Broken> {
    let mut sender = connection.sender().await.map_err(|error| Broken::by(&error))?;
    let now = Instant::now();
    trail.ready = Some(now);
    let sent = sender.send_request(head, body.is_empty());
    let (answer, mut stream) = sent.map_err(|error| Broken::by(&error))?;
    trail.written = Some(now);
    if !body.is_empty() {
        stream.send_data(body, true).map_err(|error| Broken::by(&error))?;
    }
    let response = answer.await.map_err(|error| Broken::by(&error))?;
    trail.status = Some(response.status().as_u16());
    note_head(&response, wanted, trail);
    read(response.into_body(), wanted, trail).await.map_err(Broken::By)
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

/// Reads a body to its end and counts it.
async fn read(mut body: RecvStream, wanted: Wanted, trail: &mut Trail) -> Result<(), Failure> {
    let mut kept = BytesMut::new();
    let bytes_max = super::answer::body_bytes_max(wanted);
    while let Some(data) = body.data().await {
        let data = data.map_err(|error| Failure::of_http2(&error))?;
        trail.body_bytes += data.len() as u64;
        if trail.body_bytes > bytes_max {
            return Err(Failure::TooLarge);
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
