//! What a run has shown, in one value: `result.json`, and the source of every other result file.
//!
//! A [`RunResult`] is made once, when a run ends, from the same frames that the dashboard drew. The
//! JUnit file, the page and the text are drawn from it, so they cannot disagree. It is written for
//! every run that got as far as a run folder, also for stopped and interrupted ones. It never
//! decides an expectation (`model::expect` does): it merges their verdicts with what makes the run
//! itself doubtful, because a run that proves nothing must not pass.

mod account;
mod by_hand;
mod checks;
mod exit;
mod summarise;
#[cfg(test)]
mod tests;
mod totals;
mod verdict;

use std::collections::BTreeMap;

use loadgen::summary::Account;
use model::edge::Edge;
use model::expect::InvariantFinding;
use model::frame::{DropCount, FaultFrame, Verdict, VerdictFrame};
use model::id::TraceId;
use model::load::{Attempts, CheckCount, Group, LoadModel, Validity};
use model::phase::{Phase, Timeline};
use model::units::Share;
use serde::{Deserialize, Serialize};

pub use by_hand::ByHandFault;
pub use checks::CheckTotals;
pub use exit::{ExitCode, UnknownExitCode};
pub use summarise::{Ending, Head, Hits, Inputs};

/// Version of the JSON form. It rises when a field changes its meaning or goes away; new fields
/// alone do not raise it.
pub const FORMAT: u32 = 1;

/// One run. Durations are milliseconds, times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// Always [`FORMAT`] in files that this version writes.
    pub format: u32,
    pub run_id: String,
    pub title: String,
    /// Scenario file as it was named on the command line.
    pub scenario: String,
    pub scenario_hash: String,
    pub seed: u64,
    /// Every duration of the scenario's phases and schedule was divided by this.
    pub time_scale: f64,
    /// Share of users that no fault might touch.
    pub control: Share,
    /// Start of load; absent when the run ended before it.
    pub started_unix_ms: Option<u64>,
    pub timeline: Timeline,
    pub verdict: Verdict,
    pub exit_code: ExitCode,
    /// Why it is not a pass, a sentence each; empty for a pass. [`Self::doubts`] come first.
    pub reasons: Vec<String>,
    /// What makes the run itself doubtful, whatever the expectations say.
    pub doubts: Vec<String>,
    /// What a reader of the verdict must know, a sentence each. It changes no verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
    /// In the order of the scenario.
    pub expectations: Vec<VerdictFrame>,
    /// In the order of the scenario, with the ledger's totals.
    pub faults: Vec<FaultFrame>,
    /// Faults that the scenario does not have, each time that one acted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<ByHandFault>,
    /// By edge, then phase; only phases in which something ended.
    pub edges: Vec<EdgeTotals>,
    /// Journeys by flow, then phase, then group.
    pub flows: Vec<FlowTotals>,
    /// Steps of journeys by flow and step, then phase.
    #[serde(default)]
    pub steps: Vec<StepTotals>,
    pub load: LoadAccount,
    /// One per fault.
    pub ledger: Vec<LedgerCheck>,
    /// Everything that was lost at a bound, counts above zero only.
    pub dropped: Vec<DropCount>,
    pub invariants: Vec<Invariant>,
    /// What ran: `shakedown`, `os` and the like.
    pub versions: BTreeMap<String, String>,
}

/// Percentiles in milliseconds by nearest rank over merged histograms; absent without samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Values that they are taken from.
    pub count: u64,
    pub p50_ms: Option<f64>,
    pub p90_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub p999_ms: Option<f64>,
    pub max_ms: Option<f64>,
}

/// Requests of one edge that ended in one phase, as the gateway saw them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeTotals {
    pub edge: Edge,
    /// By the middle of the second in which the requests ended.
    pub phase: Phase,
    pub requests: u64,
    /// Failed requests by blame.
    pub errors: BTreeMap<String, u64>,
    /// Calls to the callee, retries included.
    pub attempts: u64,
    /// Of all requests, failed ones included.
    pub duration: Percentiles,
}

impl EdgeTotals {
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }
}

/// Journeys of one flow, phase and group, as the load generator measured them from their intended
/// start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowTotals {
    pub flow: String,
    /// Of the load. Only what is not open is said: those durations are service times.
    #[serde(default, skip_serializing_if = "LoadModel::is_open")]
    pub model: LoadModel,
    /// Of the intended start.
    pub phase: Phase,
    pub group: Group,
    pub count: u64,
    /// Journeys that did not complete, by outcome.
    pub errors: BTreeMap<String, u64>,
    /// What clients sent for them.
    #[serde(default)]
    pub attempts: Attempts,
    /// Of all journeys with a known duration, failed ones included.
    pub response: Percentiles,
}

