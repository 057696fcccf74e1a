//! From the first arrival to the quiet system: phases, leases, live verdicts, and every way in
//! which a run can end early.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use collector::CollectorHandle;
use model::expect::{Evidence, InvariantFinding, judge};
use model::frame::{Event, EventKind, FaultFrame, Frame, RunHead, VerdictFrame};
use model::phase::Phase;
use telemetry::shutdown::Shutdown;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Job;
use super::audit;
use super::stack::Stack;
use super::view::View;
use crate::control::{Control, ControlError};
use crate::result::Ending;

/// Time to hand the plan and the order to start around before the first arrival.
const HEAD_START: Duration = Duration::from_secs(1);
/// Renewals per lease: two may be late or lost before it lapses.
const RENEWALS_PER_LEASE: u32 = 3;
/// A second's frame is complete this long after the second.
const FRAME_DELAY: Duration = Duration::from_secs(2);
/// Longer than any request of a load may take.
const LOAD_DRAIN: Duration = Duration::from_secs(90);

/// What came of watching.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) ending: Ending,
    /// Start of load.
    pub(crate) start_unix_ms: Option<u64>,
    pub(crate) invariants: Option<Vec<InvariantFinding>>,
}

impl Seen {
    pub(crate) fn nothing(ending: Ending) -> Self {
        Self { ending, start_unix_ms: None, invariants: None }
    }
}

/// Tells the collector what the run is about, so that viewers see it from the first second.
pub(crate) fn introduce(job: &Job, collector: &CollectorHandle) {
    let guarded = job.scenario.policies.iter().filter(|(_, policy)| policy.breaker.is_some());
    collector.set_breakers(guarded.map(|(edge, _)| edge.clone()).collect());
    collector.set_faults(planned_faults(job));
    collector.set_run(run_head(job, None, None));
}

/// Says how long the parts took to be ready.
pub(crate) fn announce_ready(job: &Job, collector: &CollectorHandle, began: Instant) {
    let took_ms = (job.clock.now() - began).as_millis();
    collector.add_event(Event {
        unix_ms: job.clock.unix_ms(),
        kind: EventKind::Process,
        subject: "all parts".to_owned(),
        text: format!("ready after {took_ms} ms"),
        trace_id: None,
    });
}

pub(crate) fn planned_faults(job: &Job) -> Vec<FaultFrame> {
    let planned = |fault: &model::fault::FaultSpec| FaultFrame {
        name: fault.name.clone(),
        what: match fault.when.ramp_to {
            Some(_) => format!("{}, share {}", fault.effect, fault.shares()),
            None => fault.effect.to_string(),
        },
        edges: fault.edges.clone(),
        share: fault.share,
        state: model::fault::FaultState::Planned,
        schedule: fault.schedule.clone(),
        hit: 0,
        skipped: 0,
        hit_now: 0,
    };
    job.scenario.faults.iter().map(planned).collect()
}

pub(crate) fn run_head(job: &Job, start_unix_ms: Option<u64>, phase: Option<Phase>) -> RunHead {
    RunHead {
        run_id: job.head.run_id.clone(),
        title: job.head.title.clone(),
        seed: job.head.seed,
        start_unix_ms,
        timeline: Some(job.head.timeline),
        phase,
        verdict: None,
    }
}

/// Starts load and watches until the system is quiet again or something ends the run early.
pub(crate) async fn watch(
    job: &Job,
    stack: &mut Stack,
    view: &mut View,
    signals: &mut Shutdown,
) -> Seen {
    let frames = stack.collector.subscribe();
    let start_unix_ms = next_whole_second_ms(job.clock.unix_ms() + HEAD_START.as_millis() as u64);
    let ending = match release(job, stack, start_unix_ms).await {
        Ok(()) => {
            let watch = Watch { job, stack, start_unix_ms, lease_wanted: watch::Sender::new(true) };
            watch.follow(view, signals, frames).await
        },
        Err(reason) => Err(Ending::HarnessFault { reason }),
    };
    let start_unix_ms = Some(start_unix_ms);
    match ending {
        Ok(invariants) => {
            Seen { ending: Ending::Finished, start_unix_ms, invariants: Some(invariants) }
        },
        Err(ending) => Seen { ending, start_unix_ms, invariants: None },
    }
}

