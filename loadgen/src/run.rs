//! One worker: the engine threads, the reporting side, and how both end.

mod gather;

use std::convert::Infallible;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use model::load::{LoadDone, LoadInterval, LoadPlan, LoadStart};
use telemetry::clock::Clock;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::arrival::plan_hash;
use crate::engine::{Backlog, Engine, EngineDone, Order, Orders, Report, Share};
use crate::error::LoadError;
use crate::journey::Context;
use crate::pacer::TimerPacer;
use crate::plan::Resolved;
use crate::record::Closed;
use crate::report::{Intervals, Reporter};
use crate::schedule::Schedule;
use crate::spans::{Encoder, Exporter, SpanSink};
use gather::Gather;

/// Seconds on their way to the reporting side.
const REPORTS_QUEUED: usize = 8;
/// How long the last spans may take.
const FLUSH: Duration = Duration::from_secs(5);

/// Runs one worker of a load to its end and gives its account, which the collector has got too.
///
/// `start` brings the instant at which the timeline begins. A reason in `stop` ends the load
/// within about a second, also before it has begun; the account then holds what was offered until
/// then. A dropped sender of `stop` stops nothing; a dropped sender of `start` is a stop.
pub async fn run(
    plan: LoadPlan,
    start: oneshot::Receiver<LoadStart>,
    stop: watch::Receiver<Stop>,
    clock: Clock,
) -> Result<LoadDone, LoadError> {
    run_watched(plan, start, stop, clock, Watcher::default()).await
}

/// Why a load is stopped, once it is.
pub type Stop = Option<&'static str>;

/// Somebody in this process who wants to know about a load.
#[derive(Debug, Default)]
pub struct Watcher {
    /// Told when everything is prepared: from then on the order to start is obeyed at once.
    pub ready: Option<oneshot::Sender<()>>,
    /// Gets every report; the next one waits until it has taken the last.
    pub intervals: Option<mpsc::Sender<LoadInterval>>,
}

/// As [`run`], with somebody who watches.
pub async fn run_watched(
    plan: LoadPlan,
    start: oneshot::Receiver<LoadStart>,
    stop: watch::Receiver<Stop>,
    clock: Clock,
    watcher: Watcher,
) -> Result<LoadDone, LoadError> {
    let prepared = Prepared::new(plan, clock).await?;
    if let Some(ready) = watcher.ready {
        // Whoever has gone away needs no word.
        ready.send(()).ok();
    }
    let begin = tokio::select! {
        biased;
        () = stopped(stop.clone()) => None,
        begin = start => begin.ok(),
    };
    let (orders, _) = watch::channel(Order::Run);
    tokio::select! {
        ended = prepared.run(begin, stop.clone(), orders.clone(), watcher.intervals) => ended,
        never = pass_on(stop, orders) => match never {},
    }
}

/// Passes the stop on to the engine and to whoever waits for the collector.
async fn pass_on(stop: watch::Receiver<Stop>, orders: watch::Sender<Order>) -> Infallible {
    stopped(stop).await;
    orders.send_replace(Order::Stop);
    std::future::pending().await
}

