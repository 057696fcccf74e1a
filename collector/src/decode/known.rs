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
    fn of(key: &[u8]) -> Option<Self> {
        Some(match (key.len(), key) {
            (10, b"http.route") => Self::HttpRoute,
            (10, b"request_id") => Self::Correlation(4),
            (11, b"http.method") => Self::HttpMethod,
            (12, b"x-request-id") => Self::Correlation(6),
            (14, b"shakedown.edge") => Self::Edge,
            (14, b"correlation_id") => Self::Correlation(3),
            (15, b"shakedown.blame") => Self::Blame,
            (16, b"http.status_code") => Self::HttpStatus,
            (16, b"x-correlation-id") => Self::Correlation(5),
            (17, b"shakedown.attempt") => Self::Attempt,
            (17, b"shakedown.control") => Self::Control,
            (19, b"http.request.method") => Self::HttpMethod,
            (20, b"shakedown.fault.name") => Self::Fault,
            (24, b"shakedown.correlation_id") => Self::Correlation(0),
            (25, b"http.response.status_code") => Self::HttpStatus,
            (32, b"http.request.header.x-request-id") => Self::Correlation(2),
            (36, b"http.request.header.x-correlation-id") => Self::Correlation(1),
            _ => return None,
        })
    }
}

/// What a known attribute must be readable as.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    Text,
    Int,
    Bool,
}

impl Known {
    /// Where an attribute is kept; `None` for correlation ids, of which the best is.
    #[inline]
    fn field(&mut self, name: Name) -> Option<(&mut Part, Wanted)> {
        Some(match name {
            Name::Correlation(_) => return None,
            Name::Edge => (&mut self.edge, Wanted::Text),
            Name::Blame => (&mut self.blame, Wanted::Text),
            Name::Fault => (&mut self.fault, Wanted::Text),
            Name::HttpMethod => (&mut self.http_method, Wanted::Text),
            Name::HttpRoute => (&mut self.http_route, Wanted::Text),
            Name::Attempt => (&mut self.attempt, Wanted::Int),
            Name::HttpStatus => (&mut self.http_status, Wanted::Int),
            Name::Control => (&mut self.control, Wanted::Bool),
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
        let Some((key, value)) = plain(message) else { return self.read(message) };
        let Some(name) = Name::of(key) else { return Ok(()) };
        match (self.known.field(name), value.first()) {
            (Some((field, Wanted::Text)), Some(&TEXT))
            | (Some((field, Wanted::Int)), Some(&INT)) => {
                *field = Part::of(self.payload, value);
                Ok(())
            },
            _ => self.read(message),
        }
    }

    #[inline(never)]
    fn read(&mut self, message: &[u8]) -> Result<(), Flaw> {
        let KeyValue { key, value, view } = KeyValue::checked(message)?;
        if let Some(name) = Name::of(key.as_bytes()) {
            self.learn(name, Part::of(self.payload, value), view);
        }
        Ok(())
    }

    /// The last of several attributes of one name counts, whether it makes sense or not.
    fn learn(&mut self, name: Name, value: Part, view: AnyView<'_>) {
        let Some((field, wanted)) = self.known.field(name) else {
            if let Name::Correlation(rank) = name {
                self.learn_correlation(rank, value, view);
            }
            return;
        };
        let sound = match wanted {
            Wanted::Text => view.to_text().is_some(),
            Wanted::Int => view.to_int().is_some(),
            Wanted::Bool => view.to_bool().is_some(),
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

/// First bytes of values: the tags of their fields.
const TEXT: u8 = 0x0a;
const BOOL: u8 = 0x10;
const INT: u8 = 0x18;

/// Key and value of an entry that is sound and written as nearly all are: a short key, then a short
/// value that is an ASCII text, a boolean or an integer. `None` says nothing about an entry.
#[inline]
fn plain(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x0a, key_length @ ..0x80, rest @ ..] = message else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(*key_length))?;
    let [0x12, value_length @ ..0x80, value @ ..] = rest else { return None };
    if value.len() != usize::from(*value_length) {
        return None;
    }
    let sound = match value {
        // Tags and lengths are ASCII too, so the whole is looked at once.
        [TEXT, length, text @ ..] => text.len() == usize::from(*length) && message.is_ascii(),
        [BOOL | INT, high @ .., ..0x80] => {
            high.len() < 9 && high.iter().all(|byte| *byte >= 0x80) && key.is_ascii()
        },
        _ => false,
    };
    sound.then_some((key, value))
}

#[cfg(test)]
mod tests {
    use model::names::attribute;
    use proptest::prelude::*;

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
            assert_eq!(Name::of(key.as_bytes()), Some(name), "{key}");
        }
    }

    #[test]
    fn names_of_correlation_ids_are_ranked() {
        for (rank, key) in attribute::CORRELATION_IDS.into_iter().enumerate() {
            let name = Name::Correlation(rank as u8);
            assert_eq!(Name::of(key.as_bytes()), Some(name), "{key}");
        }
        assert_eq!(Name::of(b"x-request-ID"), None);
    }

    proptest! {
        #[test]
        fn what_looks_plain_is_read_alike_the_long_way(
            mut message in prop_oneof![
                ("[a-z.]{0,9}", "\\PC{0,9}").prop_map(|(key, text)| entry(&key, text.as_bytes(), 0x0a)),
                ("\\PC{0,5}", 0_u64..).prop_map(|(key, number)| {
                    let mut varint = Vec::new();
                    crate::wire::put_varint(number, &mut varint);
                    entry(&key, &varint, 0x18)
                }),
                prop::collection::vec(any::<u8>(), 0..40),
            ],
            damage in prop::option::of((0_usize..40, any::<u8>())),
        ) {
            if let Some((at, byte)) = damage
                && let Some(damaged) = message.get_mut(at)
            {
                *damaged = byte;
            }
            if let Some(plain) = plain(&message) {
                let read = KeyValue::checked(&message).unwrap();
                prop_assert_eq!((read.key.as_bytes(), read.value), plain);
                prop_assert_eq!(plain.1[0] == TEXT, matches!(read.view, AnyView::Text(_)));
                prop_assert_eq!(plain.1[0] == INT, matches!(read.view, AnyView::Int(_)));
            }
        }
    }

    /// A `KeyValue` whose value has this tag, with a length for texts.
    fn entry(key: &str, content: &[u8], tag: u8) -> Vec<u8> {
        let (mut message, mut value) = (Vec::new(), vec![tag]);
        if tag == 0x0a {
            value.push(content.len() as u8);
        }
        value.extend_from_slice(content);
        crate::wire::put_bytes(1, key.as_bytes(), &mut message);
        crate::wire::put_bytes(2, &value, &mut message);
        message
    }

    #[test]
    fn ordinary_entries_are_plain() {
        for message in [entry("a", b"x", 0x0a), entry("a", &[200, 1], 0x18), entry("a", &[1], 0x10)]
        {
            assert_eq!(plain(&message).unwrap().0, b"a");
        }
    }
}
