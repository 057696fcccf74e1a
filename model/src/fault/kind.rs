//! What can go wrong, each kind with its parameters: one table for the proxy, the scenario
//! language, the control API and the guide.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::Placement;
use crate::distribution::Distribution;
use crate::units::{Share, format_bytes, format_duration};

/// What happens to a request or a connection that is hit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum FaultKind {
    /// What passes is held back: a request, or on TCP edges every byte, by its own delay.
    Latency { delay: Distribution },
    /// The caller gets this status instead; the callee is not contacted.
    Errors {
        status: u16,
        body: Option<String>,
        /// Further header fields of the answer, name and value.
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// The request is swallowed: no answer until the caller or its timeout gives up. On TCP edges
    /// bytes are swallowed, and the connection is closed when the fault ends because bytes are
    /// missing.
    Blackhole,
    /// The connection to the caller is reset (RST): at once, or when `after_bytes` have passed.
    Reset {
        #[serde(default)]
        after_bytes: u64,
    },
    /// The callee does its work; its answer is thrown away and the caller's connection is reset.
    LostReply,
    /// The callee gets the request twice; the answer to the second copy is thrown away.
    Duplicate,
    /// The body ends after `after_bytes` although more was announced.
    Truncate { after_bytes: u64 },
    /// `bytes` of the body, at places that are drawn, arrive with other values.
    Corrupt { bytes: u32 },
    /// The body trickles: `bytes` at a time with `pause_us` between them.
    SlowDrip { bytes: u64, pause_us: u64 },
    /// The announced length differs from the real one by `by` bytes.
    WrongLength { by: i64 },
    /// After `after_bytes` of body comes a chunk whose size is no number.
    BrokenChunk { after_bytes: u64 },
    /// Header fields are set and removed.
    Headers {
        #[serde(default)]
        set: Vec<(String, String)>,
        #[serde(default)]
        remove: Vec<String>,
    },
    /// A stream of server-sent events ends after `after_events` whole events.
    CutEvents { after_events: u64 },
    /// What the caller asks for in the headers of a request, within these limits. The token keeps
    /// others from asking; it is never shown.
    Caller {
        #[serde(deserialize_with = "token_or_hidden")]
        token: Token,
        delay_max_ms: u64,
    },
    /// No more than so many bytes per second, for each connection or for all of the edge together.
    Bandwidth {
        bytes_per_s: u64,
        #[serde(default)]
        shared: bool,
    },
    /// Connections are refused.
    Refuse,
    /// A connection waits before it is served.
    SlowAccept { delay: Distribution },
    /// The end of one side is told to the other later.
    SlowClose { delay: Distribution },
    /// Bytes arrive in pieces of `bytes`, give or take `variation`, with `pause_us` between them.
    Slicer { bytes: u64, variation: u64, pause_us: u64 },
    /// The connection is closed in order after so many bytes.
    LimitData { bytes: u64 },
    /// The connection is closed in order after so long, whatever passes.
    LimitTime { after_ms: u64 },
    /// The peer vanishes: its end of the connection is never told to the other side.
    HalfOpen,
    /// Segments are lost and sent again: a share of the bytes comes one retransmission timeout
    /// later, doubling while losses follow each other. No byte goes missing, as in real TCP.
    Loss {
        rate: Share,
        /// How likely the next segment is lost after a lost one, in addition to `rate`.
        correlation: Share,
        timeout_us: u64,
    },
}

/// One kind as tables and guides show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindRow {
    pub name: &'static str,
    /// Where it acts unless told otherwise.
    pub placement: Placement,
    /// Where else it may be placed.
    pub may: &'static [Placement],
    /// Acts on edges of `protocol = "http"`.
    pub http: bool,
    /// Acts on edges of `protocol = "tcp"`.
    pub tcp: bool,
}

