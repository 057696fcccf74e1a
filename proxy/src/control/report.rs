//! The state of everything, as `GET /v1/state` shows it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use model::edge::Edge;
use model::fault::FaultState;
use model::frame::DropCount;
use model::plan::{BreakerStatus, EdgeState, FaultStatus, LeaseReply, ProxyState};

use super::Control;
use crate::snapshot::Line;

impl Control {
    /// `addresses` are the listeners of the edges.
    pub(crate) fn report(
        &self,
        addresses: &BTreeMap<Edge, SocketAddr>,
        dropped: Vec<DropCount>,
    ) -> ProxyState {
        let (lease, faults) = self.lease_and_faults();
        let snapshot = self.snapshot();
        let edge = |(edge, address): (&Edge, &SocketAddr)| {
            self.edge_state(edge, *address, snapshot.lines.get(edge).map(|line| &**line))
        };
        ProxyState {
            epoch: snapshot.plan.epoch,
            lease,
            edges: addresses.iter().map(edge).collect(),
            faults,
            dropped,
        }
    }

    fn lease_and_faults(&self) -> (LeaseReply, Vec<FaultStatus>) {
        let mut state = self.lock();
        let now = self.clock.now();
        self.lapse_if_due(&mut state, now);
        let status = |fault: &std::sync::Arc<crate::fault::Fault>| {
            let (matched, hit, skipped) = fault.counters.read();
            let name = fault.spec.name.clone();
            let known = state.faults.get(&name).copied().unwrap_or(FaultState::Planned);
            FaultStatus { name, state: known, matched, hit, skipped, fidelity: None }
        };
        let faults = self.snapshot.load().faults.iter().map(status).collect();
        (self.lease_reply(&state, now), faults)
    }

    fn edge_state(&self, edge: &Edge, address: SocketAddr, line: Option<&Line>) -> EdgeState {
        let traffic = self.traffic.get(edge).cloned().unwrap_or_default();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EdgeState {
            edge: edge.clone(),
            address,
            requests: read(&traffic.requests),
            attempts: read(&traffic.attempts),
            retries: read(&traffic.retries),
            retries_refused: read(&traffic.retries_refused),
            in_flight: read(&traffic.in_flight),
            connections: 0,
            connections_open: 0,
            bytes_up: 0,
            bytes_down: 0,
            endpoints: Vec::new(),
            breaker: line.and_then(|line| self.breaker_status(line)),
        }
    }

    fn breaker_status(&self, line: &Line) -> Option<BreakerStatus> {
        let status = line.breaker.as_ref()?.status(self.clock.now());
        Some(BreakerStatus {
            state: status.state,
            reason: status.reason,
            since_unix_ms: self.clock.unix_ns_of(status.since) / 1_000_000,
            probe_in_ms: status.probe_in.map(|left| left.as_millis() as u64),
            calls: status.calls,
            failed: status.failed,
            slow: status.slow,
            rejected: status.rejected,
        })
    }
}
