//! What the load workers report: exact totals for verdicts, histograms per second for viewers.

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram as Hdr;
use model::frame::{LoadCellFrame, LoadFrame};
use model::hdr::{HdrError, LoadTotals, decode};
use model::hist::Histogram;
use model::load::{
    LoadDone, LoadInterval, LoadKey, LoadModel, LoadPlan, LoadReply, LoadStart, Sequences, Validity,
};
use model::rendezvous::{LoadCall, LoadReady, NotWelcome, Rendezvous};
use tokio::sync::{mpsc, watch};

/// Load of one second, all workers together.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoadSecond {
    model: LoadModel,
    offered: u64,
    in_flight: u64,
    cells: BTreeMap<LoadKey, (u64, Histogram)>,
    lateness: Histogram,
    connection_wait: Histogram,
    cpu_cores: f64,
    validity: Option<Validity>,
}

impl LoadSecond {
    fn of(interval: &LoadInterval) -> Result<Self, HdrError> {
        let mut cells = BTreeMap::new();
        for cell in &interval.cells {
            let response = merged_from(&decode(&cell.response_hdr)?);
            // Checked although it is only kept in the file: half an interval is no interval.
            decode(&cell.service_hdr)?;
            cells.insert(cell.key.clone(), (cell.count, response));
        }
        Ok(Self {
            model: cells.keys().map(|key: &LoadKey| key.model).max().unwrap_or_default(),
            offered: interval.offered,
            in_flight: interval.in_flight,
            cells,
            lateness: merged_from(&decode(&interval.lateness_hdr)?),
            connection_wait: merged_from(&decode(&interval.connection_wait_hdr)?),
            cpu_cores: interval.cpu_cores,
            validity: Some(interval.validity),
        })
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.model = self.model.max(other.model);
        self.offered += other.offered;
        self.in_flight += other.in_flight;
        for (key, (count, response)) in &other.cells {
            let cell = self.cells.entry(key.clone()).or_default();
            cell.0 += count;
            cell.1.merge(response);
        }
        self.lateness.merge(&other.lateness);
        self.connection_wait.merge(&other.connection_wait);
        self.cpu_cores += other.cpu_cores;
        self.validity = self.validity.max(other.validity);
    }

    pub(super) fn frame(&self) -> LoadFrame {
        let cell = |(key, (count, response)): (&LoadKey, &(u64, Histogram))| LoadCellFrame {
            flow: key.flow.clone(),
            step: key.step.clone(),
            phase: key.phase,
            group: key.group,
            hit: key.hit,
            outcome: key.outcome,
            count: *count,
            response: response.clone(),
        };
        LoadFrame {
            model: self.model,
            offered: self.offered,
            in_flight: self.in_flight,
            cells: self.cells.iter().map(cell).collect(),
            lateness: self.lateness.clone(),
            connection_wait: self.connection_wait.clone(),
            cpu_cores: self.cpu_cores,
            validity: self.validity,
        }
    }
}

/// Microseconds of the load generator, counted in our exponential buckets.
fn merged_from(hdr: &Hdr<u64>) -> Histogram {
    let mut histogram = Histogram::default();
    for value in hdr.iter_recorded() {
        let us = hdr.median_equivalent(value.value_iterated_to());
        histogram.record_ns(us.saturating_mul(1_000), value.count_at_value());
    }
    histogram
}

