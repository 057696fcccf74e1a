//! The state of everything, as `GET /v1/state`, `GET /v1/faults` and `GET /metrics` show it.

use std::net::SocketAddr;
use std::sync::Arc;

use model::edge::Edge;
use model::frame::DropCount;
use model::plan::{
    ArmedFault, BreakerOrder, BreakerStatus, Change, EdgeState, FaultStatus, LeaseReply, Protocol,
    ProxyState, ShadowStatus,
};
use tokio::time::Instant;

use super::{Control, Refusal, State, Told};
use crate::breaker::ShadowReport;
use crate::emit::metrics::{Count, EdgeMetrics, Level};
use crate::fault::Fault;
use crate::limit::rate::RateLimiter;
use crate::snapshot::Line;

impl Control {
    pub(crate) fn report(&self, dropped: Vec<DropCount>) -> ProxyState {
        let (lease, faults) = self.lease_and_faults();
        let (protocols, listeners) = {
            let state = self.lock();
            (state.parts.protocols.clone(), state.listeners.clone())
        };
        let snapshot = self.snapshot();
        let edge = |(edge, address): (&Edge, &SocketAddr)| {
            let line = snapshot.lines.get(edge).map(|line| &**line);
            let state = self.edge_state(edge, *address, line, &self.emitter.metrics().edge(edge));
            EdgeState { protocol: protocols.get(edge).copied().unwrap_or_default(), ..state }
        };
        ProxyState {
            epoch: snapshot.epoch,
            lease,
            edges: listeners.iter().map(edge).collect(),
            faults,
            dropped,
        }
    }

    /// Payload that an edge has carried, up and down.
    pub(crate) fn carried(&self, edge: &Edge) -> [u64; 2] {
        let metrics = self.emitter.metrics().edge(edge);
        [Count::BytesUp, Count::BytesDown].map(|count| metrics.count(count))
    }

    /// Every fault and where it came from.
    pub(crate) fn armed(&self) -> Vec<ArmedFault> {
        let state = self.lock();
        let now = self.clock.now();
        let armed = |fault: &Arc<Fault>| ArmedFault {
            fault: fault.spec.clone(),
            source: fault.origin.source,
            left_ms: state
                .parts
                .by_hand
                .get(&fault.spec.name)
                .and_then(|armed| armed.until)
                .map(|until| until.saturating_duration_since(now).as_millis() as u64),
            status: fault_status(&state, fault),
        };
        self.snapshot.load().faults.iter().map(armed).collect()
    }

    /// What was forgotten at the bounds of faults, limits and endpoints.
    pub(crate) fn forgotten(&self) -> Vec<DropCount> {
        let snapshot = self.snapshot();
        let lines = || snapshot.lines.values();
        let keys = snapshot.faults.iter().map(|fault| fault.memory.forgotten()).sum();
        let limits = lines().filter_map(|line| line.rate_limiter.as_ref());
        let events = lines().map(|line| line.endpoints.events_lost()).sum();
        let count = |what: &str, count| DropCount { what: what.to_owned(), count };
        vec![
            count("proxy fault keys", keys),
            count("proxy rate limit keys", limits.map(RateLimiter::evicted).sum()),
            count("proxy endpoint events", events),
        ]
    }

    pub(crate) fn history(&self) -> Vec<Change> {
        self.lock().history.changes()
    }

    pub(crate) fn order_breaker(&self, order: &BreakerOrder) -> Result<BreakerStatus, Refusal> {
        let snapshot = self.snapshot();
        let missing = || Refusal::Missing { what: "breaker of edge", name: order.edge.to_string() };
        let line = snapshot.lines.get(&order.edge).ok_or_else(missing)?;
        let breaker = line.breaker.as_ref().ok_or_else(missing)?;
        let now = self.clock.now();
        match breaker.order(order.state, now) {
            Ok(changed) => {
                self.emitter.breaker_changed(&line.edge, &changed);
                self.look_again();
                self.breaker_status(line).ok_or_else(missing)
            },
            Err(why) => Err(Refusal::Breaker { edge: order.edge.clone(), why: why.to_string() }),
        }
    }