/// Frames are about whole seconds, so phases that last whole seconds fall on their borders.
fn next_whole_second_ms(unix_ms: u64) -> u64 {
    unix_ms.next_multiple_of(1_000)
}

/// Gives the proxy its schedule, holds the lease for the first time and starts the arrivals.
async fn release(job: &Job, stack: &mut Stack, start_unix_ms: u64) -> Result<(), String> {
    let zero_unix_ms = start_unix_ms + job.head.timeline.during_ms;
    let plan = job.scenario.plan(2, Some(zero_unix_ms), &stack.endpoints());
    let failed = |error: ControlError| crate::with_causes(&error);
    stack.control.put_plan(&plan).await.map_err(failed)?;
    stack.control.renew(job.scenario.safety.lease).await.map_err(failed)?;
    stack
        .start_arrivals(start_unix_ms * 1_000_000)
        .await
        .map_err(|error| crate::with_causes(&error))
}

/// Renews the lease for as long as it is `wanted`; ends when it lapses or is refused, and says why.
async fn hold_lease(control: Control, lease: Duration, wanted: watch::Receiver<bool>) -> String {
    let mut renewals = tokio::time::interval(lease / RENEWALS_PER_LEASE);
    renewals.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut held_until = Instant::now() + lease;
    loop {
        renewals.tick().await;
        if !*wanted.borrow() {
            return std::future::pending().await;
        }
        let renewed = control.renew(lease).await;
        if !*wanted.borrow() {
            return std::future::pending().await;
        }
        match renewed {
            Ok(reply) if reply.lapsed => return LAPSED.to_owned(),
            Ok(_) => held_until = Instant::now() + lease,
            Err(ControlError::Refused { status: 409, .. }) => return LAPSED.to_owned(),
            // One lost answer is not the end; silence for a whole lease is.
            Err(error) if Instant::now() >= held_until => return crate::with_causes(&error),
            Err(_) => {},
        }
    }
}

const LAPSED: &str = "the lease lapsed: the runner or the proxy stood still for too long, and the \
                      faults were disarmed before their time";

struct Watch<'a> {
    job: &'a Job,
    stack: &'a Stack,
    start_unix_ms: u64,
    lease_wanted: watch::Sender<bool>,
}

