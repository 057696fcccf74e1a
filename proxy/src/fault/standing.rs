//! Faults over a connection. A request is judged once; a connection lives while faults come, go
//! and change, and each time it must be clear whether one of them acts on it.
//!
//! A fault is *in force* while its window holds, it is on if it flaps, and its spell is bad if it
//! has spells. A connection is judged when a fault comes into force, with the draw of its number:
//! the same connection gets the same answer each time, whatever its neighbours do. Only a share
//! that changes while the fault is in force moves who is hit, by comparing the same draw again.

use std::sync::Arc;

use model::decision::{Draw, Purpose};
use model::fault::{Direction, FaultKind, Placement, Subject};
use model::units::Share;
use telemetry::clock::Clock;
use tokio::time::Instant;

use super::judge::{Case, Moment, Stage, YEAR_MS, judge, share_now, window_end};
use super::{Drawn, Fault, LineFaults, Wanted};

/// How often a share that changes in a straight line is looked at.
const RAMP_STEP_MS: u64 = 100;

/// A connection as matches see it: it has a caller and nothing else.
#[derive(Debug, Clone, Copy)]
struct Connection<'a> {
    caller: &'a str,
}

impl Subject for Connection<'_> {
    fn method(&self) -> &'static str {
        ""
    }

    fn path(&self) -> &'static str {
        ""
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
        self.caller
    }
}

impl LineFaults {
    /// Those that meet a connection when it is accepted, whatever it carries.
    pub(crate) fn at_the_gate(&self) -> impl Iterator<Item = &Arc<Fault>> {
        self.at(Placement::Connect).all().iter().filter(|fault| fault.acts_at_the_gate())
    }

    /// Those that act on bytes or on the connection that carries them: each fault once. A reset at
    /// the gate is one of them, because it acts at once on connections that are open when it comes.
    pub(crate) fn on_bytes(&self) -> impl Iterator<Item = &Arc<Fault>> {
        let places = [Placement::Connect, Placement::Request, Placement::Attempt];
        let lists =
            places.into_iter().chain([Placement::Response]).map(|place| self.at(place).all());
        let up = self.body(Direction::Up).all();
        let down_only = |fault: &&Arc<Fault>| !fault.spec.direction.takes(Direction::Up);
        let body = up.iter().chain(self.body(Direction::Down).all().iter().filter(down_only));
        let all = lists.flatten().chain(body);
        all.filter(|fault| {
            let resets = matches!(fault.spec.effect, FaultKind::Reset { .. });
            fault.spec.effect.row().tcp && (resets || !fault.acts_at_the_gate())
        })
    }
}

impl Fault {
    /// Does it meet connections when they are accepted?
    pub(crate) fn acts_at_the_gate(&self) -> bool {
        let at_accept = matches!(
            self.spec.effect,
            FaultKind::Latency { .. }
                | FaultKind::Blackhole
                | FaultKind::Reset { .. }
                | FaultKind::Refuse
                | FaultKind::SlowAccept { .. }
        );
        at_accept && self.spec.placement == Placement::Connect
    }

    /// Where its own time stands while it acts on whom it has drawn; `None` while it does not act.
    pub(crate) fn in_force(&self, seed: u64, now_unix_ms: u64) -> Option<Moment> {
        let at_ms = self.origin.active_ms(now_unix_ms)?;
        let window = self.spec.window_at(at_ms)?;
        let on = self.flapping_takes(window, at_ms) && self.regime_takes(seed, at_ms);
        on.then_some(Moment { window, at_ms })
    }

    /// The next instant at which that may change by time alone.
    pub(crate) fn next_turn(&self, now_unix_ms: u64, clock: &Clock) -> Option<Instant> {
        let at_ms = self.origin.since_zero_ms(now_unix_ms);
        let unix_ms = self.origin.zero_unix_ms?.checked_add(self.next_turn_ms(at_ms)?)?;
        let is_near = unix_ms.saturating_sub(now_unix_ms) < YEAR_MS;
        is_near.then(|| clock.instant_of_unix_ms(unix_ms))
    }

