//! What one screen asks for and what it gets: the contract between the store and the view.
//!
//! A [`ViewQuery`] says what is looked at. A [`Snapshot`] is the answer as plain data, at the
//! resolution of the plots: one merged histogram per column is already read out, so that drawing
//! computes nothing. Both are values; neither knows a terminal or a clock.

use model::edge::Edge;
use model::fault::FaultState;
use model::frame::{EventKind, Verdict, VerdictFrame};
use model::load::{LoadModel, Validity};
use model::phase::Phase;
use model::policy::BreakerState;

pub mod faults;
pub mod load;
pub mod logs;
pub mod own;
pub mod topology;
pub mod traces;
pub mod verdicts;

use crate::filter::Filter;
use crate::keys::Screen;

use self::faults::{FaultsQuery, FaultsView};
use self::load::{LoadQuery, LoadView};
use self::logs::{LogsQuery, LogsView};
use self::own::OwnView;
use self::topology::{TopologyQuery, TopologyView};
use self::traces::{TracesQuery, TracesView};
use self::verdicts::{VerdictsQuery, VerdictsView};

/// Seconds that tables and numbers are about.
pub const TABLE_WINDOW_S: u64 = 10;
/// The percentiles of tables and plots, as fractions.
pub const FRACTIONS: [f64; 4] = [0.5, 0.9, 0.99, 0.999];
/// The same for people.
pub const FRACTION_NAMES: [&str; 4] = ["p50", "p90", "p99", "p99.9"];

/// What the row of a table and the plots are about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Whole journeys, from the intended start to the last byte of the last step.
    Flow(String),
    /// Requests through one edge of the gateway.
    Edge(Edge),
}

impl Subject {
    /// Name for a column.
    pub fn label(&self) -> String {
        match self {
            Self::Flow(flow) => format!("{flow} journey"),
            Self::Edge(edge) => edge.short(),
        }
    }
}

/// The moment that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cursor {
    /// The newest second, or the second of the pause.
    #[default]
    Live,
    /// A second since the Unix epoch.
    At(u64),
}

/// Seconds per plot column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Zoom {
    /// By the length of the run so far, up to [`Zoom::AUTO_MAX_S`].
    #[default]
    Auto,
    /// One of [`Zoom::LEVELS_S`].
    Fixed(u64),
}

impl Zoom {
    pub const LEVELS_S: [u64; 8] = [1, 2, 3, 5, 10, 15, 30, 60];
    /// Beyond this a short fault would be one column.
    pub const AUTO_MAX_S: u64 = 3;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ViewQuery {
    /// Plot columns.
    pub columns: usize,
    /// Values per plot column of the heat map.
    pub heat_rows: usize,
    /// Events wanted.
    pub events: usize,
    pub zoom: Zoom,
    pub cursor: Cursor,
    /// The newest second to be shown while the screen is frozen.
    pub paused_at: Option<u64>,
    /// `None` lets the first fault choose.
    pub selected: Option<Subject>,
    /// Which flows and edges are wanted; `None` is all.
    pub filter: Option<Filter>,
    pub sort: Sort,
    /// Most snapshots in a second; 0 is as many as there can be.
    pub frames_per_s: u8,
    /// What the open screen wants beside what all screens share.
    pub detail: Detail,
}

/// In which order flows and edges stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sort {
    pub by: SortBy,
    pub reversed: bool,
}

/// What rows are ordered by; numbers begin with the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortBy {
    #[default]
    Name,
    Rate,
    Errors,
    /// One of [`FRACTIONS`].
    Quantile(usize),
    Attempts,
}

impl SortBy {
    pub const ALL: [Self; 8] = [
        Self::Name,
        Self::Errors,
        Self::Quantile(2),
        Self::Rate,
        Self::Quantile(0),
        Self::Quantile(1),
        Self::Quantile(3),
        Self::Attempts,
    ];

