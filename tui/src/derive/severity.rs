//! How grave a log line is.

/// From the least to the gravest; OTLP's six ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Severity {
    pub const ALL: [Self; 6] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// Reads `ERROR`, `error`, `ERROR3`, `WARNING`; what is none of the six is taken as INFO, as a
    /// line without a level is.
    pub fn of(text: &str) -> Self {
        let begins = |severity: &Self| {
            let name = severity.as_str();
            text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        Self::ALL.into_iter().find(begins).unwrap_or(Self::Info)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_in_any_case_and_with_numbers() {
        for (text, severity) in [
            ("ERROR", Severity::Error),
            ("error3", Severity::Error),
            ("Warning", Severity::Warn),
            ("FATAL", Severity::Fatal),
            ("debug", Severity::Debug),
            ("", Severity::Info),
            ("¿", Severity::Info),
            ("notice", Severity::Info),
        ] {
            assert_eq!(Severity::of(text), severity, "{text}");
        }
        assert!(Severity::ALL.is_sorted());
    }
}
