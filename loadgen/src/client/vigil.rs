//! Who waits for what, and until when: one list per engine thread instead of a timer per request.
//!
//! A timer of the runtime costs more than the rest of our own work for a request, and nearly all
//! of them are taken back unused. Here a wait is an entry in a list; the engine asks for the
//! earliest end, sleeps until then, and sweeps. Timeouts are rarely reached, so the earliest end is
//! only a bound: it may belong to a wait that is over, and then the sweep finds nothing and learns
//! the next one.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use slab::Slab;
use tokio::time::Instant;

/// Why a wait ended before what it waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// Its time was over.
    Timeout,
    /// The load was aborted.
    Stopped,
}

#[derive(Debug)]
struct Wait {
    until: Instant,
    given_up: Option<GivenUp>,
    waker: Option<Waker>,
}

/// All waits of one engine. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vigil(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waits: RefCell<Slab<Wait>>,
    /// No wait ends before.
    earliest: Cell<Option<Instant>>,
    /// The earliest end has moved forward since somebody asked.
    sooner: Cell<bool>,
    /// Who sweeps, while it sleeps.
    attendant: RefCell<Option<Waker>>,
    aborted: Cell<bool>,
}

impl Vigil {
    /// Runs `task` to its end, or gives it up at `until` or when the load is aborted.
    pub(crate) async fn guard<F: Future>(
        &self,
        until: Instant,
        task: F,
    ) -> Result<F::Output, GivenUp> {
        let key = self.enter(until);
        let mut wait = Entry { vigil: self, key };
        let mut task = std::pin::pin!(task);
        std::future::poll_fn(|context| wait.poll(task.as_mut(), context)).await
    }

    /// Sleeps until then. An error says that the load was aborted before.
    pub(crate) async fn sleep_until(&self, until: Instant) -> Result<(), GivenUp> {
        match self.guard(until, std::future::pending::<()>()).await {
            Ok(()) | Err(GivenUp::Timeout) => Ok(()),
            stopped => stopped,
        }
    }

    /// When somebody should sweep next.
    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.0.earliest.get()
    }

    /// Returns once a wait has begun that ends before all others: whoever sweeps has planned to
    /// sleep for too long.
    pub(crate) async fn sooner(&self) {
        std::future::poll_fn(|context| {
            if self.0.sooner.take() {
                return Poll::Ready(());
            }
            let mut attendant = self.0.attendant.borrow_mut();
            match &mut *attendant {
                Some(waker) => waker.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            Poll::Pending
        })
        .await;
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.0.aborted.get()
    }

    /// Ends every wait, now and from now on.
    pub(crate) fn abort(&self) {
        self.0.aborted.set(true);
        for (_, wait) in self.0.waits.borrow_mut().iter_mut() {
            wait.give_up(GivenUp::Stopped);
        }
    }

    /// Ends the waits whose time is over.
    pub(crate) fn sweep(&self, now: Instant) {
        if self.0.earliest.get().is_none_or(|earliest| earliest > now) {
            return;
        }
        let mut next: Option<Instant> = None;
        for (_, wait) in self.0.waits.borrow_mut().iter_mut() {
            if wait.until <= now {
                wait.give_up(GivenUp::Timeout);
            } else {
                next = Some(next.map_or(wait.until, |other| other.min(wait.until)));
            }
        }
        self.0.earliest.set(next);
    }

    /// Runs `task` and sweeps meanwhile, as an engine does.
    #[cfg(test)]
    pub(crate) async fn attended<F: Future>(&self, task: F) -> F::Output {
        let mut task = std::pin::pin!(task);
        loop {
            tokio::select! {
                biased;
                output = &mut task => return output,
                () = tokio::time::sleep(std::time::Duration::from_millis(1)) => {
                    self.sweep(Instant::now());
                },
            }
        }
    }

    fn enter(&self, until: Instant) -> usize {
        if self.0.earliest.get().is_none_or(|earliest| until < earliest) {
            self.0.earliest.set(Some(until));
            self.0.sooner.set(true);
            if let Some(attendant) = self.0.attendant.take() {
                attendant.wake();
            }
        }
        let given_up = self.is_aborted().then_some(GivenUp::Stopped);
        self.0.waits.borrow_mut().insert(Wait { until, given_up, waker: None })
    }
}

impl Wait {
    fn give_up(&mut self, why: GivenUp) {
        self.given_up = self.given_up.or(Some(why));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A wait in the list, taken out when it is over or dropped.
struct Entry<'a> {
    vigil: &'a Vigil,
    key: usize,
}

impl Entry<'_> {
    /// What has ended counts, even when its time was over meanwhile.
    fn poll<F: Future>(
        &mut self,
        task: Pin<&mut F>,
        context: &mut Context<'_>,
    ) -> Poll<Result<F::Output, GivenUp>> {
        if let Poll::Ready(output) = task.poll(context) {
            return Poll::Ready(Ok(output));
        }
        let mut waits = self.vigil.0.waits.borrow_mut();
        let wait = &mut waits[self.key];
        if let Some(why) = wait.given_up {
            return Poll::Ready(Err(why));
        }
        match &mut wait.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.vigil.0.waits.borrow_mut().remove(self.key);
    }
}

#[cfg(test)]
mod tests;
