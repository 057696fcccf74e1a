//! A load from several workers: started here, or coming from other machines.
//!
//! This process is their meeting place ([`super::meeting`]), from which they get their parts of the
//! plan and the instant of the start, and to which they report. What they say goes into the
//! same book as the reports of an engine in this process would. Loads of the closed model go this
//! way even when there is one worker, because their users want a process for themselves.
//!
//! A worker that ends or falls silent before its account is in makes the load invalid, and the
//! others are stopped: a part of what was asked for is missing.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use collector::{CollectorHandle, LoadWord};
use loadgen::summary::Setting;
use model::limits::LOAD_PLAN_BYTES_MAX;
use model::load::{LoadDone, LoadInterval, LoadPlan};
use rustix::process::{Pid, Signal, kill_process};
use telemetry::clock::Clock;
use telemetry::shutdown::Shutdown;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::drive::{DriveError, Driven, End, Look, Watched, interrupted};
use crate::cli::LoadArguments;

/// Between looks for workers that say nothing any more.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long workers that were told to stop may take for their accounts.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// Why several workers could not even begin.
#[derive(Debug, thiserror::Error)]
pub(in crate::load) enum ManyError {
    #[error("cannot start a worker")]
    Spawn(#[source] std::io::Error),
    #[error(
        "the plan of the load has {} MiB, and workers take at most {} MiB: use fewer or shorter \
         rows in the files of the feeders, or one worker without --workers and --listen",
        bytes.div_ceil(1024 * 1024),
        LOAD_PLAN_BYTES_MAX / 1024 / 1024
    )]
    PlanTooLarge { bytes: usize },
    #[error("load worker {worker} ended before the load began ({status})")]
    DiedAtStart { worker: u32, status: String },
}

/// Can the load not be run in this process?
pub(super) fn is_needed(plan: &LoadPlan, arguments: &LoadArguments) -> bool {
    plan.workers > 1 || arguments.listen.is_some() || loadgen::needs_child(plan)
}

/// Runs the load of a plan to its end. Workers are started here, unless they come in by themselves.
pub(super) async fn drive<L: Look>(
    plan: LoadPlan,
    (collector, comes_in): (&CollectorHandle, bool),
    look: impl FnOnce(&Setting) -> L,
    signals: &mut Shutdown,
    clock: &Clock,
) -> Result<Driven, DriveError> {
    check_size(&plan)?;
    let words = collector.watch_load();
    collector.offer_load(plan.clone());
    let api = collector.addresses().api;
    let (wanted, _) = watch::channel(Wanted::Work);
    let mut crew = Crew { children: JoinSet::new(), wanted, words, collector };
    if comes_in {
        crate::say(&format!("waiting for {} workers at {api}", plan.workers));
    } else {
        crew.start(plan.workers, api)?;
    }
    let driven = led(&plan, &mut crew, look, (signals, clock)).await;
    crew.dismiss().await;
    driven
}

/// Leads the workers from their first word to the last.
async fn led<L: Look>(
    plan: &LoadPlan,
    crew: &mut Crew<'_>,
    look: impl FnOnce(&Setting) -> L,
    (signals, clock): (&mut Shutdown, &Clock),
) -> Result<Driven, DriveError> {
    let begun = crew.begun(signals).await?;
    let (first, start_unix_ms) = match begun {
        Begun::Word(word, start_unix_ms) => (Some(word), start_unix_ms),
        Begun::Interrupted => {
            let start_ns = crew.collector.load_rendezvous().start_unix_ns();
            (None, start_ns.map_or_else(|| clock.unix_ms(), |ns| ns / 1_000_000))
        },
    };
    let setting = Setting::of(plan, start_unix_ms);
    let look = look(&setting);
    let mut watched = Watched::new(setting, look);
    match first {
        Some(word) => crew.run(Some(*word), plan.workers, &mut watched, (signals, clock)).await?,
        None => {
            crew.stop(End::Interrupted("a signal at the start"), &mut watched, clock);
            // Workers that know when to begin will, and are stopped by the answer to their first
            // report; others are told when they ask for the start.
            if crew.collector.load_rendezvous().has_begun() {
                crew.run(None, plan.workers, &mut watched, (signals, clock)).await?;
            }
        },
    }
    let clocks = crew.collector.load_rendezvous();
    let errors = clocks.workers().map(|worker| worker.clock_error_ns);
    let start_error_ns = errors.max().filter(|_| plan.workers > 1);
    Ok(Driven { start_error_ns, ..watched.driven() })
}

