//! What follows an upgrade: bytes both ways until both sides are through. Nothing is looked at; the
//! deadline of the request ends with its head, because such connections are meant to live.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::Next;
use crate::call::Answer;
use crate::caller::{CallerIn, CallerOut, Side};
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::wire::body::BodyReader;
use crate::wire::buffer::{Buffers, Inbox};
use crate::wire::pump::{Source, pump};
use crate::wire::sink::{OutFraming, Sink};

/// A tunnel without a byte in either direction ends after this time.
const IDLE_MAX: Duration = Duration::from_hours(24);

/// Both ends of the callee's connection.
#[derive(Debug)]
pub(crate) struct Tunnel {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    inbox: Inbox,
}

/// Passes the head of the upgrade on.
pub(super) async fn begin(
    exchange: &Exchange,
    answer: Answer,
    side: &Side,
    out: &mut CallerOut,
) -> Result<Next, Failure> {
    out.begun = true;
    out.flush().await.map_err(|_gone| exchange.left_by_caller())?;
    let Some((reader, writer, inbox)) = answer.into_tunnel(side) else {
        let cause = "the body of the request was still on its way".to_owned();
        return Err(Failure::BodyBroken { cause });
    };
    exchange.end(Some(101), None);
    Ok(Next::Tunnel(Box::new(Tunnel { reader, writer, inbox })))
}

impl Tunnel {
    /// Runs until both directions are through.
    pub(crate) async fn run(self, caller: CallerIn, mut out: OwnedWriteHalf, buffers: &Buffers) {
        let CallerIn { reader: mut from_caller, inbox: mut caller_inbox, .. } = caller;
        let Self { reader: mut from_callee, writer: mut to_callee, inbox: mut callee_inbox } = self;
        let up = one_way((&mut from_caller, &mut caller_inbox), &mut to_callee, buffers);
        let down = one_way((&mut from_callee, &mut callee_inbox), &mut out, buffers);
        tokio::join!(up, down);
    }
}

async fn one_way(
    (read, inbox): (&mut OwnedReadHalf, &mut Inbox),
    write: &mut OwnedWriteHalf,
    buffers: &Buffers,
) {
    let mut body = BodyReader::UntilClose;
    let mut source = Source {
        read,
        inbox,
        body: &mut body,
        buffers,
        idle_max: IDLE_MAX,
        bytes_max: None,
        progress: None,
    };
    let mut waiting = Vec::new();
    let mut sink = Sink::new(write, &mut waiting, OutFraming::Raw);
    // However it ended, the other side is told by the end of the stream.
    let _ended = pump(&mut source, &mut sink, None).await;
    let _closed = write.shutdown().await;
}
