//! Making connections: look the name up, connect, shake hands, each with its own time.
//!
//! Names are looked up anew once a minute, so that a long run follows a service that moves and a
//! run of short connections does not load-test the name server. All addresses of a name are tried
//! in turn, beginning with the one that worked last.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use model::target::{HttpVersion, Place, Target, TargetTls};
use telemetry::tls::{Peer, Tls};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;

use super::stream::Stream;
use super::{ClientError, Failure};

/// How long what a name server said is believed.
const NAMES_VALID: Duration = Duration::from_mins(1);

/// How long the parts of making a connection took; `None` for what was not needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DialTimes {
    pub(crate) dns: Option<Duration>,
    pub(crate) connect: Option<Duration>,
    pub(crate) tls: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Dialer {
    place: Place,
    tls: Option<Tls>,
    names: RefCell<Option<Names>>,
}

#[derive(Debug, Clone)]
struct Names {
    since: Instant,
    /// The one that worked last comes first.
    addresses: Vec<SocketAddr>,
}

impl Dialer {
    pub(super) fn new(target: &Target) -> Result<Self, ClientError> {
        let tls = secured(target)?;
        Ok(Self { place: target.place.clone(), tls, names: RefCell::default() })
    }

    /// Notes into `times` what was done, also when it fails.
    pub(super) async fn dial(&self, times: &mut DialTimes) -> Result<Stream, Failure> {
        let (host, port) = match &self.place {
            Place::Unix { path } => {
                let began = Instant::now();
                let socket = UnixStream::connect(path).await;
                times.connect = Some(began.elapsed());
                return socket.map(Stream::Unix).map_err(|error| Failure::of_connect(&error));
            },
            Place::Tcp { host, port } => (host, *port),
        };
        let addresses = self.addresses(host, port, times).await?;
        let began = Instant::now();
        let socket = self.connect(&addresses).await;
        times.connect = Some(began.elapsed());
        let socket = socket?;
        let Some(tls) = &self.tls else { return Ok(Stream::Tcp(socket)) };
        let began = Instant::now();
        let wrapped = tls.wrap(socket).await;
        times.tls = Some(began.elapsed());
        wrapped.map(|stream| Stream::Tls(Box::new(stream))).map_err(|error| Failure::of_tls(&error))
    }

    async fn addresses(
        &self,
        host: &str,
        port: u16,
        times: &mut DialTimes,
    ) -> Result<Vec<SocketAddr>, Failure> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let began = Instant::now();
        if let Some(names) = self.names.borrow().as_ref()
            && began.saturating_duration_since(names.since) < NAMES_VALID
        {
            return Ok(names.addresses.clone());
        }
        let found = tokio::net::lookup_host((host, port)).await;
        times.dns = Some(began.elapsed());
        let addresses: Vec<SocketAddr> = found.map_err(|_unknown| Failure::NameUnknown)?.collect();
        if addresses.is_empty() {
            return Err(Failure::NameUnknown);
        }
        let names = Names { since: Instant::now(), addresses: addresses.clone() };
        self.names.replace(Some(names));
        Ok(addresses)
    }

    /// The last failure counts when all fail.
    async fn connect(&self, addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
        let mut failure = Failure::NameUnknown;
        for (at, address) in addresses.iter().enumerate() {
            match connect(*address).await {
                Ok(socket) => {
                    if at > 0
                        && let Some(names) = self.names.borrow_mut().as_mut()
                    {
                        names.addresses.rotate_left(at);
                    }
                    return Ok(socket);
                },
                Err(error) => failure = Failure::of_connect(&error),
            }
        }
        Err(failure)
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// What encrypts connections to a target; `None` where nothing does.
pub(super) fn secured(target: &Target) -> Result<Option<Tls>, ClientError> {
    target.tls.as_ref().map(|tls| secure(target, tls)).transpose()
}

fn secure(target: &Target, tls: &TargetTls) -> Result<Tls, ClientError> {
    let host = match &target.place {
        Place::Tcp { host, .. } => host.as_str(),
        Place::Unix { .. } => "localhost",
    };
    let name = tls.server_name.as_deref().unwrap_or(host);
    let spoken = match target.version {
        HttpVersion::Http1 => "http/1.1",
        HttpVersion::Http2 => "h2",
    };
    let peer = if tls.insecure { Peer::Anybody } else { Peer::Trusted(tls.trust.as_deref()) };
    let show = tls.show.as_ref().map(|(certificate, key)| (key.as_path(), certificate.as_path()));
    Tls::new(name, spoken, peer, show)
        .map_err(|source| ClientError { target: target.to_string(), source: Box::new(source) })
}
