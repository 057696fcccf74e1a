//! Reading bodies within bounds: size before and after inflating, memory, time.
//!
//! A body holds memory that others need, so it has to keep coming: there is a longest pause, a
//! lowest rate once it had time to begin, and a time for all of it. A body that waits for its next
//! piece also loses its place to a newcomer when there is no other.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::places::Place;
use crate::admission::{Lease, Refused};

/// For a whole body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for the next piece, and the time after which the rate counts.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Lowest rate of a body, averaged from its beginning.
const RATE_BYTES_PER_S_MIN: u64 = 8 * 1024;
/// When memory is short, a body that had so long a pause is cut off for the others.
const STALLED: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the request is larger than {bytes_max} bytes{}", if *inflated {
        " after inflating"
    } else {
        ""
    })]
    TooLarge { bytes_max: usize, inflated: bool },
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(
        "the body came too slowly: all of it must come within {} s, without a pause of {} s, at \
         {RATE_BYTES_PER_S_MIN} bytes/s or more",
        BODY_TIMEOUT.as_secs(), PAUSE_MAX.as_secs()
    )]
    Slow,
    #[error("others came while the body kept them waiting")]
    Displaced,
    #[error("the body broke off: {0}")]
    Broken(String),
    #[error("the body is not valid {name}: {source}")]
    Packed { name: &'static str, source: std::io::Error },
}

/// The body of a request, from a connection or from a test.
pub(super) trait Payload:
    Body<Data = Bytes, Error: Display> + Send + Unpin + 'static
{
}

impl<B: Body<Data = Bytes, Error: Display> + Send + Unpin + 'static> Payload for B {}

/// Reads a whole body. `peek` sees what has come so far and may end it early.
pub(super) async fn read(
    body: &mut impl Payload,
    place: &Place,
    lease: &mut Lease,
    bytes_max: usize,
    peek: impl Fn(&[u8]) -> Result<(), BodyError>,
) -> Result<Bytes, BodyError> {
    let mut pace = Pace::new();
    let announced_bytes = body.size_hint().exact().unwrap_or(u64::MAX) as usize;
    let (mut first, mut whole) = (Bytes::new(), Vec::new());
    while let Some(piece) = next(body, place, &mut pace, bytes_max).await? {
        let bytes = pace.received_bytes;
        if first.is_empty() && whole.is_empty() {
            // Most bodies are one piece, which is not copied.
            grow(lease, place, bytes)?;
            peek(&piece)?;
            first = piece;
            continue;
        }
        if bytes > whole.capacity() {
            // Room doubles, but not beyond what was announced; the lease covers it.
            let room = bytes.max(announced_bytes.min(2 * whole.capacity()));
            grow(lease, place, room)?;
            whole.reserve_exact(room - whole.len());
        }
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&piece);
        peek(&whole)?;
    }
    Ok(if whole.is_empty() { first } else { tight(whole) })
}

/// A request is kept for as long as its items are at hand, so it must not hold memory that it does
/// not use.
pub(super) fn tight(mut whole: Vec<u8>) -> Bytes {
    if whole.capacity() - whole.len() > whole.len() / 8 {
        whole.shrink_to_fit();
    }
    whole.into()
}

/// Reads a body that nobody wants, so that its sender gets to read the answer.
pub(super) async fn discard(mut body: impl Payload, place: Place, bytes_max: usize) {
    let mut pace = Pace::new();
    while let Ok(Some(_unwanted)) = next(&mut body, &place, &mut pace, bytes_max).await {}
}

/// How a body has come so far.
struct Pace {
    began: Instant,
    last: Instant,
    received_bytes: usize,
}

impl Pace {
    fn new() -> Self {
        let now = Instant::now();
        Self { began: now, last: now, received_bytes: 0 }
    }

    /// The next piece has to be there by then.
    fn deadline(&self) -> Instant {
        let earned_ms = self.received_bytes as u64 * 1_000 / RATE_BYTES_PER_S_MIN;
        let by_rate = self.began + PAUSE_MAX.max(Duration::from_millis(earned_ms));
        by_rate.min(self.began + BODY_TIMEOUT).min(self.last + PAUSE_MAX)
    }
}

async fn next(
    body: &mut impl Payload,
    place: &Place,
    pace: &mut Pace,
    bytes_max: usize,
) -> Result<Option<Bytes>, BodyError> {
    let too_large = Err(BodyError::TooLarge { bytes_max, inflated: false });
    if pace.received_bytes as u64 + body.size_hint().lower() > bytes_max as u64 {
        return too_large;
    }
    loop {
        let frame = tokio::select! {
            biased;
            frame = timeout_at(pace.deadline(), body.frame()) => frame,
            () = place.lost() => return Err(BodyError::Displaced),
        };
        let Some(frame) = frame.map_err(|_elapsed| BodyError::Slow)? else { return Ok(None) };
        let frame = frame.map_err(|error| BodyError::Broken(error.to_string()))?;
        // Trailers and empty pieces do not count as a sign of life.
        let Some(piece) = frame.into_data().ok().filter(|piece| !piece.is_empty()) else {
            continue;
        };
        pace.received_bytes += piece.len();
        if pace.received_bytes > bytes_max {
            return too_large;
        }
        pace.last = Instant::now();
        place.moved(pace.last);
        return Ok(Some(piece));
    }
}

/// When there is no memory, who holds some without sending loses it; the next try will find it.
fn grow(lease: &mut Lease, place: &Place, bytes: usize) -> Result<(), BodyError> {
    lease.grow(bytes).map_err(|refused| {
        place.displace_stalled(STALLED);
        BodyError::Refused(refused)
    })
}
