//! The faults of one edge, asked about requests.

use std::sync::Arc;

use model::decision;
use model::edge::Edge;
use model::fault::{FaultSpec, Placement, Subject};
use model::id::CorrelationId;
use model::plan::FaultSource;
use telemetry::clock::Clock;

use crate::fault::arming::Arming;
use crate::fault::judge::{Case, Stage, judge};
use crate::fault::origin::Origin;
use crate::fault::{Fault, LineFaults};

/// An edge with faults whose schedules count from its making.
#[derive(Debug)]
pub struct Line {
    faults: LineFaults,
    edge: Edge,
    correlation_id: CorrelationId,
    subject: decision::Subject,
    clock: Clock,
}

impl Line {
    pub fn new(specs: &[FaultSpec]) -> Self {
        let clock = Clock::system();
        let arming = Arc::new(Arming::default());
        arming.hold_until(u64::MAX);
        let zero_unix_ms = Some(clock.unix_ms());
        let origin = Origin { source: FaultSource::Plan, arming, zero_unix_ms };
        let correlation_id = CorrelationId::of_user(1, 1);
        Self {
            faults: LineFaults::new(
                specs.iter().map(|spec| Arc::new(Fault::after(spec, None, origin.clone()))),
            ),
            edge: Edge::new("orders", "payments"),
            subject: decision::Subject::CorrelationId(correlation_id.clone()),
            correlation_id,
            clock,
        }
    }

    /// What a request costs at one placement; the answer is how many faults were drawn.
    pub fn ask(&self, request: &impl Subject) -> usize {
        let faults = self.faults.at(Placement::Attempt);
        let mut faults = faults.candidates(request.method(), request.path()).peekable();
        if faults.peek().is_none() {
            return 0;
        }
        let now_unix_ms = self.clock.unix_ms();
        let case = Case {
            seed: 42,
            edge: &self.edge,
            subject: &self.subject,
            correlation_id: self.correlation_id.as_str(),
            occurrence: 0,
            attempt: 0,
            clock: &self.clock,
            now_unix_ms,
        };
        judge(faults, Stage::Request, request, &case, |_fault| {}).len()
    }
}