/// What workers could not take is told before any of them is there.
fn check_size(plan: &LoadPlan) -> Result<(), ManyError> {
    let mut counted = Counted(0);
    serde_json::to_writer(&mut counted, plan).expect("a plan can be said in JSON");
    let bytes = counted.0;
    if bytes > LOAD_PLAN_BYTES_MAX { Err(ManyError::PlanTooLarge { bytes }) } else { Ok(()) }
}

/// Counts what is written, and keeps nothing.
struct Counted(usize);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How a load came to its first report, or did not.
enum Begun {
    /// The first report, and when the load began.
    Word(Box<LoadWord>, u64),
    Interrupted,
}

/// What a child is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Work,
    /// It ends its load and gives its account.
    Stop,
    /// It has nothing more to do.
    Gone,
}

/// The workers, as far as this process knows them.
struct Crew<'a> {
    children: JoinSet<(u32, std::io::Result<ExitStatus>)>,
    /// What children are to do.
    wanted: watch::Sender<Wanted>,
    words: mpsc::Receiver<LoadWord>,
    collector: &'a CollectorHandle,
}

impl Crew<'_> {
    /// Children are killed when they are dropped. Ctrl-C reaches this process alone, which tells
    /// them to stop.
    fn start(&mut self, workers: u32, api: SocketAddr) -> Result<(), ManyError> {
        let program = std::env::current_exe().map_err(ManyError::Spawn)?;
        for worker in 0..workers {
            let child = Command::new(&program)
                .args(["load-worker", "--child", "--join", &api.to_string()])
                .args(["--worker", &worker.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .kill_on_drop(true)
                .spawn()
                .map_err(ManyError::Spawn)?;
            let wanted = self.wanted.subscribe();
            self.children.spawn(async move { (worker, ended(child, wanted).await) });
        }
        Ok(())
    }

    /// No child is there any more when this returns.
    async fn dismiss(&mut self) {
        self.wanted.send_replace(Wanted::Gone);
        while self.children.join_next().await.is_some() {}
    }

    async fn begun(&mut self, signals: &mut Shutdown) -> Result<Begun, ManyError> {
        tokio::select! {
            biased;
            _signal = signals.requested() => Ok(Begun::Interrupted),
            Some(word) = self.words.recv() => {
                let start_ns = self.collector.load_rendezvous().start_unix_ns();
                Ok(Begun::Word(Box::new(word), start_ns.unwrap_or_default() / 1_000_000))
            },
            Some(ended) = self.children.join_next() => {
                let (worker, status) = said(ended);
                Err(ManyError::DiedAtStart { worker, status })
            },
        }
    }

    /// Takes every word until all accounts are in, or nobody is left to give one.
    async fn run<L: Look>(
        &mut self,
        first: Option<LoadWord>,
        workers: u32,
        watched: &mut Watched<L>,
        (signals, clock): (&mut Shutdown, &Clock),
    ) -> Result<(), DriveError> {
        let (mut done, mut gone) = (BTreeSet::new(), BTreeSet::new());
        let stopped = watched.is_interrupted();
        let mut until = stopped.then(|| tokio::time::Instant::now() + STOP_WITHIN);
        let mut next = first;
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            if let Some(word) = next.take()
                && let Some(end) = take(word, watched, &mut done)?
            {
                self.stop(end, watched, clock);
                until.get_or_insert(tokio::time::Instant::now() + STOP_WITHIN);
            }
            let missing = (0..workers).filter(|it| !done.contains(it) && !gone.contains(it));
            if missing.count() == 0 || until.is_some_and(|at| at <= tokio::time::Instant::now()) {
                return Ok(());
            }
            tokio::select! {
                biased;
                signal = interrupted(signals, watched) => {
                    // Twice: whoever waits no longer gets no account.
                    if watched.is_interrupted() {
                        return Err(DriveError::Left);
                    }
                    self.stop(End::Interrupted(signal), watched, clock);
                    until.get_or_insert(tokio::time::Instant::now() + STOP_WITHIN);
                },
                Some(word) = self.words.recv() => next = Some(word),
                Some(ended) = self.children.join_next() => {
                    let (worker, status) = said(ended);
                    if !done.contains(&worker) && gone.insert(worker) {
                        let what = format!("load worker {worker} ended: {status}");
                        self.stop(End::Lost(what), watched, clock);
                    }
                },
                _ = look.tick() => {
                    for worker in self.collector.load_lost() {
                        if !done.contains(&worker) && gone.insert(worker) {
                            let what = format!("load worker {worker} has fallen silent");
                            self.stop(End::Lost(what), watched, clock);
                        }
                    }
                },
            }
        }
    }

    fn stop<L: Look>(&self, end: End, watched: &mut Watched<L>, clock: &Clock) {
        let reason = match &end {
            End::Over => "over",
            End::Interrupted(signal) => signal,
            End::Stopped(reason) | End::Lost(reason) => reason.as_str(),
        };
        self.collector.stop_load(reason);
        // Children need not wait until they report next.
        self.wanted.send_replace(Wanted::Stop);
        watched.end(end, clock);
    }
}

