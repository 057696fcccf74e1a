//! Every fault at full length: what the screen asks for and gets.

use model::edge::Edge;
use model::fault::FaultState;

use crate::filter::Filter;
use crate::screen::{FaultLane, Plot, Row, Subject};

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
    /// `None` while it has not acted.
    pub effect: Option<Effect>,
    /// Of its first edge.
    pub latency: Option<(Row, Plot)>,
}

/// What a fault changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effect {
    /// Seconds since the start of the run, the end not included: before it acted, while it did,
    /// and after it. `None` without such seconds.
    pub spans_s: [Option<(u64, u64)>; 3],
    /// Its edges, those that lead to their callers, flows.
    pub rows: Vec<EffectRow>,
}

/// What a fault changed for one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectRow {
    pub subject: Subject,
    /// Before, during, after.
    pub stretches: [Stretch; 3],
}

/// A subject over some seconds; `None` without requests.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stretch {
    pub per_s: Option<f64>,
    pub error_percent: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
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
