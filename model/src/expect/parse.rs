//! From the text of an expectation to what it asks for, with every name and type checked.
//!
//! `function(subject) operator limit [in control]`, an event of a breaker or fault, or one of a few
//! phrases. Messages say what was written and what would fit.

use std::collections::BTreeMap;

use super::Expectation;
use super::check::{BreakerEvent, Check, INVARIANTS, Limit, Measure, Operator, Subject};
use crate::edge::Edge;
use crate::flow::Flow;
use crate::load::Group;
use crate::phase::{Phase, Timeline};
use crate::policy::EdgePolicy;
use crate::reading::nearest::hint;
use crate::reading::reader::{not_yet, shorten};
use crate::scenario::language;
use crate::units::parse_duration;

/// What an expectation may speak of.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The flows that load drives.
    pub flows: &'a [Flow],
    pub policies: &'a BTreeMap<Edge, EdgePolicy>,
    pub faults: &'a [String],
    /// There is a control group.
    pub control: bool,
    /// `None` when the file has mistakes that leave it open.
    pub timeline: Option<Timeline>,
}

const MEASURES: [(&str, Measure); 12] = [
    ("p50", Measure::Quantile(0.5)),
    ("p75", Measure::Quantile(0.75)),
    ("p90", Measure::Quantile(0.9)),
    ("p95", Measure::Quantile(0.95)),
    ("p99", Measure::Quantile(0.99)),
    ("p999", Measure::Quantile(0.999)),
    ("p99.9", Measure::Quantile(0.999)),
    ("mean", Measure::Mean),
    ("max", Measure::Max),
    ("rate", Measure::Rate),
    ("errors", Measure::Errors),
    ("attempts", Measure::Attempts),
];

/// The functions that an expectation may use, as it writes them.
pub fn functions() -> impl Iterator<Item = &'static str> + Clone {
    MEASURES.iter().map(|(name, _)| *name).chain(["breaker", "fault"])
}

impl Expectation {
    /// Reads one entry of `that` or `sometimes`.
    pub fn parse(
        text: &str,
        phase: Phase,
        sometimes: bool,
        known: &Known<'_>,
    ) -> Result<Self, String> {
        let check = parse_check(text.trim(), known)?;
        fits_phase(&check, phase, known)?;
        let event = matches!(check, Check::FaultHits { .. } | Check::Breaker { .. })
            && !matches!(check, Check::Breaker { event: BreakerEvent::StaysClosed, .. });
        if sometimes && !event {
            return Err(format!(
                "`sometimes` takes events, like \"breaker(orders -> payments) opens\" or \
                 \"fault(NAME) hits\"; \"{}\" belongs under `that`",
                shorten(text)
            ));
        }
        Ok(Self { phase, text: text.trim().to_owned(), sometimes, check })
    }
}

fn parse_check(text: &str, known: &Known<'_>) -> Result<Check, String> {
    if INVARIANTS.contains(&text) {
        return Ok(Check::Invariant { name: text.to_owned() });
    }
    if let Some(time) = text.strip_prefix("recovered within ") {
        let within = parse_duration(time).map_err(|error| error.to_string())?;
        if within.as_secs() == 0 {
            return Err("recovery is seen by the second, so it needs at least 1s".to_owned());
        }
        return Ok(Check::Recovered { within });
    }
    let Some((function, rest)) = text.split_once('(') else { return Err(foreign_phrase(text)) };
    let Some((subject, rest)) = rest.rsplit_once(')') else {
        return Err(format!("\"{}\" lacks a `)` after its subject", shorten(text)));
    };
    let (function, subject, rest) = (function.trim(), subject.trim(), rest.trim());
    match function {
        "breaker" => parse_breaker(subject, rest, known),
        "fault" => parse_fault(subject, rest, known),
        later if language::FUNCTIONS.contains(&later) => {
            Err(not_yet(&format!("the function \"{later}\"")))
        },
        _ => parse_measured(function, subject, rest, known),
    }
}

fn foreign_phrase(text: &str) -> String {
    if let Some(phrase) = language::PHRASES.iter().find(|phrase| text.starts_with(**phrase)) {
        return not_yet(&format!("\"{phrase}\""));
    }
    let phrases = INVARIANTS.iter().copied().chain(["recovered within 10s"]);
    let hint = hint(text, phrases);
    format!(
        "\"{}\" is no expectation: write one like \"p95(checkout) < 500ms\" or a phrase{hint}",
        shorten(text)
    )
}

