//! Which faults act on one connection, from its first byte to its last.
//!
//! It looks when the connection begins, when the plan or the lease changes, and when a window, a
//! spell or a ramp does. A fault that was in force at the first look met a new connection; one that
//! comes later found an open one, and its `live` rule says what that means.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::decision::Subject;
use model::edge::Edge;
use model::fault::{Direction, FaultKind, Live};
use tokio::time::Instant;

use super::page::Page;
use crate::fault::Fault;
use crate::fault::due::{Due, Stand};
use crate::fault::judge::{Case, Moment};
use crate::snapshot::Snapshot;
use crate::worker::Worker;

/// A fault that acts on this connection. Clones write the same line of the ledger.
#[derive(Debug, Clone)]
pub(super) struct Acting {
    fault: Arc<Fault>,
    seed: u64,
    /// Since when it acts on this connection.
    pub(super) since: Instant,
    line: Arc<Line>,
}

#[derive(Debug)]
struct Line {
    begun: AtomicBool,
    page: Mutex<Held>,
}

/// A line that is not written yet, and what it would say if the fault ended now.
#[derive(Debug)]
struct Held {
    due: Due,
    /// Since when something is held back for the first time, and for how long.
    first: Option<(Instant, Duration)>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((since, planned)) = self.first {
            self.due.acted(Some(planned), Some(since.elapsed()));
        }
    }
}

impl Acting {
    pub(super) fn new(fault: &Arc<Fault>, due: Due, since: Instant) -> Self {
        let seed = due.size().bits();
        let page = Mutex::new(Held { due, first: None });
        let line = Arc::new(Line { begun: AtomicBool::new(false), page });
        Self { fault: Arc::clone(fault), seed, since, line }
    }

    pub(super) fn effect(&self) -> &FaultKind {
        &self.fault.spec.effect
    }

    pub(super) fn name(&self) -> &str {
        &self.fault.spec.name
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.name() == other.name()
    }

    pub(super) fn takes(&self, way: Direction) -> bool {
        self.fault.spec.direction.takes(way)
    }

    /// It resets the connection at once, not in front of a byte.
    pub(super) fn resets_at_once(&self) -> bool {
        self.fault.acts_at_the_gate()
    }

    pub(super) fn fault(&self) -> &Fault {
        &self.fault
    }

    /// Key of all that it draws on this connection in this direction.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// The same fault as it acts on bytes that go `way`.
    pub(super) fn on(&self, way: Direction) -> Self {
        let seed = if way == Direction::Up { !self.seed } else { self.seed };
        Self { seed, ..self.clone() }
    }

    /// Its effect begins.
    pub(super) fn begin(&self) {
        if !self.line.begun.swap(true, Ordering::Relaxed) {
            self.page().due.begin();
        }
    }

    /// Something is held back for so long from now on.
    pub(super) fn holds(&self, planned: Duration, now: Instant) {
        if !self.line.begun.load(Ordering::Relaxed) {
            self.page().first.get_or_insert((now, planned));
        }
    }

    /// Something was held back for so long. The first time is the line of the ledger.
    pub(super) fn delayed(&self, planned: Duration, achieved: Duration) {
        let mut page = self.page();
        if !self.line.begun.swap(true, Ordering::Relaxed) {
            page.first = None;
            page.due.acted(Some(planned), Some(achieved));
        }
        page.due.delayed(planned, achieved);
    }

    /// So much passed while a rate held more back, and so much it allowed.
    pub(super) fn paced(&self, passed: u64, allowed: u64) {
        self.page().due.paced(passed, allowed);
    }

    fn page(&self) -> MutexGuard<'_, Held> {
        self.line.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a fault in force means for this connection.
#[derive(Debug)]
enum Role {
    Acts(Acting),
    /// Not drawn.
    Passes,
    /// Spared for good: by its cap, or because the connection was open when it came.
    Exempt,
}

#[derive(Debug)]
struct Entry {
    fault: Arc<Fault>,
    role: Role,
}

/// What a look found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Other faults act than before, or act otherwise.
    pub(super) changed: bool,
    /// The connection shall make room for a successor.
    pub(super) drain: bool,
    /// The edge is not served any more.
    pub(super) gone: bool,
}

#[derive(Debug)]
pub(super) struct Armed {
    worker: Arc<Worker>,
    edge: Edge,
    subject: Subject,
    entries: Vec<Entry>,
    /// It has looked before: what comes from here on found an open connection.
    open: bool,
    next_look: Option<Instant>,
}