/// One step of one flow in one phase, all users together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepTotals {
    pub flow: String,
    pub step: String,
    /// Of the load. Only what is not open is said: those durations are service times.
    #[serde(default, skip_serializing_if = "LoadModel::is_open")]
    pub model: LoadModel,
    /// Of the intended start of the journey.
    pub phase: Phase,
    /// How often the step was done.
    pub count: u64,
    /// Those that did not complete, by outcome.
    pub errors: BTreeMap<String, u64>,
    /// What clients sent for them.
    pub attempts: Attempts,
    /// How often each check held, by its text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, CheckCount>,
    /// Of all with a known duration, failed ones included.
    pub response: Percentiles,
}

impl StepTotals {
    /// The name of the flow, with the model of its load when that is not the usual one.
    pub fn title(&self) -> String {
        titled(&self.flow, self.model)
    }

    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }
}

impl FlowTotals {
    /// The name of the flow, with the model of its load when that is not the usual one.
    pub fn title(&self) -> String {
        titled(&self.flow, self.model)
    }

    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }
}

/// The account of all load workers together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadAccount {
    /// Workers that gave a final account.
    pub workers: u64,
    /// Every journey, those of the warm-up included.
    #[serde(flatten)]
    pub account: Account,
    /// Journeys of the judged phases: `offered` is the load that came, `completed` the goodput.
    #[serde(default)]
    pub judged: Account,
    /// What clients sent for the judged journeys: `sent` is the attempted load.
    #[serde(default)]
    pub attempts: Attempts,
    /// Every worker gave an account, and each adds up.
    pub balanced: bool,
    /// The worst second of the judged phases.
    pub validity: Option<Validity>,
    /// Seconds of the judged phases.
    pub judged_seconds: u64,
    /// Those of them that were invalid.
    pub invalid_seconds: u64,
    /// How late the generator sent what it had planned, 99th percentile.
    pub lateness_p99_ms: Option<f64>,
    /// How long requests waited for a connection, 99th percentile.
    pub connection_wait_p99_ms: Option<f64>,
    pub in_flight_max: u64,
    pub cpu_cores_max: f64,
    /// Things that the system has promised to keep.
    pub acknowledged: u64,
    pub plan_hashes: Vec<String>,
    /// Workers that were told to stop before the run was over, and by what.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stopped: BTreeMap<u32, String>,
}

/// The ledger of one fault against the proxy's own counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCheck {
    pub fault: String,
    pub ledger: Hits,
    /// Absent when the proxy could not be asked any more.
    pub proxy: Option<Hits>,
    /// Both are known and equal.
    pub reconciled: bool,
}

/// The answer to one named invariant, read from the system once it was quiet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invariant {
    pub name: String,
    /// Absent when it could not be told.
    pub holds: Option<bool>,
    /// What was counted, and what is broken with the ids of the broken things.
    pub detail: String,
    pub trace_ids: Vec<TraceId>,
}

impl From<&InvariantFinding> for Invariant {
    fn from(finding: &InvariantFinding) -> Self {
        Self {
            name: finding.name.clone(),
            holds: finding.holds,
            detail: finding.detail.clone(),
            trace_ids: finding.trace_ids.clone(),
        }
    }
}

impl RunResult {
    /// Makes the result of a run. Pure: the same inputs give the same result.
    pub fn summarise(inputs: &Inputs<'_>) -> Self {
        summarise::summarise(inputs)
    }

    /// The command that runs the same again.
    pub fn repeat_command(&self) -> String {
        let command = format!("shakedown run {} --seed {}", quoted(&self.scenario), self.seed);
        if (self.time_scale - 1.0).abs() > f64::EPSILON {
            return format!("{command} --time-scale {}", self.time_scale);
        }
        command
    }

    /// Traces worth fetching for the report, each once: those of broken invariants, then those of
    /// expectations, the worst verdicts first.
    pub fn trace_ids(&self) -> Vec<TraceId> {
        let mut worst_first: Vec<_> = self.expectations.iter().collect();
        worst_first.sort_by_key(|expectation| std::cmp::Reverse(expectation.verdict));
        let broken = self.invariants.iter().filter(|invariant| invariant.holds != Some(true));
        let all = broken
            .flat_map(|invariant| &invariant.trace_ids)
            .chain(worst_first.into_iter().flat_map(|expectation| &expectation.trace_ids));
        let mut ids = Vec::new();
        for id in all {
            if !ids.contains(id) {
                ids.push(*id);
            }
        }
        ids
    }
}

fn titled(flow: &str, model: LoadModel) -> String {
    if model.is_open() { flow.to_owned() } else { format!("{flow} ({} model)", model.as_str()) }
}

/// A word of a shell command: quoted when it holds anything that a shell would read.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
