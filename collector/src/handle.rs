//! Starting, steering and ending a collector.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::edge::Edge;
use model::frame::{DropCount, Event, FaultFrame, Frame, LogLine, RunHead, Trace, VerdictFrame};
use model::hdr::LoadTotals;
use model::id::TraceId;
use model::load::{LoadDone, LoadInterval, LoadPlan};
use model::rendezvous::Rendezvous;
use telemetry::clock::Clock;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;

use crate::config::{CollectorAddresses, CollectorConfig, Sealed};
use crate::core::Core;
use crate::error::CollectorError;
use crate::export::Exporter;
use crate::live::{LedgerCount, LoadWord, RouteRed, ServiceCall, SpanMetric, Unplanned};
use crate::query::{LogQuery, TraceLine, TraceQuery};
use crate::receive::{LineIntake, LineSource, Receiver};
use crate::runs::RunFolder;
use crate::store::Store;
use crate::{api, receive, ticker};

/// Frames that a subscriber may be behind before it loses some.
const SUBSCRIBER_FRAMES: usize = 256;
/// Emitters that ended in order have sent everything by then.
const SEAL_GRACE: Duration = Duration::from_millis(500);
/// Longest wait of the seal for requests that are still being read.
const SEAL_DRAIN: Duration = Duration::from_secs(10);

/// A running collector. Dropping it takes no more connections and leaves the file unsealed.
#[derive(Debug)]
pub struct CollectorHandle {
    addresses: CollectorAddresses,
    core: Arc<Core>,
    tasks: JoinSet<()>,
}

/// Opens the run file and the listeners, and serves until [`CollectorHandle::shutdown`].
pub async fn start(
    config: CollectorConfig,
    clock: Clock,
) -> Result<CollectorHandle, CollectorError> {
    let settings = Exporter::settings(&config.export, &config.export_env)?;
    let receiving = receive::Settings::check(config.receive)?;
    let runs = config.runs.as_deref().map(RunFolder::open).transpose()?;
    let token = config.api_token.clone().map(Arc::new);
    if !config.api.ip().is_loopback() && token.is_none() {
        return Err(CollectorError::Exposed { address: config.api });
    }
    let grpc = listen("OTLP/gRPC", config.grpc).await?;
    let http = listen("OTLP/HTTP", config.http).await?;
    let api = listen("the API", config.api).await?;
    let addresses = CollectorAddresses { grpc: grpc.1, http: http.1, api: api.1 };
    let store = match &config.database {
        Some(path) => Store::create(path, &config.run_id, &clock)?,
        None => Store::nowhere(),
    };
    let queue = Exporter::folder(config.runs.as_deref(), config.database.as_deref());
    let (limits, queue) = (&config.export_limits, queue.as_deref());
    let exporter = settings.map(|backends| Exporter::open(backends, limits, queue, &clock));
    let (exporter, lanes) = exporter.transpose()?.unzip();
    let (frames, _) = broadcast::channel(SUBSCRIBER_FRAMES);
    let mut core = Core::new(&config.run_id, store, exporter, clock, frames);
    core.runs = runs;
    let core = Arc::new(core.keeping(config.keep_share));
    let mut tasks = JoinSet::new();
    for lane in lanes.into_iter().flatten() {
        tasks.spawn(lane.run());
    }
    let receiver = Receiver::new(Arc::clone(&core), receiving);
    for listener in [grpc.0, http.0] {
        tasks.spawn(receive::serve(listener, Arc::clone(&receiver), core.stop.subscribe()));
    }
    tasks.spawn(api::serve(api.0, Arc::clone(&core), token, core.stop.subscribe()));
    tasks.spawn(ticker::run(Arc::clone(&core), core.stop.subscribe()));
    Ok(CollectorHandle { addresses, core, tasks })
}

