//! Limits of a load without a scenario: `p99 < 200ms`, `errors(checkout) < 1% over 10s in during`.
//!
//! The measures, comparisons and limits are those of expectations, and so is the way to judge: a
//! threshold holds when the whole 95 % interval is on the right side of the limit, and fails when
//! none of it is. What differs: the subject may be left out, which means all journeys, a step may
//! go by its name alone, and a threshold with `over` is judged in every window of that length. A
//! rate is what was counted, not an estimate, so it has no interval.

use std::time::Duration;

use super::check::{Limit, Measure, Operator, Subject};
use super::estimate::{Estimate, describe_value, samples_needed};
use super::parse;
use super::sample::Sample;
use crate::flow::Flow;
use crate::frame::Verdict;
use crate::hdr::Durations;
use crate::phase::{Phase, Timeline};
use crate::reading::nearest::hint;
use crate::reading::reader::shorten;
use crate::units::{format_duration, parse_duration};

/// A limit that a load keeps, or breaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// As written.
    pub text: String,
    pub measure: Measure,
    /// `None` means all journeys.
    pub subject: Option<Subject>,
    pub operator: Operator,
    pub limit: Limit,
    /// Judged in every window of so many whole seconds; `None` over all that is judged.
    pub over: Option<Duration>,
    /// `None` means all phases but warm-up.
    pub phase: Option<Phase>,
}

/// What was measured of a threshold's subject.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// How long journeys took, in microseconds.
    pub known: Durations,
    /// How long they took at least.
    pub censored: Durations,
    /// Of these not even that is known.
    pub untimed: u64,
    /// Those that completed.
    pub completed: u64,
    /// Those that did not.
    pub errors: u64,
    pub seconds: f64,
}

impl Measured {
    /// Takes in what was measured of another time; how long this is of stays.
    pub fn absorb(&mut self, other: &Self) {
        self.known.add(&other.known);
        self.censored.add(&other.censored);
        self.untimed += other.untimed;
        self.completed += other.completed;
        self.errors += other.errors;
    }
}

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub verdict: Verdict,
    /// With the interval: `1.21s (1.18s..1.25s, n=1200)`.
    pub observed: String,
    /// Why it is not a pass; empty for a pass.
    pub detail: String,
    /// It is unclear because there were too few samples, and not because it is too close to call.
    pub few: bool,
}

impl Threshold {
    /// Reads a threshold about these flows.
    pub fn parse(text: &str, flows: &[Flow], timeline: Timeline) -> Result<Self, String> {
        let text = text.trim();
        let (rest, phase) = split_phase(text, timeline)?;
        let (rest, over) = split_window(rest, timeline)?;
        // A subject may hold an arrow, and is then told to be no flow.
        let after = rest.rfind(')').unwrap_or_default();
        let at = rest[after..].find(['<', '>']).ok_or_else(|| {
            format!("\"{}\" compares nothing: write one like \"p99 < 200ms\"", shorten(text))
        })?;
        let at = after + at;
        let (left, right) = rest.split_at(at);
        let operator =
            Operator::ALL.into_iter().find(|operator| right.starts_with(operator.as_str()));
        let operator = operator.unwrap_or(Operator::Less);
        let limit_text = right.strip_prefix(operator.as_str()).unwrap_or_default().trim();
        let (function, subject) = split_subject(left.trim(), flows)?;
        let measure = measure(function)?;
        let limit = parse::parse_limit(function, measure, limit_text)?;
        parse::impossible(measure, operator, limit)?;
        Ok(Self { text: text.to_owned(), measure, subject, operator, limit, over, phase })
    }

    /// Judges what was measured so far.
    pub fn judge(&self, measured: &Measured) -> Judgement {
        self.judged(measured, false)
    }

    /// Judges what was measured when nothing more comes.
    pub fn judge_all(&self, measured: &Measured) -> Judgement {
        self.judged(measured, true)
    }

