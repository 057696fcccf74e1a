//! Looks a setting up: as it was written, or in the variables; for one signal, or for all.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::super::Signal;
use super::{FROM_ENVIRONMENT, PREFIX, SettingsError};

/// Letters of a wrong value that are shown.
const SHOWN_MAX: usize = 64;

/// Every setting and what it says. Each but `name` can be given for one signal alone.
pub(super) const SETTINGS: [(&str, &str); 13] = [
    ("name", "variables of this backend are OTEL_EXPORTER_OTLP_<NAME>_*"),
    ("endpoint", "URL; for one signal used as it is, else with v1/<signal> added"),
    ("protocol", "grpc, http/protobuf (default) or http/json"),
    ("headers", "name=value with commas between; values percent-encoded"),
    ("compression", "gzip, zstd or none (default)"),
    ("timeout", "of one try, in milliseconds (default 10000)"),
    ("insecure", "true: a gRPC endpoint without a scheme is not encrypted"),
    ("certificate", "file of the certificates to trust (PEM) instead of the system's"),
    ("client-key", "file of the key to show (PEM)"),
    ("client-certificate", "file of the certificate to show (PEM)"),
    ("max-request-bytes", "larger messages are not sent (default 67108864)"),
    ("max-response-bytes", "larger answers are not read (default 4194304)"),
    ("in-flight", "requests at once, for each signal (default 4)"),
];

pub(super) struct Variables<'a> {
    prefix: String,
    name: Option<&'a str>,
    endpoint: Option<&'a str>,
    written: BTreeMap<&'a str, &'a str>,
    env: &'a BTreeMap<String, String>,
}

impl<'a> Variables<'a> {
    pub(super) fn read(
        text: &'a str,
        env: &'a BTreeMap<String, String>,
    ) -> Result<Self, SettingsError> {
        let mut words = text.split_whitespace();
        let endpoint = words.next().unwrap_or_default();
        let endpoint = (endpoint != FROM_ENVIRONMENT).then_some(endpoint);
        let mut written = BTreeMap::new();
        for word in words {
            let (setting, value) = word.split_once('=').unwrap_or((word, ""));
            if !known(setting) {
                // The value may be a secret.
                let known = SETTINGS.map(|(name, _)| name).join(", ");
                return Err(SettingsError::Unknown { setting: setting.to_owned(), known });
            }
            written.insert(setting, value);
        }
        let name = written.get("name").copied();
        let prefix = match name {
            None => PREFIX.to_owned(),
            Some(name) if is_name(name) => {
                format!("{PREFIX}_{}", name.to_ascii_uppercase().replace('-', "_"))
            },
            Some(other) => {
                let expected = "letters, digits and \"-\"";
                return Err(wrong("name", expected, other));
            },
        };
        Ok(Self { prefix, name, endpoint, written, env })
    }

    pub(super) fn name(&self) -> Option<&'a str> {
        self.name
    }

    /// The name under which it was found, and the value.
    pub(super) fn get(&self, signal: Signal, setting: &str) -> Option<(String, &'a str)> {
        let for_signal = format!("{}-{setting}", signal.as_str());
        let written = [for_signal.as_str(), setting];
        let written =
            written.iter().find_map(|name| Some(((*name).to_owned(), *self.written.get(name)?)));
        written.or_else(|| self.variable(&for_signal)).or_else(|| self.variable(setting))
    }

    fn variable(&self, setting: &str) -> Option<(String, &'a str)> {
        let name = self.variable_of(setting);
        let value = self.env.get(&name)?.trim();
        (!value.is_empty()).then_some((name, value))
    }

    fn variable_of(&self, setting: &str) -> String {
        format!("{}_{}", self.prefix, setting.to_ascii_uppercase().replace('-', "_"))
    }

    /// The endpoint, and whether it is a base that gets the signal's path.
    pub(super) fn endpoint(&self, signal: Signal) -> Result<(&'a str, bool), SettingsError> {
        let for_signal = format!("{}-endpoint", signal.as_str());
        if let Some(endpoint) = self.written.get(for_signal.as_str()) {
            return Ok((endpoint, false));
        }
        if let Some(endpoint) = self.written.get("endpoint").copied().or(self.endpoint) {
            return Ok((endpoint, true));
        }
        if let Some((_, endpoint)) = self.variable(&for_signal) {
            return Ok((endpoint, false));
        }
        let base = self.variable("endpoint").map(|(_, endpoint)| (endpoint, true));
        base.ok_or_else(|| SettingsError::NoEndpoint { variable: self.variable_of("endpoint") })
    }

    /// A value that is read by `read`, which knows what is `expected`.
    pub(super) fn one_of<T>(
        &self,
        signal: Signal,
        setting: &str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, SettingsError> {
        let Some((name, text)) = self.get(signal, setting) else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| wrong(&name, expected, text))
    }

    /// `name=value` pairs with commas between them; values are percent-encoded.
    pub(super) fn headers(&self, signal: Signal) -> Result<HeaderMap, SettingsError> {
        let mut headers = HeaderMap::new();
        let Some((name, text)) = self.get(signal, "headers") else { return Ok(headers) };
        for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
            let parsed = pair.split_once('=').and_then(|(name, value)| {
                let value = HeaderValue::from_bytes(&percent_decoded(value.trim())?).ok()?;
                Some((HeaderName::try_from(name.trim()).ok()?, value))
            });
            let Some((header, mut value)) = parsed else {
                // The value may be a secret: only the header's name is shown.
                let shown = pair.split('=').next().unwrap_or_default().trim();
                return Err(wrong(&name, "a list of name=value, percent-encoded", shown));
            };
            value.set_sensitive(true);
            headers.append(header, value);
        }
        Ok(headers)
    }
}

fn known(setting: &str) -> bool {
    let bare = Signal::ALL.iter().find_map(|signal| {
        setting.strip_prefix(signal.as_str())?.strip_prefix('-').filter(|rest| *rest != "name")
    });
    SETTINGS.iter().any(|(name, _)| *name == bare.unwrap_or(setting))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
}

fn wrong(name: &str, expected: &'static str, got: &str) -> SettingsError {
    let got = got.chars().take(SHOWN_MAX).collect();
    SettingsError::Variable { name: name.to_owned(), expected, got }
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits = str::from_utf8(&digits).ok()?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}
