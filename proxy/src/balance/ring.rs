//! A ring of hashes: a key belongs to the first point at or after it, and each endpoint has many
//! points. When an endpoint comes or goes, only the keys of its own points move; while it is left
//! out, they go to the next points, which belong to many others.
//!
//! Where the points are depends on the addresses alone: two gateways, or one before and after a
//! restart, send a key to the same endpoint whatever the order of their lists.

use std::hash::Hasher as _;
use std::net::{IpAddr, SocketAddr};

use siphasher::sip::SipHasher24;

/// Points of each endpoint. The share of an endpoint then differs from the mean by about
/// 1 / sqrt(160) = 8 %. A constant, because a number that depends on the size of the list would
/// move everybody's points.
const POINTS: u32 = 160;

#[derive(Debug)]
pub(super) struct Ring {
    /// Sorted by hash; the second is an index into the list of endpoints.
    points: Vec<(u64, u32)>,
}

impl Ring {
    pub(super) fn new(addresses: &[SocketAddr]) -> Self {
        let indexes = 0_u32..;
        let mut points: Vec<(u64, u32)> = indexes
            .zip(addresses)
            .flat_map(|(index, address)| (0..POINTS).map(move |n| (hash(*address, n), index)))
            .collect();
        // The address decides between equal hashes, since the index depends on the list's order.
        points.sort_unstable_by_key(|(hash, index)| (*hash, addresses[*index as usize]));
        Self { points }
    }

    /// The first endpoint, from the key on, that `fits`.
    pub(super) fn find(&self, key: u64, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let key = scattered(key);
        let first = self.points.partition_point(|(hash, _)| *hash < key);
        let (before, after) = self.points.split_at(first);
        after.iter().chain(before).map(|(_, index)| *index as usize).find(|index| fits(*index))
    }
}

/// A hash of an address that is the same on every machine and in every version.
pub(super) fn hash(address: SocketAddr, number: u32) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(0x656e_6470_6f69_6e74, 0x7269_6e67);
    match address.ip() {
        IpAddr::V4(ip) => hasher.write(&ip.octets()),
        IpAddr::V6(ip) => hasher.write(&ip.octets()),
    }
    hasher.write(&address.port().to_le_bytes());
    hasher.write(&number.to_le_bytes());
    hasher.finish()
}

/// Keys may be numbers in a row: the finaliser of SplitMix64 spreads them over the ring.
fn scattered(key: u64) -> u64 {
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEYS: u64 = 4_000;

    fn addresses(ports: &[u16]) -> Vec<SocketAddr> {
        ports.iter().map(|port| SocketAddr::from(([10, 0, 0, 1], *port))).collect()
    }

    /// Where each key goes, by address.
    fn map(addresses: &[SocketAddr], fits: impl Fn(SocketAddr) -> bool) -> Vec<SocketAddr> {
        let ring = Ring::new(addresses);
        let owner = |key| ring.find(key, |index| fits(addresses[index]));
        (0..KEYS).map(|key| addresses[owner(key).unwrap()]).collect()
    }

    #[test]
    fn a_hash_never_changes_between_versions() {
        assert_eq!(hash(SocketAddr::from(([127, 0, 0, 1], 80)), 0), PINNED);
    }
    const PINNED: u64 = 6_822_229_129_056_954_565;

    #[test]
    fn keys_are_spread_over_all_endpoints() {
        let all = addresses(&[1, 2, 3, 4, 5, 6, 7, 8]);
        let owners = map(&all, |_| true);
        for address in all {
            // The mean is 500; the points of one endpoint spread its share by 8 %, the draw of
            // keys by 4 %: three of both.
            let count = owners.iter().filter(|owner| **owner == address).count();
            assert!((320..=680).contains(&count), "{address}: {count}");
        }
    }

    #[test]
    fn nobody_fits_is_no_endpoint() {
        assert_eq!(Ring::new(&addresses(&[1, 2])).find(7, |_| false), None);
        assert_eq!(Ring::new(&[]).find(7, |_| true), None);
    }

    proptest! {
        #[test]
        fn only_the_keys_of_a_lost_endpoint_move_and_they_are_about_their_share(
            ports in prop::collection::btree_set(1_u16..60_000, 2..12),
            lost in any::<prop::sample::Index>(),
        ) {
            let ports: Vec<u16> = ports.into_iter().collect();
            let lost = ports[lost.index(ports.len())];
            let fewer: Vec<u16> = ports.iter().copied().filter(|port| *port != lost).collect();
            let (before, after) = (addresses(&ports), addresses(&fewer));
            let (before, after) = (map(&before, |_| true), map(&after, |_| true));
            let moved = before.iter().zip(&after).filter(|(old, new)| old != new).count();
            for (old, new) in before.iter().zip(&after) {
                prop_assert!(old == new || old.port() == lost);
            }
            // Removing and adding are the same change read in two directions.
            let share = KEYS as f64 / ports.len() as f64;
            prop_assert!((share * 0.5..share * 1.6).contains(&(moved as f64)), "{moved} of {share}");
        }

        #[test]
        fn leaving_out_is_the_same_as_not_being_there(
            ports in prop::collection::btree_set(1_u16..60_000, 2..10),
        ) {
            let ports: Vec<u16> = ports.into_iter().collect();
            let there = addresses(&ports);
            let left_out = map(&there, |address| address != there[0]);
            prop_assert_eq!(left_out, map(&there[1..], |_| true));
        }

        #[test]
        fn the_order_of_the_list_does_not_matter(
            ports in prop::collection::btree_set(1_u16..60_000, 1..10),
        ) {
            let mut ports: Vec<u16> = ports.into_iter().collect();
            let forwards = map(&addresses(&ports), |_| true);
            ports.reverse();
            prop_assert_eq!(forwards, map(&addresses(&ports), |_| true));
        }
    }
}