fn parse_breaker(subject: &str, event: &str, known: &Known<'_>) -> Result<Check, String> {
    let edge = parse_edge(subject, known)?;
    if known.policies.get(&edge).is_none_or(|policy| policy.breaker.is_none()) {
        return Err(format!(
            "the edge {edge} has no breaker; give it one under [gateway.edge.\"{edge}\"]"
        ));
    }
    let found = BreakerEvent::ALL.into_iter().find(|known| known.as_str() == event);
    let event = found.ok_or_else(|| {
        let hint = hint(event, BreakerEvent::ALL.map(BreakerEvent::as_str));
        format!("unknown event of a breaker \"{}\"{hint}", shorten(event))
    })?;
    Ok(Check::Breaker { edge, event })
}

fn parse_fault(subject: &str, event: &str, known: &Known<'_>) -> Result<Check, String> {
    if !known.faults.iter().any(|fault| fault == subject) {
        let hint = hint(subject, known.faults.iter().map(String::as_str));
        return Err(format!("unknown fault \"{}\"{hint}", shorten(subject)));
    }
    if event != "hits" {
        let hint = hint(event, ["hits"]);
        return Err(format!("unknown event of a fault \"{}\"{hint}", shorten(event)));
    }
    Ok(Check::FaultHits { fault: subject.to_owned() })
}

fn parse_measured(
    function: &str,
    subject: &str,
    rest: &str,
    known: &Known<'_>,
) -> Result<Check, String> {
    let measure = measure(function)?;
    let subject = parse_subject(subject, known)?;
    if measure == Measure::Attempts && !matches!(subject, Subject::Edge(_)) {
        return Err(format!(
            "attempts are counted by edge, like attempts(orders -> payments); \"{subject}\" is a \
             flow"
        ));
    }
    compared(function, measure, subject, rest, known)
}

/// What stands after the subject: operator, limit, group.
fn compared(
    function: &str,
    measure: Measure,
    subject: Subject,
    rest: &str,
    known: &Known<'_>,
) -> Result<Check, String> {
    if language::COMPARISONS.iter().any(|comparison| rest.starts_with(comparison)) {
        return Err(not_yet("a comparison with another phase"));
    }
    let operator = Operator::ALL.into_iter().find(|operator| rest.starts_with(operator.as_str()));
    let operator = operator.ok_or_else(|| {
        format!("after {function}({subject}) stands <, <=, > or >=, got \"{}\"", shorten(rest))
    })?;
    let rest = rest.strip_prefix(operator.as_str()).unwrap_or_default().trim();
    let (limit, group) = parse_group(rest, &subject, known)?;
    if limit.contains(" for ") {
        return Err(not_yet("\"for\" after a limit"));
    }
    let limit = parse_limit(function, measure, limit)?;
    impossible(measure, operator, limit)?;
    Ok(Check::Measured { measure, subject, group, operator, limit })
}

fn measure(function: &str) -> Result<Measure, String> {
    known_measure(function).ok_or_else(|| {
        let hint = hint(function, functions());
        format!("unknown function \"{}\"{hint}", shorten(function))
    })
}

pub(super) fn known_measure(function: &str) -> Option<Measure> {
    MEASURES.iter().find(|(name, _)| *name == function).map(|(_, measure)| *measure)
}

/// What a load can measure by itself.
pub(super) fn load_measures() -> impl Iterator<Item = &'static str> + Clone {
    let own = |(_, measure): &&(&str, Measure)| *measure != Measure::Attempts;
    MEASURES.iter().filter(own).map(|(name, _)| *name)
}

fn parse_group<'t>(
    rest: &'t str,
    subject: &Subject,
    known: &Known<'_>,
) -> Result<(&'t str, Group), String> {
    let Some(limit) = rest.strip_suffix("in control") else { return Ok((rest, Group::Exposed)) };
    if matches!(subject, Subject::Edge(_)) {
        return Err(
            "edges are not counted by group; `in control` is for flows and steps".to_owned()
        );
    }
    if !known.control {
        return Err("there is no control group; give it a share with `control` in [run]".to_owned());
    }
    Ok((limit.trim(), Group::Control))
}

