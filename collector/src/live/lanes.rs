//! State of breakers and faults over time, from their transitions.
//!
//! Transitions may come late and out of order: each lane is kept sorted, and the state at the end
//! of any kept second is looked up, never remembered.

use std::collections::BTreeMap;
use std::time::Duration;

use model::edge::Edge;
use model::fault::FaultState;
use model::frame::{BreakerFrame, Event, EventKind};
use model::limits::{EDGES_MAX, FAULTS_MAX};
use model::policy::BreakerState;
use model::units::format_duration;

use super::facts::FaultWords;
use super::{BreakerTransition, FaultTransition, event};

/// Transitions kept per lane; the oldest are forgotten first.
const TRANSITIONS_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct Lanes {
    start_unix_ms: u64,
    breakers: BTreeMap<Edge, Vec<BreakerTransition>>,
    faults: BTreeMap<String, Vec<FaultTransition>>,
}

impl Lanes {
    pub(super) fn starting_at(start_unix_ms: u64) -> Self {
        Self { start_unix_ms, breakers: BTreeMap::new(), faults: BTreeMap::new() }
    }

    /// These edges have a breaker, closed until it says otherwise.
    pub(super) fn watch_breakers(&mut self, edges: Vec<Edge>) {
        for edge in edges.into_iter().take(EDGES_MAX) {
            self.breakers.entry(edge).or_default();
        }
    }

    /// The event for viewers; `None` when the transition is a repetition or one lane too many.
    pub(super) fn add_breaker(&mut self, transition: &BreakerTransition) -> Option<Event> {
        if self.breakers.len() >= EDGES_MAX && !self.breakers.contains_key(&transition.edge) {
            return None;
        }
        let lane = self.breakers.entry(transition.edge.clone()).or_default();
        insert(lane, transition, |transition| transition.unix_ns)?;
        let text = format!("{} -> {}: {}", transition.from, transition.to, transition.reason);
        let subject = transition.edge.to_string();
        Some(event(transition.unix_ns, EventKind::Breaker, subject, text, transition.trace_id))
    }

    pub(super) fn add_fault(&mut self, transition: &FaultTransition) -> Option<Event> {
        if self.faults.len() >= FAULTS_MAX && !self.faults.contains_key(&transition.fault) {
            return None;
        }
        let lane = self.faults.entry(transition.fault.clone()).or_default();
        insert(lane, transition, |transition| transition.unix_ns)?;
        let mut text = transition.state_text.clone();
        if !transition.cause.is_empty() {
            text = format!("{text}: {}", transition.cause);
        }
        let described = transition.described.as_ref();
        if transition.state == Some(FaultState::Active)
            && let Some(left_ms) = described.and_then(|words| words.left_ms)
        {
            // To the whole second: what is left is measured a moment after it was set.
            let left = Duration::from_secs(left_ms.div_ceil(1_000));
            text = format!("{text}, for {}", format_duration(left));
        }
        Some(event(transition.unix_ns, EventKind::Fault, transition.fault.clone(), text, None))
    }

    /// Every breaker as it stood just before this instant.
    pub(super) fn breakers_before(&self, unix_ns: u64) -> Vec<BreakerFrame> {
        self.breakers
            .iter()
            .map(|(edge, lane)| match last_before(lane, unix_ns, |it| it.unix_ns) {
                None => BreakerFrame {
                    edge: edge.clone(),
                    state: BreakerState::Closed,
                    since_unix_ms: self.start_unix_ms,
                    reason: String::new(),
                    probe_at_unix_ms: None,
                    trace_id: None,
                },
                Some(last) => BreakerFrame {
                    edge: edge.clone(),
                    state: last.to,
                    since_unix_ms: last.unix_ns / 1_000_000,
                    reason: last.reason.clone(),
                    probe_at_unix_ms: last
                        .open_ms
                        .filter(|_| last.to == BreakerState::Open)
                        .map(|open_ms| last.unix_ns / 1_000_000 + open_ms),
                    trace_id: last.trace_id,
                },
            })
            .collect()
    }

    /// A fault's state just before this instant, if it has said one by then.
    pub(super) fn fault_before(&self, fault: &str, unix_ns: u64) -> Option<FaultState> {
        let lane = self.faults.get(fault)?;
        last_before(lane, unix_ns, |it| it.unix_ns)?.state
    }

    /// Every fault that has said anything before this instant.
    pub(super) fn faults_before(&self, unix_ns: u64) -> impl Iterator<Item = &str> {
        let has_spoken = move |lane: &[FaultTransition]| {
            lane.first().is_some_and(|transition| transition.unix_ns < unix_ns)
        };
        self.faults.iter().filter(move |(_, lane)| has_spoken(lane)).map(|(name, _)| name.as_str())
    }

    /// What a fault has last said that it is.
    pub(super) fn described(&self, fault: &str) -> Option<&FaultWords> {
        self.faults.get(fault)?.iter().rev().find_map(|it| it.described.as_ref())
    }

    /// When a fault that is armed for a limited time last became active before a time, and for how
    /// many milliseconds.
    pub(super) fn armed_before(&self, fault: &str, end_ns: u64) -> Option<(u64, u64)> {
        let mut told = self.faults.get(fault)?.iter().rev();
        let is_active = |it: &&FaultTransition| it.state == Some(FaultState::Active);
        let last = told.find(|it| it.unix_ns < end_ns).filter(is_active)?;
        Some((last.unix_ns, last.described.as_ref()?.left_ms?))
    }

    /// When a fault acted, each time from its beginning to its end, in nanoseconds since the Unix
    /// epoch; without an end as far as it has not told one.
    pub(super) fn spells(&self, fault: &str) -> Vec<(u64, Option<u64>)> {
        let mut spells: Vec<(u64, Option<u64>)> = Vec::new();
        for transition in self.faults.get(fault).into_iter().flatten() {
            let open = spells.last_mut().filter(|(_, until)| until.is_none());
            match (transition.state, open) {
                (Some(FaultState::Active), None) => spells.push((transition.unix_ns, None)),
                (Some(FaultState::Active) | None, _) | (_, None) => {},
                (Some(_), Some((_, until))) => *until = Some(transition.unix_ns),
            }
        }
        spells
    }
}

/// Inserts in order of time; among equal times the one that came last counts.
fn insert<T: Clone + PartialEq>(
    lane: &mut Vec<T>,
    transition: &T,
    unix_ns: impl Fn(&T) -> u64,
) -> Option<()> {
    let at = unix_ns(transition);
    let end = lane.partition_point(|other| unix_ns(other) <= at);
    let same_time = lane[..end].iter().rev().take_while(|other| unix_ns(other) == at);
    if same_time.into_iter().any(|other| other == transition) {
        return None;
    }
    lane.insert(end, transition.clone());
    if lane.len() > TRANSITIONS_MAX {
        lane.remove(0);
    }
    Some(())
}

fn last_before<T>(lane: &[T], before_ns: u64, unix_ns: impl Fn(&T) -> u64) -> Option<&T> {
    let end = lane.partition_point(|transition| unix_ns(transition) < before_ns);
    end.checked_sub(1).and_then(|last| lane.get(last))
}