async fn listen(
    purpose: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), CollectorError> {
    let failed = |source| CollectorError::Listen { purpose, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

impl CollectorHandle {
    pub fn addresses(&self) -> &CollectorAddresses {
        &self.addresses
    }

    /// Shown in every frame from now on, and kept in the file.
    pub fn set_run(&self, head: RunHead) {
        self.core.set_head(head);
    }

    /// Edges with a breaker; closed until the gateway says otherwise.
    pub fn set_breakers(&self, edges: Vec<Edge>) {
        self.core.live().set_breakers(edges);
    }

    /// The faults of the scenario in its order. Their state is what they are given here until the
    /// gateway reports a transition; their counts come from the ledger.
    pub fn set_faults(&self, faults: Vec<FaultFrame>) {
        self.core.live().set_faults(faults);
    }

    pub fn set_verdicts(&self, verdicts: Vec<VerdictFrame>) {
        self.core.live().set_verdicts(verdicts);
    }

    /// Belongs to the second of its own time.
    pub fn add_event(&self, event: Event) {
        let now = self.core.clock.unix_ms();
        self.core.live().add_event(event, now);
    }

    /// Takes what a process writes line by line as log records.
    pub fn lines(&self, source: LineSource) -> LineIntake {
        LineIntake::new(Arc::clone(&self.core), source)
    }

    /// Takes a second of a load that runs in this process, as if a worker had reported it.
    pub fn add_load(&self, interval: &LoadInterval) {
        let added = self.core.load().add(interval);
        match added {
            Ok(Some(second)) => {
                let now = self.core.clock.unix_ms();
                self.core.live().add_load(interval.unix_s, &second, now);
                self.core.store.interval(interval.clone());
            },
            Ok(None) => {},
            Err(error) => tracing::warn!(%error, "a second of the load is not shown"),
        }
    }

    /// Offers a load plan to workers on other machines, which then begin together.
    pub fn offer_load(&self, plan: LoadPlan) {
        self.core.load().offer(plan);
    }

    /// What load workers say from now on, each word once. The workers wait while nobody takes it.
    pub fn watch_load(&self) -> mpsc::Receiver<LoadWord> {
        self.core.load().watch()
    }

    /// Who has come to the rendezvous, and when the load begins or began.
    pub fn load_rendezvous(&self) -> Rendezvous {
        self.core.load().rendezvous().clone()
    }

    /// Workers that have fallen silent: their part of the load is missing.
    pub fn load_lost(&self) -> Vec<u32> {
        let mut load = self.core.load();
        load.look_for_lost(self.core.clock.unix_ms());
        load.lost()
    }

    /// From now on every load worker is told to stop when it reports.
    pub fn stop_load(&self, reason: &str) {
        self.core.load().stop(reason);
    }

    /// Frames as they are emitted.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Frame>> {
        self.core.frames.subscribe()
    }

    /// The kept frames as they stand now, late data included.
    pub fn frames(&self) -> Vec<Frame> {
        self.core.frame_pages(0, usize::MAX).flatten().collect()
    }

    pub fn load_totals(&self) -> LoadTotals {
        self.core.load().totals()
    }

    /// Final reports, by worker.
    pub fn load_done(&self) -> Vec<LoadDone> {
        self.core.load().done()
    }

    /// Totals by name of the fault.
    pub fn ledger(&self) -> BTreeMap<String, LedgerCount> {
        self.core.live().ledger()
    }

    /// Faults that are not among those of [`Self::set_faults`], each time that one acted.
    pub fn unplanned_faults(&self) -> Vec<Unplanned> {
        self.core.live().unplanned()
    }

    /// Calls and durations by service, name, kind and status of a span, since the start.
    pub fn span_metrics(&self) -> Vec<SpanMetric> {
        self.core.live().span_metrics()
    }

    /// RED by service, method and route in the seconds `[from_s, until_s)` of Unix time, of which
    /// the last five minutes are kept.
    pub fn routes(&self, from_s: u64, until_s: u64) -> Vec<RouteRed> {
        self.core.live().routes(from_s, until_s)
    }

    /// What routes, series and pairs of services leave out because there are too many of them. The
    /// spans are at hand and in the file all the same, so nothing is lost by it.
    pub fn uncounted(&self) -> Vec<DropCount> {
        self.core.live().uncounted()
    }

    /// Who calls whom, since the start.
    pub fn graph(&self) -> Vec<ServiceCall> {
        self.core.live().graph()
    }

    /// May read the run file, and then blocks for it.
    pub fn trace(&self, trace_id: TraceId) -> Option<Trace> {
        self.core.trace(trace_id).unwrap_or_else(|error| {
            tracing::warn!(%error, "a trace cannot be read");
            None
        })
    }

    /// May read the run file, and then blocks for it.
    pub fn traces(&self, query: TraceQuery) -> Vec<TraceLine> {
        self.core.traces(&query).unwrap_or_else(|error| {
            tracing::warn!(%error, "traces cannot be read");
            Vec::new()
        })
    }

    /// May read the run file, and then blocks for it.
    pub fn logs(&self, query: LogQuery) -> Vec<LogLine> {
        self.core.logs(&query).unwrap_or_else(|error| {
            tracing::warn!(%error, "logs cannot be read");
            Vec::new()
        })
    }

    /// Everything that was lost at a bound so far, by place; zeros included.
    pub fn dropped(&self) -> Vec<DropCount> {
        self.core.dropped()
    }

    /// The last error of writing the run file. Losses are in [`Self::dropped`].
    pub fn store_error(&self) -> Option<String> {
        self.core.store.error()
    }

    /// Ends the run: after a short grace nothing is taken any more, everything is written, indexes
    /// are built, and the file is marked as clean. Questions are still answered afterwards.
    pub async fn seal(&self) -> Result<Sealed, CollectorError> {
        tokio::time::sleep(SEAL_GRACE).await;
        self.core.admission.close();
        if tokio::time::timeout(SEAL_DRAIN, self.core.admission.drained()).await.is_err() {
            tracing::warn!("requests were still being read when the run was sealed");
        }
        self.core.emit(true);
        let totals = self.core.seal().await?;
        let progress = self.core.store.progress();
        Ok(Sealed {
            spans: progress.spans.load(Ordering::Relaxed),
            logs: progress.logs.load(Ordering::Relaxed),
            points: progress.points.load(Ordering::Relaxed),
            late: totals.late,
            rejected: totals.rejected,
            dropped: totals.dropped,
        })
    }

    #[cfg(test)]
    pub(crate) fn core_clock(&self) -> &Clock {
        &self.core.clock
    }

    #[cfg(test)]
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Asks the collector to end: requests in work are finished, what waits for the backend gets a
    /// bounded time.
    pub fn shutdown(&self) {
        self.core.stop.send_replace(true);
        if let Some(exporter) = &self.core.exporter {
            exporter.close();
        }
    }

    /// Waits for the end after [`Self::shutdown`]. What was never delivered to the backend is
    /// counted in [`Self::dropped`] then.
    pub async fn done(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the collector ended by a panic");
            }
        }
        if let Some(exporter) = &self.core.exporter {
            exporter.tell_what_is_left();
        }
        self.core.store.close().await;
    }
}
