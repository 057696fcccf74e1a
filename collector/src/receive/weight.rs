//! How much memory a request will take, before it is decoded.
//!
//! An empty log record has two bytes on the wire and some hundred in memory, and millions of them
//! pack into almost nothing. So every item counts for the memory that it takes at least.

use crate::record::Signal;
use crate::wire::{Fields, Value};

/// Memory of an item that has next to nothing in it.
pub(crate) const ITEM_BYTES: usize = 512;

/// Spans, log records or metric points of a request. A scope or a metric that has none takes
/// memory, too, and counts as one. What is no sound protobuf ends the count: decoding will say so.
pub(crate) fn items(signal: Signal, request: &[u8]) -> usize {
    let scopes = messages(request, 1).flat_map(|resource| messages(resource, 2));
    let items = |scope| match signal {
        Signal::Traces | Signal::Logs => messages(scope, 2).count(),
        Signal::Metrics => messages(scope, 2).map(|metric| points(metric).max(1)).sum(),
    };
    scopes.map(|scope| items(scope).max(1)).sum()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millions_of_empty_scopes_and_metrics_do_not_come_for_free() {
        let field = |number: u8, content: &[u8]| {
            [&[number << 3 | 2, content.len() as u8], content].concat()
        };
        let empty_scopes = field(1, &field(2, &[]).repeat(3));
        assert_eq!(items(Signal::Traces, &empty_scopes), 3);
        let empty_metrics = field(1, &field(2, &field(2, &[]).repeat(4)));
        assert_eq!(items(Signal::Metrics, &empty_metrics), 4);
        let points = field(1, &field(2, &field(2, &field(5, &field(1, &[]).repeat(5)))));
        assert_eq!(items(Signal::Metrics, &points), 5);
    }
}
