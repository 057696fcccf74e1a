//! Who is hit: the faults of one place are asked about one request.
//!
//! Nothing here waits, allocates or formats before something is drawn, and nothing depends on the
//! protocol: a request is what its [`Subject`] says of it, a connection can be one as well.

use std::sync::Arc;

use model::decision::{self, Draw, Purpose};
use model::edge::Edge;
use model::fault::{BodyOnce, FaultKind, Per, Subject, Window, share_at};
use model::units::Share;
use telemetry::clock::Clock;
use tokio::time::Instant;

use super::caller::{self, Part};
use super::keyed::{Key, Keyed};
use super::{Drawn, Fault, Wanted};

/// What a judgement depends on beside the request itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) seed: u64,
    pub(crate) edge: &'a Edge,
    /// Who the draws are about.
    pub(crate) subject: &'a decision::Subject,
    pub(crate) correlation_id: &'a str,
    pub(crate) occurrence: u32,
    pub(crate) attempt: u32,
    pub(crate) clock: &'a Clock,
    pub(crate) now_unix_ms: u64,
}

/// Where a fault's own time stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) window: Window,
    pub(crate) at_ms: u64,
}

pub(super) const YEAR_MS: u64 = 365 * 24 * 3_600 * 1_000;

/// Which parts of what a caller may ask for belong to the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Request,
    Body,
}

/// Draws the faults that look at this request, in the order of the plan. `on_match` hears of every
/// one that the match accepted.
pub(crate) fn judge<'f, S: Subject>(
    faults: impl IntoIterator<Item = &'f Arc<Fault>>,
    stage: Stage,
    request: &S,
    case: &Case<'_>,
    mut on_match: impl FnMut(&Fault),
) -> Vec<Drawn> {
    let body = BodyOnce::default();
    let mut drawn = Vec::new();
    for fault in faults {
        let Some(at_ms) = fault.origin.active_ms(case.now_unix_ms) else { continue };
        let Some(window) = fault.spec.window_at(at_ms) else { continue };
        let moment = Moment { window, at_ms };
        if !fault.matcher.accepts(request, &body) {
            continue;
        }
        let mut matched = |fault: &Fault| {
            fault.memory.count_match();
            on_match(fault);
        };
        let FaultKind::Caller { token, delay_max_ms } = &fault.spec.effect else {
            matched(fault);
            if fault.takes(request, case, moment) {
                drawn.extend(draw(fault, moment, None, case));
            }
            continue;
        };
        if !caller::is_allowed(request, token) {
            continue;
        }
        let parts = match stage {
            Stage::Request => caller::on_request(request, *delay_max_ms),
            Stage::Body => [caller::on_body(request), None],
        };
        if parts.iter().all(Option::is_none) {
            continue;
        }
        let takes = fault.takes(request, case, moment);
        for part in parts.into_iter().flatten() {
            matched(fault);
            if takes {
                drawn.extend(draw(fault, moment, Some(part), case));
            }
        }
    }
    drawn
}

fn draw(fault: &Arc<Fault>, moment: Moment, part: Option<Part>, case: &Case<'_>) -> Option<Drawn> {
    let draw = Draw {
        seed: case.seed,
        fault: fault.drawn_as(),
        edge: case.edge,
        subject: case.subject,
        occurrence: case.occurrence,
        attempt: case.attempt,
    };
    let share = share_now(fault, moment);
    let (purpose, share, wanted) = match part {
        None => (Purpose::Fire, share, Wanted::ByPlan),
        Some(Part { purpose, share: asked, effect }) => {
            let wanted = effect.map_or(Wanted::Invalid, Wanted::ByCaller);
            (purpose, asked.map_or(share, |asked| asked.min(share)), wanted)
        },
    };
    let fire = draw.unit(purpose);
    // What cannot be read is not a matter of chance: it is told every time.
    if !matches!(wanted, Wanted::Invalid) {
        let fired = fire.below(share);
        fault.memory.draws.record(fired);
        if !fired {
            return None;
        }
    }
    Some(Drawn {
        fault: Arc::clone(fault),
        attempt: case.attempt,
        draw: fire,
        size: draw.unit(Purpose::Size),
        window_end: window_end(case, moment),
        wanted,
    })
}

/// The instant at which the window ends; one that never does ends in a year.
pub(super) fn window_end(case: &Case<'_>, Moment { window, at_ms }: Moment) -> Instant {
    let left_ms = window.end_ms.saturating_sub(at_ms).min(YEAR_MS);
    case.clock.instant_of_unix_ms(case.now_unix_ms.saturating_add(left_ms))
}

pub(super) fn share_now(fault: &Fault, Moment { window, at_ms }: Moment) -> Share {
    let spec = &fault.spec;
    let since_ms = at_ms.saturating_sub(window.start_ms);
    let length_ms = window.end_ms.saturating_sub(window.start_ms);
    share_at(spec.share, spec.when.ramp_to, since_ms, length_ms)
}

impl Fault {
    /// Do the conditions beside match and share hold? A request that matches is counted here, once.
    fn takes<S: Subject>(&self, request: &S, case: &Case<'_>, moment: Moment) -> bool {
        let when = &self.spec.when;
        let counted = self.memory.counts().is_none_or(|counts| {
            let before = counts.count(self.key(counts, request, case));
            when.first.is_none_or(|first| before < first)
                && when.every.is_none_or(|every| before.wrapping_add(1).is_multiple_of(every))
        });
        counted
            && self.flapping_takes(moment.window, moment.at_ms)
            && self.regime_takes(case.seed, moment.at_ms)
    }

    fn key<S: Subject>(&self, counts: &Keyed<u64>, request: &S, case: &Case<'_>) -> Key {
        match &self.spec.when.per {
            Per::Edge => counts.key(&[&case.edge.caller, &case.edge.callee]),
            Per::User => counts.key(&[user_of(case.correlation_id)]),
            Per::CorrelationId => counts.key(&[case.correlation_id]),
            Per::Path => counts.key(&[request.path()]),
            Per::Header(_) => {
                let mut key = None;
                let name = self.counted_header.as_deref().unwrap_or_default();
                request.any_header(name, &mut |value| {
                    key = Some(counts.key(&["is", value]));
                    true
                });
                key.unwrap_or_else(|| counts.key(&["is not there"]))
            },
        }
    }
}

/// As [`model::id::CorrelationId::user_key`] has it.
fn user_of(correlation_id: &str) -> &str {
    correlation_id.rsplit_once('-').map_or(correlation_id, |(user, _)| user)
}
