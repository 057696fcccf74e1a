//! Tells ten thousand connections that something has changed, and costs each of them one look at an
//! atomic word when nothing has.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

#[derive(Debug, Default)]
pub(crate) struct Bell {
    rings: AtomicU64,
    listeners: Mutex<Listeners>,
}

#[derive(Debug, Default)]
struct Listeners {
    wakers: BTreeMap<u64, Waker>,
    next: u64,
}

impl Bell {
    pub(crate) fn ring(&self) {
        self.rings.fetch_add(1, Ordering::AcqRel);
        // Woken outside of the lock: a waker may run code of its own.
        let wakers: Vec<Waker> = self.lock().wakers.values().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Hears every ring from now on.
    pub(crate) fn listen(self: &Arc<Self>) -> Ear {
        let heard = self.rings.load(Ordering::Acquire);
        Ear { bell: Arc::clone(self), heard, registered: None }
    }

    fn lock(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(crate) struct Ear {
    bell: Arc<Bell>,
    heard: u64,
    /// Number and waker that the bell knows.
    registered: Option<(u64, Waker)>,
}

impl Ear {
    /// Ready once for all rings since the last time.
    pub(crate) fn poll_ring(&mut self, context: &Context<'_>) -> Poll<()> {
        // Registered before the look, so that no ring falls between the two.
        self.register(context);
        let rings = self.bell.rings.load(Ordering::Acquire);
        if rings == self.heard {
            return Poll::Pending;
        }
        self.heard = rings;
        Poll::Ready(())
    }

    pub(crate) async fn ring(&mut self) {
        std::future::poll_fn(|context| self.poll_ring(context)).await;
    }

    fn register(&mut self, context: &Context<'_>) {
        let waker = context.waker();
        let number = match &self.registered {
            Some((_, known)) if known.will_wake(waker) => return,
            Some((number, _)) => *number,
            None => {
                let mut listeners = self.bell.lock();
                listeners.next += 1;
                listeners.next
            },
        };
        let _before = self.bell.lock().wakers.insert(number, waker.clone());
        self.registered = Some((number, waker.clone()));
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if let Some((number, _)) = &self.registered {
            let _waker = self.bell.lock().wakers.remove(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ring_is_heard_once_by_everybody_who_listens_by_then() {
        let bell = Arc::new(Bell::default());
        bell.ring();
        let mut ears = [bell.listen(), bell.listen()];
        for ear in &mut ears {
            assert!(is_ready(ear).is_none(), "a ring before does not count");
        }
        bell.ring();
        bell.ring();
        for ear in &mut ears {
            ear.ring().await;
            assert!(is_ready(ear).is_none(), "two rings are heard as one");
        }
        let [mut waiting, other] = ears;
        let waits = tokio::spawn(async move { waiting.ring().await });
        tokio::task::yield_now().await;
        bell.ring();
        waits.await.unwrap();
        drop(other);
        assert!(bell.lock().wakers.is_empty(), "who is gone is forgotten");
    }

    fn is_ready(ear: &mut Ear) -> Option<()> {
        let context = Context::from_waker(Waker::noop());
        match ear.poll_ring(&context) {
            Poll::Ready(()) => Some(()),
            Poll::Pending => None,
        }
    }
}
