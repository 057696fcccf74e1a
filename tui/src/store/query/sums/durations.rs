//! Durations of one subject.

use model::hist::{Histogram, Tally};

use super::Sum;
use crate::kept::Frame;
use crate::screen::Subject;

/// Of all requests of an edge, or of all journeys of a flow.
#[derive(Debug, Default)]
pub(crate) struct Durations(pub(crate) Histogram);

#[derive(Debug, Default)]
pub(crate) struct Open {
    tally: Tally,
    /// Where the edge stood in the frame before.
    place: usize,
}

impl Sum for Durations {
    type About = Subject;
    type Open = Open;

    fn add(open: &mut Open, about: &Subject, frame: &Frame) {
        match about {
            Subject::Edge(wanted) => {
                let is_there = frame.edges.get(open.place).is_some_and(|it| it.edge == *wanted);
                if !is_there {
                    let found = frame.edges.iter().position(|it| it.edge == *wanted);
                    let Some(place) = found else { return };
                    open.place = place;
                }
                open.tally.merge_packed(&frame.edges[open.place].duration);
            },
            Subject::Flow(wanted) => {
                let journeys = frame.load.cells.iter().filter(|cell| cell.step.is_none());
                for cell in journeys.filter(|cell| cell.flow == *wanted) {
                    open.tally.merge_packed(&cell.response);
                }
            },
        }
    }

    fn merge(open: &mut Open, later: &Self) {
        open.tally.merge(&later.0);
    }

    fn close(open: Open) -> Self {
        Self(open.tally.histogram())
    }
}
