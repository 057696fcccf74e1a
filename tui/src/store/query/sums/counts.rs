//! Requests of every edge.

use std::sync::Arc;

use model::edge::Edge;

use super::{MINUTE_S, Names, Sum, TEN_S};
use crate::kept::{EdgeAbout, Frame};

/// The edges that frames told of, also those without requests; their names are those of the frames.
#[derive(Debug, Default)]
pub(crate) struct Counts(Names<Arc<EdgeAbout>, Count>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
}

impl Count {
    pub(crate) fn add(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.failed = self.failed.saturating_add(other.failed);
    }

    /// `None` without requests.
    pub(crate) fn error_percent(self) -> Option<f64> {
        (self.requests > 0).then(|| self.failed as f64 * 100.0 / self.requests as f64)
    }
}

impl Counts {
    pub(crate) fn of(&self, edge: &Edge) -> Count {
        self.0.get(0, |it| it.edge.cmp(edge)).copied().unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Edge, &Count)> {
        self.0.iter().map(|(name, count)| (&name.edge, count))
    }

    fn count(&mut self, next: &mut usize, edge: &Arc<EdgeAbout>, count: Count) {
        if let Some(sum) = self.0.at(next, |name| name.cmp(edge), || Arc::clone(edge)) {
            sum.add(count);
        }
    }
}

impl Sum for Counts {
    type About = ();
    type Open = Self;
    const KEPT_S: &[u64] = &[MINUTE_S, TEN_S];

    fn add(open: &mut Self, (): &(), frame: &Frame) {
        let mut next = 0;
        for it in &frame.edges {
            let failed = it.error_count();
            let count = Count { requests: it.requests, failed };
            open.count(&mut next, it.about(), count);
        }
    }

    fn merge(open: &mut Self, later: &Self) {
        let mut next = 0;
        for (edge, count) in later.0.iter() {
            open.count(&mut next, edge, *count);
        }
    }

    fn close(open: Self) -> Self {
        open
    }
}
