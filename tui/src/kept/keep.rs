//! From a frame that has come to what is kept of it.
//!
//! Lists are much the same from second to second, so what may be shared is looked for at the same
//! place of the second before. Edges, cells of load and texts are also looked for among all that
//! are known, because they come and go with the requests of a second.

use std::sync::Arc;

use model::frame as told;
use model::hist::{Histogram, Packed};

use super::known::Known;
use super::{
    BreakerAbout, BreakerFrame, EdgeAbout, EdgeFrame, FaultAbout, FaultFrame, Frame, Heads,
    LoadCellAbout, LoadCellFrame, LoadFrame, VerdictAbout, VerdictFrame,
};

/// Knows what the seconds that it has kept have in common.
#[derive(Debug, Default)]
pub struct Keep {
    edges: Known<EdgeAbout>,
    cells: Known<LoadCellAbout>,
    texts: Known<str>,
    room: Vec<u8>,
}

/// What the parts of a list become, each beside the part at its place in the second before.
fn each<'a, T, K: 'a>(
    list: &[T],
    before: Option<&'a [K]>,
    mut kept: impl FnMut(&T, Option<&'a K>) -> K,
) -> Box<[K]> {
    let before = before.unwrap_or_default();
    list.iter().enumerate().map(|(place, part)| kept(part, before.get(place))).collect()
}

impl Keep {
    /// `before` is the second before, if there is one.
    pub fn frame(&mut self, frame: &told::Frame, before: Option<&Frame>) -> Frame {
        let run = before.map(|before| &before.run).filter(|run| ***run == frame.run);
        let dropped = before.map(|it| &it.dropped).filter(|dropped| ***dropped == *frame.dropped);
        Frame {
            seq: frame.seq,
            unix_s: frame.unix_s,
            run: run.map_or_else(|| Arc::new(frame.run.clone()), Arc::clone),
            edges: each(&frame.edges, before.map(|it| &*it.edges), |edge, before| {
                self.edge(edge, before)
            }),
            breakers: each(&frame.breakers, before.map(|it| &*it.breakers), |breaker, before| {
                self.breaker(breaker, before)
            }),
            faults: each(&frame.faults, before.map(|it| &*it.faults), fault),
            load: self.load(&frame.load, before.map(|it| &it.load)),
            events: frame.events.as_slice().into(),
            verdicts: each(&frame.verdicts, before.map(|it| &*it.verdicts), verdict),
            dropped: dropped.map_or_else(|| frame.dropped.as_slice().into(), Arc::clone),
        }
    }

    fn packed(&mut self, histogram: &Histogram) -> Packed {
        Packed::of(histogram, &mut self.room)
    }

    fn edge(&mut self, edge: &told::EdgeFrame, before: Option<&EdgeFrame>) -> EdgeFrame {
        let same = before.filter(|before| before.edge == edge.edge);
        let about = match same {
            Some(before) => Arc::clone(&before.about),
            None => self.edges.share(EdgeAbout { edge: edge.edge.clone() }),
        };
        let errors = edge.errors.iter().map(|(blame, count)| (self.texts.share(&**blame), *count));
        EdgeFrame {
            about,
            requests: edge.requests,
            attempts: edge.attempts,
            errors: errors.collect(),
            duration: self.packed(&edge.duration),
            exemplars: Heads::of(&edge.exemplars, &mut self.room),
        }
    }

    fn breaker(
        &mut self,
        breaker: &told::BreakerFrame,
        before: Option<&BreakerFrame>,
    ) -> BreakerFrame {
        let same = |before: &&BreakerFrame| {
            before.state == breaker.state
                && before.since_unix_ms == breaker.since_unix_ms
                && before.probe_at_unix_ms == breaker.probe_at_unix_ms
                && before.trace_id == breaker.trace_id
                && before.edge == breaker.edge
        };
        let about = match before.filter(same) {
            Some(before) => Arc::clone(&before.about),
            None => Arc::new(BreakerAbout {
                edge: breaker.edge.clone(),
                state: breaker.state,
                since_unix_ms: breaker.since_unix_ms,
                probe_at_unix_ms: breaker.probe_at_unix_ms,
                trace_id: breaker.trace_id,
            }),
        };
        let reason = match before.filter(|before| *before.reason == *breaker.reason) {
            Some(before) => Arc::clone(&before.reason),
            None => self.texts.share(&*breaker.reason),
        };
        BreakerFrame { about, reason }
    }

    fn load(&mut self, load: &told::LoadFrame, before: Option<&LoadFrame>) -> LoadFrame {
        LoadFrame {
            model: load.model,
            offered: load.offered,
            in_flight: load.in_flight,
            cells: each(&load.cells, before.map(|it| &*it.cells), |cell, before| {
                self.cell(cell, before)
            }),
            lateness: self.packed(&load.lateness),
            connection_wait: self.packed(&load.connection_wait),
            cpu_cores: load.cpu_cores,
            validity: load.validity,
        }
    }

    fn cell(
        &mut self,
        cell: &told::LoadCellFrame,
        before: Option<&LoadCellFrame>,
    ) -> LoadCellFrame {
        let same = |before: &&LoadCellFrame| {
            before.phase == cell.phase
                && before.group == cell.group
                && before.hit == cell.hit
                && before.outcome == cell.outcome
                && before.step == cell.step
                && before.flow == cell.flow
        };
        let about = match before.filter(same) {
            Some(before) => Arc::clone(&before.about),
            None => self.cells.share(LoadCellAbout {
                flow: cell.flow.clone(),
                step: cell.step.clone(),
                phase: cell.phase,
                group: cell.group,
                hit: cell.hit,
                outcome: cell.outcome,
            }),
        };
        LoadCellFrame { about, count: cell.count, response: self.packed(&cell.response) }
    }
}

fn fault(fault: &told::FaultFrame, before: Option<&FaultFrame>) -> FaultFrame {
    let same = |before: &&FaultFrame| {
        before.share == fault.share
            && before.name == fault.name
            && before.what == fault.what
            && before.edges == fault.edges
            && before.schedule == fault.schedule
    };
    let about = match before.filter(same) {
        Some(before) => Arc::clone(&before.about),
        None => Arc::new(FaultAbout {
            name: fault.name.clone(),
            what: fault.what.clone(),
            edges: fault.edges.clone(),
            share: fault.share,
            schedule: fault.schedule.clone(),
        }),
    };
    FaultFrame {
        about,
        state: fault.state,
        hit: fault.hit,
        skipped: fault.skipped,
        hit_now: fault.hit_now,
    }
}

fn verdict(verdict: &told::VerdictFrame, before: Option<&VerdictFrame>) -> VerdictFrame {
    let same = |before: &&VerdictFrame| {
        before.phase == verdict.phase
            && before.verdict == verdict.verdict
            && before.text == verdict.text
            && before.detail == verdict.detail
            && before.trace_ids == verdict.trace_ids
    };
    let about = match before.filter(same) {
        Some(before) => Arc::clone(&before.about),
        None => Arc::new(VerdictAbout {
            phase: verdict.phase,
            text: verdict.text.clone(),
            verdict: verdict.verdict,
            detail: verdict.detail.clone(),
            trace_ids: verdict.trace_ids.clone(),
        }),
    };
    let observed = match before.filter(|before| *before.observed == *verdict.observed) {
        Some(before) => Arc::clone(&before.observed),
        None => verdict.observed.as_str().into(),
    };
    VerdictFrame { about, observed }
}
