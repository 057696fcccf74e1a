//! Reading a small body of the caller in, so that it can be looked at or sent again.

use super::{body_failure, is_small};
use crate::caller::{CallerIn, CallerOut, Side};
use crate::exchange::Exchange;
use crate::failure::{Failure, Waiting};
use crate::wire::body::Piece;
use crate::wire::pump::{Broken, Source};

/// `None` when it has no known length, or is too long to be kept: then it streams.
pub(super) async fn keep(
    exchange: &Exchange,
    side: &Side,
    out: &mut CallerOut,
) -> Result<Option<Vec<u8>>, Failure> {
    let Some(mut caller) = side.take() else { return Ok(None) };
    let length = caller.body.left().filter(|length| is_small(*length));
    let Some(length) = length else {
        side.put(caller);
        return Ok(None);
    };
    let before = exchange.waiting();
    exchange.waits_for(Waiting::Caller);
    out.invite_body().await.map_err(|_gone| exchange.left_by_caller())?;
    let mut body = Vec::with_capacity(length as usize);
    let read = read(exchange, &mut caller, &mut body).await;
    side.put(caller);
    read.map_err(|broken| body_failure(exchange, &broken))?;
    exchange.waits_for(before);
    exchange.passed_up(length);
    Ok(Some(body))
}

async fn read(
    exchange: &Exchange,
    caller: &mut CallerIn,
    body: &mut Vec<u8>,
) -> Result<(), Broken> {
    let limits = &exchange.worker.limits;
    let CallerIn { reader, inbox, body: framing } = caller;
    let mut source = Source {
        read: reader,
        inbox,
        body: framing,
        buffers: &exchange.worker.buffers,
        idle_max: std::time::Duration::from_millis(limits.body_idle_ms),
        bytes_max: limits.body_bytes,
        progress: None,
    };
    let mut patience = None;
    loop {
        match source.body.next(source.inbox.filled()).map_err(Broken::Malformed)? {
            Piece::Data { at, consumed } => {
                body.extend_from_slice(&source.inbox.filled()[at]);
                source.inbox.consume(consumed);
            },
            Piece::Framing { consumed } => source.inbox.consume(consumed),
            Piece::NeedMore => {
                if source.fill(&mut patience).await? == 0 && !source.body.closed() {
                    return Err(Broken::Early);
                }
            },
            Piece::End { consumed } => {
                source.inbox.consume(consumed);
                return Ok(());
            },
        }
    }
}
