//! The table of `fault list`.

use std::time::Duration;

use model::plan::{ArmedFault, FaultSource};
use model::units::format_duration;

const HEAD: [&str; 7] = ["NAME", "STATE", "SHARE", "HIT/MATCHED", "LEFT", "FROM", "WHAT"];
const NOTHING: &str = "no faults; arm one as `shakedown fault arm --help` shows";

/// Every fault on a line of its own.
pub(super) fn table(faults: &[ArmedFault]) -> String {
    if faults.is_empty() {
        return format!("{NOTHING}\n");
    }
    let rows: Vec<[String; 7]> = faults.iter().map(row).collect();
    let head = HEAD.map(str::to_owned);
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| {
            let cells = std::iter::once(&head).chain(&rows).map(|row| row[column].chars().count());
            cells.max().unwrap_or_default()
        })
        .collect();
    let mut table = String::new();
    for row in std::iter::once(&head).chain(&rows) {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        table.push_str(cells.join("  ").trim_end());
        table.push('\n');
    }
    table
}

fn row(armed: &ArmedFault) -> [String; 7] {
    let (fault, status) = (&armed.fault, &armed.status);
    let edges: Vec<String> = fault.edges.iter().map(ToString::to_string).collect();
    let mut what = vec![format!("{} on {}", fault.effect, edges.join(", "))];
    if !fault.matching.is_empty() {
        what.push(format!("only {}", fault.matching));
    }
    what.extend(Some(fault.when.to_string()).filter(|when| !when.is_empty()));
    // Seconds are enough for a person.
    let left = armed.left_ms.map(|ms| Duration::from_secs(ms.div_ceil(1_000)));
    [
        fault.name.clone(),
        status.state.as_str().to_owned(),
        fault.shares(),
        format!("{}/{}", status.hit, status.matched),
        left.map_or_else(|| "-".to_owned(), format_duration),
        source(armed.source).to_owned(),
        what.join("; "),
    ]
}

fn source(source: FaultSource) -> &'static str {
    match source {
        FaultSource::Plan => "plan",
        FaultSource::Api => "armed",
        FaultSource::Toxiproxy => "toxiproxy",
    }
}

#[cfg(test)]
mod tests;
