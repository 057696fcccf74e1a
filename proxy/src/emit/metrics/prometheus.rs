//! The metrics in Prometheus' text format, version 0.0.4.
//!
//! Names follow OpenTelemetry's rules for this format: dots become underscores, then comes the
//! unit, then `_total` for counters.

use std::fmt::{Display, Write as _};

use super::family::{Family, Kind, Label, Unit, Value, Word};
use super::histogram::{BOUNDS_NS, Durations};

pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Percentiles of a summary.
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

/// Appends all metrics.
pub(in super::super) fn prometheus(families: &[Family], out: &mut String) {
    for family in families {
        let name = name_of(family);
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
        };
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        append(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"), out);
        for point in &family.points {
            match &point.value {
                Value::Number(number) => line(&name, &point.labels, None, number, out),
                Value::Durations(durations) => match family.kind {
                    Kind::Summary => summary(&name, &point.labels, durations, out),
                    _ => histogram(&name, &point.labels, durations, out),
                },
            }
        }
    }
}

fn name_of(family: &Family) -> String {
    let unit = match family.unit {
        Unit::One => "",
        Unit::Seconds => "_seconds",
        Unit::Bytes => "_bytes",
    };
    let total = if family.kind == Kind::Counter { "_total" } else { "" };
    format!("{}{unit}{total}", family.name.replace('.', "_"))
}

fn histogram(name: &str, labels: &[Label], durations: &Durations, out: &mut String) {
    let bucket = format!("{name}_bucket");
    let counts = durations.exposed();
    let mut below = 0;
    for (bound_ns, count) in BOUNDS_NS.iter().zip(counts) {
        below += count;
        let bound_s = (*bound_ns as f64 / 1e9).to_string();
        line(&bucket, labels, Some(("le", &bound_s)), &below, out);
    }
    let count: u64 = counts.iter().sum();
    line(&bucket, labels, Some(("le", "+Inf")), &count, out);
    line(&format!("{name}_sum"), labels, None, &durations.sum_s(), out);
    line(&format!("{name}_count"), labels, None, &count, out);
}

fn summary(name: &str, labels: &[Label], durations: &Durations, out: &mut String) {
    for fraction in QUANTILES {
        let value = durations.quantile(fraction).unwrap_or_default().as_secs_f64();
        line(name, labels, Some(("quantile", &fraction.to_string())), &value, out);
    }
    line(&format!("{name}_sum"), labels, None, &durations.sum_s(), out);
    line(&format!("{name}_count"), labels, None, &durations.count(), out);
}

/// One series: its name, its labels, one more label, its value.
fn line(
    name: &str,
    labels: &[Label],
    extra: Option<(&str, &str)>,
    value: &dyn Display,
    out: &mut String,
) {
    out.push_str(name);
    let mut separator = '{';
    let mut label = |key: &str, value: &str| {
        append(format_args!("{separator}{key}=\""), out);
        escape(value, out);
        out.push('"');
        separator = ',';
    };
    for Label { key, value } in labels {
        match value {
            Word::Text(text) => label(key.word, text),
            Word::Number(number) => label(key.word, &number.to_string()),
        }
    }
    if let Some((key, value)) = extra {
        label(key, value);
    }
    let end = if separator == ',' { "}" } else { "" };
    append(format_args!("{end} {value}\n"), out);
}

fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

fn append(text: std::fmt::Arguments<'_>, out: &mut String) {
    out.write_fmt(text).expect("writing to memory does not fail");
}