/// Why a report is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadRefused {
    #[error("this collector serves run {expected:?}, the report is about run {got:?}")]
    OtherRun { expected: String, got: String },
    #[error(transparent)]
    Hdr(#[from] HdrError),
    #[error(transparent)]
    NotWelcome(#[from] NotWelcome),
}

/// How long a worker of many may be silent before it counts as lost. It posts every second.
const SILENCE_MS_MAX: u64 = 5_000;
/// From the last worker's word to the start: time for the answer to reach everybody.
const LEAD_NS: u64 = 2_000_000_000;

/// Everything that load workers have said.
#[derive(Debug)]
pub(crate) struct LoadBook {
    run_id: String,
    /// As far as it is known: a second in which nothing ended does not say it.
    model: LoadModel,
    totals: LoadTotals,
    seen: BTreeMap<u32, Sequences>,
    done: BTreeMap<u32, LoadDone>,
    spans_dropped: BTreeMap<u32, u64>,
    stop: Option<String>,
    /// What workers that come without a plan are to do.
    plan: Option<LoadPlan>,
    rendezvous: Rendezvous,
    /// When each worker was heard of last, in milliseconds since the Unix epoch.
    heard_ms: BTreeMap<u32, u64>,
    lost: BTreeSet<u32>,
    /// Changes when a worker that waits may get another answer.
    news: watch::Sender<()>,
    watcher: Option<mpsc::Sender<LoadWord>>,
}

/// What a load worker has said, for whoever watches in this process.
#[derive(Debug, Clone)]
pub enum LoadWord {
    Interval(LoadInterval),
    Done(LoadDone),
}

/// Words that wait for the watcher; the workers wait for their answers when it is slow.
const WORDS_MAX: usize = 256;

impl LoadBook {
    pub(crate) fn new(run_id: &str) -> Self {
        Self {
            run_id: run_id.to_owned(),
            model: LoadModel::default(),
            totals: LoadTotals::default(),
            seen: BTreeMap::new(),
            done: BTreeMap::new(),
            spans_dropped: BTreeMap::new(),
            stop: None,
            plan: None,
            rendezvous: Rendezvous::default(),
            heard_ms: BTreeMap::new(),
            lost: BTreeSet::new(),
            news: watch::Sender::new(()),
            watcher: None,
        }
    }

    /// From now on every new word of a worker is passed on; a watcher before is let go.
    pub(crate) fn watch(&mut self) -> mpsc::Receiver<LoadWord> {
        let (watcher, words) = mpsc::channel(WORDS_MAX);
        self.watcher = Some(watcher);
        words
    }

    pub(crate) fn watcher(&self) -> Option<mpsc::Sender<LoadWord>> {
        self.watcher.clone()
    }

    /// Offers a plan to workers that ask for one.
    pub(crate) fn offer(&mut self, plan: LoadPlan) {
        self.plan = Some(plan);
        self.news.send_replace(());
    }

    /// The offered plan as worker `worker` is to run it.
    pub(crate) fn plan(&self, worker: u32) -> Option<Result<LoadPlan, NotWelcome>> {
        let plan = self.plan.as_ref()?;
        let workers = plan.workers;
        Some(if worker < workers {
            Ok(LoadPlan { worker, ..plan.clone() })
        } else {
            Err(NotWelcome::NoSuchWorker { worker, workers })
        })
    }

    pub(crate) fn ready(&mut self, ready: LoadReady, now_ns: u64) -> Result<LoadCall, LoadRefused> {
        self.check(&ready.run_id)?;
        // Until it begins, it can be called off.
        let runs = self.rendezvous.start_unix_ns().is_some_and(|start_ns| start_ns <= now_ns);
        if let Some(reason) = self.stop.clone().filter(|_| !runs) {
            return Err(NotWelcome::CalledOff { reason }.into());
        }
        let call =
            self.rendezvous.ready(ready, || LoadStart::after(now_ns, LEAD_NS).start_unix_ns)?;
        if let LoadCall::Start { .. } = call {
            self.news.send_replace(());
        }
        Ok(call)
    }

    /// Tells when to look again.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    pub(crate) fn rendezvous(&self) -> &Rendezvous {
        &self.rendezvous
    }

    /// A worker has spoken. Whoever has been silent for too long meanwhile is lost: a part of the
    /// load is missing, so the rest of it is stopped.
    pub(crate) fn heard(&mut self, worker: u32, now_ms: u64) {
        self.heard_ms.insert(worker, now_ms);
        self.look_for_lost(now_ms);
    }

    pub(crate) fn look_for_lost(&mut self, now_ms: u64) {
        let Some(start_unix_ns) = self.rendezvous.start_unix_ns() else { return };
        let start_ms = start_unix_ns / 1_000_000;
        for ready in self.rendezvous.workers() {
            let worker = ready.worker;
            let last_ms = self.heard_ms.get(&worker).copied().unwrap_or(start_ms).max(start_ms);
            let silent_ms = now_ms.saturating_sub(last_ms);
            if silent_ms > SILENCE_MS_MAX && !self.done.contains_key(&worker) {
                self.lost.insert(worker);
            }
        }
        if let Some(worker) = self.lost.first() {
            let reason = format!("load worker {worker} is lost: it has not reported for 5 s");
            self.stop(&reason);
        }
    }

    /// Workers whose part of the load is missing.
    pub(crate) fn lost(&self) -> Vec<u32> {
        self.lost.iter().copied().collect()
    }

    /// The load of a second, or `None` when this interval is in already.
    pub(crate) fn add(
        &mut self,
        interval: &LoadInterval,
    ) -> Result<Option<LoadSecond>, LoadRefused> {
        self.check(&interval.run_id)?;
        if self.seen.get(&interval.worker).is_some_and(|seen| seen.holds(interval.sequence)) {
            return Ok(None);
        }
        let mut second = LoadSecond::of(interval)?;
        self.model = self.model.max(second.model);
        second.model = self.model;
        self.totals.add(interval)?;
        self.seen.entry(interval.worker).or_default().add(interval.sequence);
        *self.spans_dropped.entry(interval.worker).or_default() += interval.spans_dropped;
        Ok(Some(second))
    }

    pub(crate) fn finish(&mut self, done: LoadDone) -> Result<(), LoadRefused> {
        self.check(&done.run_id)?;
        self.spans_dropped.insert(done.worker, done.spans_dropped);
        self.done.insert(done.worker, done);
        Ok(())
    }

    fn check(&self, run_id: &str) -> Result<(), LoadRefused> {
        if run_id == self.run_id {
            return Ok(());
        }
        Err(LoadRefused::OtherRun { expected: self.run_id.clone(), got: run_id.to_owned() })
    }

    pub(crate) fn totals(&self) -> LoadTotals {
        self.totals.clone()
    }

    /// By worker.
    pub(crate) fn done(&self) -> Vec<LoadDone> {
        self.done.values().cloned().collect()
    }

    pub(crate) fn spans_dropped(&self) -> u64 {
        self.spans_dropped.values().sum()
    }

    /// The first reason stays.
    pub(crate) fn stop(&mut self, reason: &str) {
        self.stop.get_or_insert_with(|| reason.to_owned());
        self.news.send_replace(());
    }

    pub(crate) fn reply(&self) -> LoadReply {
        match &self.stop {
            Some(reason) => LoadReply::Stop { reason: reason.clone() },
            None => LoadReply::Continue,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
