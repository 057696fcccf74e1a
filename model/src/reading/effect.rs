//! The kind of a fault and its parameters, read by the table of [`crate::fault::keys`].

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeTable;

use super::delay;
use super::outside::Outside;
use super::reader::{Report, Table, Value, not_yet, shorten};
use super::secret;
use crate::distribution::{DELAY_MAX, Distribution};
use crate::fault::keys::{Form, KIND_KEYS, Key, KindKeys, Presence, all_key_names};
use crate::fault::{FaultKind, Token, is_framing_field};
use crate::units::{
    Share, format_bytes, format_duration, parse_bytes, parse_bytes_per_s, parse_signed_bytes,
};

/// The value of one key.
#[derive(Debug, Clone)]
enum Given {
    Delay(Distribution),
    Number(u64),
    Signed(i64),
    Share(Share),
    Text(String),
    Flag(bool),
    Fields(Vec<(String, String)>),
    Names(Vec<String>),
    Secret(Token),
}

/// Reads `kind` and its keys. `refused` says why a kind that there is cannot be asked for here.
pub(crate) fn read(
    table: &mut Table<'_>,
    outside: &dyn Outside,
    refused: &dyn Fn(&str) -> Option<String>,
) -> Option<FaultKind> {
    let kind = table.require("kind");
    // Every key of every kind is asked for, so that one of another kind is no unknown key.
    let mut written: BTreeMap<&str, Value<'_>> = BTreeMap::new();
    for name in all_key_names() {
        written.extend(table.get(name).map(|value| (name, value)));
    }
    let kind = kind?;
    if kind.is_list() {
        kind.wrong(not_yet("a list of fault kinds"));
        return None;
    }
    if let Some(message) = kind.is_text().then(|| kind.text("")).flatten().and_then(refused) {
        kind.wrong(message);
        return None;
    }
    let name = kind.one_of("fault kind", KIND_KEYS.map(|row| row.kind))?;
    let row = KindKeys::of(name)?;
    for (key, value) in written.iter().filter(|(key, _)| row.key(key).is_none()) {
        value.wrong(format!("{} belongs to {}, not to \"{name}\"", value.name, owners(key)));
    }
    let read = |key: &'static Key| match written.get(key.name) {
        Some(value) => Some(Some((key.name, read_value(key.form, value, outside)?))),
        None => absent(table, row, key),
    };
    // Every key is read before any of them is missed, so that all findings are there.
    let given: Vec<Option<Option<(&str, Given)>>> = row.keys.iter().map(read).collect();
    let given: Option<Vec<Option<(&str, Given)>>> = given.into_iter().collect();
    build(row, &Values(given?.into_iter().flatten().collect()), table)
}

/// The kinds that have a key, for a message.
fn owners(key: &str) -> String {
    let kinds: Vec<String> = KIND_KEYS
        .iter()
        .filter(|row| row.key(key).is_some())
        .map(|row| format!("\"{}\"", row.kind))
        .collect();
    let noun = if kinds.len() == 1 { "kind" } else { "kinds" };
    format!("the {noun} {}", kinds.join(", "))
}

/// A key that is not there: its default, nothing, or a finding.
#[expect(clippy::option_option, reason = "the outer one is a finding, the inner one is the key")]
fn absent(
    table: &Table<'_>,
    row: &KindKeys,
    key: &'static Key,
) -> Option<Option<(&'static str, Given)>> {
    match key.presence {
        Presence::Optional => Some(None),
        Presence::Default(text) => Some(Some((key.name, default(key.form, text)?))),
        Presence::Required => {
            let (kind, name, example) = (row.kind, key.name, key.form.example());
            let message =
                format!("a fault of kind \"{kind}\" needs `{name}`, like {name} = {example}");
            table.wrong(message);
            None
        },
    }
}

/// A default of the table, read as if it stood in the file.
fn default(form: Form, text: &str) -> Option<Given> {
    let document = format!("value = {text}");
    let report = Report::new(&document);
    let (parsed, _errors) = DeTable::parse_recoverable(&document);
    let value = Table::root(&report, &parsed).get("value")?;
    read_value(form, &value, &super::outside::Nowhere)
}

