//! Who goes over which connection, and when another one is made.
//!
//! A request without a place waits for one that is given back, or for a connection that is being
//! made; who has waited longest is served first. Connections are made by nobody's own: a request
//! that gives up leaves them to the others. As many are made as those who wait need, going by what
//! the server allowed last. One that takes long counts no more, so that another is tried; one that
//! fails takes those with it who waited when it was begun.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::super::connect::{DialTimes, Dialer};
use super::super::{Failure, Trail};
use super::connection::{Connection, STREAMS_MAX};

/// How long a connection that is being made is counted on.
const COUNTED_ON: Duration = Duration::from_secs(1);
/// How long it is waited for at all.
const WAITED_FOR: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Places(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    dialer: Rc<Dialer>,
    /// Connections with a place, each once. The others belong to their requests.
    open: RefCell<Vec<Rc<Shared>>>,
    requests_max: u32,
    /// In the order in which they came.
    waiting: RefCell<VecDeque<Rc<Waiter>>>,
    /// Number of the next one who waits.
    next: Cell<u64>,
    /// Connections that are being made and counted on.
    dialing: Cell<usize>,
    /// Places that a new connection will probably have.
    expected: Cell<usize>,
    dials: RefCell<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    connection: Connection,
    /// What it took to make it, until somebody has told.
    times: Cell<Option<DialTimes>>,
    /// Places that are taken.
    taken: Cell<usize>,
    /// It is among those with a place.
    listed: Cell<bool>,
}

impl Shared {
    fn has_place(&self, requests_max: u32) -> bool {
        self.connection.is_open(requests_max) && self.taken.get() < self.connection.streams_max()
    }
}

/// A request's place on a connection, until dropped.
#[derive(Debug)]
pub(super) struct Place {
    shared: Rc<Shared>,
    places: Rc<Inner>,
}

impl Place {
    pub(super) fn connection(&self) -> &Connection {
        &self.shared.connection
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.taken.set(self.shared.taken.get() - 1);
        self.places.give_out(&self.shared);
    }
}

/// What came of waiting.
type Served = Result<Place, (Failure, DialTimes)>;

#[derive(Debug)]
struct Waiter {
    number: u64,
    served: RefCell<Option<Served>>,
    waker: RefCell<Option<Waker>>,
}

impl Waiter {
    fn serve(&self, served: Served) {
        self.served.replace(Some(served));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// In the queue until dropped.
struct Queued<'a> {
    places: &'a Inner,
    waiter: Rc<Waiter>,
}

impl Queued<'_> {
    async fn served(&self) -> Served {
        poll_fn(|context| match self.waiter.served.take() {
            Some(served) => Poll::Ready(served),
            None => {
                self.waiter.waker.replace(Some(context.waker().clone()));
                Poll::Pending
            },
        })
        .await
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut waiting = self.places.waiting.borrow_mut();
        if let Ok(at) = waiting.binary_search_by_key(&self.waiter.number, |it| it.number) {
            waiting.remove(at);
        }
    }
}

impl Places {
    pub(super) fn new(dialer: Rc<Dialer>, requests_max: u32) -> Self {
        Self(Rc::new(Inner {
            dialer,
            open: RefCell::default(),
            requests_max,
            waiting: RefCell::default(),
            next: Cell::new(0),
            dialing: Cell::new(0),
            expected: Cell::new(STREAMS_MAX.min(requests_max as usize)),
            dials: RefCell::default(),
        }))
    }

    pub(super) async fn place(&self, trail: &mut Trail) -> Result<Place, Failure> {
        let place = match self.0.take() {
            Some(place) => place,
            None => self.0.wait().await.map_err(|(failure, times)| {
                trail.dial = times;
                failure
            })?,
        };
        if let Some(times) = place.shared.times.take() {
            trail.dial = times;
        }
        Ok(place)
    }
}

