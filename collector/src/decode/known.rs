//! Attributes that are looked up or counted, recognised by their names.

use model::id::CorrelationId;

use super::Flaw;
use super::any::{AnyView, KeyValue};
use crate::record::{Known, Part};

/// What an attribute with a known name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    /// A correlation id; the lowest rank is the best.
    Correlation(u8),
    Edge,
    Blame,
    Fault,
    Attempt,
    Control,
    HttpMethod,
    HttpRoute,
    HttpStatus,
}

impl Name {
    /// Most names are told apart by their length alone, so that nothing else is compared.
    #[inline]
    fn of(key: &str) -> Option<Self> {
        Some(match (key.len(), key) {
            (10, "http.route") => Self::HttpRoute,
            (10, "request_id") => Self::Correlation(4),
            (11, "http.method") => Self::HttpMethod,
            (12, "x-request-id") => Self::Correlation(6),
            (14, "shakedown.edge") => Self::Edge,
            (14, "correlation_id") => Self::Correlation(3),
            (15, "shakedown.blame") => Self::Blame,
            (16, "http.status_code") => Self::HttpStatus,
            (16, "x-correlation-id") => Self::Correlation(5),
            (17, "shakedown.attempt") => Self::Attempt,
            (17, "shakedown.control") => Self::Control,
            (19, "http.request.method") => Self::HttpMethod,
            (20, "shakedown.fault.name") => Self::Fault,
            (24, "shakedown.correlation_id") => Self::Correlation(0),
            (25, "http.response.status_code") => Self::HttpStatus,
            (32, "http.request.header.x-request-id") => Self::Correlation(2),
            (36, "http.request.header.x-correlation-id") => Self::Correlation(1),
            _ => return None,
        })
    }
}

/// Checks the attributes of one item and keeps where the known ones are.
#[derive(Debug)]
pub(super) struct Learner<'a> {
    payload: &'a [u8],
    known: Known,
    correlation_rank: u8,
}

impl<'a> Learner<'a> {
    pub(super) fn of(payload: &'a [u8]) -> Self {
        Self { payload, known: Known::default(), correlation_rank: u8::MAX }
    }

    /// Takes one `KeyValue` message.
    #[inline]
    pub(super) fn add(&mut self, message: &[u8]) -> Result<(), Flaw> {
        let KeyValue { key, value, view } = KeyValue::checked(message)?;
        if let Some(name) = Name::of(key) {
            self.learn(name, Part::of(self.payload, value), view);
        }
        Ok(())
    }

    /// The last of several attributes of one name counts, whether it makes sense or not.
    fn learn(&mut self, name: Name, value: Part, view: AnyView<'_>) {
        let known = &mut self.known;
        let (field, sound) = match name {
            Name::Correlation(rank) => return self.learn_correlation(rank, value, view),
            Name::Edge => (&mut known.edge, view.to_text().is_some()),
            Name::Blame => (&mut known.blame, view.to_text().is_some()),
            Name::Fault => (&mut known.fault, view.to_text().is_some()),
            Name::HttpMethod => (&mut known.http_method, view.to_text().is_some()),
            Name::HttpRoute => (&mut known.http_route, view.to_text().is_some()),
            Name::Attempt => (&mut known.attempt, view.to_int().is_some()),
            Name::HttpStatus => (&mut known.http_status, view.to_int().is_some()),
            Name::Control => (&mut known.control, view.to_bool().is_some()),
        };
        *field = if sound { value } else { Part::default() };
    }

    fn learn_correlation(&mut self, rank: u8, value: Part, view: AnyView<'_>) {
        let better = rank < self.correlation_rank;
        if better && view.to_text().is_some_and(|text| CorrelationId::accepts(&text)) {
            (self.known.correlation_id, self.correlation_rank) = (value, rank);
        }
    }

    pub(super) fn known(self) -> Known {
        self.known
    }
}

#[cfg(test)]
mod tests {
    use model::names::attribute;

    use super::*;

    #[test]
    fn every_name_that_the_gateway_writes_is_recognised() {
        for (key, name) in [
            (attribute::EDGE, Name::Edge),
            (attribute::BLAME, Name::Blame),
            (attribute::FAULT, Name::Fault),
            (attribute::ATTEMPT, Name::Attempt),
            (attribute::CONTROL, Name::Control),
            (attribute::CORRELATION_ID, Name::Correlation(0)),
            (attribute::HTTP_METHOD, Name::HttpMethod),
            (attribute::HTTP_ROUTE, Name::HttpRoute),
            (attribute::HTTP_STATUS, Name::HttpStatus),
            ("http.method", Name::HttpMethod),
            ("http.status_code", Name::HttpStatus),
        ] {
            assert_eq!(Name::of(key), Some(name), "{key}");
        }
    }

    #[test]
    fn names_of_correlation_ids_are_ranked() {
        let ranked = [
            attribute::CORRELATION_ID,
            "http.request.header.x-correlation-id",
            "http.request.header.x-request-id",
            "correlation_id",
            "request_id",
            "x-correlation-id",
            "x-request-id",
        ];
        for (rank, key) in ranked.into_iter().enumerate() {
            assert_eq!(Name::of(key), Some(Name::Correlation(rank as u8)), "{key}");
        }
        assert_eq!(Name::of("x-request-ID"), None);
    }
}
