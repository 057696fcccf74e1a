//! Packed bodies: gzip, which OTLP demands, and zstd, which packs smaller with less work.
//!
//! A body is inflated in steps, each within the lease of its request, so that a small body cannot
//! fill the memory. gRPC and HTTP use the same names.

use std::io::{Read, Write as _};

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use super::body::{BodyError, tight};
use crate::admission::Lease;
use crate::core::beside;

/// What a sender may use, for headers and error texts.
pub(super) const ACCEPTED: &str = "gzip, zstd";

const STEP_BYTES: usize = 64 * 1024;
/// Text of telemetry may inflate to about so many bytes for each packed one.
const FACTOR: usize = 32;
/// First guess of the same.
const FIRST_FACTOR: usize = 4;
/// Base-2 logarithm of the largest zstd window: 8 MiB, as RFC 9659 demands of HTTP.
const WINDOW_LOG_MAX: u32 = 23;
/// A shorter body does not get shorter.
const RESPONSE_BYTES_MIN: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

/// A name that is neither [`ACCEPTED`] nor `identity`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown(pub(super) String);

impl Compression {
    /// `None` stands for no compression.
    pub(super) fn of(headers: &HeaderMap, name: &str) -> Result<Option<Self>, Unknown> {
        let mut values = headers.get_all(name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Unknown("more than one".to_owned()));
        }
        let text = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
        match text.as_str() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "zstd" => Ok(Some(Self::Zstd)),
            _ => Err(Unknown(text)),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Inflates a body; beside the runtime's workers when it could take long.
    pub(super) async fn inflate(
        self,
        packed: Bytes,
        bytes_max: usize,
        mut lease: Lease,
    ) -> Result<(Bytes, Lease), BodyError> {
        let bytes = packed.len().saturating_mul(FACTOR);
        let work =
            move || self.inflate_now(&packed, bytes_max, &mut lease).map(|whole| (whole, lease));
        beside(bytes, work).await
    }

    fn inflate_now(
        self,
        packed: &[u8],
        bytes_max: usize,
        lease: &mut Lease,
    ) -> Result<Bytes, BodyError> {
        let invalid = |source| BodyError::Packed { name: self.as_str(), source };
        let whole = match self {
            Self::Gzip => inflate_from(MultiGzDecoder::new(packed), packed.len(), bytes_max, lease),
            Self::Zstd => {
                let _window = lease.borrow(1 << WINDOW_LOG_MAX)?;
                let mut source = zstd::Decoder::with_buffer(packed).map_err(invalid)?;
                source.window_log_max(WINDOW_LOG_MAX).map_err(invalid)?;
                inflate_from(source, packed.len(), bytes_max, lease)
            },
        };
        whole.map(tight).map_err(|flaw| match flaw {
            Flaw::Body(error) => error,
            Flaw::Source(error) => invalid(error),
        })
    }
}

enum Flaw {
    Body(BodyError),
    Source(std::io::Error),
}

fn inflate_from(
    mut source: impl Read,
    packed_bytes: usize,
    bytes_max: usize,
    lease: &mut Lease,
) -> Result<Vec<u8>, Flaw> {
    let mut whole = Vec::new();
    loop {
        let before = whole.len();
        if whole.capacity() - before < STEP_BYTES {
            let guess = packed_bytes.saturating_mul(FIRST_FACTOR).max(2 * whole.capacity());
            let room = guess.min(bytes_max).max(before) + STEP_BYTES;
            lease.grow(packed_bytes + room).map_err(|refused| Flaw::Body(refused.into()))?;
            whole.reserve_exact(room - before);
        }
        let mut step = source.by_ref().take(STEP_BYTES as u64);
        step.read_to_end(&mut whole).map_err(Flaw::Source)?;
        if whole.len() > bytes_max {
            return Err(Flaw::Body(BodyError::TooLarge { bytes_max, inflated: true }));
        }
        if whole.len() == before {
            return Ok(whole);
        }
    }
}

/// May the response be packed with gzip, and is it worth it?
pub(super) fn is_gzip_asked(headers: &HeaderMap, response_bytes: usize) -> bool {
    response_bytes >= RESPONSE_BYTES_MIN
        && headers
            .get_all(ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(is_gzip)
}

/// One entry of `Accept-Encoding`; a weight of zero is a no.
fn is_gzip(entry: &str) -> bool {
    let (name, parameters) = entry.split_once(';').unwrap_or((entry, ""));
    let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
    name.trim().eq_ignore_ascii_case("gzip") && weight.is_ok_and(|weight| weight > 0.0)
}

pub(super) fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len()), Level::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("writing to memory does not fail").into()
}