impl Inner {
    /// A place on a connection that is there.
    fn take(self: &Rc<Self>) -> Option<Place> {
        loop {
            let shared = self.open.borrow().last().cloned()?;
            if shared.has_place(self.requests_max) {
                return Some(self.occupy(&shared));
            }
            self.open.borrow_mut().pop();
            shared.listed.set(false);
        }
    }

    fn occupy(self: &Rc<Self>, shared: &Rc<Shared>) -> Place {
        shared.connection.book();
        shared.taken.set(shared.taken.get() + 1);
        Place { shared: Rc::clone(shared), places: Rc::clone(self) }
    }

    async fn wait(self: &Rc<Self>) -> Served {
        let number = self.next.replace(self.next.get() + 1);
        let (served, waker) = (RefCell::default(), RefCell::default());
        let waiter = Rc::new(Waiter { number, served, waker });
        self.waiting.borrow_mut().push_back(Rc::clone(&waiter));
        let queued = Queued { places: self, waiter };
        self.dial_for_all();
        queued.served().await
    }

    /// Gives the places of a connection to those who wait, and keeps the rest for those who come.
    fn give_out(self: &Rc<Self>, shared: &Rc<Shared>) {
        while shared.has_place(self.requests_max) {
            let Some(waiter) = self.waiting.borrow_mut().pop_front() else {
                if !shared.listed.replace(true) {
                    self.open.borrow_mut().push(Rc::clone(shared));
                }
                return;
            };
            waiter.serve(Ok(self.occupy(shared)));
        }
    }

    /// Begins as many connections as those who wait need beyond those that are counted on.
    fn dial_for_all(self: &Rc<Self>) {
        let mut dials = self.dials.borrow_mut();
        while dials.try_join_next().is_some() {}
        while self.waiting.borrow().len() > self.dialing.get() * self.expected.get() {
            self.dialing.set(self.dialing.get() + 1);
            dials.spawn_local(dial(Rc::downgrade(self), Rc::clone(&self.dialer)));
        }
    }

    /// A connection is no more counted on.
    fn count_out(self: &Rc<Self>) {
        self.dialing.set(self.dialing.get() - 1);
        self.dial_for_all();
    }

    fn made(self: &Rc<Self>, connection: Connection, times: DialTimes) {
        self.expected.set(connection.streams_max().clamp(1, self.requests_max.max(1) as usize));
        let (taken, listed) = (Cell::new(0), Cell::new(false));
        let times = Cell::new(Some(times));
        self.give_out(&Rc::new(Shared { connection, times, taken, listed }));
    }

    /// Of those who came before `until`, as many as a connection would have taken.
    fn failed(&self, until: u64, failure: Failure, times: DialTimes) {
        for _ in 0..self.expected.get() {
            let waiter = self.waiting.borrow_mut().pop_front_if(|first| first.number < until);
            let Some(waiter) = waiter else { return };
            waiter.serve(Err((failure, times)));
        }
    }
}

/// Makes one connection.
async fn dial(places: Weak<Inner>, dialer: Rc<Dialer>) {
    let Some(until) = places.upgrade().map(|places| places.next.get()) else { return };
    let mut making = pin!(async {
        let mut times = DialTimes::default();
        (Connection::make(&dialer, &mut times).await, times)
    });
    let soon = timeout(COUNTED_ON, making.as_mut()).await;
    let counted = soon.is_ok();
    let made = match soon {
        Ok(made) => Ok(made),
        Err(_elapsed) => {
            let Some(places) = places.upgrade() else { return };
            places.count_out();
            drop(places);
            timeout(WAITED_FOR, making).await
        },
    };
    let Some(places) = places.upgrade() else { return };
    match made {
        Ok((Ok(connection), times)) => places.made(connection, times),
        Ok((Err(failure), times)) => places.failed(until, failure, times),
        Err(_elapsed) => {},
    }
    if counted { places.count_out() } else { places.dial_for_all() }
}
