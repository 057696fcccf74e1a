//! Tasks that last, each doing one journey after another.
//!
//! A task for each journey would be made and taken apart thousands of times a second, each time
//! with memory that no cache holds. Here a journey is given to a task that has just done another,
//! the last one first, with the buffer of its request still at hand. There are as many tasks as
//! there were ever journeys at once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Poll, Waker};

use tokio::task::{JoinError, JoinSet};

use crate::client::Outgoing;
use crate::journey::{Context, Journey};
use crate::queue::Released;

/// Stops all its journeys when dropped.
pub(super) struct Crew {
    context: Rc<Context>,
    common: Rc<Common>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Common {
    free: RefCell<Vec<Rc<Hand>>>,
    busy: Cell<usize>,
    /// A journey has ended since somebody waited for that.
    ended: Cell<bool>,
    /// Who waits for it.
    waiting: RefCell<Option<Waker>>,
}

/// What one task waits for.
#[derive(Default)]
struct Hand {
    next: Cell<Option<Released>>,
    waker: RefCell<Option<Waker>>,
}

impl Crew {
    pub(super) fn new(context: Rc<Context>) -> Self {
        Self { context, common: Rc::default(), tasks: JoinSet::new() }
    }

    /// Journeys under way.
    pub(super) fn busy(&self) -> usize {
        self.common.busy.get()
    }

    pub(super) fn begin(&mut self, released: Released) {
        self.common.busy.set(self.common.busy.get() + 1);
        let free = self.common.free.borrow_mut().pop();
        let hand = free.unwrap_or_else(|| {
            let hand = Rc::<Hand>::default();
            let (context, common) = (Rc::clone(&self.context), Rc::clone(&self.common));
            self.tasks.spawn_local(work(context, common, Rc::clone(&hand)));
            hand
        });
        hand.give(released);
    }

    /// Waits for a task to be over, which none is by itself: its panic goes on in the caller.
    /// Returns, if that is `wanted`, once a journey has ended since it was wanted last.
    pub(super) async fn journey_ended(&mut self, wanted: bool) {
        std::future::poll_fn(|context| {
            while let Poll::Ready(Some(fallen)) = self.tasks.poll_join_next(context) {
                passed_on(fallen);
            }
            if wanted && self.common.ended.take() {
                return Poll::Ready(());
            }
            if wanted {
                keep(&self.common.waiting, context.waker());
            }
            Poll::Pending
        })
        .await;
    }
}

impl Common {
    fn journey_ended(&self, hand: &Rc<Hand>) {
        self.busy.set(self.busy.get() - 1);
        self.free.borrow_mut().push(Rc::clone(hand));
        self.ended.set(true);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

impl Hand {
    fn give(&self, released: Released) {
        self.next.set(Some(released));
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    async fn given(&self) -> Released {
        std::future::poll_fn(|context| match self.next.take() {
            Some(released) => Poll::Ready(released),
            None => {
                keep(&self.waker, context.waker());
                Poll::Pending
            },
        })
        .await
    }
}

async fn work(context: Rc<Context>, common: Rc<Common>, hand: Rc<Hand>) {
    let mut buffer = Outgoing::default();
    loop {
        let released = hand.given().await;
        Journey::new(Rc::clone(&context), released).run(&mut buffer).await;
        buffer.release();
        common.journey_ended(&hand);
    }
}

fn keep(place: &RefCell<Option<Waker>>, waker: &Waker) {
    match &mut *place.borrow_mut() {
        Some(known) => known.clone_from(waker),
        none => *none = Some(waker.clone()),
    }
}

/// A task never ends by itself but in order: its panic is the engine's.
pub(super) fn passed_on(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}
