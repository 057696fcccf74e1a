//! What the screens have summed up, column by column.

use std::collections::{BTreeMap, BTreeSet};

use model::edge::Edge;
use model::hist::Histogram;
use model::policy::BreakerState;

use super::load::Cells;
use crate::screen::load::LoadMoment;
use crate::screen::{LoadColumn, Subject};
use crate::store::memo::{Memo, Span};

#[derive(Debug, Default)]
pub(in crate::store) struct Sums {
    /// Of all requests or journeys.
    pub(super) durations: Memo<Subject, Histogram>,
    /// Share of failed requests in percent; `None` without requests.
    pub(super) errors: Memo<Edge, Option<f64>>,
    /// Edges that are told about.
    pub(super) edges: Memo<(), BTreeSet<Edge>>,
    /// The gravest state.
    pub(super) breakers: Memo<(), BTreeMap<Edge, BreakerState>>,
    /// Faults that acted.
    pub(super) faults: Memo<(), BTreeSet<String>>,
    pub(super) load: Memo<(), LoadColumn>,
    pub(super) moments: Memo<(), LoadMoment>,
    pub(super) cells: Memo<(), Cells>,
}

impl Sums {
    /// The frames of this span are other ones now.
    pub(in crate::store) fn forget(&self, span: Span) {
        self.durations.forget(span);
        self.errors.forget(span);
        self.edges.forget(span);
        self.breakers.forget(span);
        self.faults.forget(span);
        self.load.forget(span);
        self.moments.forget(span);
        self.cells.forget(span);
    }
}
