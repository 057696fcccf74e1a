//! Every expectation: what the screen asks for and gets.

use model::frame::{Verdict, VerdictFrame};
use model::phase::Phase;

use crate::derive::budget::{Budget, Limit};
use crate::filter::Filter;

/// The order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VerdictOrder {
    /// As in the scenario.
    #[default]
    Scenario,
    /// What is wrong comes first.
    Worst,
    /// What was decided last comes first.
    Newest,
}

impl VerdictOrder {
    pub const ALL: [Self; 3] = [Self::Scenario, Self::Worst, Self::Newest];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scenario => "scenario",
            Self::Worst => "verdict",
            Self::Newest => "time",
        }
    }
}

/// Tells expectations apart.
pub type Key = (Phase, String);

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VerdictsQuery {
    /// `None` shows every expectation.
    pub filter: Option<Filter>,
    /// `None` lets the first one that fails be it.
    pub selected: Option<Key>,
    pub order: VerdictOrder,
    pub reverse: bool,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VerdictsView {
    /// In the order that was asked for.
    pub rows: Vec<VerdictRow>,
    /// Expectations of the run, those included that the filter hides.
    pub known: usize,
    /// Index into `rows`.
    pub selected: usize,
    pub order: VerdictOrder,
    pub reverse: bool,
    /// Of all expectations, each kind that there is with its number, the gravest first.
    pub counts: Vec<(Verdict, usize)>,
    /// Of the run, once it is known.
    pub overall: Option<Verdict>,
    /// Of the selected one; `None` without a limit that is one number.
    pub trend: Option<Trend>,
}

/// What was observed of one expectation, column by column.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// `None` where nothing was observed.
    pub columns: Vec<Option<TrendColumn>>,
    pub limit: Limit,
    /// The largest of all columns and the limit.
    pub highest: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrendColumn {
    /// Up to the end of the column, in the unit of the limit.
    pub value: f64,
    pub broken: bool,
}

/// One expectation as it stands at the cursor.
#[derive(Debug, Clone, PartialEq)]
pub struct VerdictRow {
    pub frame: VerdictFrame,
    /// The part of the run it is judged over: seconds since its start; `None` without a timeline.
    pub window_s: Option<(u64, u64)>,
    pub budget: Option<Budget>,
    /// The first second in which it was what it is; `None` while it waits.
    pub decided: Option<Decided>,
}

impl VerdictRow {
    pub fn key(&self) -> Key {
        (self.frame.phase, self.frame.text.clone())
    }
}

/// When a verdict became what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    pub unix_s: u64,
    /// Since the start of the run.
    pub clock_s: u64,
    /// Faults that were active in that second.
    pub faults: Vec<String>,
}