/// Returns once the load is to stop.
async fn stopped(mut stop: watch::Receiver<Stop>) {
    if stop.wait_for(Option::is_some).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Everything that can be done before the order to start.
struct Prepared {
    plan: LoadPlan,
    resolved: Arc<Resolved>,
    plan_hash: String,
    clock: Clock,
    sink: SpanSink,
    exporter: Option<JoinHandle<()>>,
}

impl Prepared {
    async fn new(plan: LoadPlan, clock: Clock) -> Result<Self, LoadError> {
        let resolved = Arc::new(Resolved::new(&plan)?);
        let (sink, exporter) = match &plan.otlp {
            None => (SpanSink::none(), None),
            Some(endpoint) => {
                let (sink, queue) = SpanSink::to_queue();
                let encoder = Encoder::new(&plan, Arc::clone(&resolved), clock.clone());
                let exporter = Exporter::new(endpoint, encoder, sink.counts()).await?;
                (sink, Some(tokio::spawn(exporter.run(queue))))
            },
        };
        let hashed = plan.clone();
        let hashing = tokio::task::spawn_blocking(move || plan_hash(&hashed));
        let plan_hash = hashing.await.map_err(|_panic| LoadError::Panicked)?;
        Ok(Self { plan, resolved, plan_hash, clock, sink, exporter })
    }

    async fn run(
        self,
        begin: Option<LoadStart>,
        stop: watch::Receiver<Stop>,
        orders: watch::Sender<Order>,
        watcher: Option<mpsc::Sender<LoadInterval>>,
    ) -> Result<LoadDone, LoadError> {
        let counts = self.sink.counts();
        let intervals = Intervals::new(&self.plan, Arc::clone(&self.resolved), counts.clone());
        let obeyed = orders.subscribe();
        let to = self.plan.report_to.map(|to| (to, self.plan.report_token.clone()));
        let mut reporter = Reporter::new(to, watcher, intervals, orders);
        let summary = Summary {
            run_id: self.plan.run_id.clone(),
            worker: self.plan.worker,
            plan_hash: self.plan_hash,
        };
        let seat = begin.map(|begin| Seat {
            start: start_of(&self.clock, begin),
            plan: self.plan,
            resolved: self.resolved,
            clock: self.clock,
            sink: self.sink,
            obeyed,
        });
        let closed = match seat {
            Some(seat) => drive(seat, &mut reporter).await?,
            None => Closed::default(),
        };
        let stopped = stop.borrow().map(str::to_owned);
        flush(self.exporter).await;
        reporter.done(LoadDone { stopped, ..summary.account(closed, counts.missing()) }).await
    }
}

fn start_of(clock: &Clock, begin: LoadStart) -> Instant {
    let (ms, rest_ns) = (begin.start_unix_ns / 1_000_000, begin.start_unix_ns % 1_000_000);
    clock.instant_of_unix_ms(ms) + Duration::from_nanos(rest_ns)
}

/// Runs the engines on threads of their own and reports what they record.
async fn drive(seat: Seat, reporter: &mut Reporter) -> Result<Closed, LoadError> {
    let (mut gather, mut results) = (Gather::default(), Vec::new());
    let threads = seat.plan.threads;
    for engine in 0..threads {
        let (reports, taken) = mpsc::channel(REPORTS_QUEUED);
        let (result, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name(format!("load-engine-{engine}"));
        let seat = seat.clone();
        let body = move || {
            // Nobody waits for the result when the caller of `run` has gone away.
            result.send(seat.run(engine, reports)).ok();
        };
        thread.spawn(body).map_err(|source| LoadError::Setup { what: "the thread", source })?;
        gather.add(taken);
        results.push(ended);
    }
    // The exporter ends when the last sink is gone, and those are the engines'.
    drop(seat);
    while let Some(report) = gather.next().await {
        reporter.report(report).await;
    }
    let mut closed = Closed::default();
    for (engine, ended) in results.into_iter().enumerate() {
        let done: EngineDone = ended.await.map_err(|_panic| LoadError::Panicked)??;
        gather.rest(engine, done.reports);
        closed.absorb(done.closed);
    }
    for report in gather.finish() {
        reporter.report(report).await;
    }
    Ok(closed)
}

/// Waits for the last spans, but not for ever.
pub(crate) async fn flush(exporter: Option<JoinHandle<()>>) {
    let Some(mut exporter) = exporter else { return };
    if tokio::time::timeout(FLUSH, &mut exporter).await.is_err() {
        exporter.abort();
        tracing::warn!("the last spans could not be sent in {} s", FLUSH.as_secs());
    }
}

/// What an engine thread takes with it.
#[derive(Clone)]
struct Seat {
    plan: LoadPlan,
    resolved: Arc<Resolved>,
    clock: Clock,
    start: Instant,
    sink: SpanSink,
    obeyed: watch::Receiver<Order>,
}

impl Seat {
    fn run(self, engine: u32, reports: mpsc::Sender<Report>) -> Result<EngineDone, LoadError> {
        // Without it the kernel may wake the thread 50 us later than asked, to save energy.
        if let Err(error) = rustix::thread::set_current_timer_slack(NonZeroU64::new(1)) {
            tracing::debug!(%error, "the timer slack stays as it is");
        }
        let setup = |what| move |source| LoadError::Setup { what, source };
        let runtime =
            Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        runtime.map_err(setup("the runtime"))?.block_on(async move {
            let pacer = TimerPacer::new().map_err(setup("the timer"))?;
            let share = Share::new(&self.plan, engine);
            let schedule = Schedule::new(&self.plan, share);
            let context = Rc::new(Context::new(self.resolved, self.clock, self.sink)?);
            let orders = Orders { orders: self.obeyed, share };
            let ends = (pacer, Backlog::new(reports));
            let engine = Engine::new(context, schedule, self.start, orders, ends);
            // As a task it takes turns with its journeys. The runtime's own future comes before
            // all of them, also before those whose answers it has just let in.
            tokio::task::spawn_local(engine.run()).await.map_err(|_panic| LoadError::Panicked)?
        })
    }
}

/// What the account is about.
struct Summary {
    run_id: String,
    worker: u32,
    plan_hash: String,
}

impl Summary {
    fn account(self, closed: Closed, spans_dropped: u64) -> LoadDone {
        let account = closed.account;
        LoadDone {
            run_id: self.run_id,
            worker: self.worker,
            offered: account.offered,
            completed: account.completed,
            failed: account.failed,
            timed_out: account.timed_out,
            dropped: account.dropped,
            unfinished: account.unfinished,
            acknowledged: closed.acknowledged,
            acknowledged_dropped: closed.acknowledged_dropped,
            spans_dropped,
            plan_hash: self.plan_hash,
            stopped: None,
        }
    }
}

#[cfg(test)]
mod tests;
