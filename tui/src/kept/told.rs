//! The frame that came, out of what is kept of it.

use model::frame as told;

use super::{BreakerFrame, EdgeFrame, FaultFrame, Frame, LoadCellFrame, LoadFrame, VerdictFrame};

impl Frame {
    pub fn told(&self) -> told::Frame {
        told::Frame {
            seq: self.seq,
            unix_s: self.unix_s,
            run: self.run.as_ref().clone(),
            edges: self.edges.iter().map(EdgeFrame::told).collect(),
            breakers: self.breakers.iter().map(BreakerFrame::told).collect(),
            faults: self.faults.iter().map(FaultFrame::told).collect(),
            load: self.load.told(),
            events: self.events.to_vec(),
            verdicts: self.told_verdicts(),
            dropped: self.dropped.to_vec(),
        }
    }

    pub fn told_verdicts(&self) -> Vec<told::VerdictFrame> {
        self.verdicts.iter().map(VerdictFrame::told).collect()
    }
}

impl EdgeFrame {
    fn told(&self) -> told::EdgeFrame {
        let errors = self.errors.iter().map(|(blame, count)| (blame.to_string(), *count));
        told::EdgeFrame {
            edge: self.edge.clone(),
            requests: self.requests,
            errors: errors.collect(),
            attempts: self.attempts,
            duration: self.duration.histogram(),
            exemplars: self.exemplars.iter().collect(),
        }
    }
}

impl BreakerFrame {
    fn told(&self) -> told::BreakerFrame {
        told::BreakerFrame {
            edge: self.edge.clone(),
            state: self.state,
            since_unix_ms: self.since_unix_ms,
            reason: self.reason.to_string(),
            probe_at_unix_ms: self.probe_at_unix_ms,
            trace_id: self.trace_id,
        }
    }
}

impl FaultFrame {
    fn told(&self) -> told::FaultFrame {
        told::FaultFrame {
            name: self.name.clone(),
            what: self.what.clone(),
            edges: self.edges.clone(),
            share: self.share,
            state: self.state,
            schedule: self.schedule.clone(),
            hit: self.hit,
            skipped: self.skipped,
            hit_now: self.hit_now,
        }
    }
}

impl LoadFrame {
    fn told(&self) -> told::LoadFrame {
        told::LoadFrame {
            model: self.model,
            offered: self.offered,
            in_flight: self.in_flight,
            cells: self.cells.iter().map(LoadCellFrame::told).collect(),
            lateness: self.lateness.histogram(),
            connection_wait: self.connection_wait.histogram(),
            cpu_cores: self.cpu_cores,
            validity: self.validity,
        }
    }
}

impl LoadCellFrame {
    fn told(&self) -> told::LoadCellFrame {
        told::LoadCellFrame {
            flow: self.flow.clone(),
            step: self.step.clone(),
            phase: self.phase,
            group: self.group,
            hit: self.hit,
            outcome: self.outcome,
            count: self.count,
            response: self.response.histogram(),
        }
    }
}

impl VerdictFrame {
    pub fn told(&self) -> told::VerdictFrame {
        told::VerdictFrame {
            phase: self.phase,
            text: self.text.clone(),
            verdict: self.verdict,
            observed: self.observed.to_string(),
            detail: self.detail.clone(),
            trace_ids: self.trace_ids.clone(),
        }
    }
}