    fn judged(&self, measured: &Measured, are_all: bool) -> Judgement {
        let sample = Sample::of_durations(measured);
        let estimate = self.estimate(measured, &sample);
        let needed = match self.measure {
            Measure::Rate => 0,
            measure => samples_needed(measure, self.operator, self.limit),
        };
        let few = estimate.samples < needed;
        let verdict = estimate.verdict(self.measure, self.operator, self.limit, (needed, are_all));
        let show = |value| describe_value(self.measure, value);
        let detail = match verdict {
            Verdict::Unclear if few => {
                format!("needs {needed} samples, has {}", estimate.samples)
            },
            Verdict::Unclear => format!(
                "the limit {} lies inside the interval {}..{}",
                self.limit,
                show(estimate.low),
                show(estimate.high)
            ),
            Verdict::Fail => format!("not {} {}", self.operator.as_str(), self.limit),
            _ => String::new(),
        };
        let observed = match self.measure {
            Measure::Rate => show(estimate.value),
            measure => estimate.describe(measure),
        };
        let few = verdict == Verdict::Unclear && few;
        Judgement { verdict, observed, detail, few }
    }

    fn estimate(&self, measured: &Measured, sample: &Sample) -> Estimate {
        if self.measure != Measure::Rate {
            return Estimate::of(self.measure, sample);
        }
        let value = measured.completed as f64 / measured.seconds.max(1e-9);
        Estimate { value, low: value, high: value, samples: measured.completed }
    }
}

fn split_phase(text: &str, timeline: Timeline) -> Result<(&str, Option<Phase>), String> {
    let Some((rest, name)) = text.rsplit_once(" in ") else { return Ok((text, None)) };
    let name = name.trim();
    let judged = [Phase::Before, Phase::During, Phase::After];
    let Some(phase) = judged.into_iter().find(|phase| phase.as_str() == name) else {
        let hint = hint(name, judged.map(Phase::as_str));
        return Err(format!("unknown phase \"{}\"{hint}", shorten(name)));
    };
    let (start_ms, end_ms) = timeline.window_ms(phase);
    if start_ms >= end_ms {
        let has: Vec<&str> = judged
            .into_iter()
            .filter(|phase| {
                let (start_ms, end_ms) = timeline.window_ms(*phase);
                start_ms < end_ms
            })
            .map(Phase::as_str)
            .collect();
        return Err(format!("this load has no phase \"{name}\"; it has {}", has.join(", ")));
    }
    Ok((rest.trim(), Some(phase)))
}

fn split_window(text: &str, timeline: Timeline) -> Result<(&str, Option<Duration>), String> {
    let Some((rest, window)) = text.rsplit_once(" over ") else { return Ok((text, None)) };
    let over = parse_duration(window).map_err(|error| error.to_string())?;
    if over.is_zero() || over.subsec_nanos() != 0 {
        return Err(format!(
            "a window is whole seconds, like \"10s\"; got \"{}\"",
            shorten(window)
        ));
    }
    let judged_ms = timeline.end_ms.saturating_sub(timeline.before_ms);
    if over.as_millis() > u128::from(judged_ms) {
        return Err(format!(
            "a window of {} is longer than all that is judged, {}",
            format_duration(over),
            format_duration(Duration::from_millis(judged_ms))
        ));
    }
    Ok((rest.trim(), Some(over)))
}

fn split_subject<'t>(text: &'t str, flows: &[Flow]) -> Result<(&'t str, Option<Subject>), String> {
    let Some((function, rest)) = text.split_once('(') else { return Ok((text, None)) };
    let Some(name) = rest.trim().strip_suffix(')') else {
        return Err(format!("\"{}\" lacks a `)` after its subject", shorten(text)));
    };
    Ok((function.trim(), Some(subject(name.trim(), flows)?)))
}