    /// As the column is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Rate => "rps",
            Self::Errors => "err%",
            Self::Quantile(index) => FRACTION_NAMES.get(index).copied().unwrap_or_default(),
            Self::Attempts => "tries",
        }
    }

    /// The value of a row; `None` stands last.
    pub fn value(self, row: &Row) -> Option<f64> {
        match self {
            Self::Name => None,
            Self::Rate => Some(row.per_s),
            Self::Errors => row.error_percent,
            Self::Quantile(index) => row.quantiles_ms.get(index).copied().flatten(),
            Self::Attempts => row.attempts_per_request,
        }
    }
}

/// What one screen wants beside what all screens share.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Detail {
    #[default]
    Overview,
    Topology(TopologyQuery),
    Traces(TracesQuery),
    Logs(LogsQuery),
    Faults(FaultsQuery),
    Verdicts(VerdictsQuery),
    Load(LoadQuery),
    /// Everything that is kept.
    Own,
}

/// How a question stands that was asked for a screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Asked {
    #[default]
    Waiting,
    Answered,
    /// Why there is no answer; an older one may still be shown.
    Failed(String),
}

/// Where the frames come from, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Link {
    #[default]
    Connecting,
    Connected,
    Lost {
        reason: String,
        retry_ms: u64,
    },
    /// The source has said all that it has to say.
    Ended,
}

impl Snapshot {
    /// There is a generator, or there will be one.
    pub fn has_load(&self) -> bool {
        self.head.has_plan() || self.load.validity.is_some() || self.load.offered_per_s > 0.0
    }
}

/// Everything on one screen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    pub link: Link,
    pub head: Head,
    pub axis: Axis,
    /// Flows, then edges; the order stays the same over the run.
    pub rows: Vec<Row>,
    /// Index into `rows`.
    pub selected: usize,
    pub plot: Plot,
    pub breakers: Vec<BreakerLane>,
    pub faults: Vec<FaultLane>,
    pub verdicts: Vec<VerdictFrame>,
    pub events: Vec<EventRow>,
    pub load: LoadSummary,
    /// What is wrong, in sentences, the gravest first.
    pub insights: Vec<String>,
    pub detail: DetailView,
}

/// What one screen shows beside what all screens share; of the same screen as the question's
/// [`Detail`].
#[derive(Debug, Clone, PartialEq, Default)]
pub enum DetailView {
    #[default]
    Overview,
    Topology(Box<TopologyView>),
    Traces(Box<TracesView>),
    Logs(Box<LogsView>),
    Faults(Box<FaultsView>),
    Verdicts(Box<VerdictsView>),
    Load(Box<LoadView>),
    Own(Box<OwnView>),
}

impl DetailView {
    pub fn screen(&self) -> Screen {
        match self {
            Self::Overview => Screen::Overview,
            Self::Topology(_) => Screen::Topology,
            Self::Traces(_) => Screen::Traces,
            Self::Logs(_) => Screen::Logs,
            Self::Faults(_) => Screen::Faults,
            Self::Verdicts(_) => Screen::Verdicts,
            Self::Load(_) => Screen::Load,
            Self::Own(_) => Screen::OwnLog,
        }
    }
}

/// The run as of the newest second that is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Head {
    pub title: String,
    pub run_id: String,
    pub seed: u64,
    /// Since the start of load, `None` before it; without a runner since the first frame.
    pub elapsed_s: Option<u64>,
    pub total_s: Option<u64>,
    /// At the cursor.
    pub phase: Option<Phase>,
    pub verdict: Option<Verdict>,
    /// Everything that was lost at a bound since the start.
    pub dropped: u64,
    /// Where the most was lost.
    pub dropped_most: Option<String>,
}

impl Head {
    /// A runner has told its plan; a collector on its own knows neither seed nor load.
    pub fn has_plan(&self) -> bool {
        self.total_s.is_some() || !self.title.is_empty()
    }
}