fn read_value(form: Form, value: &Value<'_>, outside: &dyn Outside) -> Option<Given> {
    match form {
        Form::Delay => delay::read(value, outside).map(Given::Delay),
        Form::Time { least_us } => read_time(value, least_us).map(Given::Number),
        Form::Bytes { least, most } => read_bytes(value, least, most).map(Given::Number),
        Form::SignedBytes => read_signed(value).map(Given::Signed),
        Form::BytesPerSecond => read_rate(value).map(Given::Number),
        Form::Share { least_ppm } => read_share(value, least_ppm).map(Given::Share),
        Form::Status => value.integer(400..=599).map(Given::Number),
        Form::Events => read_events(value).map(Given::Number),
        Form::Text => value.text("a string").map(|text| Given::Text(text.to_owned())),
        Form::Flag => value.flag().map(Given::Flag),
        Form::Fields => read_fields(value).map(Given::Fields),
        Form::Names => read_names(value).map(Given::Names),
        Form::SecretFile => secret::from_file(value, outside).map(Given::Secret),
        Form::SecretVariable => secret::from_variable(value, outside).map(Given::Secret),
    }
}

fn read_time(value: &Value<'_>, least_us: u64) -> Option<u64> {
    let time = value.duration()?;
    let least = Duration::from_micros(least_us);
    if !(least..=DELAY_MAX).contains(&time) {
        value.wrong(format!(
            "{} must be from {} to {}, got {}",
            value.name,
            format_duration(least),
            format_duration(DELAY_MAX),
            format_duration(time)
        ));
        return None;
    }
    Some(time.as_micros() as u64)
}

fn read_bytes(value: &Value<'_>, least: u64, most: u64) -> Option<u64> {
    let bytes = value.parsed("bytes like \"64KiB\"", parse_bytes)?;
    if bytes < least {
        value.wrong(format!("{} must be at least {}", value.name, format_bytes(least)));
        return None;
    }
    if bytes > most {
        value.wrong(format!("{} must be at most {}", value.name, format_bytes(most)));
        return None;
    }
    Some(bytes)
}

fn read_signed(value: &Value<'_>) -> Option<i64> {
    let by = value.parsed("a difference of bytes like \"-10B\"", parse_signed_bytes)?;
    if by == 0 {
        value.wrong(format!("{}: a difference of 0 bytes changes nothing", value.name));
        return None;
    }
    Some(by)
}

fn read_rate(value: &Value<'_>) -> Option<u64> {
    let rate = value.parsed("a rate like \"10MB/s\"", parse_bytes_per_s)?;
    if rate == 0 {
        value.wrong("no byte passes below 1B/s; the kind \"blackhole\" lets none pass");
        return None;
    }
    Some(rate)
}

fn read_share(value: &Value<'_>, least_ppm: u32) -> Option<Share> {
    let share = value.share()?;
    if share.ppm() < least_ppm {
        value.wrong(format!("{} must be above 0%", value.name));
        return None;
    }
    Some(share)
}

fn read_events(value: &Value<'_>) -> Option<u64> {
    value.parsed("a number of events like \"3 events\"", |text| {
        let number = ["events", "event"].iter().find_map(|unit| text.trim().strip_suffix(unit));
        number.and_then(|number| number.trim_end().parse().ok()).ok_or_else(|| {
            format!("a number of events is written \"3 events\", got \"{}\"", shorten(text))
        })
    })
}

fn read_fields(value: &Value<'_>) -> Option<Vec<(String, String)>> {
    let table = value.inner_table()?;
    let mut fields = Vec::new();
    for (name, span, value) in table.named() {
        if let Some(problem) = field_problem(name) {
            table.report.add(span, problem);
        }
        let Some(text) = value.text("the text of a header field") else { continue };
        if text.bytes().any(|byte| byte != b'\t' && (byte < b' ' || byte == 0x7f)) {
            value.wrong("a header field holds no line breaks and no other control characters");
        }
        fields.push((name.to_owned(), text.to_owned()));
    }
    Some(fields)
}

fn read_names(value: &Value<'_>) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for item in value.items() {
        let name = item.text("the name of a header field, or a list of them")?;
        if let Some(problem) = field_problem(name) {
            item.wrong(problem);
        }
        names.push(name.to_owned());
    }
    Some(names)
}

/// What is wrong with a field that a fault would set or remove.
fn field_problem(name: &str) -> Option<String> {
    if !is_field_name(name) {
        return Some(not_a_name(name));
    }
    is_framing_field(name).then(|| {
        format!(
            "\"{name}\" frames the message; the kinds \"wrong-length\" and \"broken-chunk\" break \
             that"
        )
    })
}

/// A token of RFC 9110, so without a colon or a blank.
pub(crate) fn is_field_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}

pub(crate) fn not_a_name(name: &str) -> String {
    format!("\"{}\" is no name of a header field", shorten(name))
}