impl Armed {
    /// `ordinal` is the number of the connection on its edge.
    pub(super) fn new(worker: Arc<Worker>, edge: Edge, ordinal: u64) -> Self {
        let subject = Subject::Counter(ordinal);
        Self { worker, edge, subject, entries: Vec::new(), open: false, next_look: None }
    }

    pub(super) fn acting(&self) -> impl Iterator<Item = &Acting> {
        self.entries.iter().filter_map(|entry| match &entry.role {
            Role::Acts(acting) => Some(acting),
            Role::Passes | Role::Exempt => None,
        })
    }

    /// When to look again if nothing rings before.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    pub(super) fn look(&mut self) -> Found {
        let snapshot = self.worker.control.snapshot();
        let before = std::mem::take(&mut self.entries);
        let changed = before.iter().any(Entry::acts);
        let line = snapshot.lines.get(&self.edge);
        let mut found = Found { changed, drain: false, gone: line.is_none() };
        self.next_look = None;
        if let Some(line) = line.filter(|line| !line.faults.is_empty()) {
            let faults: Vec<&Arc<Fault>> = line.faults.on_bytes().collect();
            let looked = self.look_at(&faults, &snapshot, before);
            found.drain = looked.drain;
            found.changed |= looked.changed;
        }
        self.open = true;
        found
    }

    fn look_at(
        &mut self,
        faults: &[&Arc<Fault>],
        snapshot: &Snapshot,
        mut before: Vec<Entry>,
    ) -> Found {
        let worker = Arc::clone(&self.worker);
        let (clock, seed) = (&worker.clock, snapshot.plan.seed);
        let now_unix_ms = clock.unix_ms();
        self.next_look =
            faults.iter().filter_map(|fault| fault.next_turn(now_unix_ms, clock)).min();
        let mut found = Found::default();
        for &fault in faults {
            let Some(moment) = fault.in_force(seed, now_unix_ms) else { continue };
            let known = before.iter().position(|entry| entry.fault.spec.name == fault.spec.name);
            let known = known.map(|at| before.swap_remove(at));
            let subject = self.subject.clone();
            let case = Case {
                seed,
                edge: &self.edge,
                subject: &subject,
                correlation_id: "",
                occurrence: 0,
                attempt: 0,
                clock,
                now_unix_ms,
            };
            let meeting = Meeting { worker: &worker, case, moment, epoch: snapshot.epoch };
            let role = match known {
                Some(Entry { role, .. }) => meeting.goes_on(fault, role),
                // It was met at the gate.
                None if !self.open && fault.acts_at_the_gate() => Role::Exempt,
                None if self.open && fault.spec.live != Live::Apply => {
                    found.drain |= fault.spec.live == Live::Drain;
                    Role::Exempt
                },
                None => meeting.begins(fault),
            };
            found.changed |= matches!(role, Role::Acts(_));
            self.entries.push(Entry { fault: Arc::clone(fault), role });
        }
        found
    }
}

impl Entry {
    fn acts(&self) -> bool {
        matches!(self.role, Role::Acts(_))
    }
}

/// A fault in force and a connection.
struct Meeting<'a> {
    worker: &'a Arc<Worker>,
    case: Case<'a>,
    moment: Moment,
    epoch: u64,
}

impl Meeting<'_> {
    fn begins(&self, fault: &Arc<Fault>) -> Role {
        let emitter = &self.worker.emitter;
        let count = |fault: &Fault| emitter.count_decision(&fault.spec.name, "matched");
        match fault.meet(&self.case, count) {
            Some(drawn) => self.admit(fault, drawn),
            None => Role::Passes,
        }
    }

    fn goes_on(&self, fault: &Arc<Fault>, role: Role) -> Role {
        match role {
            Role::Acts(_) if !fault.still_takes(&self.case, self.moment) => Role::Passes,
            Role::Acts(acting) => Role::Acts(Acting { fault: Arc::clone(fault), ..acting }),
            Role::Passes => match fault.meet_again(&self.case, self.moment) {
                Some(drawn) => self.admit(fault, drawn),
                None => Role::Passes,
            },
            Role::Exempt => Role::Exempt,
        }
    }

    fn admit(&self, fault: &Arc<Fault>, drawn: crate::fault::Drawn) -> Role {
        let page = Page::new(&self.worker.emitter, self.case.edge, self.case.subject, self.epoch);
        let due = Due::new(drawn, Arc::new(page), "not-reached");
        match due.admit(Stand { control: false, overtaken: false, armed: true }) {
            Some(due) => Role::Acts(Acting::new(fault, due, self.worker.clock.now())),
            None => Role::Exempt,
        }
    }
}