/// Every kind once.
pub const KINDS: [KindRow; 23] = {
    use Placement::{Attempt, Body, Connect, Request, Response};
    const fn row(
        name: &'static str,
        placement: Placement,
        may: &'static [Placement],
        (http, tcp): (bool, bool),
    ) -> KindRow {
        KindRow { name, placement, may, http, tcp }
    }
    const HTTP: (bool, bool) = (true, false);
    const TCP: (bool, bool) = (false, true);
    const BOTH: (bool, bool) = (true, true);
    [
        row("latency", Attempt, &[Connect, Request, Response, Body], BOTH),
        row("errors", Attempt, &[Request, Response], HTTP),
        row("blackhole", Attempt, &[Connect, Request, Response, Body], BOTH),
        row("reset", Attempt, &[Connect, Request, Response, Body], BOTH),
        row("lost-reply", Response, &[], HTTP),
        row("duplicate", Attempt, &[], HTTP),
        row("truncate", Body, &[], HTTP),
        row("corrupt", Body, &[], BOTH),
        row("slow-drip", Body, &[], HTTP),
        row("wrong-length", Response, &[], HTTP),
        row("broken-chunk", Body, &[], HTTP),
        row("headers", Response, &[Request, Attempt], HTTP),
        row("cut-events", Body, &[], HTTP),
        row("caller", Attempt, &[Request, Response], HTTP),
        row("bandwidth", Body, &[], BOTH),
        row("refuse", Connect, &[], BOTH),
        row("slow-accept", Connect, &[], BOTH),
        row("slow-close", Connect, &[], TCP),
        row("slicer", Body, &[], TCP),
        row("limit-data", Body, &[], TCP),
        row("limit-time", Connect, &[], TCP),
        row("half-open", Connect, &[], TCP),
        row("loss", Body, &[], TCP),
    ]
};

/// Fields that frame a message or belong to one connection: the gateway's own, which no fault sets
/// or removes.
const FRAMING_FIELDS: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

pub fn is_framing_field(name: &str) -> bool {
    FRAMING_FIELDS.iter().any(|framing| name.eq_ignore_ascii_case(framing))
}

impl FaultKind {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Errors { .. } => "errors",
            Self::Blackhole => "blackhole",
            Self::Reset { .. } => "reset",
            Self::LostReply => "lost-reply",
            Self::Duplicate => "duplicate",
            Self::Truncate { .. } => "truncate",
            Self::Corrupt { .. } => "corrupt",
            Self::SlowDrip { .. } => "slow-drip",
            Self::WrongLength { .. } => "wrong-length",
            Self::BrokenChunk { .. } => "broken-chunk",
            Self::Headers { .. } => "headers",
            Self::CutEvents { .. } => "cut-events",
            Self::Caller { .. } => "caller",
            Self::Bandwidth { .. } => "bandwidth",
            Self::Refuse => "refuse",
            Self::SlowAccept { .. } => "slow-accept",
            Self::SlowClose { .. } => "slow-close",
            Self::Slicer { .. } => "slicer",
            Self::LimitData { .. } => "limit-data",
            Self::LimitTime { .. } => "limit-time",
            Self::HalfOpen => "half-open",
            Self::Loss { .. } => "loss",
        }
    }

    /// Its row in [`KINDS`].
    pub fn row(&self) -> &'static KindRow {
        let name = self.name();
        KINDS.iter().find(|row| row.name == name).expect("every kind has a row")
    }

    /// Where in the pipeline this kind acts unless it is told otherwise.
    pub fn placement(&self) -> Placement {
        match self {
            // Bytes that must have passed first can only be counted in a body.
            Self::Reset { after_bytes } if *after_bytes > 0 => Placement::Body,
            _ => self.row().placement,
        }
    }

    pub fn may_act_at(&self, placement: Placement) -> bool {
        let row = self.row();
        row.placement == placement || row.may.contains(&placement)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |us: u64| format_duration(std::time::Duration::from_micros(us));
        let name = self.name();
        match self {
            Self::Latency { delay } | Self::SlowAccept { delay } | Self::SlowClose { delay } => {
                write!(formatter, "{name} {delay}")
            },
            Self::Errors { status, .. } => write!(formatter, "{name} {status}"),
            Self::Reset { after_bytes: 0 } => formatter.write_str(name),
            Self::Reset { after_bytes }
            | Self::Truncate { after_bytes }
            | Self::BrokenChunk { after_bytes } => {
                write!(formatter, "{name} after {}", format_bytes(*after_bytes))
            },
            Self::Corrupt { bytes } => {
                write!(formatter, "{name} {}", format_bytes(u64::from(*bytes)))
            },
            Self::SlowDrip { bytes, pause_us } => {
                write!(formatter, "{name} {} every {}", format_bytes(*bytes), us(*pause_us))
            },
            Self::WrongLength { by } => {
                let sign = if *by < 0 { '-' } else { '+' };
                write!(formatter, "{name} {sign}{}", format_bytes(by.unsigned_abs()))
            },
            Self::CutEvents { after_events } => {
                write!(formatter, "{name} after {after_events} events")
            },
            Self::Bandwidth { bytes_per_s, shared } => {
                let of = if *shared { " shared" } else { "" };
                write!(formatter, "{name} {}/s{of}", format_bytes(*bytes_per_s))
            },
            Self::Slicer { bytes, variation, pause_us } => write!(
                formatter,
                "{name} {} +- {} every {}",
                format_bytes(*bytes),
                format_bytes(*variation),
                us(*pause_us)
            ),
            Self::LimitData { bytes } => write!(formatter, "{name} {}", format_bytes(*bytes)),
            Self::LimitTime { after_ms } => {
                write!(formatter, "{name} {}", us(after_ms.saturating_mul(1_000)))
            },
            Self::Loss { rate, timeout_us, .. } => {
                write!(formatter, "{name} {rate} timeout {}", us(*timeout_us))
            },
            _ => formatter.write_str(name),
        }
    }
}

