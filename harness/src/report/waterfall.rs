//! A few traces as waterfalls: who called whom, how long each took, where a fault acted, and what
//! was logged meanwhile.

pub(crate) mod order;

use model::frame::{LogLine, Span, Trace};
use model::names::attribute;

use super::escape::esc;
use super::figures::duration;
use super::markup::{Markup, put};
use super::text::cut;

/// More traces than this make a page that nobody reads to its end.
const TRACES_MAX: usize = 12;
const SPANS_MAX: usize = 200;
const LOGS_MAX: usize = 100;
const ATTRIBUTES_MAX: usize = 30;
/// Longest attribute or log line in characters.
const TEXT_MAX: usize = 500;

const WIDTH: f64 = 1_200.0;
const LEFT: f64 = 360.0;
/// Right of it is room for durations and names of faults.
const RIGHT: f64 = 960.0;
const ROW: f64 = 19.0;

/// Those that are drawn: the first ones that have come in.
pub(super) fn drawn(traces: &[Trace]) -> Vec<&Trace> {
    traces.iter().filter(|trace| !trace.spans.is_empty()).take(TRACES_MAX).collect()
}

pub(super) fn traces(page: &mut Markup, drawn: &[&Trace]) {
    if drawn.is_empty() {
        return;
    }
    page.raw("<section class=\"wide\"><h2>Traces</h2>\n");
    for trace in drawn {
        one(page, trace);
    }
    page.raw("</section>\n");
}

/// The time that a drawing spans.
#[derive(Debug, Clone, Copy)]
struct Extent {
    start_ns: u64,
    length_ns: u64,
}

impl Extent {
    fn of(spans: &[Span]) -> Self {
        let start_ns = spans.iter().map(|span| span.start_unix_ns).min().unwrap_or(0);
        let end_ns = spans.iter().map(|span| span.start_unix_ns.saturating_add(span.duration_ns));
        let end_ns = end_ns.max().unwrap_or(0);
        Self { start_ns, length_ns: end_ns.saturating_sub(start_ns).max(1) }
    }

    fn x(&self, unix_ns: u64) -> f64 {
        let part = unix_ns.saturating_sub(self.start_ns) as f64 / self.length_ns as f64;
        LEFT + part.min(1.0) * (RIGHT - LEFT)
    }
}

fn one(page: &mut Markup, trace: &Trace) {
    let rows = order::depth_first(&trace.spans);
    let extent = Extent::of(&trace.spans);
    let shown = rows.len().min(SPANS_MAX);
    let height = 20.0 + ROW * shown as f64;
    let correlation = trace.spans.iter().find_map(model::trace::correlation_id);
    put!(
        page,
        "<article id=\"t{id}\"><h3><code>{id}</code> <span class=\"dim\">{}, {} spans{}</span></h3>\
         \n<div class=\"scroll\"><svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" \
         aria-label=\"Waterfall of trace {id}\">",
        duration(extent.length_ns as f64 / 1e6),
        trace.spans.len(),
        correlation.map_or_else(String::new, |id| format!(", correlation id {}", esc(id))),
        id = trace.trace_id,
    );
    ruler(page, extent, height);
    for (row, (depth, span)) in rows.iter().take(SPANS_MAX).enumerate() {
        span_row(page, extent, (20.0 + ROW * row as f64, *depth), span);
    }
    page.raw("</svg></div>\n");
    if rows.len() > shown {
        put!(page, "<p>{} more spans are in the run's database.</p>\n", rows.len() - shown);
    }
    logs(page, extent, &trace.logs);
    page.raw("</article>\n");
}

fn ruler(page: &mut Markup, extent: Extent, height: f64) {
    for quarter in 0..=4_u32 {
        let part = f64::from(quarter) / 4.0;
        let x = LEFT + part * (RIGHT - LEFT);
        let at_ms = extent.length_ns as f64 / 1e6 * part;
        let text = if quarter == 0 { "0".to_owned() } else { duration(at_ms) };
        put!(
            page,
            "<path class=\"grid\" d=\"M{x:.1} 16V{height:.0}\"/><text class=\"time\" x=\"{x:.1}\" \
             y=\"11\">{text}</text>"
        );
    }
}

