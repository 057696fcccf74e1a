//! Connections that nobody uses at the moment.
//!
//! The one that was used last is used next, so that a load which needs few connections keeps few
//! busy. A target may close one at any time: the runtime rings when something happens to a
//! connection that nobody uses, and the engine then takes away those that have ended. Whatever was
//! closed too late for that is found when it is used again, before anything is written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use super::http1::Connection;

#[derive(Debug)]
pub(super) struct Idle {
    connections: Vec<Connection>,
    /// So many, from the first, ring when something happens to them.
    watched: usize,
    bell: Arc<Bell>,
    /// The same.
    ringer: Waker,
}

impl Idle {
    pub(super) fn new() -> Self {
        let bell = Arc::new(Bell::default());
        let ringer = Waker::from(Arc::clone(&bell));
        Self { connections: Vec::new(), watched: 0, bell, ringer }
    }

    pub(super) fn push(&mut self, connection: Connection) {
        self.connections.push(connection);
    }

    pub(super) fn pop(&mut self) -> Option<Connection> {
        let last = self.connections.pop();
        self.watched = self.watched.min(self.connections.len());
        last
    }

    /// Takes away what has ended. The task of `context` is woken when there is more of it.
    pub(super) fn tend(&mut self, context: &Context<'_>) {
        let rung = self.bell.attend(context.waker());
        let from = if rung { 0 } else { self.watched };
        let mut ringing = Context::from_waker(&self.ringer);
        let mut at = from;
        while let Some(connection) = self.connections.get_mut(at) {
            if connection.has_ended(&mut ringing) {
                self.connections.remove(at);
            } else {
                at += 1;
            }
        }
        self.watched = at;
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }
}

/// What the runtime rings, from whichever thread.
#[derive(Debug, Default)]
struct Bell {
    rung: AtomicBool,
    attendant: Mutex<Option<Waker>>,
}

impl Bell {
    /// Has it rung? The next ring wakes `attendant`.
    fn attend(&self, attendant: &Waker) -> bool {
        let mut known = self.attendant.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *known {
            Some(waker) => waker.clone_from(attendant),
            none => *none = Some(attendant.clone()),
        }
        self.rung.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            let known = self.attendant.lock().unwrap_or_else(PoisonError::into_inner);
            known.iter().for_each(Waker::wake_by_ref);
        }
    }
}
