//! How a child process says that it serves and where: one line on standard output,
//! `shakedown-ready {json}`. Every other line is a log line.

use std::io::{self, Write as _};

use serde::Serialize;
use serde::de::DeserializeOwned;

const PREFIX: &str = "shakedown-ready ";

/// Prints the ready line of this process.
pub fn announce<T: Serialize>(payload: &T) -> io::Result<()> {
    let json = serde_json::to_string(payload)?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{PREFIX}{json}")?;
    stdout.flush()
}

/// `None` when the line is not a ready line; an error when it is one with a foreign payload.
pub fn parse<T: DeserializeOwned>(line: &str) -> Option<Result<T, serde_json::Error>> {
    line.strip_prefix(PREFIX).map(|json| serde_json::from_str(json.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ready_lines_are_read() {
        assert!(parse::<u16>("{\"level\":\"INFO\"}").is_none());
        assert_eq!(parse::<u16>("shakedown-ready 8080\n").unwrap().unwrap(), 8080);
        assert!(parse::<u16>("shakedown-ready {}").unwrap().is_err());
    }
}
