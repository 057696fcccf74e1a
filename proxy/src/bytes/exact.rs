//! Readiness of exactly what is waited for.
//!
//! The runtime hears of everything that happens to a socket. A connection that moves much mostly
//! waits for one of its four ends, and while it waits for the receiver every segment of the sender
//! wakes its thread for nothing: a quarter of the processor time of a busy edge went there. So such
//! sockets move to an epoll instance of their thread that is told, each time, what to wait for and
//! reports it once; the runtime hears of that instance only.
//!
//! For little traffic this costs more than it saves, so connections come here when they are busy
//! and leave when they are not.

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Waker};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use tokio::net::unix::pipe;
use tokio::task::AbortHandle;

/// Events taken at once.
const EVENTS_MAX: usize = 64;

/// The epoll instance of a worker, made when it is needed first.
#[derive(Debug, Default)]
pub(crate) struct Poller(OnceLock<Option<Arc<Driven>>>);

impl Poller {
    /// `None` where there can be none; the runtime does as well.
    fn get(&self) -> Option<&Arc<Driven>> {
        let make = || {
            let failed = |error: &io::Error| tracing::warn!(%error, "busy edges cost more");
            Driven::new().inspect_err(failed).ok().map(Arc::new)
        };
        self.0.get_or_init(make).as_ref()
    }

    /// Watches a socket, for nothing yet.
    pub(super) fn watch(&self, socket: &impl AsFd) -> io::Result<Watched> {
        let driven = self.get().ok_or(io::ErrorKind::Unsupported)?;
        let number = {
            let mut slots = driven.polled.lock();
            slots.next += 1;
            let number = slots.next;
            slots.by_number.insert(number, Slot::default());
            number
        };
        let polled = Arc::clone(&driven.polled);
        let watched =
            Watched { _driven: Arc::clone(driven), polled, number, armed: EventFlags::empty() };
        epoll::add(&watched.polled.epoll, socket, EventData::new_u64(number), EventFlags::ONESHOT)?;
        Ok(watched)
    }
}

#[derive(Debug)]
struct Driven {
    polled: Arc<Polled>,
    driver: AbortHandle,
}

impl Driven {
    fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        // It becomes readable like a pipe, which is all that the runtime looks at.
        let ready = pipe::Receiver::from_owned_fd_unchecked(epoll.try_clone()?)?;
        let polled = Arc::new(Polled { epoll, slots: Mutex::default() });
        let driver = tokio::spawn(drive(ready, Arc::clone(&polled))).abort_handle();
        Ok(Self { polled, driver })
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[derive(Debug)]
struct Polled {
    epoll: OwnedFd,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    by_number: BTreeMap<u64, Slot>,
    next: u64,
}

#[derive(Debug)]
struct Slot {
    waker: Waker,
    fired: EventFlags,
}

impl Default for Slot {
    fn default() -> Self {
        Self { waker: Waker::noop().clone(), fired: EventFlags::empty() }
    }
}

impl Polled {
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out what has happened. True when there may be more.
    fn hand_out(&self, woken: &mut Vec<Waker>) -> bool {
        let mut space = [const { MaybeUninit::<Event>::uninit() }; EVENTS_MAX];
        let now = rustix::event::Timespec::default();
        let Ok((events, _)) = epoll::wait(&self.epoll, &mut space, Some(&now)) else {
            return false;
        };
        let mut slots = self.lock();
        for event in events.iter() {
            if let Some(slot) = slots.by_number.get_mut(&event.data.u64()) {
                slot.fired |= event.flags;
                woken.push(slot.waker.clone());
            }
        }
        drop(slots);
        woken.drain(..).for_each(Waker::wake);
        events.len() == EVENTS_MAX
    }
}

async fn drive(ready: pipe::Receiver, polled: Arc<Polled>) {
    let mut woken = Vec::new();
    while ready.readable().await.is_ok() {
        // What happens from here on is an event of its own.
        let _forgotten = ready.try_io(|| Err::<(), _>(io::ErrorKind::WouldBlock.into()));
        while polled.hand_out(&mut woken) {}
    }
}

/// One socket that is watched. Dropped, it is not any more.
#[derive(Debug)]
pub(super) struct Watched {
    /// Keeps the driver alive.
    _driven: Arc<Driven>,
    polled: Arc<Polled>,
    number: u64,
    /// What it is told to report, and has not.
    armed: EventFlags,
}

impl Watched {
    /// What has happened since the last time.
    pub(super) fn fired(&mut self) -> EventFlags {
        if self.armed.is_empty() {
            return EventFlags::empty();
        }
        let mut slots = self.polled.lock();
        let slot = slots.by_number.get_mut(&self.number);
        let fired = slot.map_or(EventFlags::empty(), |slot| {
            std::mem::replace(&mut slot.fired, EventFlags::empty())
        });
        if !fired.is_empty() {
            // It reports once.
            self.armed = EventFlags::empty();
        }
        fired
    }

    /// Reports once when one of these has happened, which it may have already.
    pub(super) fn arm(
        &mut self,
        socket: &impl AsFd,
        wants: EventFlags,
        context: &Context<'_>,
    ) -> io::Result<()> {
        if wants.is_empty() || self.armed == wants {
            return Ok(());
        }
        if let Some(slot) = self.polled.lock().by_number.get_mut(&self.number)
            && !slot.waker.will_wake(context.waker())
        {
            slot.waker.clone_from(context.waker());
        }
        let data = EventData::new_u64(self.number);
        epoll::modify(&self.polled.epoll, socket, data, wants | EventFlags::ONESHOT)?;
        self.armed = wants;
        Ok(())
    }

    /// The socket goes back to the runtime.
    pub(super) fn leave(self, socket: &impl AsFd) {
        // It fails only for a socket that is not there.
        let _gone = epoll::delete(&self.polled.epoll, socket);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _slot = self.polled.lock().by_number.remove(&self.number);
    }
}
