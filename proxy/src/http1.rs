//! HTTP/1.1 of our own: heads, framing, chunks. Bytes in, bytes out.
//!
//! The gateway writes framing that is broken on purpose and must cost little beside the services
//! that it stands between; a library that guards its user from both cannot do this. So this module
//! knows the grammar and nothing else: it does no input or output, starts nothing, reads no clock.
//!
//! It reads strictly. Where RFC 9112 lets a receiver repair a message, two receivers can repair it
//! in two ways, and a request can hide in the difference. What is not plainly right is refused:
//! there is no obs-fold, no bare LF, no second length.
//!
//! Reading order: `scan` (lines), `fields` (what a head keeps), `head` (how it is read), `framing`,
//! `target`, then `request` and `response`; `chunk` reads bodies; `write` makes heads.

mod chunk;
mod fields;
mod framing;
mod head;
mod known;
mod refusal;
mod request;
mod response;
mod scan;
mod target;
mod trailer;
mod write;

pub(crate) use chunk::{Chunk, ChunkReader, chunk_size_line};
pub(crate) use framing::Framing;
pub(crate) use known::{Known, KnownSet};
pub(crate) use refusal::Refusal;
pub(crate) use request::RequestHead;
pub(crate) use response::ResponseHead;
pub(crate) use write::{
    end_of_chunks, field, forward_request, forward_response, framing_field, status_line,
};

/// Bounds of a head, or of the trailers of one body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeadLimits {
    pub(crate) bytes: usize,
    pub(crate) fields: usize,
}

#[cfg(test)]
mod tests;
