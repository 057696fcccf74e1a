//! One request at a time per idempotency key: a repeat that comes while the first is at work waits
//! for it and then finds its result, instead of a second saga.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

#[derive(Debug, Clone, Default)]
pub(crate) struct Turns {
    taken: Arc<Mutex<BTreeMap<String, watch::Sender<()>>>>,
}

/// The right to work under a key, until dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    key: String,
    turns: Turns,
}

impl Turns {
    /// Waits until nobody else works under this key.
    pub(crate) async fn take(&self, key: &str) -> Turn {
        while let Some(mut other) = self.try_take(key) {
            // The sender is dropped when the turn ends, which is what is waited for.
            let _ended = other.changed().await;
        }
        Turn { key: key.to_owned(), turns: self.clone() }
    }

    /// Takes the key, or says whom to wait for.
    fn try_take(&self, key: &str) -> Option<watch::Receiver<()>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = taken.get(key) {
            return Some(other.subscribe());
        }
        taken.insert(key.to_owned(), watch::Sender::new(()));
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = self.turns.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_is_held_by_one_at_a_time_and_others_go_on() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        let _other_key = turns.take("b").await;
        let mut second = pin!(turns.take("a"));
        tokio::select! {
            biased;
            _ = &mut second => panic!("the key was taken twice"),
            () = tokio::task::yield_now() => {},
        }
        drop(first);
        drop(second.await);
        assert_eq!(turns.taken.lock().unwrap().len(), 1);
    }
}