/// The values of one fault, by name of their key.
#[derive(Debug)]
struct Values(BTreeMap<&'static str, Given>);

/// Each answers what the table says of its key; another form would be a mistake of the table, which
/// the test that reads every kind finds.
impl Values {
    fn number(&self, key: &str) -> u64 {
        if let Some(Given::Number(number)) = self.0.get(key) { *number } else { 0 }
    }

    fn share(&self, key: &str) -> Share {
        if let Some(Given::Share(share)) = self.0.get(key) { *share } else { Share::ZERO }
    }

    fn delay(&self, key: &str) -> Option<Distribution> {
        if let Some(Given::Delay(delay)) = self.0.get(key) { Some(delay.clone()) } else { None }
    }

    fn fields(&self, key: &str) -> Vec<(String, String)> {
        if let Some(Given::Fields(fields)) = self.0.get(key) { fields.clone() } else { Vec::new() }
    }
}

fn build(row: &KindKeys, values: &Values, table: &Table<'_>) -> Option<FaultKind> {
    let after_bytes = values.number("after");
    Some(match row.kind {
        "latency" => FaultKind::Latency { delay: values.delay("add")? },
        "errors" => FaultKind::Errors {
            status: values.number("status") as u16,
            body: match values.0.get("body") {
                Some(Given::Text(text)) => Some(text.clone()),
                _ => None,
            },
            headers: values.fields("headers"),
        },
        "blackhole" => FaultKind::Blackhole,
        "reset" => FaultKind::Reset { after_bytes },
        "lost-reply" => FaultKind::LostReply,
        "duplicate" => FaultKind::Duplicate,
        "truncate" => FaultKind::Truncate { after_bytes },
        "corrupt" => FaultKind::Corrupt { bytes: values.number("bytes") as u32 },
        "slow-drip" => {
            FaultKind::SlowDrip { bytes: values.number("bytes"), pause_us: values.number("pause") }
        },
        "wrong-length" => match values.0.get("by") {
            Some(Given::Signed(by)) => FaultKind::WrongLength { by: *by },
            _ => return None,
        },
        "broken-chunk" => FaultKind::BrokenChunk { after_bytes },
        "headers" => build_headers(values, table)?,
        "cut-events" => FaultKind::CutEvents { after_events: after_bytes },
        "caller" => build_caller(values, table)?,
        "bandwidth" => FaultKind::Bandwidth {
            bytes_per_s: values.number("rate"),
            shared: matches!(values.0.get("shared"), Some(Given::Flag(true))),
        },
        "refuse" => FaultKind::Refuse,
        "slow-accept" => FaultKind::SlowAccept { delay: values.delay("add")? },
        "slow-close" => FaultKind::SlowClose { delay: values.delay("add")? },
        "slicer" => build_slicer(values, table)?,
        "limit-data" => FaultKind::LimitData { bytes: after_bytes },
        "limit-time" => FaultKind::LimitTime { after_ms: values.number("after") / 1_000 },
        "half-open" => FaultKind::HalfOpen,
        "loss" => FaultKind::Loss {
            rate: values.share("rate"),
            correlation: values.share("correlation"),
            timeout_us: values.number("timeout"),
        },
        _ => return None,
    })
}

fn build_headers(values: &Values, table: &Table<'_>) -> Option<FaultKind> {
    let set = values.fields("set");
    let remove = match values.0.get("remove") {
        Some(Given::Names(names)) => names.clone(),
        _ => Vec::new(),
    };
    if set.is_empty() && remove.is_empty() {
        table.wrong("a fault of kind \"headers\" needs `set` or `remove`");
        return None;
    }
    Some(FaultKind::Headers { set, remove })
}

fn build_caller(values: &Values, table: &Table<'_>) -> Option<FaultKind> {
    let of = |key: &str| match values.0.get(key) {
        Some(Given::Secret(token)) => Some(token.clone()),
        _ => None,
    };
    match (of("token_file"), of("token_env")) {
        (Some(token), None) | (None, Some(token)) => {
            Some(FaultKind::Caller { token, delay_max_ms: values.number("delay_max") / 1_000 })
        },
        _ => {
            table.wrong("a fault of kind \"caller\" needs one of `token_file` and `token_env`");
            None
        },
    }
}

fn build_slicer(values: &Values, table: &Table<'_>) -> Option<FaultKind> {
    let (bytes, variation) = (values.number("bytes"), values.number("variation"));
    if variation >= bytes {
        table.wrong("the `variation` of a slicer must be below its `bytes`");
        return None;
    }
    Some(FaultKind::Slicer { bytes, variation, pause_us: values.number("pause") })
}
