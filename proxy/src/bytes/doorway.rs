//! The listener of an edge, which really refuses while a fault says so for everybody.
//!
//! A listener that accepts and resets looks different from a port where nobody listens: the caller
//! is connected for a moment, and its library says "reset" and not "refused". So the listening
//! socket is closed, and another one stays bound to its address without listening. Nobody else gets
//! the port meanwhile, the kernel answers every attempt with a refusal, and to open again is to
//! listen again.
//!
//! A share below the whole needs a number to be drawn for, and so an accepted connection: it is
//! reset at the gate.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use model::decision::Subject;
use model::edge::Edge;
use model::fault::FaultKind;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::bell::Ear;
use super::page::Page;
use crate::fault::Fault;
use crate::fault::due::{Due, Stand};
use crate::fault::judge::Case;
use crate::timer::Alarm;
use crate::worker::Worker;

/// Connections that the kernel keeps for a listener until they are accepted.
const BACKLOG: i32 = 4_096;
/// After a failure to open or to close: nothing tells when it would work.
const AGAIN: Duration = Duration::from_millis(50);

#[derive(Debug)]
enum Door {
    Open(TcpListener),
    /// Bound, not listening. The fault's line of the ledger is written when it ends.
    Shut(Socket, Option<Due>),
    /// Neither, because the address could not be bound again yet.
    Lost,
}

/// A listener in the place of a [`TcpListener`].
#[derive(Debug)]
pub(crate) struct Doorway {
    worker: Arc<Worker>,
    edge: Edge,
    address: SocketAddr,
    /// Other threads listen there, too.
    shared: bool,
    door: Door,
    ear: Ear,
    alarm: Alarm,
    next_look: Option<Instant>,
}

impl Doorway {
    pub(crate) fn new(worker: &Arc<Worker>, edge: Edge, listener: TcpListener) -> io::Result<Self> {
        let mut doorway = Self {
            address: listener.local_addr()?,
            shared: SockRef::from(&listener).reuse_port()?,
            door: Door::Open(listener),
            ear: worker.control.bell.listen(),
            alarm: Alarm::new(worker.timer.clone()),
            worker: Arc::clone(worker),
            edge,
            next_look: None,
        };
        doorway.look()?;
        Ok(doorway)
    }

    /// The next connection; none comes while the edge refuses. May be dropped at any time.
    pub(crate) async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        std::future::poll_fn(|context| {
            loop {
                let rung = self.ear.poll_ring(context).is_ready();
                let due = self.next_look;
                if rung || due.is_some_and(|at| self.alarm.poll_at(context, at).is_ready()) {
                    self.look()?;
                    continue;
                }
                return match &self.door {
                    Door::Open(listener) => listener.poll_accept(context),
                    Door::Shut(..) | Door::Lost => Poll::Pending,
                };
            }
        })
        .await
    }

    /// Opens or shuts, whatever the faults say by now.
    fn look(&mut self) -> io::Result<()> {
        // One time for all questions: a fault that flaps may be over at the next reading.
        let now_unix_ms = self.worker.clock.unix_ms();
        let (refusal, next_look) = self.refusal(now_unix_ms);
        self.next_look = next_look;
        let moved = match (&self.door, refusal) {
            (Door::Open(_), Some(fault)) => self.shut(&fault, now_unix_ms),
            (Door::Shut(..) | Door::Lost, None) => self.open(),
            (Door::Open(_), None) | (Door::Shut(..) | Door::Lost, Some(_)) => Ok(()),
        };
        if moved.is_err() {
            self.next_look = Some(self.worker.clock.now() + AGAIN);
        }
        moved
    }

    fn shut(&mut self, fault: &Arc<Fault>, now_unix_ms: u64) -> io::Result<()> {
        let Door::Open(listener) = std::mem::replace(&mut self.door, Door::Lost) else {
            return Ok(());
        };
        let bound = if self.shared {
            // Both hold the address for a moment, so that nobody else can.
            bind(self.address, true)?
        } else {
            drop(listener);
            bind(self.address, false)?
        };
        self.door = Door::Shut(bound, self.due(fault, now_unix_ms));
        Ok(())
    }

    fn open(&mut self) -> io::Result<()> {
        let socket = match std::mem::replace(&mut self.door, Door::Lost) {
            Door::Shut(socket, _due) => socket,
            Door::Lost => bind(self.address, self.shared)?,
            open @ Door::Open(_) => {
                self.door = open;
                return Ok(());
            },
        };
        socket.listen(BACKLOG)?;
        self.door = Door::Open(TcpListener::from_std(socket.into())?);
        Ok(())
    }

    /// The fault for which the edge refuses everybody, and when to look again.
    fn refusal(&self, now_unix_ms: u64) -> (Option<Arc<Fault>>, Option<Instant>) {
        let snapshot = self.worker.control.snapshot();
        let clock = &self.worker.clock;
        let Some(line) = snapshot.lines.get(&self.edge) else { return (None, None) };
        let refuses = |fault: &&Arc<Fault>| matches!(fault.spec.effect, FaultKind::Refuse);
        let faults = || line.faults.at_the_gate().filter(refuses);
        let next = faults().filter_map(|fault| fault.next_turn(now_unix_ms, clock)).min();
        let whole = |fault: &&Arc<Fault>| {
            let moment = fault.in_force(snapshot.plan.seed, now_unix_ms);
            moment.is_some_and(|moment| fault.hits_all(moment))
        };
        (faults().find(whole).map(Arc::clone), next)
    }

    /// A shut door is one hit of its fault: those whom the kernel turns away are not seen.
    fn due(&self, fault: &Arc<Fault>, now_unix_ms: u64) -> Option<Due> {
        let snapshot = self.worker.control.snapshot();
        let traffic = &snapshot.lines.get(&self.edge)?.traffic;
        let subject = Subject::Counter(traffic.connections());
        let case = Case {
            seed: snapshot.plan.seed,
            edge: &self.edge,
            subject: &subject,
            correlation_id: "",
            occurrence: 0,
            attempt: 0,
            clock: &self.worker.clock,
            now_unix_ms,
        };
        let emitter = &self.worker.emitter;
        let count = |fault: &Fault| emitter.count_decision(&fault.spec.name, "matched");
        let drawn = fault.meet(&case, count)?;
        let page = Page::new(emitter, &self.edge, &subject, snapshot.epoch);
        let due = Due::new(drawn, Arc::new(page), "not-reached");
        let mut due = due.admit(Stand { control: false, overtaken: false, armed: true })?;
        due.begin();
        Some(due)
    }
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}
