//! One line of the ledger that is not written yet.
//!
//! Whatever becomes of a drawn fault, it leaves exactly one line: what holds a [`Due`] says when
//! the effect begins or why it is spared, and if it is dropped before either, because the caller
//! left or because the place was never reached, the line says that.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::decision::Unit;
use model::fault::FaultKind;
use tokio::time::Instant;

use super::memory::Place;
use super::{Drawn, Fault, Wanted};
use crate::emit::Verdict;

/// Where lines are written: a request's or a connection's page.
pub(crate) trait Ledger: fmt::Debug + Send + Sync {
    fn enter(&self, drawn: &Drawn, verdict: Verdict);
}

/// What spares a drawn fault, beside its cap.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stand {
    /// The user is in the control group.
    pub(crate) control: bool,
    /// Another fault has ended it.
    pub(crate) overtaken: bool,
    /// The lease was held when this was asked.
    pub(crate) armed: bool,
}

#[derive(Debug)]
pub(crate) struct Due {
    drawn: Drawn,
    ledger: Arc<dyn Ledger>,
    state: State,
    /// What a cap counts; given back at the end.
    place: Option<Place>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing happened; this is why, if it ends so.
    Waiting {
        otherwise: &'static str,
    },
    /// Its line comes with its end, because it says how long it took.
    Acting {
        began: Instant,
        planned: Option<Duration>,
    },
    Written,
}

impl Due {
    pub(crate) fn new(drawn: Drawn, ledger: Arc<dyn Ledger>, otherwise: &'static str) -> Self {
        Self { drawn, ledger, state: State::Waiting { otherwise }, place: None }
    }

    pub(crate) fn name(&self) -> &str {
        &self.drawn.fault.spec.name
    }

    pub(crate) fn fault(&self) -> &Fault {
        &self.drawn.fault
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.drawn.attempt
    }

    pub(crate) fn effect(&self) -> &FaultKind {
        self.drawn.effect()
    }

    /// Seed of what the effect draws further, such as places in a body.
    pub(crate) fn size(&self) -> Unit {
        self.drawn.size
    }

    /// Nothing is held back longer.
    pub(crate) fn window_end(&self) -> Instant {
        self.drawn.window_end
    }

    /// The delay of a fault that delays.
    pub(crate) fn planned(&self) -> Option<Duration> {
        match self.effect() {
            FaultKind::Latency { delay }
            | FaultKind::SlowAccept { delay }
            | FaultKind::SlowClose { delay } => Some(delay.sample(self.drawn.size)),
            _ => None,
        }
    }

    /// Goes on with a fault that nothing spares; the line of one that is spared is written.
    pub(crate) fn admit(mut self, stand: Stand) -> Option<Self> {
        let spared = if matches!(self.drawn.wanted, Wanted::Invalid) {
            Some("invalid")
        } else if stand.control {
            Some("control")
        } else if stand.overtaken {
            Some("overtaken")
        } else if !stand.armed {
            Some("lease")
        } else {
            let fault = &self.drawn.fault;
            self.place = fault.memory.take_place(fault.spec.when.max_active);
            self.place.is_none().then_some("cap")
        };
        match spared {
            None => Some(self),
            Some(reason) => {
                self.spare(reason);
                None
            },
        }
    }

    /// What the line says if the effect never begins.
    pub(crate) fn otherwise(&mut self, reason: &'static str) {
        if let State::Waiting { otherwise } = &mut self.state {
            *otherwise = reason;
        }
    }

    /// It does not act. Without effect once it did.
    pub(crate) fn spare(mut self, reason: &'static str) {
        self.otherwise(reason);
    }

    /// Its effect begins: at once a line, except for what holds something back, whose line comes
    /// with the time it took. Again without effect.
    pub(crate) fn begin(&mut self) {
        if !matches!(self.state, State::Waiting { .. }) {
            return;
        }
        let planned = self.planned();
        if planned.is_some() || matches!(self.effect(), FaultKind::Blackhole) {
            self.state = State::Acting { began: Instant::now(), planned };
        } else {
            self.write(Verdict::Hit { planned: None, achieved: None });
        }
    }

    /// Until when it holds something back, once it began.
    pub(crate) fn held_until(&self) -> Instant {
        self.planned_end().map_or(self.window_end(), |end| end.min(self.window_end()))
    }

    /// It held something back until [`Due::held_until`].
    pub(crate) fn ran_to_its_end(&self) {
        let whole = self.planned_end().is_some_and(|end| end <= self.window_end());
        if let (true, State::Acting { began, planned: Some(planned) }) = (whole, self.state) {
            self.delayed(planned, began.elapsed());
        }
    }

    fn planned_end(&self) -> Option<Instant> {
        match self.state {
            State::Acting { began, planned: Some(planned) } => began.checked_add(planned),
            _ => None,
        }
    }

    /// Its effect, of which more may follow, has shown for the first time: the line is written and
    /// the place kept. Again without effect.
    pub(crate) fn acted(&mut self, planned: Option<Duration>, achieved: Option<Duration>) {
        if !matches!(self.state, State::Written) {
            self.write(Verdict::Hit { planned, achieved });
        }
    }

    /// One delay of several, as on bytes, ran to its end.
    pub(crate) fn delayed(&self, planned: Duration, achieved: Duration) {
        self.drawn.fault.memory.precision.delayed(planned, achieved);
    }

    /// Bytes that passed while a rate held them back, and how many it allowed.
    pub(crate) fn paced(&self, passed: u64, allowed: u64) {
        self.drawn.fault.memory.precision.paced(passed, allowed);
    }

    fn write(&mut self, verdict: Verdict) {
        self.state = State::Written;
        self.drawn.fault.memory.count(verdict);
        self.ledger.enter(&self.drawn, verdict);
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        match self.state {
            State::Written => {},
            State::Waiting { otherwise } => self.write(Verdict::Skipped { reason: otherwise }),
            State::Acting { began, planned } => {
                self.write(Verdict::Hit { planned, achieved: Some(began.elapsed()) });
            },
        }
    }
}
