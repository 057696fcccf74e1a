//! A batch in the form in which it is sent: as it is, as JSON, compressed.
//!
//! What costs time is done once for all backends that want the same form of the same batch: the
//! last few forms are kept, and who comes second waits for the first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use telemetry::otlp::{Compression, Protocol, Signal, Target, compress};
use tokio::sync::OnceCell;

use super::json;
use super::spool::{Batch, Position};

/// Forms that are kept for other backends.
const KEPT_MAX: usize = 16;
/// Compressing less than this costs less than giving it to another thread.
const BESIDE_BYTES: usize = 16 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    json: bool,
    compression: Option<Compression>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    signal: Signal,
    from: Position,
    to: Position,
    form: Form,
}

#[derive(Debug)]
pub(super) struct Messages {
    /// Several backends want some of the same forms.
    shared: bool,
    kept: Mutex<VecDeque<(Key, Arc<OnceCell<Bytes>>)>>,
}

impl Messages {
    pub(super) fn new(backends: usize) -> Self {
        Self { shared: backends > 1, kept: Mutex::default() }
    }

    /// The batch as this target wants it.
    pub(super) async fn of(&self, signal: Signal, batch: &Batch, target: &Target) -> Vec<Bytes> {
        let json = target.protocol == Protocol::HttpJson;
        let form = Form { json, compression: target.compression };
        let pieces = batch.pieces();
        if !json && form.compression.is_none() {
            return pieces;
        }
        let making = make(signal, pieces, form);
        if !self.shared {
            return vec![making.await];
        }
        let key = Key { signal, from: batch.from, to: batch.to, form };
        let cell = self.cell(key);
        vec![cell.get_or_init(|| making).await.clone()]
    }

    fn cell(&self, key: Key) -> Arc<OnceCell<Bytes>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = kept.iter().find(|(other, _)| *other == key) {
            return Arc::clone(cell);
        }
        let cell = Arc::new(OnceCell::new());
        kept.push_back((key, Arc::clone(&cell)));
        if kept.len() > KEPT_MAX {
            kept.pop_front();
        }
        cell
    }
}

async fn make(signal: Signal, pieces: Vec<Bytes>, form: Form) -> Bytes {
    let bytes: usize = pieces.iter().map(Bytes::len).sum();
    let work = move || {
        let pieces = if form.json {
            vec![json::from_protobuf(signal, &pieces.concat()).into()]
        } else {
            pieces
        };
        match form.compression {
            Some(compression) => compress(compression, &pieces),
            None => pieces.concat().into(),
        }
    };
    if bytes <= BESIDE_BYTES {
        return work();
    }
    tokio::task::spawn_blocking(work)
        .await
        .expect("compressing never panics, and the runtime outlives its tasks")
}