fn parse_edge(text: &str, known: &Known<'_>) -> Result<Edge, String> {
    let edge: Edge = text.parse().map_err(|error: crate::edge::EdgeError| error.to_string())?;
    if !known.policies.contains_key(&edge) {
        let names: Vec<String> = known.policies.keys().map(ToString::to_string).collect();
        let hint = hint(&edge.to_string(), names.iter().map(String::as_str));
        return Err(format!("unknown edge \"{edge}\"{hint}"));
    }
    Ok(edge)
}

fn parse_subject(text: &str, known: &Known<'_>) -> Result<Subject, String> {
    // No edge has a slash in it, but a step may have an arrow in its name.
    if text.contains("->") && !text.contains('/') {
        return parse_edge(text, known).map(Subject::Edge);
    }
    let (flow_name, step_name) = match text.split_once('/') {
        Some((flow, step)) => (flow.trim(), Some(step.trim())),
        None => (text, None),
    };
    let Some(flow) = known.flows.iter().find(|flow| flow.name == flow_name) else {
        let hint = hint(flow_name, known.flows.iter().map(|flow| flow.name.as_str()));
        return Err(format!("no load drives a flow \"{}\"{hint}", shorten(flow_name)));
    };
    let Some(step_name) = step_name else { return Ok(Subject::Flow(flow.name.clone())) };
    let steps = flow.steps.iter().map(|step| step.name.as_str());
    if !steps.clone().any(|name| name == step_name) {
        let hint = hint(step_name, steps);
        return Err(format!("the flow {flow_name} has no step \"{}\"{hint}", shorten(step_name)));
    }
    Ok(Subject::Step { flow: flow.name.clone(), step: step_name.to_owned() })
}

pub(super) fn parse_limit(function: &str, measure: Measure, text: &str) -> Result<Limit, String> {
    let wrong = |what: &str| format!("{function} takes {what}, you wrote \"{}\"", shorten(text));
    match measure {
        Measure::Quantile(_) | Measure::Mean | Measure::Max => parse_duration(text)
            .map(Limit::Duration)
            .map_err(|_not_a_duration| wrong("a duration like 500ms")),
        Measure::Errors => {
            text.parse().map(Limit::Share).map_err(|_not_a_share| wrong("a share like 2%"))
        },
        Measure::Rate => match crate::scenario::per_second(text) {
            Some(rate) => rate.map(Limit::PerSecond),
            None => Err(wrong("a rate like 40/s")),
        },
        Measure::Attempts => {
            let number = text.parse::<f64>().ok();
            let number = number.filter(|number| number.is_finite() && *number >= 0.0);
            number.map(Limit::Ratio).ok_or_else(|| wrong("attempts per request, a number like 1.2"))
        },
    }
}

/// Comparisons that hold always or never, whatever the run shows.
pub(super) fn impossible(measure: Measure, operator: Operator, limit: Limit) -> Result<(), String> {
    let below = matches!(operator, Operator::Less | Operator::LessOrEqual);
    let value = limit.value();
    if below && value <= 0.0 {
        return Err(format!(
            "no number of samples can show {measure} {} {limit}; write a limit above zero",
            operator.as_str()
        ));
    }
    if measure == Measure::Errors && !below && value >= 1.0 {
        return Err("no number of samples can show errors of 100% or more".to_owned());
    }
    let always = match operator {
        Operator::GreaterOrEqual => value <= 0.0,
        Operator::LessOrEqual => measure == Measure::Errors && value >= 1.0,
        Operator::Less | Operator::Greater => false,
    };
    if always {
        return Err(format!(
            "{measure} {} {limit} holds whatever the run shows, so it proves nothing",
            operator.as_str()
        ));
    }
    Ok(())
}

fn fits_phase(check: &Check, phase: Phase, known: &Known<'_>) -> Result<(), String> {
    match check {
        Check::Invariant { name } if phase != Phase::End => Err(format!(
            "\"{name}\" is read once the system is quiet; it belongs to the phase \"end\", \
             not \"{phase}\""
        )),
        Check::Recovered { .. } if phase != Phase::After => {
            Err(format!("recovery is watched in the phase \"after\", not \"{phase}\""))
        },
        Check::Recovered { .. } if known.faults.is_empty() => {
            Err("there is no [[fault]] to recover from".to_owned())
        },
        Check::Invariant { .. } | Check::Recovered { .. } => Ok(()),
        _ if phase == Phase::End => Err(
            "in the phase \"end\" load has stopped: it takes invariants like \"money conserved\""
                .to_owned(),
        ),
        _ => Ok(()),
    }
}
