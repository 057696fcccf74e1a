//! The parameters of every kind of fault, as people write them: one table from which the readers
//! of scenarios and gateway files, the flags of `shakedown fault arm`, their help and the guide
//! come.
//!
//! It says how a parameter is written; what it becomes is [`super::FaultKind`].

/// What the value of a key looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A length of time drawn from a distribution.
    Delay,
    /// A length of time, at least so many microseconds.
    Time {
        least_us: u64,
    },
    /// An amount of bytes within these bounds.
    Bytes {
        least: u64,
        most: u64,
    },
    /// A difference of bytes, not zero.
    SignedBytes,
    BytesPerSecond,
    /// A part of all, at least so many parts per million.
    Share {
        least_ppm: u32,
    },
    /// An HTTP status that says that something failed.
    Status,
    /// A number of server-sent events.
    Events,
    Text,
    Flag,
    /// Header fields with their values.
    Fields,
    /// Names of header fields.
    Names,
    /// A file that holds a secret.
    SecretFile,
    /// An environment variable that holds a secret.
    SecretVariable,
}

impl Form {
    /// An example that reads, as TOML.
    pub fn example(self) -> &'static str {
        match self {
            Self::Delay => "\"200ms +- 50ms\"",
            Self::Time { .. } => "\"100ms\"",
            Self::Bytes { .. } => "\"64KiB\"",
            Self::SignedBytes => "\"-10B\"",
            Self::BytesPerSecond => "\"10MB/s\"",
            Self::Share { .. } => "\"15%\"",
            Self::Status => "503",
            Self::Events => "\"3 events\"",
            Self::Text => "\"try again\"",
            Self::Flag => "true",
            Self::Fields => "{ retry-after = \"5\" }",
            Self::Names => "[\"etag\"]",
            Self::SecretFile => "\"/run/secrets/faults\"",
            Self::SecretVariable => "\"FAULT_TOKEN\"",
        }
    }

    /// What it is, for people.
    pub fn says(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Time { .. } => "duration",
            Self::Bytes { .. } => "bytes",
            Self::SignedBytes => "difference of bytes",
            Self::BytesPerSecond => "bytes per second",
            Self::Share { .. } => "share",
            Self::Status => "400 to 599",
            Self::Events => "number of events",
            Self::Text => "string",
            Self::Flag => "true or false",
            Self::Fields => "table of header fields",
            Self::Names => "list of names",
            Self::SecretFile => "path",
            Self::SecretVariable => "name of a variable",
        }
    }
}

/// Must a key be there?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Required,
    Optional,
    /// What it is when it is not there, as TOML.
    Default(&'static str),
}

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub name: &'static str,
    pub form: Form,
    pub presence: Presence,
    pub meaning: &'static str,
}

/// One kind with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindKeys {
    pub kind: &'static str,
    /// What happens to what it hits.
    pub what: &'static str,
    pub keys: &'static [Key],
}

impl KindKeys {
    pub fn of(kind: &str) -> Option<&'static Self> {
        KIND_KEYS.iter().find(|row| row.kind == kind)
    }

    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// Every key that some kind has, once.
