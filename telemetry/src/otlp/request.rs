//! A message as a request: framed, compressed, with the headers that OTLP wants.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, TE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request};
use http_body::{Body, Frame, SizeHint};

use super::settings::{Protocol, Target};

/// Level of zstd: the fastest of the ordinary ones, and far ahead of gzip at the same size.
const ZSTD_LEVEL: i32 = 1;

/// How a message is made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// As in `content-encoding`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// A message in pieces that are sent as they are, one after the other. Clones share the bytes.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    left: VecDeque<Bytes>,
}

impl Pieces {
    fn bytes(&self) -> usize {
        self.left.iter().map(Bytes::len).sum()
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.left.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes() as u64)
    }
}

/// Blocks for about a millisecond per megabyte with zstd, and ten with gzip.
pub fn compress(compression: Compression, message: &[Bytes]) -> Bytes {
    let compressed = match compression {
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            message
                .iter()
                .try_for_each(|piece| encoder.write_all(piece))
                .and_then(|()| encoder.finish())
        },
        Compression::Zstd => zstd_compressed(message),
    };
    compressed.expect("writing to memory does not fail").into()
}

fn zstd_compressed(message: &[Bytes]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
    // With the size known the compressor takes tables of the right size.
    let bytes: usize = message.iter().map(Bytes::len).sum();
    encoder.set_pledged_src_size(Some(bytes as u64))?;
    message.iter().try_for_each(|piece| encoder.write_all(piece))?;
    encoder.finish()
}

/// The request for a message, which is compressed already where the target wants that. Built once,
/// and cloned for every try.
pub fn request(target: &Target, message: impl IntoIterator<Item = Bytes>) -> Request<Pieces> {
    let mut body = Pieces { left: message.into_iter().collect() };
    let grpc = target.protocol == Protocol::Grpc;
    if grpc {
        let mut prefix = BytesMut::with_capacity(5);
        prefix.put_u8(u8::from(target.compression.is_some()));
        prefix.put_u32(body.bytes() as u32);
        body.left.push_front(prefix.freeze());
    }
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.uri.clone();
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, target.agent.clone());
    let content_type = match target.protocol {
        Protocol::Grpc => "application/grpc",
        Protocol::HttpProtobuf => "application/x-protobuf",
        Protocol::HttpJson => "application/json",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if grpc {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    } else {
        headers.insert(HOST, target.host.clone());
    }
    if let Some(compression) = target.compression {
        let name = if grpc { HeaderName::from_static("grpc-encoding") } else { CONTENT_ENCODING };
        headers.insert(name, HeaderValue::from_static(compression.as_str()));
    }
    headers.extend(target.headers.clone());
    request
}

#[cfg(test)]
mod tests;
