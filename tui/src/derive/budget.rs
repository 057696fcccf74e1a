//! How much of its limit an expectation has used, read from its words.
//!
//! A frame carries an expectation as it was written (`p99(checkout) < 200ms`) and what was observed
//! (`121ms (115ms..128ms, n=1800)`). Where both are one number of one unit, one can be held against
//! the other; everything else has no budget.

/// A limit and what was observed of it, in one unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    pub observed: f64,
    pub limit: f64,
    /// The limit is the most that may be observed, else the least.
    pub at_most: bool,
}

impl Budget {
    /// Part of the limit that is used: 1 is all of it, more is too much.
    pub fn used(self) -> f64 {
        let (part, whole) =
            if self.at_most { (self.observed, self.limit) } else { (self.limit, self.observed) };
        match (part, whole) {
            (part, _) if part <= 0.0 => 0.0,
            (_, whole) if whole <= 0.0 => f64::INFINITY,
            (part, whole) => part / whole,
        }
    }
}

/// What a number counts; numbers of different kinds cannot be held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Seconds,
    Percent,
    PerSecond,
    Plain,
}

/// A limit as an expectation has it in its words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    pub value: f64,
    /// It is the most that may be observed, else the least.
    pub at_most: bool,
    kind: Kind,
}

impl Limit {
    /// `None` for an expectation without a limit that is one number.
    pub fn of(text: &str) -> Option<Self> {
        let (at_most, limit) = limit(text)?;
        let (value, kind) = quantity(limit.split_whitespace().next()?)?;
        Some(Self { value, at_most, kind })
    }

    /// What was observed, held against it.
    pub fn against(&self, observed: &str) -> Option<Budget> {
        let (observed, of) = quantity(observed.split_whitespace().next()?)?;
        let budget = Budget { observed, limit: self.value, at_most: self.at_most };
        (self.kind == of).then_some(budget)
    }

    /// A value in its unit, for people.
    pub fn written(&self, value: f64) -> String {
        match self.kind {
            Kind::Seconds if value < 1.0 => format!("{} ms", rounded(value * 1e3)),
            Kind::Seconds => format!("{} s", rounded(value)),
            Kind::Percent => format!("{}%", rounded(value)),
            Kind::PerSecond => format!("{}/s", rounded(value)),
            Kind::Plain => rounded(value),
        }
    }
}

pub fn read(text: &str, observed: &str) -> Option<Budget> {
    Limit::of(text)?.against(observed)
}

/// To three digits, as far as they are behind the point.
fn rounded(value: f64) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        10.0..100.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// Whether it is the most, and the text behind the comparison. The arrow of an edge is none.
fn limit(text: &str) -> Option<(bool, &str)> {
    let compares = |at: &usize| {
        let (before, after) = text.split_at(*at);
        after.starts_with('<') || (after.starts_with('>') && !before.ends_with('-'))
    };
    match text.char_indices().map(|(at, _)| at).rfind(compares) {
        Some(at) => {
            let rest = text[at + 1..].trim_start_matches('=');
            Some((text[at..].starts_with('<'), rest))
        },
        None => text.rsplit_once("within ").map(|(_, rest)| (true, rest)),
    }
}

fn quantity(text: &str) -> Option<(f64, Kind)> {
    let is_number = |letter: char| letter.is_ascii_digit() || letter == '.';
    let end = text.find(|letter| !is_number(letter)).unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let (factor, kind) = match &text[end..] {
        "us" => (1e-6, Kind::Seconds),
        "ms" => (1e-3, Kind::Seconds),
        "s" => (1.0, Kind::Seconds),
        "m" => (60.0, Kind::Seconds),
        "h" => (3_600.0, Kind::Seconds),
        "%" => (1.0, Kind::Percent),
        "/s" => (1.0, Kind::PerSecond),
        "" => (1.0, Kind::Plain),
        _ => return None,
    };
    Some((number * factor, kind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn limits_and_observations_are_read_from_their_words() {
        for (text, observed, used) in [
            ("p99(checkout) < 200ms", "150ms (115ms..158ms, n=1800)", Some(0.75)),
            ("p99(checkout) < 1500ms in control", "3s (1.79s..1.92s)", Some(2.0)),
            ("errors(checkout) <= 2%", "1% (0.7%..1.6%, n=1920)", Some(0.5)),
            ("attempts(orders -> payments) < 1.2", "0.6 (n=1440)", Some(0.5)),
            ("rate > 40/s", "80/s", Some(0.5)),
            ("rate > 40/s", "0/s", Some(f64::INFINITY)),
            ("errors(checkout) < 0%", "0%", Some(0.0)),
            ("errors(checkout) < 0%", "1%", Some(f64::INFINITY)),
            ("recovered within 10s", "4s", Some(0.4)),
            ("checkout recovers within 1m", "30s", Some(0.5)),
            ("breaker(orders -> payments) opens", "opens 3 times", None),
            ("money conserved", "", None),
            ("p99(checkout) < 200ms", "", None),
            ("p99(checkout) < 200ms", "5%", None),
            ("p99(checkout) <", "5ms", None),
            ("a -> b < c", "5ms", None),
        ] {
            let got = read(text, observed).map(Budget::used);
            match (got, used) {
                (Some(got), Some(used)) => {
                    assert!(
                        got.total_cmp(&used).is_eq() || (got - used).abs() < 1e-9,
                        "{text} {observed}: {got}"
                    );
                },
                (got, used) => assert_eq!(got, used, "{text} {observed}"),
            }
        }
    }

    #[test]
    fn values_are_written_in_the_unit_of_the_limit() {
        for (text, value, expected) in [
            ("p99(checkout) < 200ms", 0.150_4, "150 ms"),
            ("p99(checkout) < 200ms", 0.012_34, "12.3 ms"),
            ("recovered within 10s", 4.0, "4 s"),
            ("errors(checkout) < 5%", 0.456, "0.46%"),
            ("rate > 40/s", 120.4, "120/s"),
            ("attempts(a -> b) < 1.3", 1.0, "1"),
        ] {
            assert_eq!(Limit::of(text).unwrap().written(value), expected, "{text}");
        }
        assert!(Limit::of("errors(checkout) < 5%").unwrap().at_most);
        assert!(!Limit::of("rate > 40/s").unwrap().at_most);
        assert_eq!(Limit::of("money conserved"), None);
    }

    proptest! {
        #[test]
        fn any_words_are_read_without_a_panic(text in "\\PC{0,40}[<>]?\\PC{0,10}", seen in "\\PC{0,20}") {
            let used = read(&text, &seen).map_or(0.0, Budget::used);
            prop_assert!(used >= 0.0);
        }
    }
}
