//! Every fault at full length: what the screen asks for and gets.

use model::edge::Edge;
use model::fault::FaultState;

use crate::filter::Filter;
use crate::screen::FaultLane;

/// The order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FaultOrder {
    /// By the start of the first window.
    #[default]
    Start,
    /// The most hits first.
    Hits,
    Name,
}

impl FaultOrder {
    pub const ALL: [Self; 3] = [Self::Start, Self::Hits, Self::Name];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Hits => "hits",
            Self::Name => "name",
        }
    }
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultsQuery {
    /// `None` shows every fault.
    pub filter: Option<Filter>,
    /// Name of the selected fault; `None` lets the first active one be it.
    pub selected: Option<String>,
    pub order: FaultOrder,
    pub reverse: bool,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultsView {
    /// In the order that was asked for.
    pub rows: Vec<FaultRow>,
    /// Faults of the run, those included that the filter hides.
    pub known: usize,
    /// Index into `rows`.
    pub selected: usize,
    pub order: FaultOrder,
    pub reverse: bool,
    /// Most hits per second of all columns of all faults.
    pub hits_max: f64,
    /// Of the selected fault; `None` without faults.
    pub detail: Option<FaultDetail>,
    /// Seconds in which something happened to some fault, in order, one for each.
    pub moments: Vec<Moment>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRow {
    pub lane: FaultLane,
    /// Over the window of the tables.
    pub reach: Reach,
    /// Hits per second, one for each column; `None` without data.
    pub hits: Vec<Option<f64>>,
}

/// How many of the requests that could be hit were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    pub hits: u64,
    /// Requests on the edges of the fault.
    pub requests: u64,
}

impl Reach {
    /// Blast radius; `None` without requests.
    pub fn percent(self) -> Option<f64> {
        (self.requests > 0).then(|| self.hits as f64 * 100.0 / self.requests as f64)
    }
}

/// More about the selected fault.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultDetail {
    pub edges: Vec<Edge>,
    pub windows: Vec<WindowRow>,
    /// Over the whole axis up to the cursor.
    pub reach: Reach,
    /// What happened to it since the oldest second at hand, in order of time.
    pub events: Vec<Moment>,
}

/// One window of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowRow {
    /// Since the start of the run; without a runner since the zero of the plan.
    pub from_s: u64,
    /// `None` never ends.
    pub to_s: Option<u64>,
    /// Where the cursor stands to it.
    pub state: FaultState,
}

/// What happened in one second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    pub unix_s: u64,
    /// Since the start of the run.
    pub clock_s: u64,
    pub text: String,
}
