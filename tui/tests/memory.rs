//! What an hour of frames costs, by the resident size of this process, which does nothing else.
#![cfg(target_os = "linux")]

#[path = "../benches/shared/busy.rs"]
mod busy;
#[path = "../benches/shared/resident.rs"]
mod resident;

use std::sync::Arc;

use resident::resident_bytes;
use tui::store::Store;

const SECONDS: u64 = 300;
/// For thirty edges with breakers and twenty-four cells of load, in one second.
const FRAME_BYTES_MAX: u64 = 16_500;

#[test]
fn a_second_of_thirty_edges_stays_within_its_bytes() {
    let mut store = Store::default();
    for at in 0..10 {
        store.insert(Arc::new(busy::second(at)));
    }
    let before = resident_bytes();
    for at in 10..10 + SECONDS {
        store.insert(Arc::new(busy::second(at)));
    }
    let bytes = resident_bytes().saturating_sub(before) / SECONDS;
    assert_eq!(store.len(), 310);
    assert!(bytes < FRAME_BYTES_MAX, "a frame takes {bytes} bytes");
}