    fn lease_and_faults(&self) -> (LeaseReply, Vec<FaultStatus>) {
        let mut state = self.lock();
        let now: Instant = self.clock.now();
        self.lapse_if_due(&mut state, now);
        let snapshot = self.snapshot.load();
        let faults = snapshot.faults.iter().map(|fault| fault_status(&state, fault)).collect();
        (self.lease_reply(&state, now), faults)
    }

    fn edge_state(
        &self,
        edge: &Edge,
        address: SocketAddr,
        line: Option<&Line>,
        metrics: &EdgeMetrics,
    ) -> EdgeState {
        let now = self.clock.now();
        if let Some(line) = line {
            for event in line.endpoints.tick(now) {
                self.emitter.endpoint_changed(edge, &event);
            }
        }
        let budget = line.and_then(|line| line.budget.as_ref());
        let level = |what| metrics.level(what).max(0).cast_unsigned();
        EdgeState {
            edge: edge.clone(),
            address,
            protocol: Protocol::default(),
            requests: metrics.count(Count::Requests),
            attempts: metrics.count(Count::Attempts),
            retries: metrics.count(Count::Retries),
            retries_refused: metrics.count(Count::RetriesRefused),
            in_flight: level(Level::InFlight),
            connections: metrics.count(Count::ConnectionsAccepted),
            connections_open: level(Level::ConnectionsOpen),
            bytes_up: metrics.count(Count::BytesUp),
            bytes_down: metrics.count(Count::BytesDown),
            retry_budget_left: budget.map(|budget| budget.left(now)),
            panic_picks: line.map_or(0, |line| line.endpoints.panics()),
            endpoints: line.map(|line| line.endpoints.states(now)).unwrap_or_default(),
            breaker: line.and_then(|line| self.breaker_status(line)),
        }
    }

    fn breaker_status(&self, line: &Line) -> Option<BreakerStatus> {
        let status = line.breaker.as_ref()?.status(self.clock.now());
        Some(BreakerStatus {
            state: status.state,
            reason: status.reason.to_string(),
            since_unix_ms: self.unix_ms(status.since),
            probe_in_ms: status.probe_in.map(|left| left.as_millis() as u64),
            calls: status.calls,
            failed: status.failed,
            slow: status.slow,
            rejected: status.rejected,
            window: status.window,
            streak: status.streak,
            attempt: status.attempt,
            trips: status.trips.count,
            tripped_unix_ms: status.trips.last.map(|at| self.unix_ms(at)),
            tripped_by_trace: status.trips.by.map(|by| by.trace_id.to_string()),
            permits_out: status.permits_out,
            permits_free: status.permits_free,
            shadows: status.shadows.into_iter().map(|report| self.shadow_status(report)).collect(),
        })
    }

    fn shadow_status(&self, report: ShadowReport) -> ShadowStatus {
        let ShadowReport { name, state, reason, trips, rejected, saved, cost } = report;
        ShadowStatus {
            name,
            state,
            reason: reason.to_string(),
            opened: trips.count,
            first_unix_ms: trips.first.map(|at| self.unix_ms(at)),
            last_unix_ms: trips.last.map(|at| self.unix_ms(at)),
            opened_by_trace: trips.by.map(|by| by.trace_id.to_string()),
            rejected,
            saved,
            cost,
        }
    }

    fn unix_ms(&self, at: Instant) -> u64 {
        self.clock.unix_ns_of(at) / 1_000_000
    }
}

fn fault_status(state: &State, fault: &Fault) -> FaultStatus {
    let (matched, hit, skipped) = fault.memory.read();
    let name = fault.spec.name.clone();
    let Told { state, .. } = state.faults.get(&name).copied().unwrap_or(Told::NOTHING);
    FaultStatus { name, state, matched, hit, skipped, fidelity: fault.fidelity() }
}