pub fn all_key_names() -> Vec<&'static str> {
    let mut names: Vec<&str> =
        KIND_KEYS.iter().flat_map(|row| row.keys).map(|key| key.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The rows of the guide's table of kinds.
pub fn markdown() -> String {
    let key = |key: &Key| {
        let presence = match key.presence {
            Presence::Required => ", required".to_owned(),
            Presence::Optional => String::new(),
            Presence::Default(default) => format!(", `{default}`"),
        };
        format!("`{}` ({}{presence}): {}", key.name, key.form.says(), key.meaning)
    };
    let row = |row: &KindKeys| {
        let keys: Vec<String> = row.keys.iter().map(key).collect();
        format!("| `{}` | {} | {} |\n", row.kind, row.what, keys.join("; "))
    };
    KIND_KEYS.iter().map(row).collect()
}

const MICROSECOND: Form = Form::Time { least_us: 1 };
const MILLISECOND: Form = Form::Time { least_us: 1_000 };
const ANY_BYTES: Form = Form::Bytes { least: 0, most: u64::MAX };
const SOME_BYTES: Form = Form::Bytes { least: 1, most: u64::MAX };

const fn required(name: &'static str, form: Form, meaning: &'static str) -> Key {
    Key { name, form, presence: Presence::Required, meaning }
}

const fn optional(name: &'static str, form: Form, meaning: &'static str) -> Key {
    Key { name, form, presence: Presence::Optional, meaning }
}

const fn default(
    name: &'static str,
    form: Form,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key { name, form, presence: Presence::Default(default), meaning }
}

const fn kind(kind: &'static str, what: &'static str, keys: &'static [Key]) -> KindKeys {
    KindKeys { kind, what, keys }
}

/// In the order of [`super::KINDS`].
pub const KIND_KEYS: [KindKeys; 23] = [
    kind(
        "latency",
        "it is held back before the callee is contacted; on TCP edges every byte is",
        &[required("add", Form::Delay, "for how long")],
    ),
    kind(
        "errors",
        "`status` is answered, the callee is not contacted",
        &[
            default("status", Form::Status, "503", "the status"),
            optional("body", Form::Text, "sent as plain text instead of a JSON message"),
            optional("headers", Form::Fields, "further header fields of the answer"),
        ],
    ),
    kind("blackhole", "it is swallowed: nothing is answered until somebody gives up", &[]),
    kind(
        "reset",
        "the connection to the caller is reset",
        &[default("after", ANY_BYTES, "\"0B\"", "first so many bytes of the body pass")],
    ),
    kind("lost-reply", "the callee does its work, its answer is thrown away", &[]),
    kind("duplicate", "the callee gets the request twice; one answer is thrown away", &[]),
    kind(
        "truncate",
        "the body ends early although more was announced",
        &[required("after", ANY_BYTES, "so many bytes pass")],
    ),
    kind(
        "corrupt",
        "bytes of the body arrive with other values",
        &[default(
            "bytes",
            Form::Bytes { least: 1, most: u32::MAX as u64 },
            "\"1B\"",
            "how many, at places that are drawn",
        )],
    ),
    kind(
        "slow-drip",
        "the body trickles",
        &[
            default("bytes", SOME_BYTES, "\"1B\"", "so many at a time"),
            required("pause", MICROSECOND, "between them"),
        ],
    ),
    kind(
        "wrong-length",
        "the announced length of the body is wrong",
        &[required("by", Form::SignedBytes, "announced minus real")],
    ),
    kind(
        "broken-chunk",
        "a chunk of the body has a size that is no number",
        &[default("after", ANY_BYTES, "\"0B\"", "first so many bytes pass")],
    ),
    kind(
        "headers",
        "header fields are set and removed; needs one of the two",
        &[
            optional("set", Form::Fields, "fields to set, in place of those of the same name"),
            optional("remove", Form::Names, "fields to remove"),
        ],
    ),
    kind(
        "cut-events",
        "a stream of server-sent events ends between two of them",
        &[required("after", Form::Events, "first so many pass whole")],
    ),
    kind(
        "caller",
        "callers ask for faults in the headers of a request; needs a token",
        &[
            optional("token_file", Form::SecretFile, "holds the token that callers must show"),
            optional("token_env", Form::SecretVariable, "holds the token instead"),
            default("delay_max", MILLISECOND, "\"10s\"", "longest delay that may be asked for"),
        ],
    ),
    kind(
        "bandwidth",
        "bytes pass at a limited rate",
        &[
            required("rate", Form::BytesPerSecond, "the limit"),
            default(
                "shared",
                Form::Flag,
                "false",
                "one limit for the edge, not for each of its connections",
            ),
        ],
    ),
    kind("refuse", "connections are refused", &[]),
    kind(
        "slow-accept",
        "a connection waits before it is served",
        &[required("add", Form::Delay, "for how long")],
    ),
    kind(
        "slow-close",
        "the end of one side is told to the other later",
        &[required("add", Form::Delay, "how much later")],
    ),
    kind(
        "slicer",
        "bytes arrive in small pieces",
        &[
            required("bytes", SOME_BYTES, "size of a piece"),
            default("variation", ANY_BYTES, "\"0B\"", "give or take so many, below `bytes`"),
            default("pause", Form::Time { least_us: 0 }, "\"0s\"", "between pieces"),
        ],
    ),
    kind(
        "limit-data",
        "the connection is closed in order after so many bytes",
        &[required("after", SOME_BYTES, "so many pass")],
    ),
    kind(
        "limit-time",
        "the connection is closed in order after so long, whatever passes",
        &[required("after", MILLISECOND, "so long it lives")],
    ),
    kind("half-open", "the peer vanishes: its end of the connection is never told", &[]),
    kind(
        "loss",
        "segments come a retransmission timeout later, as in real TCP; no byte goes missing",
        &[
            required("rate", Form::Share { least_ppm: 1 }, "how many segments are lost"),
            default(
                "correlation",
                Form::Share { least_ppm: 0 },
                "\"0%\"",
                "likelier by so much after a loss",
            ),
            default(
                "timeout",
                MILLISECOND,
                "\"200ms\"",
                "the retransmission timeout; doubles while losses follow each other",
            ),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::KINDS;

    #[test]
    fn every_kind_has_its_row_and_no_other() {
        let kinds: Vec<&str> = KINDS.iter().map(|row| row.name).collect();
        let rows: Vec<&str> = KIND_KEYS.iter().map(|row| row.kind).collect();
        assert_eq!(rows, kinds);
    }

    #[test]
    fn a_key_is_named_once_in_its_kind() {
        for row in &KIND_KEYS {
            let mut names: Vec<&str> = row.keys.iter().map(|key| key.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), row.keys.len(), "{}", row.kind);
        }
        assert!(all_key_names().contains(&"after"));
    }
}
