//! All reports of a load, added up.

use std::collections::BTreeMap;

use model::hdr::HdrError;
use model::load::{
    AtLimit, LoadDone, LoadInterval, LoadKey, LoadModel, LoadPlan, Sequences, Validity,
};
use model::phase::{Phase, Timeline};

use super::decoded::{Cell, Decoded, Dials};
use super::series::Series;
use super::validity::{self, Doubt};

/// What is known of a load before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub run_id: String,
    pub start_unix_ms: u64,
    pub timeline: Timeline,
    pub workers: u32,
    pub at_limit: AtLimit,
}

impl Setting {
    pub fn of(plan: &LoadPlan, start_unix_ms: u64) -> Self {
        Self {
            run_id: plan.run_id.clone(),
            start_unix_ms,
            timeline: plan.timeline,
            workers: plan.workers,
            at_limit: plan.at_limit,
        }
    }

    /// The phase to which a second belongs by its middle; `None` before the start.
    pub fn phase_of(&self, unix_s: u64) -> Option<Phase> {
        let since = (unix_s * 1_000 + 500).checked_sub(self.start_unix_ms)?;
        Some(self.timeline.phase_at(since))
    }

    /// Is this second one of warm-up, or before it? What ends after the end of load does not.
    pub fn is_warmup(&self, unix_s: u64) -> bool {
        self.phase_of(unix_s).is_none_or(|phase| phase == Phase::Warmup)
    }

    /// Is what happens in this second judged? Warm-up is not, and neither is what load leaves
    /// behind.
    pub fn is_judged(&self, unix_s: u64) -> bool {
        self.phase_of(unix_s).is_some_and(judged)
    }
}

/// Warm-up is left out of every figure but the account.
pub(super) fn judged(phase: Phase) -> bool {
    matches!(phase, Phase::Before | Phase::During | Phase::After)
}

/// Why a report is refused.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    #[error("this is the account of run {expected:?}, the report is about run {got:?}")]
    OtherRun { expected: String, got: String },
    /// They mean different things, so adding them up would mean nothing.
    #[error(
        "this is the account of a load of the {expected} model, the report is about one of {got}"
    )]
    OtherModel { expected: &'static str, got: &'static str },
    #[error(transparent)]
    Hdr(#[from] HdrError),
}

/// A second of a worker in which the generator may not have kept its promise.
pub(super) type Doubts = BTreeMap<u64, (Validity, Doubt)>;

#[derive(Debug, Clone)]
pub struct Book {
    pub(super) setting: Setting,
    seen: BTreeMap<u32, Sequences>,
    pub(super) cells: BTreeMap<LoadKey, Cell>,
    pub(super) series: Series,
    pub(super) dials: Dials,
    /// Arrivals that were released.
    pub(super) offered: u64,
    /// The worst of each second that was judged and is not valid.
    pub(super) doubts: Doubts,
    pub(super) done: BTreeMap<u32, LoadDone>,
    /// Parts of the load that did not take place.
    pub(super) lost: Vec<String>,
}

impl Book {
    pub fn new(setting: Setting) -> Self {
        Self {
            setting,
            seen: BTreeMap::new(),
            cells: BTreeMap::new(),
            series: Series::default(),
            dials: Dials::default(),
            offered: 0,
            doubts: BTreeMap::new(),
            done: BTreeMap::new(),
            lost: Vec::new(),
        }
    }

    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    pub fn series(&self) -> &Series {
        &self.series
    }

    /// The finest counts there are.
    pub fn cells(&self) -> impl Iterator<Item = (&LoadKey, &Cell)> {
        self.cells.iter()
    }

    /// Of all its loads; open as long as no journey has ended.
    pub fn model(&self) -> LoadModel {
        self.cells.keys().map(|key| key.model).max().unwrap_or_default()
    }

    /// The report, or `None` when it is in already. On error nothing of it is added.
    pub fn add(&mut self, interval: &LoadInterval) -> Result<Option<Decoded>, BookError> {
        self.check(&interval.run_id)?;
        let seen = self.seen.entry(interval.worker).or_default();
        if seen.holds(interval.sequence) {
            return Ok(None);
        }
        let report = Decoded::of(interval)?;
        let models = || self.cells.keys().chain(report.cells.iter().map(|(key, _)| key));
        if let Some(expected) = models().map(|key| key.model).next()
            && let Some(other) = models().find(|key| key.model != expected)
        {
            let (expected, got) = (expected.as_str(), other.model.as_str());
            return Err(BookError::OtherModel { expected, got });
        }
        seen.add(interval.sequence);
        self.offered += report.offered;
        for (key, cell) in &report.cells {
            self.cells.entry(key.clone()).or_default().add(cell);
        }
        self.series.add(&report);
        self.dials.add(&report.dials);
        if report.validity > Validity::Valid && self.setting.is_judged(report.unix_s) {
            let found = (report.validity, validity::doubt(&report));
            let worst = self.doubts.entry(report.unix_s).or_insert(found);
            *worst = (*worst).max(found);
        }
        Ok(Some(report))
    }

    /// A part of the load did not take place.
    pub fn lose(&mut self, what: String) {
        self.lost.push(what);
    }

    /// The final account of a worker.
    pub fn finish(&mut self, done: LoadDone) -> Result<(), BookError> {
        self.check(&done.run_id)?;
        self.done.insert(done.worker, done);
        Ok(())
    }

    fn check(&self, run_id: &str) -> Result<(), BookError> {
        if run_id == self.setting.run_id {
            return Ok(());
        }
        Err(BookError::OtherRun { expected: self.setting.run_id.clone(), got: run_id.to_owned() })
    }

    /// Reports that never came although later ones did.
    pub(super) fn missing(&self) -> u64 {
        self.seen.values().map(Sequences::missing).sum()
    }
}
