//! What several tests share: a request that is only a few texts, and questions about it.

use std::sync::Mutex;

use model::decision::Subject as Identity;
use model::edge::Edge;
use model::fault::Subject;
use model::id::CorrelationId;
use telemetry::clock::Clock;

use super::due::{Due, Ledger};
use super::judge::{Case, Stage, judge};
use super::origin::Origin;
use super::*;
use crate::emit::Verdict;

mod caller;
mod due;
mod gateway;
mod guide;
mod shares;
mod when;

#[derive(Debug, Clone, Default)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: &'static str,
}

impl Call {
    pub(super) fn get(path: &'static str) -> Self {
        Self { method: "GET", path, ..Self::default() }
    }

    pub(super) fn with(headers: &[(&'static str, &str)]) -> Self {
        let own = |(name, value): &(&'static str, &str)| (*name, (*value).to_owned());
        Self { headers: headers.iter().map(own).collect(), ..Self::get("/charges") }
    }
}

impl Subject for Call {
    fn method(&self) -> &str {
        self.method
    }

    fn path(&self) -> &str {
        self.path
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn any_header(&self, name: &str, fits: &mut dyn FnMut(&str) -> bool) -> bool {
        self.headers.iter().any(|(known, value)| *known == name && fits(value))
    }

    fn body(&self) -> Option<&[u8]> {
        Some(self.body.as_bytes())
    }

    fn caller(&self) -> &'static str {
        "orders"
    }
}

pub(super) fn edge() -> Edge {
    Edge::new("orders", "payments")
}

/// A fault on the edge, from 1 s to 11 s after zero.
pub(super) fn spec(name: &str, effect: FaultKind) -> FaultSpec {
    let schedule = vec![Window { start_ms: 1_000, end_ms: 11_000 }];
    FaultSpec { schedule, ..FaultSpec::new(name, vec![edge()], effect) }
}

/// Asks faults of one place, at a time, about one request after the other.
pub(super) struct Court {
    pub(super) faults: Vec<Arc<Fault>>,
    pub(super) seed: u64,
    pub(super) at_ms: u64,
    pub(super) stage: Stage,
    zero_unix_ms: u64,
    clock: Clock,
}

impl Court {
    pub(super) fn new(specs: &[FaultSpec]) -> Self {
        let clock = Clock::system();
        let zero_unix_ms = clock.unix_ms() - 2_000;
        let origin = Origin { zero_unix_ms: Some(zero_unix_ms), ..Origin::always() };
        let fault = |spec: &FaultSpec| Arc::new(Fault::after(spec, None, origin.clone()));
        Self {
            faults: specs.iter().map(fault).collect(),
            seed: 42,
            at_ms: 2_000,
            stage: Stage::Request,
            zero_unix_ms,
            clock,
        }
    }

    /// The drawn faults of the call of this user action.
    pub(super) fn ask(&self, call: &Call, id: &CorrelationId, attempt: u32) -> Vec<Drawn> {
        let case = Case {
            seed: self.seed,
            edge: &edge(),
            subject: &Identity::CorrelationId(id.clone()),
            correlation_id: id.as_str(),
            occurrence: 0,
            attempt,
            clock: &self.clock,
            now_unix_ms: self.zero_unix_ms + self.at_ms,
        };
        judge(&self.faults, self.stage, call, &case, |_fault| {})
    }

    /// Is the first fault drawn for call `number` of this user?
    pub(super) fn takes(&self, user: u64, number: u64) -> bool {
        let drawn = self.ask(&Call::get("/charges"), &CorrelationId::of_user(user, number), 0);
        drawn.iter().any(|drawn| Arc::ptr_eq(&drawn.fault, &self.faults[0]))
    }

    pub(super) fn matched(&self) -> u64 {
        self.faults[0].memory.read().0
    }

    /// The only fault, drawn.
    pub(super) fn one(&self) -> Drawn {
        let id = CorrelationId::of_user(1, 1);
        self.ask(&Call::get("/charges"), &id, 0).pop().expect("its share is the whole")
    }
}

/// Keeps what was entered.
#[derive(Debug, Default)]
pub(super) struct Page(Mutex<Vec<Verdict>>);

impl Page {
    pub(super) fn lines(&self) -> Vec<Verdict> {
        self.0.lock().unwrap().clone()
    }
}

impl Ledger for Page {
    fn enter(&self, _drawn: &Drawn, verdict: Verdict) {
        self.0.lock().unwrap().push(verdict);
    }
}

pub(super) fn due(court: &Court, page: &Arc<Page>) -> Due {
    Due::new(court.one(), Arc::clone(page) as Arc<dyn Ledger>, "caller-gone")
}
