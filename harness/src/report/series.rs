//! The frames of a run as columns over one time axis.
//!
//! A column is one second, or several in a long run, so that a page stays small. Everything in the
//! chart (bands, lanes, bars) is drawn over the same columns, which is what makes a cause and its
//! effect stand above each other.

mod breakers;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use model::edge::Edge;
use model::fault::FaultState;
use model::frame::{EdgeFrame, FaultFrame, Frame, LoadCellFrame};
use model::hist::Histogram;
use model::load::{Group, Outcome};

use crate::result::RunResult;

pub(super) use breakers::{Lane, Segment};

/// Most columns of the chart: more would be narrower than the eye can follow.
const COLUMNS_MAX: u64 = 240;
/// How far the axis follows frames after the end of load, where the system comes to rest.
const TAIL_MS_MAX: i64 = 10_000;

/// Time in milliseconds after the end of the baseline; negative before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) zero_unix_ms: i64,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) column_ms: i64,
    pub(super) columns: usize,
}

impl Axis {
    /// `None` when load never began: there is nothing to draw.
    fn new(result: &RunResult, frames: &[Frame]) -> Option<Self> {
        let started = i64::try_from(result.started_unix_ms?).ok()?;
        let zero_unix_ms = started.checked_add_unsigned(result.timeline.during_ms)?;
        // Frames are about whole seconds, so the axis begins with one.
        let start_ms = started.div_euclid(1_000).checked_mul(1_000)? - zero_unix_ms;
        let planned_end_ms = started.checked_add_unsigned(result.timeline.end_ms)? - zero_unix_ms;
        let last_ms = frames.last().map_or(start_ms, |frame| {
            i64::try_from(frame.unix_s + 1).unwrap_or(0).saturating_mul(1_000) - zero_unix_ms
        });
        let end_ms = planned_end_ms.max(last_ms.min(planned_end_ms + TAIL_MS_MAX));
        let seconds = (end_ms - start_ms).max(1_000).unsigned_abs().div_ceil(1_000);
        let column_s = seconds.div_ceil(COLUMNS_MAX);
        let columns = seconds.div_ceil(column_s) as usize;
        let column_ms = i64::try_from(column_s).ok()? * 1_000;
        Some(Self { zero_unix_ms, start_ms, end_ms, column_ms, columns })
    }

    /// Of an instant on the wall clock.
    pub(super) fn at(&self, unix_ms: u64) -> i64 {
        i64::try_from(unix_ms).unwrap_or(i64::MAX).saturating_sub(self.zero_unix_ms)
    }

    fn column_of(&self, unix_s: u64) -> Option<usize> {
        let at_ms = self.at(unix_s.saturating_mul(1_000)).saturating_sub(self.start_ms);
        let column = usize::try_from(at_ms.div_euclid(self.column_ms)).ok()?;
        (column < self.columns).then_some(column)
    }

    pub(super) fn column_start_ms(&self, column: usize) -> i64 {
        self.start_ms + i64::try_from(column).unwrap_or(i64::MAX).saturating_mul(self.column_ms)
    }

    pub(super) fn column_s(&self) -> f64 {
        self.column_ms as f64 / 1e3
    }
}

/// What ended in one column.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) count: u64,
    pub(super) errors: u64,
    pub(super) duration: Histogram,
}

#[derive(Debug)]
pub(super) struct FlowSeries {
    pub(super) name: String,
    pub(super) exposed: Vec<Cell>,
    pub(super) control: Vec<Cell>,
}

#[derive(Debug)]
pub(super) struct EdgeSeries {
    pub(super) edge: Edge,
    /// A fault of the scenario names it.
    pub(super) touched: bool,
    pub(super) cells: Vec<Cell>,
}

#[derive(Debug)]
pub(super) struct FaultSeries<'a> {
    pub(super) fault: &'a FaultFrame,
    pub(super) hits: Vec<u64>,
    pub(super) active: Vec<bool>,
}

