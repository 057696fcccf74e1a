//! `arrivals` of a `[[load]]`: a file with the instants at which an earlier load came.

use std::time::Duration;

use crate::reading::outside::Outside;
use crate::reading::reader::{Value, shorten};

/// Most arrivals, and the longest file that holds them.
const ARRIVALS_MAX: usize = 1_000_000;
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// Intended starts in nanoseconds after the start of load.
pub(super) fn read(value: &Value<'_>, outside: &dyn Outside) -> Option<Vec<u64>> {
    value.parsed("a path like \"arrivals.txt\"", |path| {
        let text = outside.data(path, BYTES_MAX)?;
        parse(&text).map_err(|error| format!("\"{}\", {error}", shorten(path)))
    })
}

/// One number on each line: seconds after the start of load, in order. What lies behind a comma,
/// blank lines and lines with `#` are left out, so that a log with the time in front will do.
fn parse(text: &str) -> Result<Vec<u64>, String> {
    let mut starts_ns: Vec<u64> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let field = line.split(',').next().unwrap_or_default().trim();
        let seconds = field.parse::<f64>().ok().filter(|seconds| *seconds >= 0.0);
        let start = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let start_ns = start.and_then(|start| u64::try_from(start.as_nanos()).ok());
        let start_ns = start_ns.ok_or_else(|| {
            let got = shorten(field);
            format!("line {}: expected seconds after the start of load, got \"{got}\"", number + 1)
        })?;
        if starts_ns.last().is_some_and(|before| *before > start_ns) {
            return Err(format!("line {}: arrivals must be in order of time", number + 1));
        }
        if starts_ns.len() == ARRIVALS_MAX {
            return Err(format!("more than {ARRIVALS_MAX} arrivals"));
        }
        starts_ns.push(start_ns);
    }
    if starts_ns.is_empty() { Err("no arrival in it".to_owned()) } else { Ok(starts_ns) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_stands_on_each_line() {
        let text = "# recorded\n0\n0.25,GET /a\n\n0.25\n 1.5 , x\n";
        assert_eq!(parse(text), Ok(vec![0, 250_000_000, 250_000_000, 1_500_000_000]));
    }

    #[test]
    fn what_is_no_instant_is_told_with_its_line() {
        for (text, part) in [
            ("0\nsoon\n", "line 2: expected seconds"),
            ("-1", "line 1"),
            ("1e300", "line 1"),
            ("2\n1\n", "line 2: arrivals must be in order"),
            ("# nothing\n", "no arrival"),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.contains(part), "{text:?}: {told}");
        }
    }
}
