//! How much memory a request will take, before it is decoded.
//!
//! An empty log record has two bytes on the wire and some hundred in memory, and millions of them
//! pack into almost nothing. So every item counts for the memory that it takes at least.

use crate::record::Signal;
use crate::wire::{Fields, Value};

/// Memory of an item that has next to nothing in it.
pub(super) const ITEM_BYTES: usize = 512;

/// Spans, log records or metric points of a request. What is no sound protobuf ends the count:
/// decoding will say so.
pub(super) fn items(signal: Signal, request: &[u8]) -> usize {
    let scopes = messages(request, 1).flat_map(|resource| messages(resource, 2));
    let items = scopes.flat_map(|scope| messages(scope, 2));
    match signal {
        Signal::Traces | Signal::Logs => items.count(),
        Signal::Metrics => items.map(points).sum(),
    }
}

fn points(metric: &[u8]) -> usize {
    // The data of a metric: the field number says its kind.
    let data = [5, 7, 9, 10, 11].into_iter().flat_map(|number| messages(metric, number));
    data.map(|data| messages(data, 1).count()).sum()
}

fn messages(message: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    Fields::of(message).map_while(Result::ok).filter_map(move |field| match field {
        (found, Value::Bytes(bytes)) if found == number => Some(bytes),
        _ => None,
    })
}
