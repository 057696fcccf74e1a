//! Which faults act on a request, and what they do to it.
//!
//! A fault looks at a request when the request's edge is one of its edges, the placement is
//! reached, its match accepts, its schedule holds and the lease is held. Then exactly one draw
//! decides. A drawn fault leaves exactly one line in the ledger: `hit` once its effect began,
//! `skipped` with the reason when it was spared. The counters of a fault move together with that
//! line, so both can be reconciled at the end of a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::decision::{Draw, Purpose, Unit};
use model::fault::{FaultSpec, Placement};
use tokio::time::Instant;

use crate::emit::{Emitter, Verdict};
use crate::exchange::Exchange;

pub(crate) mod act;
pub(crate) mod arming;
pub(crate) mod schedule;

/// Counters of one fault. They outlive plans that keep the fault's name.
#[derive(Debug, Default)]
pub(crate) struct FaultCounters {
    matched: AtomicU64,
    hit: AtomicU64,
    skipped: AtomicU64,
}

impl FaultCounters {
    /// `(matched, hit, skipped)`
    pub(crate) fn read(&self) -> (u64, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.matched), read(&self.hit), read(&self.skipped))
    }
}

/// A fault of the current plan with what lives beside it.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) spec: FaultSpec,
    pub(crate) counters: Arc<FaultCounters>,
}

impl Fault {
    fn count_match(&self, emitter: &Emitter) {
        self.counters.matched.fetch_add(1, Ordering::Relaxed);
        emitter.count_decision(&self.spec.name, "matched");
    }

    fn count(&self, verdict: Verdict) {
        let counter = match verdict {
            Verdict::Hit { .. } => &self.counters.hit,
            Verdict::Skipped { .. } => &self.counters.skipped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// A fault that was drawn for this request.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) fault: Arc<Fault>,
    pub(crate) attempt: u32,
    pub(crate) draw: Unit,
    pub(crate) size: Unit,
    /// When the window that drew it ends. Nothing is held back longer.
    pub(crate) window_end: Instant,
}

/// Draws every fault that looks at this request here and now, in the order of the plan.
pub(crate) fn draw(exchange: &Exchange, placement: Placement, attempt: u32) -> Vec<Drawn> {
    let Some(journal) = &exchange.journal else { return Vec::new() };
    let line = &journal.line;
    if line.faults.is_empty() || !exchange.snapshot.arming.holds(exchange.clock().unix_ms()) {
        return Vec::new();
    }
    let looks = |fault: &&Arc<Fault>| {
        fault.spec.placement == placement && fault.spec.matching.accepts(exchange)
    };
    let mut drawn = Vec::new();
    for fault in line.faults.iter().filter(looks) {
        let Some(window_end) = window_end(exchange, fault) else { continue };
        fault.count_match(exchange.emitter());
        let draw = Draw {
            seed: exchange.snapshot.plan.seed,
            fault: &fault.spec.name,
            edge: &line.edge,
            subject: &journal.subject,
            occurrence: journal.occurrence,
            attempt,
        };
        let fire = draw.unit(Purpose::Fire);
        if fire.below(fault.spec.share) {
            let size = draw.unit(Purpose::Size);
            drawn.push(Drawn { fault: Arc::clone(fault), attempt, draw: fire, size, window_end });
        }
    }
    drawn
}

impl model::fault::Subject for Exchange {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn any_header(&self, _name: &str, _fits: &mut dyn FnMut(&str) -> bool) -> bool {
        false
    }

    fn body(&self) -> Option<&[u8]> {
        None
    }

    fn caller(&self) -> &str {
        self.edge.as_ref().map_or(model::edge::CLIENT, |edge| &edge.caller)
    }
}

/// The end of the window that the fault is in now; `None` when it is in none.
fn window_end(exchange: &Exchange, fault: &Fault) -> Option<Instant> {
    let (snapshot, clock) = (&exchange.snapshot, exchange.clock());
    let at_ms = snapshot.since_zero_ms(clock.unix_ms())?;
    let end_ms = schedule::window_end_ms(&fault.spec, at_ms)?;
    let end_unix_ms = snapshot.plan.zero_unix_ms?.saturating_add(end_ms);
    Some(clock.instant_of_unix_ms(end_unix_ms))
}