/// The end of a child: by itself, told to stop, or because nobody needs it any more.
async fn ended(
    mut child: Child,
    mut wanted: watch::Receiver<Wanted>,
) -> std::io::Result<ExitStatus> {
    // Its end is how the child learns that this process was killed; waiting would close it.
    let _input = child.stdin.take();
    loop {
        let order = tokio::select! {
            biased;
            status = child.wait() => return status,
            // Whoever has gone away without a word needs no child either.
            changed = wanted.changed() => changed.map_or(Wanted::Gone, |()| *wanted.borrow()),
        };
        match order {
            Wanted::Work => {},
            Wanted::Stop => terminate(&child),
            Wanted::Gone => {
                child.kill().await?;
                return child.wait().await;
            },
        }
    }
}

fn terminate(child: &Child) {
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    // One that has ended meanwhile needs no signal.
    if let Some(Err(error)) = pid.map(|pid| kill_process(pid, Signal::TERM)) {
        tracing::debug!(%error, "a load worker takes no signal");
    }
}

/// What a word means for the book; a reason to end when somebody has had enough.
fn take<L: Look>(
    word: LoadWord,
    watched: &mut Watched<L>,
    done: &mut BTreeSet<u32>,
) -> Result<Option<End>, DriveError> {
    let interval: LoadInterval = match word {
        LoadWord::Interval(interval) => interval,
        LoadWord::Done(account) => {
            let account: LoadDone = account;
            let what = |by: &String| format!("load worker {} was stopped by {by}", account.worker);
            let lost = account.stopped.as_ref().filter(|_| !watched.has_ended()).map(what);
            done.insert(account.worker);
            watched.finish(account)?;
            return Ok(lost.map(End::Lost));
        },
    };
    Ok(watched.take(&interval)?.map(End::Stopped))
}

type Joined = Result<(u32, std::io::Result<ExitStatus>), tokio::task::JoinError>;

fn said(ended: Joined) -> (u32, String) {
    match ended {
        Ok((worker, Ok(status))) => (worker, status.to_string()),
        Ok((worker, Err(error))) => (worker, error.to_string()),
        // Waiting for a child does not panic, and nobody aborts it.
        Err(error) => (u32::MAX, error.to_string()),
    }
}