/// A flow, `flow/step`, or the name of a step that only one flow has.
fn subject(name: &str, flows: &[Flow]) -> Result<Subject, String> {
    if flows.iter().any(|flow| flow.name == name) {
        return Ok(Subject::Flow(name.to_owned()));
    }
    let steps: Vec<(&str, &str)> = flows
        .iter()
        .flat_map(|flow| flow.steps.iter().map(|step| (flow.name.as_str(), step.name.as_str())))
        .collect();
    let named = |(flow, step): &&(&str, &str)| {
        *step == name
            || name.split_once('/').is_some_and(|(f, s)| (f.trim(), s.trim()) == (*flow, *step))
    };
    let found: Vec<_> = steps.iter().filter(named).collect();
    match found.as_slice() {
        [(flow, step)] => Ok(Subject::Step { flow: (*flow).to_owned(), step: (*step).to_owned() }),
        [] => {
            let names = flows
                .iter()
                .map(|flow| flow.name.as_str())
                .chain(steps.iter().map(|(_, step)| *step));
            let hint = hint(name, names);
            Err(format!("no flow or step is named \"{}\"{hint}", shorten(name)))
        },
        [(flow, step), ..] => Err(format!(
            "several flows have a step \"{}\"; say which, like \"{flow}/{step}\"",
            shorten(name)
        )),
    }
}

