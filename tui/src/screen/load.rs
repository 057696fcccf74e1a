//! The load generator at full length: what the screen asks for and gets.

use model::load::{LoadModel, Outcome, Validity};

/// The percentiles that are usual, as fractions, and their names.
pub const PERCENTILES: [(f64, &str); 7] = [
    (0.5, "50"),
    (0.75, "75"),
    (0.9, "90"),
    (0.95, "95"),
    (0.99, "99"),
    (0.999, "99.9"),
    (0.9999, "99.99"),
];

/// Curves of one distribution each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Split {
    /// By phase of the run.
    #[default]
    Phases,
    /// Users that no fault may touch, exposed ones that none has hit, and those that one has hit.
    Groups,
}

/// A flow, or a step of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoadItem {
    pub flow: String,
    /// `None` is the whole journey.
    pub step: Option<String>,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadQuery {
    /// `None` is the first row.
    pub selected: Option<LoadItem>,
    pub split: Split,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadView {
    /// What decides when journeys start; `None` before there is any load.
    pub model: Option<LoadModel>,
    /// By plot column.
    pub moments: Vec<LoadMoment>,
    /// Over the window of the tables.
    pub now: LoadMoment,
    /// Over all that is plotted up to the cursor.
    pub rows: Vec<LoadRow>,
    pub selected: usize,
    /// Of the selected row, over the same time.
    pub spectrum: Spectrum,
    /// Seconds with data in that time.
    pub seconds: u64,
}

/// The load over one stretch of time; `None` without data.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LoadMoment {
    pub offered_per_s: Option<f64>,
    /// Journeys.
    pub completed_per_s: Option<f64>,
    pub failed_per_s: Option<f64>,
    /// The most.
    pub in_flight: Option<f64>,
    /// p50 and p99 of how late the generator itself was.
    pub late_ms: [Option<f64>; 2],
    /// p99 of the wait for a connection.
    pub connection_ms: Option<f64>,
    /// The most.
    pub cpu_cores: Option<f64>,
    /// The worst.
    pub validity: Option<Validity>,
    /// p99 of journeys: of the control group, of exposed ones that no fault hit, of those hit.
    pub groups_p99_ms: [Option<f64>; 3],
}

/// Journeys of a flow, or one of its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadRow {
    pub item: LoadItem,
    pub count: u64,
    pub per_s: f64,
    pub error_percent: Option<f64>,
    pub quantiles_ms: [Option<f64>; 4],
    /// Failed ones by what came of them, the most frequent first.
    pub outcomes: Vec<(Outcome, u64)>,
}

/// Durations by percentile.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spectrum {
    /// Powers of ten.
    pub low_ms: f64,
    pub high_ms: f64,
    pub curves: Vec<SpectrumCurve>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SpectrumCurve {
    pub name: &'static str,
    /// Among all that there can be, so that it looks the same when others come and go.
    pub place: usize,
    pub count: u64,
    /// By percentile of [`PERCENTILES`]; `None` where there are too few
    /// values to tell.
    pub values_ms: Vec<Option<f64>>,
}
