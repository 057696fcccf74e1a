//! The states of breakers over time, to the millisecond: frames say since when a state holds.

use std::collections::BTreeMap;

use model::edge::Edge;
use model::frame::{BreakerFrame, Frame};
use model::id::TraceId;
use model::policy::BreakerState;

use super::Axis;

/// One state of a breaker from one instant to another, after the end of the baseline.
#[derive(Debug, Clone)]
pub(in super::super) struct Segment {
    pub(in super::super) start_ms: i64,
    pub(in super::super) end_ms: i64,
    pub(in super::super) state: BreakerState,
    pub(in super::super) reason: String,
    pub(in super::super) trace_id: Option<TraceId>,
}

#[derive(Debug)]
pub(in super::super) struct Lane {
    pub(in super::super) edge: Edge,
    pub(in super::super) segments: Vec<Segment>,
}

impl Lane {
    /// Whether there is anything to see.
    pub(in super::super) fn ever_left_closed(&self) -> bool {
        self.segments.iter().any(|segment| segment.state != BreakerState::Closed)
    }

    pub(in super::super) fn times_opened(&self) -> usize {
        self.segments.iter().filter(|segment| segment.state == BreakerState::Open).count()
    }

    pub(in super::super) fn state_at(&self, at_ms: i64) -> Option<BreakerState> {
        let holds = |segment: &&Segment| (segment.start_ms..segment.end_ms).contains(&at_ms);
        self.segments.iter().find(holds).map(|segment| segment.state)
    }
}

pub(super) fn lanes(axis: &Axis, frames: &[Frame]) -> Vec<Lane> {
    let mut lanes: BTreeMap<&Edge, Vec<Segment>> = BTreeMap::new();
    for frame in frames {
        let second_end_ms = axis.at(frame.unix_s.saturating_add(1).saturating_mul(1_000));
        for breaker in &frame.breakers {
            let segments = lanes.entry(&breaker.edge).or_default();
            extend(segments, axis, breaker, second_end_ms.min(axis.end_ms));
        }
    }
    let lane = |(edge, mut segments): (&Edge, Vec<Segment>)| {
        segments.retain(|segment| segment.end_ms > segment.start_ms);
        Lane { edge: edge.clone(), segments }
    };
    lanes.into_iter().map(lane).collect()
}

/// A state that still holds grows to the end of the second; a new one ends the last where it began.
fn extend(segments: &mut Vec<Segment>, axis: &Axis, breaker: &BreakerFrame, second_end_ms: i64) {
    let since_ms = axis.at(breaker.since_unix_ms).clamp(axis.start_ms, axis.end_ms);
    if let Some(last) = segments.last_mut() {
        if last.state == breaker.state && since_ms <= last.start_ms {
            last.end_ms = second_end_ms;
            return;
        }
        last.end_ms = since_ms.max(last.start_ms);
    }
    segments.push(Segment {
        start_ms: since_ms,
        end_ms: second_end_ms.max(since_ms),
        state: breaker.state,
        reason: breaker.reason.clone(),
        trace_id: breaker.trace_id,
    });
}
