//! `--find-limit`: tries rates until it is known at which an objective stops to hold.
//!
//! A rate holds when the objective does over the whole trial; one that clearly fails ends its trial
//! early, because an overloaded system only gets worse. Each trial begins with a second that is not
//! judged, and the next one waits until the last answer is in.

use std::collections::BTreeMap;
use std::time::Duration;

use loadgen::limit::{Bound, Limit, Search, Trial};
use loadgen::summary::{Book, Decoded, Setting};
use model::expect::Threshold;
use model::limits::RATE_PER_S_MAX;
use model::load::Validity;
use model::phase::Timeline;
use serde::{Deserialize, Serialize};
use telemetry::clock::Clock;
use telemetry::shutdown::Shutdown;

use super::drive::{DriveError, End, Look, drive};
use super::judge::{Held, Judge};
use super::live::Live;
use super::plan::{self, PlanError, Requests, Terms};
use super::text::number;
use crate::cli::{LoadArguments, Rate};
use crate::result::ExitCode;

/// Seconds in a row that must fail before a trial ends early.
const FAILED_SECONDS: u32 = 3;
/// Warm-up of a trial unless the arguments ask for more.
const SETTLE: Duration = Duration::from_secs(1);

/// One rate that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeResult {
    pub rate_per_s: f64,
    /// Of the objective.
    pub verdict: Held,
    /// With the interval.
    pub observed: String,
    pub detail: String,
    /// It is unclear for want of requests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub few: bool,
    /// How long was judged.
    pub judged_s: f64,
    pub completed_per_s: f64,
    pub validity: Validity,
}

/// What the search has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitResult {
    /// Always 1 in files that this version writes.
    pub format: u32,
    pub requests: String,
    pub objective: String,
    /// Highest rate at which the objective held, tried at least twice unless interrupted.
    pub holds_per_s: Option<f64>,
    /// Lowest rate at which it did not, or, with the bound `generator`, at which the load generator
    /// could not keep its promise.
    pub fails_per_s: Option<f64>,
    /// With the bound `unclear`, lowest rate at which it could not be decided.
    #[serde(default)]
    pub unclear_per_s: Option<f64>,
    /// `system`, `generator`, `unclear` when the rate above could not be decided, `highest` when
    /// the highest rate that can be asked for held, or `unknown` when the search was interrupted
    /// before any rate failed.
    pub bound: String,
    /// The search was ended before it was over.
    pub interrupted: bool,
    pub probes: Vec<ProbeResult>,
    pub exit_code: ExitCode,
}

/// Why a search has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrialError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Drive(#[from] DriveError),
}

/// Everything that stays the same from trial to trial.
pub(super) struct Trials<'a> {
    pub(super) arguments: &'a LoadArguments,
    pub(super) requests: &'a Requests,
    pub(super) terms: &'a Terms,
    pub(super) objective: Threshold,
    pub(super) timeline: Timeline,
    /// What the set-up of a file has saved.
    pub(super) saved: BTreeMap<String, String>,
}

/// Of each trial.
pub(super) fn timeline(terms: &Terms) -> Result<Timeline, PlanError> {
    if terms.start_per_s().is_none() {
        return Err(PlanError::NeedsRate("--find-limit"));
    }
    plan::timeline(terms.warmup.max(SETTLE), terms.length)
}

