//! Requests of every edge and journeys of every flow, for the numbers of tables.

use model::edge::Edge;
use model::hist::{Histogram, Tally};

use super::Names;
use crate::kept::Frame;
use crate::screen::Subject;

#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Seconds with data.
    pub(crate) seconds: u64,
    edges: Names<Edge, Red>,
    flows: Names<String, Red>,
}

#[derive(Debug, Default)]
pub(crate) struct Red<H = Histogram> {
    /// Or journeys.
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    /// Calls to the callee.
    pub(crate) attempts: u64,
    pub(crate) durations: H,
}

impl Red<Tally> {
    fn close(self) -> Red {
        Red {
            requests: self.requests,
            failed: self.failed,
            attempts: self.attempts,
            durations: self.durations.histogram(),
        }
    }
}

impl Window {
    pub(crate) fn over<'a>(frames: impl Iterator<Item = &'a Frame>) -> Self {
        let (mut seconds, mut edges, mut flows) = (0, Names::default(), Names::default());
        for frame in frames {
            seconds += 1;
            requests(&mut edges, frame);
            journeys(&mut flows, frame);
        }
        Self { seconds, edges: edges.map(Red::close), flows: flows.map(Red::close) }
    }

    /// `None` without data.
    pub(crate) fn of(&self, subject: &Subject) -> Option<&Red> {
        match subject {
            Subject::Edge(edge) => self.edges.get(0, |it| it.cmp(edge)),
            Subject::Flow(flow) => self.flows.get(0, |it| it.cmp(flow)),
        }
    }

    /// Seconds to divide by.
    pub(crate) fn seconds(&self) -> f64 {
        self.seconds.max(1) as f64
    }
}

fn requests(edges: &mut Names<Edge, Red<Tally>>, frame: &Frame) {
    let mut next = 0;
    for it in &frame.edges {
        let known = edges.at(&mut next, |name| name.cmp(&it.edge), || it.edge.clone());
        let Some(red) = known else { continue };
        red.requests = red.requests.saturating_add(it.requests);
        red.failed = red.failed.saturating_add(it.error_count());
        red.attempts = red.attempts.saturating_add(it.attempts);
        red.durations.merge_packed(&it.duration);
    }
}

fn journeys(flows: &mut Names<String, Red<Tally>>, frame: &Frame) {
    let mut next = 0;
    for cell in frame.load.cells.iter().filter(|cell| cell.step.is_none()) {
        let known = flows.at(&mut next, |name| name.cmp(&cell.flow), || cell.flow.clone());
        let Some(red) = known else { continue };
        red.requests = red.requests.saturating_add(cell.count);
        if cell.outcome.is_error() {
            red.failed = red.failed.saturating_add(cell.count);
        }
        red.durations.merge_packed(&cell.response);
    }
}