/// The time axis of all plots and lanes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axis {
    pub columns: usize,
    pub column_s: u64,
    /// Column of the cursor.
    pub cursor: usize,
    /// Seconds from the newest second that is shown to the right end, the middle and the left end.
    pub ago_s: [u64; 3],
    /// Columns in which a second is missing after the first one.
    pub gaps: Vec<bool>,
    /// Time of the cursor since the start of the run.
    pub cursor_clock_s: u64,
    pub live: bool,
    pub paused: bool,
    /// The newest and the oldest second that can be looked at.
    pub newest_s: Option<u64>,
    pub oldest_s: u64,
    /// The last second of the cursor's column.
    pub cursor_s: u64,
    /// Seconds with data in the window of the tables.
    pub window_s: u64,
    /// Since the newest second came, while the source says nothing more; 0 as long as it does.
    pub silent_s: u64,
}

/// RED of one subject over the window of the tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub subject: Subject,
    pub per_s: f64,
    /// `None` without requests.
    pub error_percent: Option<f64>,
    pub quantiles_ms: [Option<f64>; 4],
    /// Calls to the callee per request; `None` for journeys.
    pub attempts_per_request: Option<f64>,
    pub breaker: Option<BreakerState>,
    /// Faults that are active on this edge at the cursor.
    pub faults: usize,
}

/// Durations of the selected subject over time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plot {
    /// Powers of ten.
    pub low_ms: f64,
    pub high_ms: f64,
    pub columns: Vec<PlotColumn>,
    /// Largest value of all heat columns.
    pub heat_max: u64,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlotColumn {
    pub quantiles_ms: [Option<f64>; 4],
    /// Requests by duration, from the lowest to the highest row.
    pub heat: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct BreakerLane {
    pub edge: Edge,
    pub state: BreakerState,
    pub reason: String,
    /// How long it has been in this state.
    pub age_s: u64,
    /// Until probes are let through.
    pub probe_in_s: Option<u64>,
    /// The gravest state of each column; `None` without data.
    pub cells: Vec<Option<BreakerState>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultCell {
    /// Not armed.
    Off,
    /// Not armed although its schedule wants it to be.
    Planned,
    /// Was active, and the stretch has ended.
    Done,
    /// Part of the stretch that is active at the cursor.
    Active,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FaultLane {
    pub name: String,
    /// A plan has windows for it: nobody armed it by hand.
    pub planned: bool,
    pub what: String,
    pub share: String,
    pub edges: String,
    pub state: FaultState,
    pub hit: u64,
    pub skipped: u64,
    /// Hits per second over the window of the tables.
    pub hit_per_s: f64,
    /// Until the next window of the schedule begins.
    pub starts_in_s: Option<u64>,
    /// Until the present window of the schedule ends.
    pub ends_in_s: Option<u64>,
    pub cells: Vec<FaultCell>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// Milliseconds since the start of the run.
    pub at_ms: u64,
    pub kind: EventKind,
    pub subject: String,
    pub text: String,
    pub trace: Option<String>,
}

/// The load generator over the window of the tables, all workers together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadSummary {
    /// Response times of another model than the open one are service times.
    pub model: LoadModel,
    pub offered_per_s: f64,
    pub completed_per_s: f64,
    pub failed_per_s: f64,
    pub in_flight: u64,
    /// p50 and p99.
    pub lateness_ms: [Option<f64>; 2],
    pub connection_wait_p99_ms: Option<f64>,
    pub cpu_cores: f64,
    pub validity: Option<Validity>,
    /// p99 of journeys of the control group, of the exposed group, and of those that were hit.
    pub control_p99_ms: Option<f64>,
    pub exposed_p99_ms: Option<f64>,
    pub hit_p99_ms: Option<f64>,
    pub columns: Vec<LoadColumn>,
}

/// Rates per second of one plot column; `None` without data.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LoadColumn {
    pub offered: Option<f64>,
    pub completed: Option<f64>,
    pub failed: Option<f64>,
    pub lateness_p99_ms: Option<f64>,
}
