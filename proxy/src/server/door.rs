//! A listener as requests see it: which edge it stands for, what it carries, who is inside.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use model::edge::Edge;
use model::plan::{Limits, Protocol};

/// One listener. All threads that accept for it share it.
#[derive(Debug)]
pub(crate) struct Door {
    /// `None` is the public listener, whose requests are routed.
    edge: Option<Edge>,
    pub(crate) protocol: Protocol,
    guests: Mutex<Guests>,
}

#[derive(Debug, Default)]
struct Guests {
    open: usize,
    /// Only kept when peers are limited.
    by_peer: BTreeMap<IpAddr, usize>,
}

/// One open connection; it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Guest {
    door: Arc<Door>,
    peer: Option<IpAddr>,
}

impl Door {
    pub(crate) fn public() -> Self {
        Self { edge: None, protocol: Protocol::Http, guests: Mutex::default() }
    }

    pub(crate) fn of(edge: Edge, protocol: Protocol) -> Self {
        Self { edge: Some(edge), protocol, guests: Mutex::default() }
    }

    pub(crate) fn edge(&self) -> Option<&Edge> {
        self.edge.as_ref()
    }

    /// `None` when a limit is reached.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr, limits: &Limits) -> Option<Guest> {
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        if guests.open >= limits.connections {
            return None;
        }
        let peer = limits.connections_per_peer.map(|most| (peer, most));
        if let Some((peer, most)) = peer {
            let count = guests.by_peer.entry(peer).or_default();
            if *count >= most {
                return None;
            }
            *count += 1;
        }
        guests.open += 1;
        Some(Guest { door: Arc::clone(self), peer: peer.map(|(peer, _)| peer) })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.door.guests.lock().unwrap_or_else(PoisonError::into_inner);
        guests.open -= 1;
        if let Some(peer) = self.peer
            && let Some(count) = guests.by_peer.get_mut(&peer)
        {
            *count -= 1;
            if *count == 0 {
                guests.by_peer.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_takes_no_more_than_its_places_and_gives_them_back() {
        let door = Arc::new(Door::public());
        let limits = Limits { connections: 3, connections_per_peer: Some(2), ..Limits::default() };
        let (one, two) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let first = door.admit(one, &limits).unwrap();
        let _second = door.admit(one, &limits).unwrap();
        assert!(door.admit(one, &limits).is_none(), "a third of one peer");
        let _third = door.admit(two, &limits).unwrap();
        assert!(door.admit(two, &limits).is_none(), "a fourth in all");
        drop(first);
        assert!(door.admit(one, &limits).is_some());
    }
}
