//! Who calls whom: what the screen asks for and gets.

use model::answer::CallRow;
use model::edge::Edge;
use model::frame::{TraceHead, VerdictFrame};
use model::policy::BreakerState;

use crate::derive::topology::{Matrix, Topology, TreeRow};
use crate::filter::{Fields, Filter, Value};
use crate::screen::{Asked, BreakerLane, FaultLane, Plot, Row, Subject};

/// The caller of calls that nobody is known to have made.
pub const UNLINKED: &str = "(unlinked)";

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopologyQuery {
    pub filter: Option<Filter>,
    /// What all screens are about.
    pub selected: Option<Subject>,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopologyView {
    /// How the question about calls that pass no gateway stands.
    pub asked: Asked,
    pub graph: Topology,
    pub tree: Vec<TreeRow>,
    pub matrix: Matrix,
    /// By node of the graph.
    pub services: Vec<ServiceNumbers>,
    /// By link of the graph.
    pub edges: Vec<EdgeNumbers>,
    /// Edges that are known, those that the filter hides included.
    pub all: usize,
    /// Link of the graph.
    pub selected: Option<usize>,
    pub open: Option<EdgeDetail>,
}

/// What a service gets and does over the window of the tables, through the gateway.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceNumbers {
    pub in_per_s: f64,
    pub out_per_s: f64,
    /// Of what it gets; `None` without requests.
    pub error_percent: Option<f64>,
    pub p99_ms: Option<f64>,
}

/// One edge in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeNumbers {
    pub edge: Edge,
    /// Over the window of the tables; `None` when no gateway stands between the two.
    pub row: Option<Row>,
    /// Since the start of the run, as spans tell it.
    pub call: Option<CallRow>,
}

impl EdgeNumbers {
    pub fn error_percent(&self) -> Option<f64> {
        match (&self.row, &self.call) {
            (Some(row), _) => row.error_percent,
            (None, Some(call)) if call.calls > 0 => {
                Some(call.errors as f64 * 100.0 / call.calls as f64)
            },
            (None, _) => None,
        }
    }

    /// p50, p90 and p99.
    pub fn quantiles_ms(&self) -> [Option<f64>; 3] {
        match (&self.row, &self.call) {
            (Some(row), _) => [row.quantiles_ms[0], row.quantiles_ms[1], row.quantiles_ms[2]],
            (None, Some(call)) => [call.server.p50_ms, call.server.p90_ms, call.server.p99_ms],
            (None, None) => [None; 3],
        }
    }

    pub fn breaker(&self) -> Option<BreakerState> {
        self.row.as_ref()?.breaker
    }

    /// Faults that are active on it.
    pub fn faults(&self) -> usize {
        self.row.as_ref().map_or(0, |row| row.faults)
    }

    /// Something is wrong with it, or is made to be.
    pub fn is_hit(&self) -> bool {
        use BreakerState::{ForcedOpen, HalfOpen, Open};
        self.error_percent().is_some_and(|share| share > 0.0)
            || self.faults() > 0
            || matches!(self.breaker(), Some(Open | HalfOpen | ForcedOpen))
    }
}

impl Fields for EdgeNumbers {
    fn values(&self, field: &str, see: &mut dyn FnMut(Value<'_>)) {
        let mut number = |value: Option<f64>| {
            if let Some(value) = value {
                see(Value::Number(value));
            }
        };
        let [p50, p90, p99] = self.quantiles_ms();
        match field {
            "rps" => number(self.row.as_ref().map(|row| row.per_s)),
            "calls" => number(self.call.as_ref().map(|call| call.calls as f64)),
            "err" => number(self.error_percent()),
            "p50" => number(p50),
            "p90" => number(p90),
            "p99" => number(p99),
            "faults" => number(Some(self.faults() as f64)),
            "edge" => see(Value::Text(&self.edge.short())),
            "caller" => see(Value::Text(&self.edge.caller)),
            "callee" => see(Value::Text(&self.edge.callee)),
            "svc" => {
                see(Value::Text(&self.edge.caller));
                see(Value::Text(&self.edge.callee));
            },
            "breaker" => {
                if let Some(state) = self.breaker() {
                    see(Value::Text(state.as_str()));
                }
            },
            _ => {},
        }
    }

    fn texts(&self, see: &mut dyn FnMut(&str)) {
        see(&self.edge.short());
    }
}

/// Failed requests of one blame over the window of the tables.
#[derive(Debug, Clone, PartialEq)]
pub struct BlameRow {
    pub blame: String,
    pub per_s: f64,
    /// Of all requests.
    pub percent: f64,
}

/// Everything about the selected edge.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeDetail {
    pub numbers: EdgeNumbers,
    /// The most frequent first.
    pub errors: Vec<BlameRow>,
    pub breaker: Option<BreakerLane>,
    /// How often the breaker has opened up to the cursor, as far as frames are kept.
    pub opened: usize,
    pub faults: Vec<FaultLane>,
    /// Expectations that name the edge.
    pub verdicts: Vec<VerdictFrame>,
    pub plot: Plot,
    /// Failed requests by plot column, in percent.
    pub error_columns: Vec<Option<f64>>,
    /// The slowest and the last failed request of the window of the tables.
    pub slowest: Option<TraceHead>,
    pub failed: Option<TraceHead>,
}
