//! The fields of every list: what they are called, what they hold, and what they mean.

use std::fmt::Write as _;

/// What a field holds, and so how its values are written and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Hexadecimal; its start is enough.
    Id,
    /// `caller>callee`; either side may be left out.
    Edge,
    Number,
    /// `1%`.
    Percent,
    /// `200ms`; a plain number is in milliseconds.
    Duration,
    /// `warn`; is ordered.
    Level,
    Flag,
    /// Whatever an attribute holds; numbers are ordered.
    Any,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Word(_) => "a word",
            Self::Id => "an id",
            Self::Edge => "an edge",
            Self::Number => "a number",
            Self::Percent => "a percentage",
            Self::Duration => "a duration",
            Self::Level => "a level",
            Self::Flag => "true or false",
            Self::Any => "an attribute",
        }
    }

    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Word(_) => "one of its words",
            Self::Id => "the start of an id, like \"9c1e44d0\"",
            Self::Edge => "an edge, like \"orders>payments\", \"orders>\", \">payments\"",
            Self::Number => "a number, like \"12\"",
            Self::Percent => "a percentage, like \"1%\"",
            Self::Duration => "a duration, like \"200ms\"",
            Self::Level => "a level, like \"warn\"",
            Self::Flag => "true or false",
            Self::Any => "a number to be compared with, like \"500\"",
        }
    }

    /// Can `>` and `<` be asked?
    pub fn is_ordered(self) -> bool {
        matches!(self, Self::Number | Self::Percent | Self::Duration | Self::Level | Self::Any)
    }

    /// The operator that completion writes.
    pub(super) fn operator(self) -> &'static str {
        match self {
            Self::Text | Self::Word(_) | Self::Flag | Self::Any => "=",
            Self::Id | Self::Edge => ":",
            Self::Number | Self::Percent | Self::Duration => ">",
            Self::Level => ">=",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    /// What it is, as a phrase.
    pub text: &'static str,
    /// Only the collector knows: once, with `=`, neither negated nor under `or`.
    pub asked: bool,
}

/// The fields of one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldTable {
    pub name: &'static str,
    pub fields: &'static [Field],
    /// Other names are attributes of the row, but for one that is nearly that of a field.
    pub attributes: bool,
    /// In which texts of a row words are looked for.
    pub searched: &'static str,
}

const fn field(name: &'static str, kind: Kind, text: &'static str) -> Field {
    Field { name, kind, text, asked: false }
}

const fn asked(name: &'static str, kind: Kind, text: &'static str) -> Field {
    Field { name, kind, text, asked: true }
}

/// Stands for every attribute.
pub static ATTRIBUTE: Field =
    field("attribute", Kind::Any, "an attribute, by its name or the last part of it");

const BREAKERS: &[&str] =
    &["closed", "open", "half-open", "forced-open", "disabled", "metrics-only"];
const FAULT_STATES: &[&str] = &["planned", "active", "done"];
const PHASES: &[&str] = &["warmup", "before", "during", "after", "end"];
const VERDICTS: &[&str] = &["pass", "waiting", "not exercised", "unclear", "fail"];

pub static OVERVIEW: FieldTable = FieldTable {
    name: "overview",
    fields: &[
        field("flow", Kind::Text, "name of the journey"),
        field("edge", Kind::Edge, "caller and callee"),
        field("rps", Kind::Number, "requests per second"),
        field("err", Kind::Percent, "requests that failed"),
        field("p50", Kind::Duration, "half of the requests took at most"),
        field("p90", Kind::Duration, "nine of ten requests took at most"),
        field("p99", Kind::Duration, "99 of 100 requests took at most"),
        field("p99.9", Kind::Duration, "999 of 1000 requests took at most"),
        field("tries", Kind::Number, "calls to the callee per request"),
        field("breaker", Kind::Word(BREAKERS), "state of the circuit breaker"),
        field("faults", Kind::Number, "faults that are active"),
    ],
    attributes: false,
    searched: "the name",
};

