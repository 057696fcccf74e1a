//! A reader of Prometheus' text format that forgives nothing.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
}

/// A page that follows the format.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) series: BTreeMap<Series, f64>,
    types: BTreeMap<String, String>,
}

impl Page {
    /// Panics at whatever a strict reader would refuse.
    pub(super) fn parse(text: &str) -> Self {
        assert!(text.is_empty() || text.ends_with('\n'), "the last line must end");
        let mut page = Self::default();
        let mut family: Option<(String, String)> = None;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').expect("a help text");
                assert!(is_name(name, true) && !words.is_empty(), "{line}");
                let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
                let (named, kind) = kind.expect("a type after the help").split_once(' ').unwrap();
                assert_eq!(named, name);
                assert!(["counter", "gauge", "histogram", "summary"].contains(&kind), "{kind}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
                let twice = page.types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(twice, None, "{name} is there twice");
                family = Some((name.to_owned(), kind.to_owned()));
            } else {
                let (series, value) = sample(line);
                let (name, kind) = family.as_ref().expect("a type before the first series");
                let suffix = series.name.strip_prefix(name.as_str()).expect("of its family");
                let suffixes: &[&str] = match kind.as_str() {
                    "histogram" => &["_bucket", "_sum", "_count"],
                    "summary" => &["", "_sum", "_count"],
                    _ => &[""],
                };
                assert!(suffixes.contains(&suffix), "{line}");
                assert!(kind == "gauge" || value >= 0.0, "{line}");
                let twice = page.series.insert(series, value);
                assert_eq!(twice, None, "{line} is there twice");
            }
        }
        page.check_histograms();
        page
    }

    /// Buckets rise, and the last one holds everything.
    fn check_histograms(&self) {
        let histograms = self.types.iter().filter(|(_, kind)| *kind == "histogram");
        for (name, _) in histograms {
            let bucket = format!("{name}_bucket");
            let without = |series: &Series| {
                let mut labels = series.labels.clone();
                labels.remove("le").expect("a bucket has an end");
                labels
            };
            let buckets: Vec<(&Series, &f64)> =
                self.series.iter().filter(|(series, _)| series.name == bucket).collect();
            let groups: BTreeSet<BTreeMap<String, String>> =
                buckets.iter().map(|(series, _)| without(series)).collect();
            for labels in groups {
                let mut ends: Vec<(f64, f64)> = buckets
                    .iter()
                    .filter(|(series, _)| without(series) == labels)
                    .map(|(series, count)| (number(&series.labels["le"]), **count))
                    .collect();
                ends.sort_by(|left, right| left.0.total_cmp(&right.0));
                assert!(ends.is_sorted_by(|left, right| left.0 < right.0 && left.1 <= right.1));
                let count = Series { name: format!("{name}_count"), labels };
                assert_eq!(ends.last(), Some(&(f64::INFINITY, self.series[&count])));
                let sum = Series { name: format!("{name}_sum"), ..count };
                assert!(self.series.contains_key(&sum), "{sum:?}");
            }
        }
    }
}

fn is_name(text: &str, colons: bool) -> bool {
    let fits =
        |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || (colons && letter == ':');
    text.chars().all(fits) && text.starts_with(|first: char| !first.is_ascii_digit())
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        _ => text.parse().unwrap_or_else(|_| panic!("{text:?} is no number")),
    }
}

/// `name{key="value",...} number`
fn sample(line: &str) -> (Series, f64) {
    let end = line.find(['{', ' ']).expect("a name and a value");
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name, true), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (key, quoted) = rest.split_once("=\"").expect("a label");
            assert!(is_name(key, false), "{line}");
            let (value, after) = unquote(quoted);
            let twice = labels.insert(key.to_owned(), value);
            assert_eq!(twice, None, "{line}");
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None => {
                    rest = after.strip_prefix('}').expect("the end of the labels");
                    break;
                },
            }
        }
    }
    let value = rest.strip_prefix(' ').expect("one space before the value");
    assert!(!value.contains(' '), "{line}");
    (Series { name: name.to_owned(), labels }, number(value))
}

/// The text up to the closing quote, and what comes after it.
fn unquote(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (text, &quoted[at + 1..]),
            '\\' => match letters.next().expect("an escaped letter").1 {
                'n' => text.push('\n'),
                escaped @ ('\\' | '"') => text.push(escaped),
                other => panic!("\\{other} is no escape"),
            },
            other => text.push(other),
        }
    }
    panic!("no closing quote in {quoted:?}");
}
