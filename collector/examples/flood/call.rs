//! One connection that sends one request after the other.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::Error;
use crate::request::Signal;

const WINDOW_BYTES: u32 = 4 * 1024 * 1024;

pub(crate) struct Connection {
    sender: Sender,
    uri: String,
}

enum Sender {
    Grpc(http2::SendRequest<Full<Bytes>>),
    Http(http1::SendRequest<Full<Bytes>>),
}

impl Connection {
    pub(crate) async fn open(to: SocketAddr, grpc: bool, signal: Signal) -> Result<Self, Error> {
        let socket = TcpStream::connect(to).await?;
        socket.set_nodelay(true)?;
        let path = if grpc { signal.grpc_path() } else { signal.http_path() };
        let sender = if grpc {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .initial_stream_window_size(WINDOW_BYTES)
                .initial_connection_window_size(WINDOW_BYTES)
                .handshake(TokioIo::new(socket))
                .await?;
            tokio::spawn(connection);
            Sender::Grpc(sender)
        } else {
            let (sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
            tokio::spawn(connection);
            Sender::Http(sender)
        };
        Ok(Self { sender, uri: format!("http://{to}{path}") })
    }

    /// False when the collector was busy.
    pub(crate) async fn call(&mut self, message: Vec<u8>) -> Result<bool, Error> {
        let request = Request::post(&self.uri);
        match &mut self.sender {
            Sender::Grpc(sender) => {
                let mut framed = Vec::with_capacity(5 + message.len());
                framed.push(0);
                framed.extend((message.len() as u32).to_be_bytes());
                framed.extend(message);
                let request = request
                    .header("content-type", "application/grpc")
                    .header("te", "trailers")
                    .body(Full::new(framed.into()))?;
                sender.ready().await?;
                let response = sender.send_request(request).await?;
                let head = grpc_status(response.headers());
                let body = response.into_body().collect().await?;
                match head.or_else(|| grpc_status(body.trailers()?)) {
                    Some(0) => Ok(true),
                    Some(14) => Ok(false),
                    other => Err(format!("the call ended with status {other:?}").into()),
                }
            },
            Sender::Http(sender) => {
                let request = request
                    .header("host", "localhost")
                    .header("content-type", "application/x-protobuf")
                    .body(Full::new(message.into()))?;
                sender.ready().await?;
                let response = sender.send_request(request).await?;
                let status = response.status();
                response.into_body().collect().await?;
                match status {
                    StatusCode::OK => Ok(true),
                    StatusCode::SERVICE_UNAVAILABLE => Ok(false),
                    other => Err(format!("the call ended with status {other}").into()),
                }
            },
        }
    }
}

fn grpc_status(headers: &HeaderMap) -> Option<u32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}