    /// `at_ms` is `None` before its zero.
    fn next_turn_ms(&self, at_ms: Option<u64>) -> Option<u64> {
        let next = super::schedule::next_change_ms(&self.spec, at_ms);
        let Some((at_ms, window)) =
            at_ms.and_then(|at_ms| Some((at_ms, self.spec.window_at(at_ms)?)))
        else {
            return next;
        };
        let when = &self.spec.when;
        let flap = when.flapping.map(|flapping| {
            let since = at_ms - window.start_ms;
            let turn = flapping.on_ms.saturating_add(flapping.off_ms).max(1);
            let left = if flapping.is_on(since) { flapping.on_ms } else { turn } - since % turn;
            at_ms.saturating_add(left.max(1))
        });
        let step = when.regime.as_ref().map(|regime| {
            let next = regime.step(at_ms).saturating_add(1);
            next.saturating_mul(regime.step_ms.max(1))
        });
        let ramp = when.ramp_to.map(|_to| at_ms.saturating_add(RAMP_STEP_MS));
        [next, flap, step, ramp].into_iter().flatten().min()
    }

    /// Does it hit every connection, without exception?
    pub(crate) fn hits_all(&self, moment: Moment) -> bool {
        let when = &self.spec.when;
        let counted = when.first.is_some() || when.every.is_some() || when.max_active.is_some();
        !counted && share_now(self, moment) == Share::WHOLE
    }

    /// Draws for a connection that this fault, in force, meets for the first time.
    pub(crate) fn meet(
        self: &Arc<Self>,
        case: &Case<'_>,
        on_match: impl FnMut(&Self),
    ) -> Option<Drawn> {
        let connection = Connection { caller: &case.edge.caller };
        let faults = std::slice::from_ref(self);
        judge(faults, Stage::Request, &connection, case, on_match).pop()
    }

    /// The same draw against the share as it is by now. Nothing is counted.
    pub(crate) fn meet_again(self: &Arc<Self>, case: &Case<'_>, moment: Moment) -> Option<Drawn> {
        let when = &self.spec.when;
        if when.first.is_some() || when.every.is_some() {
            // Whom those took has been settled.
            return None;
        }
        let draw = case.draw_of(self);
        let fire = draw.unit(Purpose::Fire);
        if !fire.below(share_now(self, moment)) {
            return None;
        }
        Some(Drawn {
            fault: Arc::clone(self),
            attempt: case.attempt,
            draw: fire,
            size: draw.unit(Purpose::Size),
            window_end: window_end(case, moment),
            wanted: Wanted::ByPlan,
        })
    }

    /// Does the share as it is by now still take who was drawn by it?
    pub(crate) fn still_takes(&self, case: &Case<'_>, moment: Moment) -> bool {
        case.draw_of(self).unit(Purpose::Fire).below(share_now(self, moment))
    }
}

impl<'a> Case<'a> {
    fn draw_of(&self, fault: &'a Fault) -> Draw<'a> {
        Draw {
            seed: self.seed,
            fault: fault.drawn_as(),
            edge: self.edge,
            subject: self.subject,
            occurrence: self.occurrence,
            attempt: self.attempt,
        }
    }
}

#[cfg(test)]
impl Fault {
    /// As if it always acted.
    pub(crate) fn for_test(spec: &model::fault::FaultSpec) -> Arc<Self> {
        Arc::new(Self::after(spec, None, super::Origin::always()))
    }
}

#[cfg(test)]
impl Drawn {
    /// As if it had been drawn.
    pub(crate) fn for_test(fault: &Arc<Fault>, size: model::decision::Unit) -> Self {
        Self {
            fault: Arc::clone(fault),
            attempt: 0,
            draw: size,
            size,
            window_end: Instant::now(),
            wanted: Wanted::ByPlan,
        }
    }
}
