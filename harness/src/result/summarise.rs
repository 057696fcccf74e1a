//! Puts a result together from what the runner holds at the end.

use std::collections::BTreeMap;

use model::expect::InvariantFinding;
use model::frame::{DropCount, FaultFrame, Frame, VerdictFrame};
use model::hdr::LoadTotals;
use model::load::LoadDone;
use model::phase::Timeline;
use model::plan::FaultStatus;
use model::units::Share;
use serde::{Deserialize, Serialize};

use super::{ByHandFault, FORMAT, LedgerCheck, RunResult, account, by_hand, totals, verdict};

/// What a run is, known before it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    pub run_id: String,
    pub title: String,
    /// Scenario file as it was named on the command line.
    pub scenario: String,
    pub scenario_hash: String,
    pub seed: u64,
    pub time_scale: f64,
    pub control: Share,
    pub timeline: Timeline,
    pub versions: BTreeMap<String, String>,
}

/// Decisions of one fault that came out as a hit, and as spared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hits {
    pub hit: u64,
    pub skipped: u64,
}

/// How the runner came to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The whole timeline was run and the system was read.
    Finished,
    StoppedBySafety {
        reason: String,
    },
    HarnessFault {
        reason: String,
    },
    Interrupted,
}

/// Everything that a result is made of.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    pub head: Head,
    pub ending: Ending,
    /// Start of load; `None` when the run ended before it.
    pub started_unix_ms: Option<u64>,
    /// In order of time, late data included.
    pub frames: &'a [Frame],
    pub load: &'a LoadTotals,
    /// How many workers were started.
    pub workers: u64,
    pub done: &'a [LoadDone],
    pub expectations: &'a [VerdictFrame],
    /// As the scenario has them; their totals are replaced by the ledger's.
    pub faults: &'a [FaultFrame],
    /// Those that it does not have.
    pub by_hand: &'a [ByHandFault],
    pub ledger: &'a BTreeMap<String, Hits>,
    /// The proxy's own counters; `None` when it could not be asked any more.
    pub proxy: Option<&'a [FaultStatus]>,
    pub dropped: &'a [DropCount],
    /// `None` when the system was never read.
    pub invariants: Option<&'a [InvariantFinding]>,
}

pub(super) fn summarise(inputs: &Inputs<'_>) -> RunResult {
    let head = &inputs.head;
    let faults = faults_with_ledger(inputs);
    let load = account::load_account(inputs);
    let ledger = ledger_checks(&faults, inputs);
    let dropped: Vec<_> =
        inputs.dropped.iter().filter(|dropped| dropped.count > 0).cloned().collect();
    let doubts = verdict::doubts(&verdict::Grounds {
        ending: &inputs.ending,
        faults: &faults,
        load: &load,
        workers: inputs.workers,
        ledger: &ledger,
        dropped: &dropped,
        expectations: inputs.expectations,
    });
    let judged = model::expect::overall(inputs.expectations, &faults);
    let verdict = verdict::overall(&doubts, judged);
    let sentences: Vec<String> = doubts.iter().map(|doubt| doubt.sentence.clone()).collect();
    let failed = inputs.expectations.iter().filter_map(verdict::reason_of);
    RunResult {
        format: FORMAT,
        run_id: head.run_id.clone(),
        title: head.title.clone(),
        scenario: head.scenario.clone(),
        scenario_hash: head.scenario_hash.clone(),
        seed: head.seed,
        time_scale: head.time_scale,
        control: head.control,
        started_unix_ms: inputs.started_unix_ms,
        timeline: head.timeline,
        verdict,
        exit_code: verdict::exit_code(&inputs.ending, verdict),
        reasons: sentences.iter().cloned().chain(failed).collect(),
        doubts: sentences,
        findings: by_hand::findings(inputs.by_hand, inputs.started_unix_ms),
        expectations: inputs.expectations.to_vec(),
        edges: totals::edges(inputs),
        flows: totals::flows(inputs.load),
        steps: totals::steps(inputs.load),
        faults,
        by_hand: inputs.by_hand.to_vec(),
        load,
        ledger,
        dropped,
        invariants: inputs.invariants.unwrap_or_default().iter().map(Into::into).collect(),
        versions: head.versions.clone(),
    }
}

fn faults_with_ledger(inputs: &Inputs<'_>) -> Vec<FaultFrame> {
    let with_ledger = |fault: &FaultFrame| {
        let hits = inputs.ledger.get(&fault.name).copied().unwrap_or_default();
        FaultFrame { hit: hits.hit, skipped: hits.skipped, hit_now: 0, ..fault.clone() }
    };
    inputs.faults.iter().map(with_ledger).collect()
}

fn ledger_checks(faults: &[FaultFrame], inputs: &Inputs<'_>) -> Vec<LedgerCheck> {
    let check = |fault: &FaultFrame| {
        let ledger = Hits { hit: fault.hit, skipped: fault.skipped };
        let proxy = inputs.proxy.map(|counters| {
            let status = counters.iter().find(|status| status.name == fault.name);
            status.map_or_else(Hits::default, |status| Hits {
                hit: status.hit,
                skipped: status.skipped,
            })
        });
        let reconciled = proxy == Some(ledger);
        LedgerCheck { fault: fault.name.clone(), ledger, proxy, reconciled }
    };
    faults.iter().map(check).collect()
}
