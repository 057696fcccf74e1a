//! Phases and faults on one time axis, in plain ASCII.

use std::fmt::Write as _;

use crate::phase::{Phase, Timeline};
use crate::scenario::Scenario;

/// Columns of the time axis.
const WIDTH: usize = 60;
/// Longest label; longer names are cut.
const LABEL_MAX: usize = 24;

/// One row for the phases, one for each fault, one for the axis.
pub(super) fn render(scenario: &Scenario) -> String {
    let timeline = scenario.timeline();
    let cut = |name: &str| name.chars().take(LABEL_MAX).collect::<String>();
    let names: Vec<String> = scenario.faults.iter().map(|fault| cut(&fault.name)).collect();
    let label = names.iter().map(String::len).max().unwrap_or(0).max("phase".len());
    let mut drawing = String::new();
    // Writing to a string cannot fail.
    _ = writeln!(drawing, "  {:<label$} |{}|", "phase", phases(timeline));
    for (fault, name) in scenario.faults.iter().zip(&names) {
        let windows = fault.schedule.iter().map(|window| {
            (timeline.during_ms + window.start_ms, timeline.during_ms + window.end_ms)
        });
        let mut row = vec![b' '; WIDTH];
        for (from_ms, to_ms) in windows {
            let from = column(from_ms, timeline).min(WIDTH - 1);
            // Even the shortest window is seen.
            let to = column(to_ms, timeline).clamp(from + 1, WIDTH);
            row[from..to].fill(b'#');
        }
        _ = writeln!(drawing, "  {name:<label$} |{}|", String::from_utf8_lossy(&row));
    }
    _ = writeln!(drawing, "  {:<label$}  {}", "", axis(timeline));
    drawing
}

/// Every phase as long as its part of the run, with as much of its name as fits.
fn phases(timeline: Timeline) -> String {
    let mut row = String::new();
    for phase in [Phase::Warmup, Phase::Before, Phase::During, Phase::After] {
        let (from_ms, to_ms) = timeline.window_ms(phase);
        let length = column(to_ms, timeline) - column(from_ms, timeline);
        let mut name: String = phase.as_str().chars().take(length.saturating_sub(1)).collect();
        while name.len() < length {
            name.push(if name.len() + 1 == length { '|' } else { '-' });
        }
        row.push_str(&name);
    }
    if row.ends_with('|') {
        row.pop();
        row.push('-');
    }
    format!("{row:<WIDTH$}")
}

/// Times of the changes of phase, left out where they would touch.
fn axis(timeline: Timeline) -> String {
    let mut row = String::new();
    for at_ms in [0, timeline.before_ms, timeline.during_ms, timeline.after_ms, timeline.end_ms] {
        let text = super::time(at_ms);
        let at = column(at_ms, timeline);
        if row.is_empty() || row.len() + 1 < at {
            row = format!("{row:<at$}{text}");
        }
    }
    row
}

fn column(at_ms: u64, timeline: Timeline) -> usize {
    let whole_ms = timeline.end_ms.max(1);
    (u128::from(at_ms) * WIDTH as u128 / u128::from(whole_ms)) as usize
}