/// A secret that callers must show. It is read from plans and never written anywhere.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Token(String);

/// What stands for a secret wherever it would be written.
const HIDDEN: &str = "***";

/// A setting that was read where secrets are not shown, and given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret itself is needed, \"{HIDDEN}\" only stands for it")]
pub struct HiddenToken;

impl TryFrom<String> for Token {
    type Error = HiddenToken;

    fn try_from(secret: String) -> Result<Self, HiddenToken> {
        if secret == HIDDEN { Err(HiddenToken) } else { Ok(Self(secret)) }
    }
}

/// Faults are read where they are shown, too: their token stands there hidden. Whoever takes a
/// fault for use refuses a hidden one.
fn token_or_hidden<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Token, D::Error> {
    String::deserialize(deserializer).map(Token)
}

impl Token {
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the one who shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is it only what stands for a secret?
    pub fn is_hidden(&self) -> bool {
        self.0 == HIDDEN
    }

    /// Can it be shown in a header?
    pub fn is_visible(&self) -> bool {
        self.0.bytes().all(|byte| byte.is_ascii_graphic())
    }

    /// Compares in a time that does not depend on where the two differ. A hidden token is nobody's.
    pub fn is(&self, shown: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let differing = own.iter().zip(shown).fold(0, |bits, (left, right)| bits | (left ^ right));
        own.len() == shown.len() && differing == 0 && !self.is_hidden()
    }
}

impl Serialize for Token {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_compared_whole_and_never_shown() {
        let token = Token::new("s3cret");
        assert!(token.is(b"s3cret"));
        assert!(!token.is(b"s3cre") && !token.is(b"s3creT") && !token.is(b""));
        assert_eq!(format!("{token:?}"), "***");
        let written = serde_json::to_string(&token).unwrap();
        assert_eq!(written, "\"***\"");
        let read = serde_json::from_str::<Token>(&written).unwrap_err();
        assert!(read.to_string().contains("only stands for it"), "{read}");
        assert_eq!(serde_json::from_str::<Token>("\"s3cret\"").unwrap(), token);
    }

    #[test]
    fn a_fault_that_is_shown_can_be_read_and_its_hidden_token_opens_nothing() {
        let wish = FaultKind::Caller { token: Token::new("s3cret"), delay_max_ms: 1 };
        let shown = serde_json::to_string(&wish).unwrap();
        let FaultKind::Caller { token, .. } = serde_json::from_str(&shown).unwrap() else {
            panic!("{shown} is read as another kind");
        };
        assert!(token.is_hidden() && !token.is(b"***") && !token.is(b"s3cret"));
    }

    #[test]
    fn kinds_are_named_once_and_placed_where_they_may_be() {
        let mut names: Vec<&str> = KINDS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KINDS.len());
        assert!(KINDS.iter().all(|row| row.http || row.tcp));
        assert!(KINDS.iter().all(|row| !row.may.contains(&row.placement)));
    }

    #[test]
    fn a_reset_after_bytes_acts_in_the_body() {
        assert_eq!(FaultKind::Reset { after_bytes: 0 }.placement(), Placement::Attempt);
        assert_eq!(FaultKind::Reset { after_bytes: 9 }.placement(), Placement::Body);
        assert!(!FaultKind::LostReply.may_act_at(Placement::Attempt));
    }
}