impl Trials<'_> {
    pub(super) async fn search(
        &self,
        signals: &mut Shutdown,
        clock: &Clock,
    ) -> Result<LimitResult, TrialError> {
        let start_per_s = self.terms.start_per_s().expect("a search begins at a number");
        let mut search = Search::new(start_per_s, RATE_PER_S_MAX, self.arguments.precision);
        let mut probes = Vec::new();
        let mut interrupted = false;
        while let Some(rate_per_s) = search.next_rate() {
            let (probe, end) = self.probe(rate_per_s, signals, clock).await?;
            if let End::Interrupted(_) = end {
                interrupted = true;
                break;
            }
            if !self.arguments.quiet {
                crate::say(&probe_line(&probe));
            }
            search.learn(rate_per_s, trial_of(&probe));
            probes.push(probe);
        }
        Ok(self.result(search.limit(), probes, interrupted))
    }

    async fn probe(
        &self,
        rate_per_s: f64,
        signals: &mut Shutdown,
        clock: &Clock,
    ) -> Result<(ProbeResult, End), TrialError> {
        let rate = Some(Rate::PerSecond(rate_per_s));
        let arguments = LoadArguments { rate, ..self.arguments.clone() };
        let terms = Terms::new(&arguments, self.requests)?;
        let mut plan = plan::plan(&arguments, self.requests, &terms, self.timeline);
        plan.setup.clone_from(&self.saved);
        let live = Live::lines(self.arguments.quiet);
        let mut judge = None;
        let thresholds = vec![self.objective.clone()];
        let look = |setting: &Setting| {
            let judge = judge.insert(Judge::new(thresholds, setting.clone()));
            Watch { live: &live, judge, failed: 0 }
        };
        let driven = drive(plan, look, signals, clock).await;
        let (driven, judge) = (driven?, judge.expect("it was made when the load began"));
        let summary = driven.book.summary(driven.reached_ms, true);
        let validity = summary.trust.verdict;
        let mut judged = judge.finish(&driven.book, driven.reached_ms, validity);
        let judged = judged.remove(0);
        let probe = ProbeResult {
            rate_per_s,
            verdict: judged.verdict,
            observed: judged.observed,
            detail: judged.detail,
            few: judged.few,
            judged_s: summary.judged_s,
            completed_per_s: summary.rates.completed_per_s,
            validity,
        };
        Ok((probe, driven.end))
    }

    fn result(&self, limit: Limit, probes: Vec<ProbeResult>, interrupted: bool) -> LimitResult {
        let exit_code = match (limit.bound, limit.holds_per_s) {
            _ if interrupted => ExitCode::Interrupted,
            (Bound::Generator, None) => ExitCode::LoadInvalid,
            (Bound::Generator, Some(_)) | (Bound::Unclear, None) => ExitCode::Inconclusive,
            (_, None) => ExitCode::Failed,
            (_, Some(_)) => ExitCode::Pass,
        };
        let bound = match limit.bound {
            Bound::System => "system",
            Bound::Generator => "generator",
            Bound::Unclear => "unclear",
            Bound::Highest if interrupted => "unknown",
            Bound::Highest => "highest",
        };
        let undecided = limit.bound == Bound::Unclear;
        LimitResult {
            format: 1,
            requests: self.requests.describe(),
            objective: self.objective.text.clone(),
            holds_per_s: limit.holds_per_s,
            fails_per_s: if undecided { lowest_failed(&probes) } else { limit.fails_per_s },
            unclear_per_s: limit.fails_per_s.filter(|_| undecided),
            bound: bound.to_owned(),
            interrupted,
            probes,
            exit_code,
        }
    }
}

fn trial_of(probe: &ProbeResult) -> Trial {
    match probe.verdict {
        Held::Pass => Trial::Meets,
        Held::Fail => Trial::Misses,
        Held::Unclear if probe.few => Trial::TooFew,
        Held::Unclear => Trial::Unclear,
        Held::NotJudged => Trial::Invalid,
    }
}

struct Watch<'a> {
    live: &'a Live,
    judge: &'a mut Judge,
    /// Seconds in a row by which the objective has failed.
    failed: u32,
}

impl Look for Watch<'_> {
    fn second(&mut self, report: Decoded, book: &Book) -> Option<String> {
        self.live.second(&report, book);
        let failed = self.judge.second(report, book);
        self.failed = if failed.is_some() { self.failed + 1 } else { 0 };
        failed.filter(|_| self.failed >= FAILED_SECONDS)
    }
}

fn probe_line(probe: &ProbeResult) -> String {
    let rate = format!("{}/s", number(probe.rate_per_s));
    format!("{rate:>12}  {:<10} {}", verdict(probe), observed(probe))
}

/// With the reason where nothing else says it.
fn observed(probe: &ProbeResult) -> String {
    match probe.verdict {
        Held::Unclear => format!("{}: {}", probe.observed, probe.detail),
        _ => probe.observed.clone(),
    }
}

fn verdict(probe: &ProbeResult) -> &'static str {
    match probe.verdict {
        Held::Pass => "holds",
        Held::Fail => "fails",
        Held::Unclear => "unclear",
        Held::NotJudged => "INVALID",
    }
}

/// The result for people.
pub(super) fn text(result: &LimitResult) -> String {
    let mut lines = vec![result.requests.clone(), String::new()];
    lines.push(format!(
        "{:>12}  {:<10} {:>8}  {:>12}  observed",
        "rate", "verdict", "judged", "completed"
    ));
    for probe in &result.probes {
        let (rate, done) = (number(probe.rate_per_s), number(probe.completed_per_s));
        lines.push(format!(
            "{:>12}  {:<10} {:>7.1}s  {:>12}  {}",
            format!("{rate}/s"),
            verdict(probe),
            probe.judged_s,
            format!("{done}/s"),
            observed(probe)
        ));
    }
    lines.push(String::new());
    lines.push(format!("Limit      {}: {}", result.objective, conclusion(result)));
    if result.interrupted {
        lines.push("           the search was interrupted; the limit lies further in".to_owned());
    }
    lines.join("\n")
}

