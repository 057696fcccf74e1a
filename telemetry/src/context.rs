//! The headers that tie the hops of one request together: W3C context, correlation id, deadline.
//!
//! Reading is liberal: a broken header counts as absent. Header lines of `tracestate` and `baggage`
//! are joined in order, as both standards demand.

use http::HeaderMap;
use http::header::HeaderName;
use model::id::CorrelationId;
use model::names::header;
use model::propagation::TraceParent;

/// What a request brought along.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Incoming {
    pub parent: Option<TraceParent>,
    /// Only when `parent` is there: without it the state belongs to nothing.
    pub tracestate: Option<String>,
    pub baggage: Option<String>,
    /// From `x-correlation-id`, else from `x-request-id`.
    pub correlation_id: Option<CorrelationId>,
    /// Milliseconds that the caller still waits.
    pub deadline_ms: Option<u64>,
}

/// Reads the context of a request.
pub fn read(headers: &HeaderMap) -> Incoming {
    let mut parents = headers.get_all(header::TRACEPARENT).iter();
    let parent = match (parents.next(), parents.next()) {
        (Some(only), None) => only.to_str().ok().and_then(|text| text.trim().parse().ok()),
        _ => None,
    };
    let id = |name: &str| {
        let text = headers.get(name)?.to_str().ok()?;
        text.trim().parse::<CorrelationId>().ok()
    };
    Incoming {
        tracestate: if parent.is_some() { joined(headers, header::TRACESTATE) } else { None },
        parent,
        baggage: joined(headers, header::BAGGAGE),
        correlation_id: id(header::CORRELATION_ID).or_else(|| id(header::REQUEST_ID)),
        deadline_ms: headers
            .get(header::DEADLINE_MS)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok()),
    }
}

fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let name = HeaderName::try_from(name).ok()?;
    let lines: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn lines_of_tracestate_are_joined_in_order() {
        let read = read(&headers(&[
            ("traceparent", PARENT),
            ("tracestate", "a=1"),
            ("tracestate", "b=2"),
        ]));
        assert_eq!(read.tracestate.as_deref(), Some("a=1,b=2"));
        assert_eq!(read.parent.unwrap().to_string(), PARENT);
    }

    #[test]
    fn a_broken_or_doubled_traceparent_takes_tracestate_with_it() {
        for lines in [
            [("traceparent", "00-zz"), ("tracestate", "a=1"), ("x-other", "1")],
            [("traceparent", PARENT), ("traceparent", PARENT), ("tracestate", "a=1")],
        ] {
            let read = read(&headers(&lines));
            assert_eq!((read.parent, read.tracestate), (None, None));
        }
    }

    #[test]
    fn the_request_id_stands_in_for_a_missing_or_broken_correlation_id() {
        let id = |lines: &[(&'static str, &'static str)]| {
            read(&headers(lines)).correlation_id.map(String::from)
        };
        assert_eq!(id(&[("x-request-id", "r1")]).as_deref(), Some("r1"));
        assert_eq!(
            id(&[("x-correlation-id", "c1"), ("x-request-id", "r1")]).as_deref(),
            Some("c1")
        );
        assert_eq!(
            id(&[("x-correlation-id", "a b"), ("x-request-id", "r1")]).as_deref(),
            Some("r1")
        );
        assert_eq!(id(&[]), None);
    }
}
