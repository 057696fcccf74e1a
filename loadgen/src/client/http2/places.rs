//! Who goes over which connection, and when another one is made.
//!
//! Places of the connection that has got one back last are taken first, so that a load which needs
//! few connections keeps few busy. When there is none, a request makes a connection unless those
//! that are being made will have a place for it, going by what the server allowed last.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::Notify;

use super::super::connect::Dialer;
use super::super::{Failure, Trail};
use super::connection::{Connection, STREAMS_MAX};

#[derive(Debug)]
pub(super) struct Places(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Connections with a place, each once. The others belong to their requests.
    open: RefCell<Vec<Rc<Shared>>>,
    requests_max: u32,
    /// Requests without a place.
    placeless: Cell<usize>,
    /// Connections that are being made.
    dialing: Cell<usize>,
    /// Places that a new connection will probably have.
    expected: Cell<usize>,
    /// Rings when a place is free or a connection came to nothing.
    changed: Notify,
}

#[derive(Debug)]
struct Shared {
    connection: Connection,
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
        if self.shared.has_place(self.places.requests_max) {
            self.places.list(&self.shared);
            self.places.changed.notify_one();
        }
    }
}

/// Counts one more until dropped.
struct Counted<'a>(&'a Cell<usize>);

impl<'a> Counted<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A connection is being made until dropped. Then all who wait for one look again: there are places
/// now, or they were waiting for nothing.
struct Dialing<'a>(&'a Inner, #[expect(dead_code, reason = "counts")] Counted<'a>);

impl Drop for Dialing<'_> {
    fn drop(&mut self) {
        self.0.changed.notify_waiters();
    }
}

impl Places {
    pub(super) fn new(requests_max: u32) -> Self {
        Self(Rc::new(Inner {
            open: RefCell::default(),
            requests_max,
            placeless: Cell::new(0),
            dialing: Cell::new(0),
            expected: Cell::new(STREAMS_MAX.min(requests_max as usize)),
            changed: Notify::new(),
        }))
    }

    /// Also whether the connection was made for it.
    pub(super) async fn place(
        &self,
        dialer: &Dialer,
        trail: &mut Trail,
    ) -> Result<(Place, bool), Failure> {
        let inner = &self.0;
        let _until_placed = Counted::new(&inner.placeless);
        loop {
            if let Some(place) = inner.take() {
                return Ok((place, false));
            }
            if inner.placeless.get() > inner.dialing.get() * inner.expected.get() {
                return Ok((inner.make(dialer, trail).await?, true));
            }
            inner.changed.notified().await;
        }
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
        shared.taken.set(shared.taken.get() + 1);
        Place { shared: Rc::clone(shared), places: Rc::clone(self) }
    }

    async fn make(self: &Rc<Self>, dialer: &Dialer, trail: &mut Trail) -> Result<Place, Failure> {
        let _until_made = Dialing(self, Counted::new(&self.dialing));
        let connection = Connection::make(dialer, trail).await?;
        self.expected.set(connection.streams_max().min(self.requests_max as usize).max(1));
        let shared = Rc::new(Shared { connection, taken: Cell::new(0), listed: Cell::new(false) });
        let place = self.occupy(&shared);
        self.list(&shared);
        Ok(place)
    }

    fn list(&self, shared: &Rc<Shared>) {
        if !shared.listed.replace(true) {
            self.open.borrow_mut().push(Rc::clone(shared));
        }
    }
}
