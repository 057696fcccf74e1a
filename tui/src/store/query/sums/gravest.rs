//! The gravest state of every breaker.

use std::sync::Arc;

use model::edge::Edge;
use model::policy::BreakerState;

use super::{MINUTE_S, Names, Sum, TEN_S};
use crate::derive::gravity::gravity;
use crate::kept::{BreakerAbout, Frame};

/// The names are those of the frames.
#[derive(Debug, Default)]
pub(crate) struct Gravest(Names<Arc<BreakerAbout>, Option<BreakerState>>);

impl Gravest {
    /// `place` is where the breaker stands in a frame, and so likely here.
    pub(crate) fn of(&self, place: usize, edge: &Edge) -> Option<BreakerState> {
        self.0.get(place, |it| it.edge.cmp(edge)).copied().flatten()
    }

    fn see(&mut self, next: &mut usize, breaker: &Arc<BreakerAbout>, state: BreakerState) {
        let order = |name: &Arc<BreakerAbout>| name.edge.cmp(&breaker.edge);
        let known = self.0.at(next, order, || Arc::clone(breaker));
        if let Some(gravest) = known
            && gravest.is_none_or(|it| gravity(it) <= gravity(state))
        {
            *gravest = Some(state);
        }
    }
}

impl Sum for Gravest {
    type About = ();
    type Open = Self;
    const KEPT_S: &[u64] = &[MINUTE_S, TEN_S];

    fn add(open: &mut Self, (): &(), frame: &Frame) {
        let mut next = 0;
        for breaker in &frame.breakers {
            open.see(&mut next, breaker.about(), breaker.state);
        }
    }

    fn merge(open: &mut Self, later: &Self) {
        let mut next = 0;
        for (breaker, state) in later.0.iter() {
            if let Some(state) = state {
                open.see(&mut next, breaker, *state);
            }
        }
    }

    fn close(open: Self) -> Self {
        open
    }
}
