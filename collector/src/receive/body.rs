//! Reading bodies within bounds: size before and after inflating, memory, time.

use std::io::Read as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use model::limits::OTLP_REQUEST_BYTES_MAX;

use crate::admission::{Lease, Refused};
use crate::core::beside;

/// For a whole body: a sender that is slower holds memory that others need.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const INFLATE_STEP_BYTES: usize = 64 * 1024;
/// Text of telemetry may inflate to about so many bytes for each packed one.
const INFLATE_FACTOR: usize = 32;

#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the request is larger than {OTLP_REQUEST_BYTES_MAX} bytes{}", if *inflated {
        " after inflating"
    } else {
        ""
    })]
    TooLarge { inflated: bool },
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("the body did not come within {} s", BODY_TIMEOUT.as_secs())]
    Slow,
    #[error("the body broke off: {0}")]
    Broken(hyper::Error),
    #[error("the body is not valid gzip: {0}")]
    Gzip(std::io::Error),
}

/// Reads a whole body. `peek` sees what has come so far and may end it early.
pub(super) async fn read(
    body: Incoming,
    lease: &mut Lease,
    bytes_max: usize,
    peek: impl Fn(&[u8]) -> Result<(), BodyError>,
) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(BodyError::TooLarge { inflated: false });
    }
    tokio::time::timeout(BODY_TIMEOUT, collect(body, lease, bytes_max, peek))
        .await
        .unwrap_or(Err(BodyError::Slow))
}

async fn collect(
    mut body: Incoming,
    lease: &mut Lease,
    bytes_max: usize,
    peek: impl Fn(&[u8]) -> Result<(), BodyError>,
) -> Result<Bytes, BodyError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(BodyError::Broken)?.into_data() else { continue };
        if whole.len() + piece.len() > bytes_max {
            return Err(BodyError::TooLarge { inflated: false });
        }
        lease.grow(whole.len() + piece.len())?;
        whole.extend_from_slice(&piece);
        peek(&whole)?;
    }
    Ok(whole.freeze())
}

/// Inflates gzip; beside the runtime's workers when it could take long.
pub(super) async fn inflate(packed: Bytes, mut lease: Lease) -> Result<(Bytes, Lease), BodyError> {
    let packed_bytes = packed.len();
    let work = move || inflate_now(&packed, &mut lease).map(|whole| (whole, lease));
    beside(packed_bytes * INFLATE_FACTOR, work).await
}

/// Inflates in steps, so that a small body cannot fill the memory.
fn inflate_now(packed: &[u8], lease: &mut Lease) -> Result<Bytes, BodyError> {
    let mut source = MultiGzDecoder::new(packed);
    let mut whole = Vec::new();
    loop {
        let before = whole.len();
        lease.grow(packed.len() + before + INFLATE_STEP_BYTES)?;
        let mut step = source.by_ref().take(INFLATE_STEP_BYTES as u64);
        step.read_to_end(&mut whole).map_err(BodyError::Gzip)?;
        if whole.len() > OTLP_REQUEST_BYTES_MAX {
            return Err(BodyError::TooLarge { inflated: true });
        }
        if whole.len() == before {
            return Ok(whole.into());
        }
    }
}
