//! Prometheus' text format, version 0.0.4, for whoever counts by itself.

use std::fmt::Write as _;

/// Of a page in this format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a metric is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Names and values.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// A page that grows metric by metric.
#[derive(Debug, Default)]
pub struct Page {
    pub text: String,
}

impl Page {
    /// Begins a metric; its series follow.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.append(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// One series of a counter, or of a gauge that counts.
    pub fn count(&mut self, name: &str, labels: Labels<'_>, count: u64) {
        self.series(name, labels, None);
        self.append(format_args!(" {count}\n"));
    }

    /// One series of a gauge.
    pub fn gauge(&mut self, name: &str, labels: Labels<'_>, value: f64) {
        self.series(name, labels, None);
        self.append(format_args!(" {value}\n"));
    }

    /// `buckets` are upper bounds in seconds with the counts up to each.
    pub fn histogram(
        &mut self,
        name: &str,
        labels: Labels<'_>,
        buckets: &[(f64, u64)],
        (sum_s, count): (f64, u64),
    ) {
        let bucket = format!("{name}_bucket");
        for (bound_s, up_to) in buckets {
            self.series(&bucket, labels, Some(("le", &bound_s.to_string())));
            self.append(format_args!(" {up_to}\n"));
        }
        self.series(&bucket, labels, Some(("le", "+Inf")));
        self.append(format_args!(" {count}\n"));
        self.series(&format!("{name}_sum"), labels, None);
        self.append(format_args!(" {sum_s}\n"));
        self.count(&format!("{name}_count"), labels, count);
    }

    fn series(&mut self, name: &str, labels: Labels<'_>, more: Option<(&str, &str)>) {
        self.text.push_str(name);
        let mut separator = '{';
        for (key, value) in labels.iter().copied().chain(more) {
            self.append(format_args!("{separator}{key}=\""));
            for letter in value.chars() {
                match letter {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
            separator = ',';
        }
        if separator == ',' {
            self.text.push('}');
        }
    }

    fn append(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("writing to memory does not fail");
    }
}