fn conclusion(result: &LimitResult) -> String {
    let rate = |rate: f64| format!("{}/s", number(rate));
    let above = result.unclear_per_s.or(result.fails_per_s);
    match (result.holds_per_s, above, result.bound.as_str()) {
        (Some(holds), Some(fails), "system") => {
            let not = if has_failed(result, fails) { "does not" } else { "cannot be shown to" };
            format!("holds up to {}, and {not} at {}", rate(holds), rate(fails))
        },
        (Some(holds), Some(unclear), "unclear") => {
            format!("holds up to {}, and above it is {}", rate(holds), undecided(result, unclear))
        },
        (None, Some(unclear), "unclear") => undecided(result, unclear),
        (Some(holds), Some(fails), _) => format!(
            "holds at {}; at {} this load generator could not keep its promise, so the system may \
             bear more",
            rate(holds),
            rate(fails)
        ),
        (Some(holds), None, _) => format!("holds at {} and nothing higher was tried", rate(holds)),
        (None, Some(_), "generator") => {
            "the load generator could not keep its promise at any rate".to_owned()
        },
        (None, Some(fails), _) => format!("does not even hold at {}", rate(fails)),
        (None, None, _) => "no rate was tried to its end".to_owned(),
    }
}

fn is_at(probe: &ProbeResult, rate_per_s: f64) -> bool {
    (probe.rate_per_s - rate_per_s).abs() <= 1e-9 * rate_per_s
}

/// Or was every trial of it too close to call?
fn has_failed(result: &LimitResult, rate_per_s: f64) -> bool {
    let mut probes = result.probes.iter().filter(|probe| is_at(probe, rate_per_s));
    probes.any(|probe| probe.verdict == Held::Fail)
}

fn lowest_failed(probes: &[ProbeResult]) -> Option<f64> {
    let failed = probes.iter().filter(|probe| probe.verdict == Held::Fail);
    failed.map(|probe| probe.rate_per_s).reduce(f64::min)
}

/// A rate of which no trial said anything, and why; what fails above it is known all the same.
fn undecided(result: &LimitResult, rate_per_s: f64) -> String {
    let rate = |rate: f64| format!("{}/s", number(rate));
    let last = result.probes.iter().rev().find(|probe| is_at(probe, rate_per_s));
    let why = last.map_or_else(String::new, |probe| format!(" ({})", probe.detail));
    let advice = match last {
        Some(probe) if probe.few && result.fails_per_s.is_none() => {
            "longer (--for), or begin higher (--rate)"
        },
        _ => "longer (--for)",
    };
    let fails = result.fails_per_s.map(|fails| format!("; it does not hold at {}", rate(fails)));
    let fails = fails.unwrap_or_default();
    format!("unclear at {}{why}{fails}; try it for {advice}", rate(rate_per_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unclear(rate_per_s: f64, few: bool, detail: &str) -> ProbeResult {
        ProbeResult {
            rate_per_s,
            verdict: Held::Unclear,
            observed: "1ms (0.9ms..1.1ms, n=250)".into(),
            detail: detail.into(),
            few,
            judged_s: 10.0,
            completed_per_s: rate_per_s,
            validity: Validity::Valid,
        }
    }

    #[test]
    fn a_search_of_unclear_trials_said_that_the_objective_does_not_hold() {
        let arguments = ["shakedown", "load", "http://127.0.0.1:1/", "--find-limit", "p99.9 < 1s"];
        let parsed = crate::cli::parse(arguments.into_iter().map(Into::into)).unwrap();
        let crate::cli::Command::Load(arguments) = parsed.command else { panic!("a load") };
        let requests = Requests::read(&arguments).unwrap();
        let terms = Terms::new(&arguments, &requests).unwrap();
        let timeline = timeline(&terms).unwrap();
        let objective = Threshold::parse("p99.9 < 1s", &requests.flows, timeline).unwrap();
        let trials = Trials {
            arguments: &arguments,
            requests: &requests,
            terms: &terms,
            objective,
            timeline,
            saved: BTreeMap::new(),
        };
        for (few, detail) in [(true, "needs 1000 samples, has 250"), (false, "inside the interval")]
        {
            let mut search = Search::new(25.0, RATE_PER_S_MAX, 0.05);
            let mut probes = Vec::new();
            while let Some(rate_per_s) = search.next_rate() {
                let probe = unclear(rate_per_s, few, detail);
                search.learn(rate_per_s, trial_of(&probe));
                probes.push(probe);
            }
            let result = trials.result(search.limit(), probes, false);
            assert!(result.fails_per_s.is_none() && result.unclear_per_s.is_some(), "{result:?}");
            assert_eq!(
                (result.exit_code, result.bound.as_str()),
                (ExitCode::Inconclusive, "unclear")
            );
            let text = text(&result);
            let (table, limit) = text.split_once("Limit ").unwrap();
            assert!(table.contains(detail) && limit.contains(detail), "{text}");
            assert!(limit.contains("unclear at") && !limit.contains("does not"), "{text}");
        }
    }
}