#[derive(Debug)]
pub(super) struct Series<'a> {
    pub(super) axis: Axis,
    /// Columns about which there is a frame.
    pub(super) known: Vec<bool>,
    pub(super) flows: Vec<FlowSeries>,
    /// Those touched by faults first, then by errors and slowness.
    pub(super) edges: Vec<EdgeSeries>,
    pub(super) faults: Vec<FaultSeries<'a>>,
    pub(super) breakers: Vec<Lane>,
}

impl<'a> Series<'a> {
    pub(super) fn new(result: &'a RunResult, frames: &[Frame]) -> Option<Self> {
        let axis = Axis::new(result, frames)?;
        let mut known = vec![false; axis.columns];
        for frame in frames {
            if let Some(column) = axis.column_of(frame.unix_s) {
                known[column] = true;
            }
        }
        Some(Self {
            axis,
            known,
            flows: flows(&axis, frames),
            edges: edges(&axis, frames, &result.faults),
            faults: result.faults.iter().map(|fault| fault_series(&axis, frames, fault)).collect(),
            breakers: breakers::lanes(&axis, frames),
        })
    }
}

fn flows(axis: &Axis, frames: &[Frame]) -> Vec<FlowSeries> {
    let mut flows: BTreeMap<&str, FlowSeries> = BTreeMap::new();
    for frame in frames {
        let Some(column) = axis.column_of(frame.unix_s) else { continue };
        for cell in frame.load.cells.iter().filter(|cell| cell.step.is_none()) {
            let flow = flows.entry(&cell.flow).or_insert_with(|| FlowSeries {
                name: cell.flow.clone(),
                exposed: vec![Cell::default(); axis.columns],
                control: vec![Cell::default(); axis.columns],
            });
            let group = match cell.group {
                Group::Exposed => &mut flow.exposed,
                Group::Control => &mut flow.control,
            };
            add_journeys(&mut group[column], cell);
        }
    }
    flows.into_values().collect()
}

fn add_journeys(into: &mut Cell, cell: &LoadCellFrame) {
    into.count += cell.count;
    into.duration.merge(&cell.response);
    if cell.outcome != Outcome::Completed {
        into.errors += cell.count;
    }
}

fn edges(axis: &Axis, frames: &[Frame], faults: &[FaultFrame]) -> Vec<EdgeSeries> {
    let mut edges: BTreeMap<&Edge, EdgeSeries> = BTreeMap::new();
    for frame in frames {
        let Some(column) = axis.column_of(frame.unix_s) else { continue };
        for edge in &frame.edges {
            let series = edges.entry(&edge.edge).or_insert_with(|| EdgeSeries {
                edge: edge.edge.clone(),
                touched: faults.iter().any(|fault| fault.edges.contains(&edge.edge)),
                cells: vec![Cell::default(); axis.columns],
            });
            add_requests(&mut series.cells[column], edge);
        }
    }
    let mut edges: Vec<_> = edges.into_values().collect();
    edges.sort_by_key(|edge| {
        let errors: u64 = edge.cells.iter().map(|cell| cell.errors).sum();
        let slowest = edge.cells.iter().filter_map(|cell| cell.duration.quantile(0.99)).max();
        (!edge.touched, Reverse(errors), Reverse(slowest))
    });
    edges
}

fn add_requests(into: &mut Cell, edge: &EdgeFrame) {
    into.count += edge.requests;
    into.errors += edge.error_count();
    into.duration.merge(&edge.duration);
}

fn fault_series<'a>(axis: &Axis, frames: &[Frame], fault: &'a FaultFrame) -> FaultSeries<'a> {
    let mut hits = vec![0; axis.columns];
    let mut active = vec![false; axis.columns];
    for frame in frames {
        let Some(column) = axis.column_of(frame.unix_s) else { continue };
        let Some(now) = frame.faults.iter().find(|now| now.name == fault.name) else { continue };
        hits[column] += now.hit_now;
        active[column] |= now.state == FaultState::Active;
    }
    FaultSeries { fault, hits, active }
}