impl Watch<'_> {
    async fn follow(
        &self,
        view: &mut View,
        signals: &mut Shutdown,
        mut frames: broadcast::Receiver<Arc<Frame>>,
    ) -> Result<Vec<InvariantFinding>, Ending> {
        let safety = self.job.scenario.safety;
        let fault = |reason| Err(Ending::HarnessFault { reason });
        let mut to_quiet = pin!(self.run_to_quiet());
        // A task of its own, so that neither judging nor a slow terminal delays a renewal. It ends
        // with its set.
        let mut heartbeat = JoinSet::new();
        let control = self.stack.control.clone();
        heartbeat.spawn(hold_lease(control, safety.lease, self.lease_wanted.subscribe()));
        let mut death = pin!(self.stack.unasked_death());
        let mut limit = pin!(tokio::time::sleep_until(self.instant(0) + safety.limit));
        let mut verdicts = Vec::new();
        loop {
            tokio::select! {
                reached = &mut to_quiet => return reached,
                Some(Ok(reason)) = heartbeat.join_next() => return fault(reason),
                died = &mut death => return fault(crate::with_causes(&died)),
                () = &mut limit => return Err(self.past_limit()),
                _ = signals.requested() => return Err(Ending::Interrupted),
                () = view.interrupted() => return Err(Ending::Interrupted),
                frame = frames.recv() => match frame {
                    Ok(frame) => {
                        view.frame(&frame);
                        self.judge_so_far(&mut verdicts);
                        if let Some(error) = self.stack.collector.store_error() {
                            return fault(error);
                        }
                    },
                    // A slow terminal misses seconds on the screen, not in the data.
                    Err(RecvError::Lagged(_)) => {},
                    Err(RecvError::Closed) => {
                        return fault("the collector ended in the middle of the run".to_owned());
                    },
                },
            }
        }
    }

    /// Goes through the phases, waits for the load worker, disarms what is left, and reads the
    /// system once it is quiet.
    async fn run_to_quiet(&self) -> Result<Vec<InvariantFinding>, Ending> {
        let fault = |reason| Err(Ending::HarnessFault { reason });
        let Some(load) = &self.stack.load else { return fault("no load was started".to_owned()) };
        let phases = async {
            for phase in [Phase::Warmup, Phase::Before, Phase::During, Phase::After] {
                let (start_ms, end_ms) = self.job.head.timeline.window_ms(phase);
                if start_ms == end_ms {
                    continue;
                }
                tokio::time::sleep_until(self.instant(start_ms)).await;
                self.enter(phase);
            }
            tokio::time::sleep_until(self.instant(self.job.head.timeline.end_ms)).await;
        };
        tokio::select! {
            () = phases => {},
            _ = load.ended() => {},
        }
        // Whoever has given its account has done its work, even if its clock was a little ahead.
        if load.has_ended() && self.stack.collector.load_done().is_empty() {
            return fault(crate::with_causes(&load.death().await));
        }
        self.enter(Phase::End);
        if tokio::time::timeout(LOAD_DRAIN, load.ended()).await.is_err() {
            return fault(format!(
                "the load generator did not finish within {} s after the end of load",
                LOAD_DRAIN.as_secs()
            ));
        }
        if self.stack.collector.load_done().is_empty() {
            return fault(crate::with_causes(&load.death().await));
        }
        self.lease_wanted.send_replace(false);
        if let Err(error) = self.stack.control.release().await {
            return fault(crate::with_causes(&error));
        }
        // What somebody armed by hand would stand in the way of the reading.
        if let Err(error) = self.stack.control.disarm(None).await {
            return fault(crate::with_causes(&error));
        }
        audit::read_when_quiet(self.stack)
            .await
            .map_err(|error| Ending::HarnessFault { reason: crate::with_causes(&error) })
    }

    fn enter(&self, phase: Phase) {
        let collector = &self.stack.collector;
        collector.set_run(run_head(self.job, Some(self.start_unix_ms), Some(phase)));
        collector.add_event(Event {
            unix_ms: self.job.clock.unix_ms(),
            kind: EventKind::Phase,
            subject: phase.as_str().to_owned(),
            text: "begins".to_owned(),
            trace_id: None,
        });
    }

    /// Judges what is known so far and announces every change.
    fn judge_so_far(&self, known: &mut Vec<VerdictFrame>) {
        let collector = &self.stack.collector;
        let now_unix_ms = self.job.clock.unix_ms();
        let verdicts = judge(
            &self.job.scenario.expectations,
            &Evidence {
                timeline: self.job.head.timeline,
                start_unix_ms: self.start_unix_ms,
                // Frames come a moment after their second; a phase is over when they are there.
                reached_ms: now_unix_ms
                    .saturating_sub(self.start_unix_ms)
                    .saturating_sub(FRAME_DELAY.as_millis() as u64),
                frames: &collector.frames(),
                load: &collector.load_totals(),
                invariants: None,
            },
        );
        for (now, before) in verdicts.iter().zip(known.iter()) {
            if now.verdict != before.verdict {
                collector.add_event(Event {
                    unix_ms: now_unix_ms,
                    kind: EventKind::Verdict,
                    subject: format!("{} {}", now.phase, now.text),
                    text: format!("{}: {}", now.verdict.as_str(), now.observed),
                    trace_id: now.trace_ids.first().copied(),
                });
            }
        }
        collector.set_verdicts(verdicts.clone());
        *known = verdicts;
    }

    fn past_limit(&self) -> Ending {
        let limit = model::units::format_duration(self.job.scenario.safety.limit);
        Ending::StoppedBySafety { reason: format!("the run took longer than its limit of {limit}") }
    }

    fn instant(&self, since_start_ms: u64) -> Instant {
        self.job.clock.instant_of_unix_ms(self.start_unix_ms + since_start_ms)
    }
}
