//! A bounded number of places, none of which can be held by doing nothing.
//!
//! When all are taken, a newcomer gets the place of somebody who waits: of the address that holds
//! the most, whoever has shown no sign of life for the longest. So a peer that opens everything and
//! sends nothing only displaces itself, and a busy holder is never displaced.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    held: Mutex<Held>,
    /// Somebody left, or has begun to wait.
    changed: Notify,
    displaced: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Held {
    next_id: u64,
    holders: BTreeMap<u64, Holder>,
}

#[derive(Debug)]
struct Holder {
    peer: IpAddr,
    /// Pieces of work that must not be disturbed.
    works: usize,
    /// The last sign of life.
    moved: Instant,
    lost: Arc<Notify>,
}

/// Held until it is dropped, or lost to somebody else.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    id: u64,
    lost: Arc<Notify>,
}

/// While it lives its place cannot be lost.
#[derive(Debug)]
pub(super) struct Work {
    place: Arc<Place>,
}

impl Places {
    /// Counts in `displaced` how many places were lost to somebody else.
    pub(super) fn new(most: usize, displaced: Arc<AtomicU64>) -> Arc<Self> {
        let (held, changed) = (Mutex::default(), Notify::new());
        Arc::new(Self { most, held, changed, displaced })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, unless all are taken by holders that are busy.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let mut held = self.held();
        if held.holders.len() >= self.most {
            self.displace(&mut held, Duration::ZERO)?;
        }
        let id = held.next_id;
        held.next_id += 1;
        let lost = Arc::new(Notify::new());
        let holder = Holder { peer, works: 0, moved: Instant::now(), lost: Arc::clone(&lost) };
        held.holders.insert(id, holder);
        drop(held);
        Some(Place { places: Arc::clone(self), id, lost })
    }

    /// A place, as soon as there is one.
    pub(super) async fn wait(self: &Arc<Self>, peer: IpAddr) -> Place {
        loop {
            let changed = self.changed.notified();
            if let Some(place) = self.enter(peer) {
                return place;
            }
            changed.await;
        }
    }

    /// Takes the place of the one that may best be spared, if it waits for that long.
    pub(super) fn make_room(&self, waiting: Duration) {
        self.displace(&mut self.held(), waiting);
    }

    fn displace(&self, held: &mut Held, waiting: Duration) -> Option<()> {
        let mut of_peer = BTreeMap::<IpAddr, usize>::new();
        for holder in held.holders.values() {
            *of_peer.entry(holder.peer).or_default() += 1;
        }
        let now = Instant::now();
        let id = held
            .holders
            .iter()
            .filter(|(_, holder)| holder.works == 0 && now - holder.moved >= waiting)
            .max_by_key(|(id, holder)| {
                (of_peer.get(&holder.peer), now - holder.moved, std::cmp::Reverse(**id))
            })
            .map(|(id, _)| *id)?;
        let holder = held.holders.remove(&id)?;
        holder.lost.notify_one();
        self.displaced.fetch_add(1, Ordering::Relaxed);
        Some(())
    }
}

impl Place {
    /// Waits until somebody else has got the place.
    pub(super) async fn lost(&self) {
        self.lost.notified().await;
    }

    /// A sign of life.
    pub(super) fn moved(&self, now: Instant) {
        if let Some(holder) = self.places.held().holders.get_mut(&self.id) {
            holder.moved = now;
        }
    }

    pub(super) fn work(self: &Arc<Self>) -> Work {
        if let Some(holder) = self.places.held().holders.get_mut(&self.id) {
            holder.works += 1;
        }
        Work { place: Arc::clone(self) }
    }

    /// Takes a place, perhaps another one than this, from somebody who waits for that long.
    pub(super) fn displace_stalled(&self, waiting: Duration) {
        self.places.make_room(waiting);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let places = &self.place.places;
        if let Some(holder) = places.held().holders.get_mut(&self.place.id) {
            holder.works -= 1;
            holder.moved = Instant::now();
        }
        places.changed.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.held().holders.remove(&self.id);
        self.places.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    fn is_lost(place: &Place) -> bool {
        !place.places.held().holders.contains_key(&place.id)
    }

    #[tokio::test(start_paused = true)]
    async fn a_newcomer_gets_the_place_of_who_waits_for_the_longest() {
        let displaced = Arc::<AtomicU64>::default();
        let places = Places::new(2, Arc::clone(&displaced));
        let (first, second) = (places.enter(ONE).unwrap(), places.enter(ONE).unwrap());
        tokio::time::advance(Duration::from_secs(1)).await;
        first.moved(Instant::now());
        let third = places.enter(ONE).unwrap();
        assert_eq!((is_lost(&first), is_lost(&second)), (false, true));
        second.lost().await;
        // What lost its place gives nothing back when it ends.
        drop(second);
        assert_eq!(places.held().holders.len(), 2);
        assert_eq!(displaced.load(Ordering::Relaxed), 1);
        drop((first, third));
        assert_eq!(places.held().holders.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_holds_the_most_places_loses_one_first() {
        let places = Places::new(3, Arc::default());
        let rare = places.enter(OTHER).unwrap();
        tokio::time::advance(Duration::from_mins(1)).await;
        let greedy = [places.enter(ONE).unwrap(), places.enter(ONE).unwrap()];
        let _newcomer = places.enter(OTHER).unwrap();
        assert!(!is_lost(&rare) && is_lost(&greedy[0]) && !is_lost(&greedy[1]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_holder_keeps_its_place_and_a_newcomer_waits_until_it_is_done() {
        let places = Places::new(1, Arc::default());
        let holder = Arc::new(places.enter(ONE).unwrap());
        let work = holder.work();
        assert!(places.enter(OTHER).is_none());
        let mut newcomer = std::pin::pin!(places.wait(OTHER));
        assert!(tokio::time::timeout(Duration::from_secs(1), &mut newcomer).await.is_err());
        drop(work);
        newcomer.await;
        assert!(is_lost(&holder));
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_stalls_is_displaced_for_memory() {
        let places = Places::new(4, Arc::default());
        let stalled = places.enter(ONE).unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
        let fresh = places.enter(ONE).unwrap();
        for _ in 0..2 {
            fresh.displace_stalled(Duration::from_secs(1));
        }
        assert!(is_lost(&stalled) && !is_lost(&fresh));
    }
}
