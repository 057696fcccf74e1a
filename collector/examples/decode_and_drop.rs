//! Takes OTLP, decodes it with prost and drops it: what any receiver costs that is built on the
//! generated types, for the measurements of `docs/benchmarks.md`.
//!
//! `decode_and_drop --grpc ADDR --http ADDR`

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::net::TcpListener;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Flag and length of a gRPC message.
const PREFIX: [u8; 5] = [0; 5];
const WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// An empty export response.
struct Reply(Vec<Frame<Bytes>>);

impl http_body::Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Reply>, Error> {
    let path = request.uri().path().to_owned();
    let mut body = request.into_body().collect().await?.aggregate();
    let is_grpc = path.starts_with("/opentelemetry");
    if is_grpc {
        body.advance(PREFIX.len());
    }
    if path.contains("race") {
        drop(ExportTraceServiceRequest::decode(body)?);
    } else if path.contains("etrics") {
        drop(ExportMetricsServiceRequest::decode(body)?);
    } else {
        drop(ExportLogsServiceRequest::decode(body)?);
    }
    let (content_type, frames) = if is_grpc {
        let status = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
        let trailers = Frame::trailers(HeaderMap::from_iter([status]));
        let data = Frame::data(Bytes::from_static(&PREFIX));
        ("application/grpc", vec![trailers, data])
    } else {
        ("application/x-protobuf", Vec::new())
    };
    Ok(Response::builder().header("content-type", content_type).body(Reply(frames))?)
}

async fn serve(address: SocketAddr) -> Result<(), Error> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut builder = Builder::new(TokioExecutor::new());
            builder
                .http2()
                .initial_stream_window_size(WINDOW_BYTES)
                .initial_connection_window_size(WINDOW_BYTES);
            let connection = builder.serve_connection(TokioIo::new(socket), service_fn(answer));
            // A sender that has sent enough breaks its connection.
            let _ended = connection.await;
        });
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let mut servers = tokio::task::JoinSet::new();
    while let (Some(_name), Some(address)) = (arguments.next(), arguments.next()) {
        servers.spawn(serve(address.parse()?));
    }
    while let Some(ended) = servers.join_next().await {
        ended??;
    }
    Ok(())
}
