//! Which faults act on a request, and what they do to it.
//!
//! The conditions of a fault are asked in one order, for the reasons that stand beside them:
//!
//! 1. *active*: its schedule holds and the lease is held. The cheapest question, and a fault that
//!    is not active must not even count;
//! 2. *match*: what it is about. From here on the request counts as `matched`;
//! 3. *when*: `first` and `every` count matched requests, so they come after the match and before
//!    everything that is random; then flapping and regime, which ask for the time alone. A request
//!    is counted whether they hold or not: the counts stay equal to `matched`;
//! 4. *the draw*: exactly one for each request, fault and purpose, keyed by what the request is and
//!    never taken from a stream. A neighbour that comes, goes or fires shifts nothing;
//! 5. *spared*: someone of the control group takes no place, so `control` is asked before the cap;
//!    what another fault has ended (`overtaken`) or the lease has freed (`lease`) needs none
//!    either. `cap` comes last because it is the only question whose answer takes something.
//!
//! A drawn fault leaves exactly one line in the ledger ([`due::Due`]): `hit` once its effect began,
//! `skipped` with the reason when it was spared. Its counters move together with that line, so both
//! can be reconciled at the end of a run.
//!
//! What `first` and `every` take depends on the order in which requests arrive, and is therefore
//! not the same at another concurrency; with `per` a user or a user action it is as repeatable as
//! the order within that key. Everything else here depends on the request alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::decision::Unit;
use model::fault::{FaultKind, FaultSpec, Matcher, Per, Window};
use model::plan::{FaultSource, Fidelity};
use tokio::time::Instant;

use crate::toxiproxy;

pub(crate) mod act;
pub(crate) mod arming;
mod binomial;
pub(crate) mod caller;
pub(crate) mod due;
mod errors;
mod fidelity;
pub(crate) mod judge;
pub(crate) mod keyed;
mod line;
pub(crate) mod memory;
pub(crate) mod origin;
pub(crate) mod schedule;
pub(crate) mod shaped;
mod sieve;
pub(crate) mod standing;

pub(crate) use fidelity::RATE_LEAST;
pub(crate) use line::LineFaults;
use memory::FaultMemory;
use origin::Origin;

/// A fault of the current plan with what lives beside it.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) spec: FaultSpec,
    /// What holds it.
    pub(crate) origin: Origin,
    /// Outlives the plan.
    pub(crate) memory: Arc<FaultMemory>,
    matcher: Matcher,
    /// Name in lower case of the header that `first` and `every` count by.
    counted_header: Option<String>,
    /// Last known step of the regime and its state, as `step * 2 + bad`. Any of them is right.
    regime_known: AtomicU64,
}

impl Fault {
    /// The successor of `old`, which has the same name, or the first of its name.
    pub(crate) fn after(spec: &FaultSpec, old: Option<&Self>, origin: Origin) -> Self {
        let memory = match old {
            Some(old) => FaultMemory::after(&old.memory, &old.spec, spec),
            None => FaultMemory::of(spec),
        };
        let counted_header = match &spec.when.per {
            Per::Header(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        };
        Self {
            memory,
            matcher: Matcher::new(&spec.matching),
            counted_header,
            regime_known: AtomicU64::new(0),
            spec: spec.clone(),
            origin,
        }
    }

    /// The name by which it is drawn. Faults that are one toxic together hit the same connections.
    pub(crate) fn drawn_as(&self) -> &str {
        match self.origin.source {
            FaultSource::Toxiproxy => toxiproxy::drawn_as(&self.spec.name),
            FaultSource::Plan | FaultSource::Api => &self.spec.name,
        }
    }

    /// How exactly it did what it was asked to do; `None` while there is nothing to say.
    pub(crate) fn fidelity(&self) -> Option<Fidelity> {
        fidelity::summary(&self.spec, &self.memory)
    }

    /// Is it in a bad spell, if it has spells?
    fn regime_takes(&self, seed: u64, at_ms: u64) -> bool {
        let Some(regime) = &self.spec.when.regime else { return true };
        let step = regime.step(at_ms);
        let known = self.regime_known.load(Ordering::Relaxed);
        let (known_step, known_bad) = (known / 2, known % 2 == 1);
        if known_step == step {
            return known_bad;
        }
        let bad = regime.is_bad(seed, &self.spec.name, step, Some((known_step, known_bad)));
        // The word 0 says that step 0 is good, which is so.
        self.regime_known.store(step << 1 | u64::from(bad), Ordering::Relaxed);
        bad
    }

    /// Is it on, if it goes on and off within its window?
    fn flapping_takes(&self, window: Window, at_ms: u64) -> bool {
        let flapping = self.spec.when.flapping;
        flapping.is_none_or(|flapping| flapping.is_on(at_ms.saturating_sub(window.start_ms)))
    }
}

/// A fault that was drawn for this request.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) fault: Arc<Fault>,
    pub(crate) attempt: u32,
    pub(crate) draw: Unit,
    /// Draw for the size of the effect, and seed of all that it draws further.
    pub(crate) size: Unit,
    /// When the window that drew it ends. Nothing is held back longer.
    pub(crate) window_end: Instant,
    wanted: Wanted,
}

/// Where the effect comes from.
#[derive(Debug)]
enum Wanted {
    ByPlan,
    ByCaller(FaultKind),
    /// A caller asked for something that cannot be read.
    Invalid,
}

impl Drawn {
    pub(crate) fn effect(&self) -> &FaultKind {
        match &self.wanted {
            Wanted::ByCaller(effect) => effect,
            Wanted::ByPlan | Wanted::Invalid => &self.fault.spec.effect,
        }
    }
}

#[cfg(test)]
mod tests;
