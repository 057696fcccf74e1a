//! Faults that a connection meets when it is accepted, before anything is read from it: whatever
//! it will carry, so listeners of HTTP ask here as well.

use std::sync::Arc;

use model::decision::Subject;
use model::edge::Edge;
use model::fault::FaultKind;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::ending;
use super::page::Page;
use crate::fault::Fault;
use crate::fault::due::{Due, Stand};
use crate::fault::judge::Case;
use crate::snapshot::Line;
use crate::worker::Worker;

/// What becomes of a connection at the gate.
#[derive(Debug)]
pub(crate) enum Gate {
    Serve(TcpStream),
    Closed,
}

/// Leads a connection past the faults of its edge. `ordinal` is its number on the edge.
pub(crate) async fn gate(
    worker: &Arc<Worker>,
    line: &Line,
    ordinal: u64,
    socket: TcpStream,
) -> Gate {
    if line.faults.at_the_gate().next().is_none() {
        return Gate::Serve(socket);
    }
    // Seldom, and its state would make the future of every connection larger.
    Box::pin(pass(worker, line, ordinal, socket)).await
}

async fn pass(worker: &Arc<Worker>, line: &Line, ordinal: u64, mut socket: TcpStream) -> Gate {
    let mut met = meet(worker, line, ordinal).into_iter();
    while let Some(due) = met.next() {
        let now_unix_ms = worker.clock.unix_ms();
        let armed = due.fault().origin.holds(now_unix_ms);
        let Some(mut due) = due.admit(Stand { control: false, overtaken: false, armed }) else {
            continue;
        };
        due.begin();
        match due.effect() {
            FaultKind::Reset { .. } | FaultKind::Refuse => {
                ending::reset(socket);
                met.for_each(|due| due.spare("overtaken"));
                return Gate::Closed;
            },
            FaultKind::Blackhole => {
                swallow(worker, line, &due, &mut socket).await;
                met.for_each(|due| due.spare("overtaken"));
                return Gate::Closed;
            },
            _delay => {
                hold(worker, &line.edge, due.name(), due.held_until()).await;
                due.ran_to_its_end();
            },
        }
    }
    Gate::Serve(socket)
}

fn meet(worker: &Arc<Worker>, line: &Line, ordinal: u64) -> Vec<Due> {
    let snapshot = worker.control.snapshot();
    let now_unix_ms = worker.clock.unix_ms();
    let subject = Subject::Counter(ordinal);
    let seed = snapshot.plan.seed;
    let case = Case {
        seed,
        edge: &line.edge,
        subject: &subject,
        correlation_id: "",
        occurrence: 0,
        attempt: 0,
        clock: &worker.clock,
        now_unix_ms,
    };
    let count = |fault: &Fault| worker.emitter.count_decision(&fault.spec.name, "matched");
    let in_force = |fault: &&Arc<Fault>| fault.in_force(seed, now_unix_ms).is_some();
    let faults = line.faults.at_the_gate().filter(in_force);
    let drawn = faults.filter_map(|fault| fault.meet(&case, count));
    let page = Page::new(&worker.emitter, &line.edge, &subject, snapshot.epoch);
    let page: Arc<Page> = Arc::new(page);
    drawn.map(|drawn| Due::new(drawn, page.clone(), "caller-gone")).collect()
}

/// Waits until an instant, or until the fault is no longer in force.
async fn hold(worker: &Worker, edge: &Edge, fault: &str, until: Instant) {
    let mut ear = worker.control.bell.listen();
    while is_in_force(worker, edge, fault) {
        tokio::select! {
            () = worker.timer.sleep_until(until) => return,
            () = ear.ring() => {},
        }
    }
}

fn is_in_force(worker: &Worker, edge: &Edge, name: &str) -> bool {
    let snapshot = worker.control.snapshot();
    let now_unix_ms = worker.clock.unix_ms();
    let line = snapshot.lines.get(edge);
    let fault =
        line.and_then(|line| line.faults.at_the_gate().find(|fault| fault.spec.name == name));
    fault.is_some_and(|fault| fault.in_force(snapshot.plan.seed, now_unix_ms).is_some())
}

/// Reads and forgets until the caller or the fault has enough.
async fn swallow(worker: &Worker, line: &Line, due: &Due, socket: &mut TcpStream) {
    let mut nowhere = tokio::io::sink();
    tokio::select! {
        () = hold(worker, &line.edge, due.name(), due.window_end()) => {},
        _ended = tokio::io::copy(socket, &mut nowhere) => {},
    }
}
