//! The list of backends, read and checked as a whole.

use std::collections::{BTreeMap, BTreeSet};

use telemetry::otlp::{Settings, SettingsError};

use super::spool::SpoolError;

pub(super) const AGENT: &str = concat!("shakedown-collector/", env!("CARGO_PKG_VERSION"));
/// More would be a mistake: each costs a copy of the work of sending.
const BACKENDS_MAX: usize = 16;

/// Why an export cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("two backends are called {name}; give each a name of its own, like name=second")]
    SameName { name: String },
    #[error(
        "the headers or the client key of {variable}_* would go to several backends; give each \
         backend that needs them a name, like name=tempo, and set {variable}_TEMPO_HEADERS"
    )]
    SharedSecrets { variable: &'static str },
    #[error("{count} backends are too many, at most {BACKENDS_MAX} are sent to")]
    TooMany { count: usize },
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

pub(super) fn parse(
    texts: &[String],
    env: &BTreeMap<String, String>,
) -> Result<Vec<Settings>, ExportError> {
    if texts.len() > BACKENDS_MAX {
        return Err(ExportError::TooMany { count: texts.len() });
    }
    let mut names = BTreeSet::new();
    let mut backends = Vec::new();
    for text in texts {
        let settings = Settings::parse(text, env, AGENT)?;
        if !names.insert(settings.name().to_owned()) {
            return Err(ExportError::SameName { name: settings.name().to_owned() });
        }
        backends.push(settings);
    }
    if backends.len() > 1 && backends.iter().filter(|backend| backend.shares_secrets()).count() > 1
    {
        return Err(ExportError::SharedSecrets { variable: telemetry::otlp::settings::PREFIX });
    }
    Ok(backends)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(texts: &[&str], env: &[(&str, &str)]) -> Result<usize, String> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        parse(&texts, &env.collect()).map(|all| all.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn backends_have_names_of_their_own() {
        assert_eq!(parsed(&["http://a:1", "http://b:1"], &[]), Ok(2));
        assert_eq!(parsed(&["http://a:1/x", "http://a:1/y name=y"], &[]), Ok(2));
        assert!(parsed(&["http://a:1/x", "http://a:1/y"], &[]).unwrap_err().contains("a:1"));
        assert!(parsed(&["http://a"; 17], &[]).unwrap_err().contains("17"));
    }

    #[test]
    fn a_secret_for_one_backend_is_not_sent_to_another() {
        let secret = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=x");
        assert_eq!(parsed(&["http://a"], &[secret]), Ok(1));
        let refused = parsed(&["http://a", "http://b"], &[secret]).unwrap_err();
        assert!(refused.contains("OTEL_EXPORTER_OTLP_TEMPO_HEADERS"), "{refused}");
        assert_eq!(parsed(&["http://a", "http://b name=b"], &[secret]), Ok(2));
    }
}