pub static TOPOLOGY: FieldTable = FieldTable {
    name: "topology",
    fields: &[
        field("edge", Kind::Edge, "caller and callee"),
        field("caller", Kind::Text, "service that calls"),
        field("callee", Kind::Text, "service that is called"),
        field("svc", Kind::Text, "service on either side"),
        field("rps", Kind::Number, "requests per second"),
        field("calls", Kind::Number, "calls since the start"),
        field("err", Kind::Percent, "calls that failed"),
        field("p50", Kind::Duration, "half of the calls took at most"),
        field("p90", Kind::Duration, "nine of ten calls took at most"),
        field("p99", Kind::Duration, "99 of 100 calls took at most"),
        field("breaker", Kind::Word(BREAKERS), "state of the circuit breaker"),
        field("faults", Kind::Number, "faults that are active"),
    ],
    attributes: false,
    searched: "caller and callee",
};

pub static TRACES: FieldTable = FieldTable {
    name: "traces",
    fields: &[
        asked("edge", Kind::Edge, "requests on this edge, one line for each"),
        asked("svc", Kind::Text, "a span of this service"),
        asked("span", Kind::Text, "a span of this name"),
        asked("route", Kind::Text, "a span of this route"),
        field("dur", Kind::Duration, "how long it took"),
        field("error", Kind::Flag, "with an error, or without"),
        field("err", Kind::Number, "spans with an error"),
        field("spans", Kind::Number, "spans"),
        field("fault", Kind::Text, "a fault that hit"),
        field("trace", Kind::Id, "id of the trace"),
        field("corr", Kind::Text, "correlation id"),
        field("root", Kind::Text, "service of the first span"),
        field("name", Kind::Text, "name of the first span"),
    ],
    attributes: false,
    searched: "service and name of the first span, correlation id, fault",
};

pub static LOGS: FieldTable = FieldTable {
    name: "logs",
    fields: &[
        field("svc", Kind::Text, "service"),
        field("level", Kind::Level, "trace, debug, info, warn, error, fatal"),
        field("event", Kind::Text, "name of the event"),
        field("body", Kind::Text, "the whole text"),
        field("trace", Kind::Id, "id of the trace"),
        field("spanid", Kind::Id, "id of the span"),
        field("corr", Kind::Text, "correlation id"),
    ],
    attributes: true,
    searched: "text and name of the event",
};

pub static FAULTS: FieldTable = FieldTable {
    name: "faults",
    fields: &[
        field("fault", Kind::Text, "name of the fault"),
        field("edge", Kind::Edge, "where it acts"),
        field("state", Kind::Word(FAULT_STATES), "planned, active, done"),
        field("hit", Kind::Number, "requests that it hit"),
        field("skipped", Kind::Number, "requests that it spared"),
        field("rate", Kind::Number, "hits per second"),
    ],
    attributes: false,
    searched: "name, effect, edges",
};

pub static VERDICTS_LIST: FieldTable = FieldTable {
    name: "verdicts",
    fields: &[
        field("phase", Kind::Word(PHASES), "phase of the run"),
        field("verdict", Kind::Word(VERDICTS), "how it stands"),
        field("traces", Kind::Number, "traces that show it"),
    ],
    attributes: false,
    searched: "expectation, observed value, reason",
};

pub static TABLES: [&FieldTable; 6] =
    [&OVERVIEW, &TOPOLOGY, &TRACES, &LOGS, &FAULTS, &VERDICTS_LIST];

impl FieldTable {
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.into_iter().find(|table| table.name == name)
    }

    pub(super) fn find(&'static self, name: &str) -> Option<&'static Field> {
        let known = self.fields.iter().find(|field| field.name == name);
        let is_near = || model::hint(name, self.names()).contains("did you mean");
        let is_attribute = || self.attributes && (name.contains('.') || !is_near());
        known.or_else(|| is_attribute().then_some(&ATTRIBUTE))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.fields.iter().map(|field| field.name)
    }

    /// The fields for people, one a line.
    pub fn help(&self) -> String {
        let mut text = String::new();
        for field in self.fields {
            let _ = writeln!(text, "{:9} {:13} {}", field.name, field.kind.name(), field.text);
        }
        text
    }
}
