//! Who a span is: its ids and flags, where they come from and how they travel on.
//!
//! Ids are random numbers of a small generator of the thread, which is seeded from the system once:
//! they must be unique, not secret. A trace that begins here says so by its random flag. Whether a
//! span is recorded follows its parent, so a caller that does not record its part of a trace does
//! not get ours; the fault ledger does not depend on it.

use std::cell::RefCell;

#[cfg(test)]
use model::id::{SpanId, TraceId};
use model::propagation::{FLAG_RANDOM, FLAG_SAMPLED, TraceParent};
use opentelemetry::trace::TraceFlags;
use rand::Rng as _;
use rand::rngs::SmallRng;

use crate::digits::hex_digit;

/// Length of a `traceparent` of version 00.
const TRACEPARENT_BYTES: usize = 55;

/// Names one span; the request that something happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanRef {
    pub(crate) trace_id: opentelemetry::trace::TraceId,
    pub(crate) span_id: opentelemetry::trace::SpanId,
    pub(crate) flags: TraceFlags,
}

impl SpanRef {
    /// Names no span; for what no request did.
    pub(crate) const NONE: Self = Self {
        trace_id: opentelemetry::trace::TraceId::INVALID,
        span_id: opentelemetry::trace::SpanId::INVALID,
        flags: TraceFlags::NOT_SAMPLED,
    };
}

/// The identity of a span that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanIds {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) parent: Option<[u8; 8]>,
    /// The W3C flags that are recorded and that travel on.
    pub(crate) flags: u8,
    /// Without it the span leaves nothing behind, and its attributes need not be put together.
    pub(crate) sampled: bool,
}

impl SpanIds {
    /// A span under what the caller sent, or the first of a new trace.
    pub(super) fn under(parent: Option<&TraceParent>, recording: bool) -> Self {
        match parent {
            Some(parent) => {
                let flags = parent.flags & (FLAG_SAMPLED | FLAG_RANDOM);
                Self {
                    trace_id: *parent.trace_id.as_bytes(),
                    span_id: random_span_id(),
                    parent: Some(*parent.span_id.as_bytes()),
                    flags,
                    sampled: recording && flags & FLAG_SAMPLED != 0,
                }
            },
            None => Self {
                trace_id: random_trace_id(),
                span_id: random_span_id(),
                parent: None,
                flags: if recording { FLAG_RANDOM | FLAG_SAMPLED } else { FLAG_RANDOM },
                sampled: recording,
            },
        }
    }

    /// A span below this one, in the same trace.
    pub(crate) fn below(&self) -> Self {
        Self { span_id: random_span_id(), parent: Some(self.span_id), ..*self }
    }

    pub(crate) fn reference(&self) -> SpanRef {
        SpanRef {
            trace_id: opentelemetry::trace::TraceId::from_bytes(self.trace_id),
            span_id: opentelemetry::trace::SpanId::from_bytes(self.span_id),
            flags: TraceFlags::new(self.flags),
        }
    }

    /// The context of the next hop, whose parent is this span.
    #[cfg(test)]
    pub(crate) fn traceparent(&self) -> TraceParent {
        TraceParent {
            trace_id: TraceId::from_bytes(self.trace_id).expect("no id is all zero"),
            span_id: SpanId::from_bytes(self.span_id).expect("no id is all zero"),
            flags: self.flags,
        }
    }

    /// Appends the same as the header's text.
    pub(crate) fn write_traceparent(&self, out: &mut Vec<u8>) {
        let mut text = *b"00-................................-................-..";
        write_hex(&self.trace_id, &mut text[3..35]);
        write_hex(&self.span_id, &mut text[36..52]);
        write_hex(&[self.flags], &mut text[53..TRACEPARENT_BYTES]);
        out.extend_from_slice(&text);
    }
}

fn write_hex(bytes: &[u8], text: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(text.as_chunks_mut::<2>().0) {
        *pair = [hex_digit(byte >> 4), hex_digit(*byte)];
    }
}

thread_local! {
    static GENERATOR: RefCell<SmallRng> = RefCell::new(rand::make_rng());
}

fn random() -> u64 {
    GENERATOR.with_borrow_mut(|generator| {
        loop {
            let number = generator.next_u64();
            if number != 0 {
                return number;
            }
        }
    })
}

fn random_span_id() -> [u8; 8] {
    random().to_ne_bytes()
}

fn random_trace_id() -> [u8; 16] {
    (u128::from(random()) << 64 | u128::from(random())).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn parent(flags: u8) -> TraceParent {
        let text = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags:02x}");
        text.parse().unwrap()
    }

    #[test]
    fn a_span_is_recorded_when_its_parent_is_and_a_new_trace_always() {
        for (came, recording, flags, sampled) in [
            (None, true, 0x03, true),
            (None, false, 0x02, false),
            (Some(0x00), true, 0x00, false),
            (Some(0x01), true, 0x01, true),
            (Some(0x02), true, 0x02, false),
            (Some(0x03), true, 0x03, true),
            (Some(0x03), false, 0x03, false),
        ] {
            let parent = came.map(parent);
            let ids = SpanIds::under(parent.as_ref(), recording);
            assert_eq!((ids.flags, ids.sampled), (flags, sampled), "{came:?} {recording}");
            let below = ids.below();
            assert_eq!((below.flags, below.sampled), (flags, sampled), "{came:?} {recording}");
        }
    }

    #[test]
    fn a_child_stays_in_the_trace_and_names_its_parent() {
        let came = parent(0x01);
        let request = SpanIds::under(Some(&came), true);
        assert_eq!(&request.trace_id, came.trace_id.as_bytes());
        assert_eq!(request.parent.as_ref(), Some(came.span_id.as_bytes()));
        let attempt = request.below();
        assert_eq!((attempt.trace_id, attempt.parent), (request.trace_id, Some(request.span_id)));
        assert_ne!(attempt.span_id, request.span_id);
    }

    #[test]
    fn the_written_header_is_what_the_vocabulary_writes() {
        for flags in [0x00, 0x01, 0x02, 0x03] {
            let ids = SpanIds::under(Some(&parent(flags)), true).below();
            let mut written = b"traceparent: ".to_vec();
            ids.write_traceparent(&mut written);
            let text = format!("traceparent: {}", ids.traceparent());
            assert_eq!(String::from_utf8(written).unwrap(), text);
            assert_eq!(ids.reference().span_id.to_string(), ids.traceparent().span_id.to_string());
        }
    }

    #[test]
    fn ids_do_not_repeat_on_one_thread_nor_across_threads() {
        let draw = || -> Vec<([u8; 16], [u8; 8])> {
            let new = || SpanIds::under(None, true);
            std::iter::repeat_with(new).map(|ids| (ids.trace_id, ids.span_id)).take(5_000).collect()
        };
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(draw)).collect();
        let all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let traces: BTreeSet<[u8; 16]> = all.iter().map(|(trace, _)| *trace).collect();
        let spans: BTreeSet<[u8; 8]> = all.iter().map(|(_, span)| *span).collect();
        assert_eq!((traces.len(), spans.len()), (20_000, 20_000));
        assert!(!spans.contains(&[0; 8]));
    }
}
