//! One trace as a waterfall of text: who called whom, when, how long, and what was logged.

use std::fmt::Write as _;

use model::frame::{LogLine, Span, Trace};
use model::names::attribute;

use super::list::{said, severity};
use super::screen::{Screen, Tone};
use crate::report::figures::{counted, duration};
use crate::report::waterfall::{label_of, order};

const SPANS_MAX: usize = 500;
const LOGS_MAX: usize = 100;
/// Part of the width that names take.
const NAMES: f64 = 0.42;
/// Room for a duration.
const TOOK: usize = 9;
/// Deeper spans stand no further to the right.
const DEPTH_MAX: usize = 12;

/// The time that the bars span.
struct Extent {
    start_ns: u64,
    length_ns: u64,
}

pub(super) fn page(trace: &Trace, screen: &Screen) -> String {
    let start_ns = trace.spans.iter().map(|span| span.start_unix_ns).min().unwrap_or_default();
    let ends = trace.spans.iter().map(|span| span.start_unix_ns.saturating_add(span.duration_ns));
    let length_ns = ends.max().unwrap_or_default().saturating_sub(start_ns).max(1);
    let extent = Extent { start_ns, length_ns };
    let mut page = String::new();
    // Writing to a string cannot fail.
    _ = write_page(&mut page, trace, &extent, screen);
    page
}

fn write_page(
    page: &mut String,
    trace: &Trace,
    extent: &Extent,
    screen: &Screen,
) -> std::fmt::Result {
    let errors = trace.spans.iter().filter(|span| span.error).count() as u64;
    let correlation = trace.spans.iter().find_map(model::trace::correlation_id);
    writeln!(page, "{}", screen.painted(&trace.trace_id.to_string(), Tone::Strong))?;
    let head = format!(
        "{}, {}, {}{}, from {} UTC",
        duration(extent.length_ns as f64 / 1e6),
        counted(trace.spans.len() as u64, "span"),
        counted(errors, "error"),
        correlation.map_or_else(String::new, |id| format!(", correlation id {id}")),
        model::units::utc_time(extent.start_ns / 1_000_000)
    );
    writeln!(page, "{}", screen.painted(&screen.fitted(&head, screen.width), Tone::Dim))?;
    let rows = order::depth_first(&trace.spans);
    let columns = Columns::of(&rows, screen);
    for place in rows.iter().take(SPANS_MAX) {
        writeln!(page, "{}", row(*place, extent, &columns, screen).trim_end())?;
    }
    if rows.len() > SPANS_MAX {
        writeln!(page, "{} more are in --json", counted((rows.len() - SPANS_MAX) as u64, "span"))?;
    }
    for line in trace.logs.iter().take(LOGS_MAX) {
        writeln!(page, "{}", log_row(line, extent, screen))?;
    }
    if trace.logs.len() > LOGS_MAX {
        let more = (trace.logs.len() - LOGS_MAX) as u64;
        writeln!(page, "{} more are in --json", counted(more, "log"))?;
    }
    Ok(())
}

/// The columns of a waterfall: all bars have the same scale.
struct Columns {
    names: usize,
    bars: usize,
    notes: usize,
}

impl Columns {
    fn of(rows: &[(usize, &Span)], screen: &Screen) -> Self {
        let names = (screen.width as f64 * NAMES) as usize;
        let room = screen.width - names - TOOK - 2;
        let longest = rows.iter().map(|(_, span)| notes(span).chars().count()).max();
        let notes = longest.unwrap_or_default().min(room / 2);
        Self { names, bars: room - notes, notes }
    }
}

/// What went wrong, and which fault did it.
fn notes(span: &Span) -> String {
    let why = text_of(span, attribute::ERROR_TYPE).unwrap_or("error");
    let error = if span.error { format!(" ! {why}") } else { String::new() };
    let fault = text_of(span, attribute::FAULT).filter(|fault| !fault.is_empty());
    fault.map_or_else(|| error.clone(), |fault| format!("{error} * {fault}"))
}

/// Name, bar, duration, and what went wrong.
fn row(
    (depth, span): (usize, &Span),
    extent: &Extent,
    columns: &Columns,
    screen: &Screen,
) -> String {
    let indent = 2 * depth.min(DEPTH_MAX).min(columns.names / 4);
    let room = columns.names - indent;
    let name = screen.fitted(&format!("{}  {}", span.service, label_of(span)), room);
    let space = " ".repeat(room - name.chars().count());
    let tone = match (span.error, text_of(span, attribute::FAULT)) {
        (true, _) => Tone::Error,
        (false, Some(fault)) if !fault.is_empty() => Tone::Fault,
        (false, _) => Tone::Strong,
    };
    let notes = screen.fitted(&notes(span), columns.notes);
    format!(
        "{}{name}{space} {} {:>TOOK$}{}",
        " ".repeat(indent),
        bar(span, extent, columns.bars, (screen, tone)),
        duration(span.duration_ns as f64 / 1e6),
        screen.painted(&notes, tone),
    )
}

/// At least one sign, at its place in time.
fn bar(span: &Span, extent: &Extent, width: usize, (screen, tone): (&Screen, Tone)) -> String {
    let place = |ns: u64| {
        (ns as f64 / extent.length_ns as f64 * width as f64).round().clamp(0.0, width as f64)
            as usize
    };
    let from = span.start_unix_ns.saturating_sub(extent.start_ns);
    let left = place(from).min(width - 1);
    let right = place(from.saturating_add(span.duration_ns)).max(left + 1);
    let (full, empty) = if screen.ascii { ("=", ".") } else { ("█", "·") };
    format!(
        "{}{}{}",
        screen.painted(&empty.repeat(left), Tone::Dim),
        screen.painted(&full.repeat(right - left), tone),
        screen.painted(&empty.repeat(width - right), Tone::Dim)
    )
}

fn log_row(line: &LogLine, extent: &Extent, screen: &Screen) -> String {
    let at_ms = (line.unix_ns as f64 - extent.start_ns as f64) / 1e6;
    let level = severity(&line.severity);
    let shown = screen.fitted(&level.text, 5);
    let painted = level.tone.map_or_else(|| shown.clone(), |tone| screen.painted(&shown, tone));
    let head = format!("{at_ms:>+11.1} ms  ");
    let space = " ".repeat(5 - shown.chars().count());
    let service = screen.fitted(&line.service, 20);
    let used = head.chars().count() + 7 + service.chars().count() + 2;
    let text = screen.fitted(said(line), screen.width.saturating_sub(used).max(20));
    format!("{}{painted}{space}  {service}  {text}", screen.painted(&head, Tone::Dim))
}

fn text_of<'a>(span: &'a Span, name: &str) -> Option<&'a str> {
    span.attributes.get(name)?.as_str()
}

#[cfg(test)]
mod tests;
