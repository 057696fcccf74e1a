//! The field names that the gateway looks for, recognised once while a head is read, so that every
//! later look-up is an array read.
//!
//! A name is hashed by its length and three of its letters into a table, then compared once. The
//! table has no collisions: the factor of the hash is searched for while the program is compiled.

/// A set of known names, as a bit mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct KnownSet(u64);

impl KnownSet {
    pub(crate) const EMPTY: Self = Self(0);

    pub(crate) const fn of(names: &[Known]) -> Self {
        let mut set = Self::EMPTY;
        let mut place = 0;
        while place < names.len() {
            set = set.with(names[place]);
            place += 1;
        }
        set
    }

    pub(crate) const fn with(self, known: Known) -> Self {
        Self(self.0 | 1 << known as u8)
    }

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn contains(self, known: Known) -> bool {
        self.0 >> known as u8 & 1 == 1
    }

    pub(super) fn insert(&mut self, known: Known) {
        *self = self.with(known);
    }
}

macro_rules! known {
    ($($variant:ident = $name:literal,)+) => {
        /// A field name that the gateway looks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub(crate) enum Known {
            $($variant,)+
            Other,
        }

        impl Known {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// In lower case; empty for `Other`.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other => "",
                }
            }
        }
    };
}

known! {
    Host = "host",
    ContentLength = "content-length",
    TransferEncoding = "transfer-encoding",
    Connection = "connection",
    KeepAlive = "keep-alive",
    ProxyConnection = "proxy-connection",
    ProxyAuthenticate = "proxy-authenticate",
    ProxyAuthorization = "proxy-authorization",
    Te = "te",
    Trailer = "trailer",
    Upgrade = "upgrade",
    Expect = "expect",
    Traceparent = "traceparent",
    Tracestate = "tracestate",
    Baggage = "baggage",
    CorrelationId = "x-correlation-id",
    RequestId = "x-request-id",
    Fault = "x-shakedown-fault",
    Blame = "x-shakedown-blame",
    DeadlineMs = "x-shakedown-deadline-ms",
    GrpcTimeout = "grpc-timeout",
    IdempotencyKey = "idempotency-key",
    Authorization = "authorization",
    CacheControl = "cache-control",
    ContentType = "content-type",
    ContentEncoding = "content-encoding",
    Date = "date",
    RetryAfter = "retry-after",
}

/// How many values `Known` has, with `Other`.
pub(super) const KNOWN_COUNT: usize = Known::ALL.len() + 1;
const _: () = assert!(KNOWN_COUNT <= u64::BITS as usize, "KnownSet holds one bit for each");

const SLOTS: usize = 256;

/// The slot of a name that is not empty.
const fn slot(name: &[u8], factor: u32) -> usize {
    let length = name.len();
    let letters = [name[0] | 0x20, name[length / 2] | 0x20, name[length - 1] | 0x20];
    let key = u32::from_le_bytes([length as u8, letters[0], letters[1], letters[2]]);
    (key.wrapping_mul(factor) >> 24) as usize
}

const fn table_for(factor: u32) -> Option<[Known; SLOTS]> {
    let mut table = [Known::Other; SLOTS];
    let mut place = 0;
    while place < Known::ALL.len() {
        let known = Known::ALL[place];
        let slot = slot(known.name().as_bytes(), factor);
        if !matches!(table[slot], Known::Other) {
            return None;
        }
        table[slot] = known;
        place += 1;
    }
    Some(table)
}

/// The first factor under which no two names share a slot.
const FACTOR: u32 = {
    let mut factor = 0x9e37_79b1;
    while table_for(factor).is_none() {
        factor += 2;
    }
    factor
};

static TABLE: [Known; SLOTS] = table_for(FACTOR).expect("the factor was chosen for it");

/// Which known name this is, in whatever case.
pub(super) fn recognise(name: &[u8]) -> Known {
    if name.is_empty() {
        return Known::Other;
    }
    let candidate = TABLE[slot(name, FACTOR)];
    if is_same(name, candidate.name().as_bytes()) { candidate } else { Known::Other }
}

/// Compares a token with a known name. The bit that tells capitals from small letters is set in
/// all of both; that mixes up nothing, since known names are made of letters and hyphens.
fn is_same(name: &[u8], known: &[u8]) -> bool {
    const SMALL: u64 = 0x2020_2020_2020_2020;
    let ((words, rest), (known_words, known_rest)) =
        (name.as_chunks::<8>(), known.as_chunks::<8>());
    name.len() == known.len()
        && words.iter().zip(known_words).all(|(word, known)| {
            u64::from_le_bytes(*word) | SMALL == u64::from_le_bytes(*known) | SMALL
        })
        && rest.iter().zip(known_rest).all(|(byte, known)| byte | 0x20 == *known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_recognised_in_any_case() {
        for &known in Known::ALL {
            assert_eq!(recognise(known.name().as_bytes()), known);
            assert_eq!(recognise(known.name().to_ascii_uppercase().as_bytes()), known);
        }
    }

    #[test]
    fn a_name_that_differs_in_one_letter_is_not_the_known_one() {
        for &known in Known::ALL {
            let name = known.name();
            for place in 0..name.len() {
                let mut other = name.as_bytes().to_vec();
                other[place] = b'!';
                assert_eq!(recognise(&other), Known::Other, "{name} at {place}");
            }
            assert_eq!(recognise(&name.as_bytes()[..name.len() - 1]), Known::Other);
            assert_eq!(recognise(format!("{name}s").as_bytes()), Known::Other);
        }
        assert_eq!(recognise(b""), Known::Other);
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let set = KnownSet::of(&[Known::Host, Known::Other]).union(KnownSet::of(&[Known::Te]));
        for &known in Known::ALL {
            assert_eq!(set.contains(known), matches!(known, Known::Host | Known::Te));
        }
        assert!(set.contains(Known::Other));
    }

    #[test]
    fn the_names_are_those_of_the_vocabulary() {
        use model::names::header;
        for (known, name) in [
            (Known::Traceparent, header::TRACEPARENT),
            (Known::Tracestate, header::TRACESTATE),
            (Known::Baggage, header::BAGGAGE),
            (Known::CorrelationId, header::CORRELATION_ID),
            (Known::RequestId, header::REQUEST_ID),
            (Known::Fault, header::FAULT),
            (Known::Blame, header::BLAME),
            (Known::DeadlineMs, header::DEADLINE_MS),
            (Known::IdempotencyKey, header::IDEMPOTENCY_KEY),
        ] {
            assert_eq!(known.name(), name);
        }
    }
}
