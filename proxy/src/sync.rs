//! One way to lock, so that a model checker can take the place of the system's lock.
//!
//! What is shared between requests is a pure machine behind one lock. Written against [`Lock`], the
//! same code runs over the system's mutex when it serves and over the checker's when every order of
//! its threads is tried. It is no abstraction for anything else.

use std::sync::{Mutex, PoisonError};

/// Exclusive access to one value, for the time of one closure.
pub(crate) trait Lock<T> {
    fn over(value: T) -> Self;

    fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> R;
}

impl<T> Lock<T> for Mutex<T> {
    fn over(value: T) -> Self {
        Self::new(value)
    }

    fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        // A panic of another thread leaves counters that are at worst one call behind.
        act(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
impl<T> Lock<T> for loom::sync::Mutex<T> {
    fn over(value: T) -> Self {
        Self::new(value)
    }

    fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        act(&mut self.lock().expect("no thread of a model panics and goes on"))
    }
}