fn span_row(page: &mut Markup, extent: Extent, (y, depth): (f64, usize), span: &Span) {
    let fault = text_of(span, attribute::FAULT).filter(|fault| !fault.is_empty());
    let role = if span.error { "span-error" } else { "span-ok" };
    let left = extent.x(span.start_unix_ns);
    let right = extent.x(span.start_unix_ns.saturating_add(span.duration_ns));
    let indent = depth.min(12) as f64 * 11.0;
    let room = ((LEFT - indent - 12.0) / 6.3) as usize;
    let label = format!("{}  {}", span.service, label_of(span));
    let (service, name) = split_at_service(&label, &span.service, room);
    put!(
        page,
        "<g><title>{}</title><text class=\"row\" x=\"{indent:.0}\" y=\"{:.1}\">\
         <tspan class=\"service\">{}</tspan><tspan class=\"dim\">{}</tspan></text>\
         <rect class=\"{role}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\" \
         rx=\"1.5\"/>",
        esc(&tooltip(span)),
        y + 11.0,
        esc(&service),
        esc(&name),
        y + 1.0,
        (right - left).max(1.5)
    );
    if fault.is_some() {
        put!(
            page,
            "<rect class=\"span-fault\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" \
             height=\"4\"/>",
            y + 10.0,
            (right - left).max(3.0)
        );
    }
    annotation(page, (left, right, y + 11.0), span, fault);
    page.raw("</g>");
}

/// Duration, error and fault after the bar, or before it where there is no room.
fn annotation(
    page: &mut Markup,
    (left, right, y): (f64, f64, f64),
    span: &Span,
    fault: Option<&str>,
) {
    let length = duration(span.duration_ns as f64 / 1e6);
    let why = text_of(span, attribute::ERROR_TYPE).unwrap_or("error");
    let text = if span.error { format!("{length} ! {}", cut(why, 30)) } else { length };
    let marked = fault.map_or_else(String::new, |fault| format!(" ◆ {}", cut(fault, 40)));
    let width = 6.2 * (text.chars().count() + marked.chars().count()) as f64;
    let (x, anchor) = if right + width + 8.0 <= WIDTH {
        (right + 5.0, "start")
    } else if left - width - 8.0 >= LEFT {
        (left - 5.0, "end")
    } else {
        (WIDTH - 2.0, "end")
    };
    put!(
        page,
        "<text class=\"row halo\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}\
         <tspan class=\"fault\">{}</tspan></text>",
        esc(&text),
        esc(&marked)
    );
}

/// The gateway's spans say which edge they are of; others have a name that says enough.
pub(crate) fn label_of(span: &Span) -> String {
    match (text_of(span, attribute::EDGE), span.kind.as_str()) {
        (Some(edge), "client") => {
            let attempt = span.attributes.get(attribute::ATTEMPT);
            let attempt = attempt.and_then(serde_json::Value::as_u64).unwrap_or(0);
            format!("{edge} attempt {}", attempt.saturating_add(1))
        },
        (Some(edge), _) => edge.to_owned(),
        (None, _) => span.name.clone(),
    }
}

fn split_at_service(label: &str, service: &str, room: usize) -> (String, String) {
    let shown = cut(label, room);
    let length = service.chars().count().min(shown.chars().count());
    (shown.chars().take(length).collect(), shown.chars().skip(length).collect())
}

fn tooltip(span: &Span) -> String {
    let mut lines = vec![format!("{}: {} ({})", span.service, span.name, span.kind)];
    if !span.status_message.is_empty() {
        lines.push(cut(&span.status_message, TEXT_MAX));
    }
    let attribute =
        |(name, value): (&String, &serde_json::Value)| cut(&format!("{name} = {value}"), TEXT_MAX);
    lines.extend(span.attributes.iter().take(ATTRIBUTES_MAX).map(attribute));
    lines.join("\n")
}

fn text_of<'a>(span: &'a Span, name: &str) -> Option<&'a str> {
    span.attributes.get(name)?.as_str()
}

fn logs(page: &mut Markup, extent: Extent, logs: &[LogLine]) {
    if logs.is_empty() {
        return;
    }
    page.raw("<div class=\"scroll\"><table class=\"logs\"><tbody>\n");
    for log in logs.iter().take(LOGS_MAX) {
        let since_ms = (log.unix_ns as f64 - extent.start_ns as f64) / 1e6;
        let body = if log.body.is_empty() { &log.event } else { &log.body };
        put!(
            page,
            "<tr><td class=\"number\">{since_ms:+.1} ms</td><td>{}</td><td class=\"{}\">{}</td>\
             <td>{}</td></tr>\n",
            esc(&log.service),
            severity_role(&log.severity),
            esc(&log.severity),
            esc(&cut(body, TEXT_MAX))
        );
    }
    page.raw("</tbody></table></div>\n");
    if logs.len() > LOGS_MAX {
        put!(page, "<p>{} more log lines are in the run's database.</p>\n", logs.len() - LOGS_MAX);
    }
}

fn severity_role(severity: &str) -> &'static str {
    match severity {
        _ if severity.starts_with("ERROR") || severity.starts_with("FATAL") => "error",
        _ if severity.starts_with("WARN") => "warn",
        _ => "dim",
    }
}