/// Also percentiles that expectations have no name for, like `p99.99`.
fn measure(function: &str) -> Result<Measure, String> {
    match parse::known_measure(function) {
        Some(Measure::Attempts) => {
            Err("attempts are seen by the gateway, not by a load; see docs/scenarios.md".to_owned())
        },
        Some(measure) => Ok(measure),
        None => {
            let percent = function.strip_prefix('p').and_then(|text| text.parse::<f64>().ok());
            let percent = percent.filter(|percent| *percent > 0.0 && *percent < 100.0);
            percent.map(|percent| Measure::Quantile(percent / 100.0)).ok_or_else(|| {
                let hint = hint(function, parse::load_measures());
                format!("unknown function \"{}\"{hint}", shorten(function))
            })
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMELINE: Timeline =
        Timeline { before_ms: 5_000, during_ms: 5_000, after_ms: 35_000, end_ms: 35_000 };

    fn flows() -> Vec<Flow> {
        serde_json::from_value(serde_json::json!([
            {"name": "look", "steps": [
                {"name": "home", "method": "GET", "path": "/"},
                {"name": "item", "method": "GET", "path": "/item"},
            ]},
            {"name": "buy", "steps": [{"name": "item", "method": "GET", "path": "/item"}]},
        ]))
        .unwrap()
    }

    fn parse(text: &str) -> Result<Threshold, String> {
        Threshold::parse(text, &flows(), TIMELINE)
    }

    #[test]
    fn every_part_but_the_comparison_may_be_left_out() {
        let threshold = parse("p99 < 200ms").unwrap();
        assert_eq!((threshold.measure, &threshold.subject), (Measure::Quantile(0.99), &None));
        assert_eq!((threshold.over, threshold.phase), (None, None));
        let threshold = parse("errors(buy) <= 1% over 10s in during").unwrap();
        assert_eq!(threshold.subject, Some(Subject::Flow("buy".into())));
        assert_eq!(threshold.operator, Operator::LessOrEqual);
        assert_eq!(threshold.over, Some(Duration::from_secs(10)));
        assert_eq!(threshold.phase, Some(Phase::During));
        let step =
            |flow: &str, step: &str| Some(Subject::Step { flow: flow.into(), step: step.into() });
        assert_eq!(parse("p50(home)<1ms").unwrap().subject, step("look", "home"));
        assert_eq!(parse("p50( buy/item ) < 1ms").unwrap().subject, step("buy", "item"));
        let Measure::Quantile(fraction) = parse("p99.99 < 1s").unwrap().measure else { panic!() };
        assert!((fraction - 0.9999).abs() < 1e-9);
        assert_eq!(parse("rate > 1990/s").unwrap().limit, Limit::PerSecond(1990.0));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_fit() {
        for (text, told) in [
            ("p99", "compares nothing: write one like \"p99 < 200ms\""),
            ("p99 < fast", "p99 takes a duration like 500ms"),
            ("p99(hom) < 1ms", "no flow or step is named \"hom\""),
            ("p99(item) < 1ms", "several flows have a step \"item\"; say which"),
            ("p99(home < 1ms", "lacks a `)`"),
            ("errors < 1ms", "errors takes a share like 2%"),
            ("rate > 5", "rate takes a rate like 40/s"),
            ("erors < 1%", "did you mean \"errors\""),
            ("attempts < 2", "seen by the gateway"),
            ("p99 < 1ms in befor", "did you mean \"before\""),
            ("p99 < 1ms in before", "has no phase \"before\"; it has during"),
            ("p99 < 1ms over 1500ms", "a window is whole seconds"),
            ("p99 < 1ms over 1m", "longer than all that is judged, 30s"),
            ("errors >= 0%", "holds whatever the run shows"),
        ] {
            let refused = parse(text).expect_err(text);
            assert!(refused.contains(told), "{text}: {refused}");
        }
    }

    fn measured(count: u64, us: u64, errors: u64) -> Measured {
        let mut histogram = crate::hdr::empty();
        histogram.record_n(us, count).unwrap();
        let known = Durations::from(&histogram);
        Measured { known, errors, completed: count - errors, seconds: 10.0, ..Measured::default() }
    }

    #[test]
    fn four_hundred_slow_requests_were_too_few_for_a_percentile_to_fail() {
        let threshold = parse("p99 < 4ms").unwrap();
        for (count, us, so_far, of_all) in [
            (400, 5_000, Verdict::Unclear, Verdict::Fail),
            (10, 5_000, Verdict::Unclear, Verdict::Fail),
            (9, 5_000, Verdict::Unclear, Verdict::Unclear),
            // That it holds takes more.
            (400, 3_000, Verdict::Unclear, Verdict::Unclear),
            (1_000, 3_000, Verdict::Pass, Verdict::Pass),
        ] {
            let sample = measured(count, us, 0);
            let got = (threshold.judge(&sample).verdict, threshold.judge_all(&sample).verdict);
            assert_eq!(got, (so_far, of_all), "{count} of {us} us");
        }
    }

    #[test]
    fn a_threshold_is_judged_by_the_whole_interval() {
        let verdict =
            |text: &str, measured: &Measured| parse(text).unwrap().judge(measured).verdict;
        let sample = measured(10_000, 5_000, 50);
        assert_eq!(verdict("p99 < 6ms", &sample), Verdict::Pass);
        assert_eq!(verdict("p99 < 4ms", &sample), Verdict::Fail);
        assert_eq!(verdict("errors < 1%", &sample), Verdict::Pass);
        assert_eq!(verdict("errors < 0.5%", &sample), Verdict::Unclear);
        assert_eq!(verdict("errors < 0.3%", &sample), Verdict::Fail);
        assert_eq!(verdict("p99 < 6ms", &measured(500, 5_000, 0)), Verdict::Unclear);
        assert_eq!(verdict("rate > 994/s", &sample), Verdict::Pass);
        assert_eq!(verdict("rate > 996/s", &sample), Verdict::Fail);
        assert_eq!(
            verdict("rate > 1/s", &Measured { seconds: 1.0, ..Measured::default() }),
            Verdict::Fail
        );
        // One in fifty never ended: the p99 has no upper bound.
        let mut cut = sample;
        cut.untimed = 200;
        assert_eq!(verdict("p99 < 6ms", &cut), Verdict::Unclear);
        assert_eq!(verdict("p50 < 6ms", &cut), Verdict::Pass);
    }
}
