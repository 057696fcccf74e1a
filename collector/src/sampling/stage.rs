//! The stage of the collector: spans of batches go in, what is to be written comes out.
//!
//! A span that waits holds its whole batch, so waiting batches are bounded by bytes as well; at
//! that bound traces are decided early, too.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::id::TraceId;
use model::units::Share;

use super::{Kept, Policy, Sampler, SamplingCounts, Seen};
use crate::record::{Batch, Pick, SpanView, kind};
use crate::store::{Items, Sampled};

/// Batches that are held by waiting spans.
const BYTES_MAX: usize = 128 * 1024 * 1024;

/// A batch that waiting spans hold.
#[derive(Debug)]
struct Held {
    /// In order of arrival.
    number: u64,
    batch: Arc<Batch>,
    /// Of all held batches together.
    bytes: Arc<AtomicUsize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.bytes.fetch_sub(self.batch.size_bytes(), Ordering::Relaxed);
    }
}

/// A span that waits: its batch and its number there.
type Place = (Arc<Held>, u32);

#[derive(Debug)]
struct Inner {
    sampler: Sampler<Place>,
    next: u64,
    /// The run is being sealed: what still comes is kept.
    finished: bool,
}

#[derive(Debug)]
pub(crate) struct Stage {
    inner: Mutex<Inner>,
    bytes: Arc<AtomicUsize>,
    bytes_max: usize,
}

impl Stage {
    /// `None` when everything is kept.
    pub(crate) fn keeping(share: Share) -> Option<Self> {
        let policy = Policy::keeping(0, share);
        (share < Share::WHOLE).then(|| Self::bounded(policy, BYTES_MAX))
    }

    pub(crate) fn bounded(policy: Policy, bytes_max: usize) -> Self {
        let inner = Inner { sampler: Sampler::new(policy), next: 0, finished: false };
        Self { inner: Mutex::new(inner), bytes: Arc::default(), bytes_max }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The seed of the run; decisions from now on are drawn with it.
    pub(crate) fn set_seed(&self, seed: u64) {
        self.inner().sampler.set_seed(seed);
    }

    pub(crate) fn counts(&self) -> SamplingCounts {
        self.inner().sampler.counts()
    }

    /// Takes the spans of what is to be written, and puts in their place those that are decided by
    /// now. Everything else stays.
    pub(crate) fn pass(&self, mut items: Items, now_ms: u64) -> Items {
        let mut released = Released::default();
        let mut kept = Vec::new();
        let mut inner = self.inner();
        if inner.finished {
            return items;
        }
        let hits = items.facts.decisions.iter().filter(|decision| decision.hit);
        for trace_id in hits.filter_map(|decision| decision.trace_id) {
            inner.sampler.hit(trace_id, &mut kept);
        }
        let spans = std::mem::take(&mut items.spans);
        if spans.len() > 0 {
            let held = self.held(&items.batch, &mut inner.next);
            for number in spans.iter() {
                let Some(span) = items.batch.span(number) else { continue };
                let place = (Arc::clone(&held), number as u32);
                offer(&mut inner.sampler, span, place, now_ms, &mut kept);
            }
        }
        released.take(&mut kept);
        while self.bytes.load(Ordering::Relaxed) > self.bytes_max
            && inner.sampler.decide_next(&mut kept)
        {
            released.take(&mut kept);
        }
        drop(inner);
        released.put_into(&mut items);
        items
    }

    fn held(&self, batch: &Arc<Batch>, next: &mut u64) -> Arc<Held> {
        self.bytes.fetch_add(batch.size_bytes(), Ordering::Relaxed);
        *next += 1;
        let (batch, bytes) = (Arc::clone(batch), Arc::clone(&self.bytes));
        Arc::new(Held { number: *next, batch, bytes })
    }

    /// What is complete by now.
    pub(crate) fn tick(&self, now_ms: u64) -> Items {
        self.released(|sampler, kept| sampler.tick(now_ms, kept))
    }

    /// Everything that waits: the run is being sealed.
    pub(crate) fn finish(&self) -> Items {
        self.inner().finished = true;
        self.released(Sampler::finish)
    }

    fn released(&self, decide: impl FnOnce(&mut Sampler<Place>, &mut Vec<Kept<Place>>)) -> Items {
        let (mut kept, mut released) = (Vec::new(), Released::default());
        decide(&mut self.inner().sampler, &mut kept);
        released.take(&mut kept);
        let mut items = Items::default();
        released.put_into(&mut items);
        items
    }
}

fn offer(
    sampler: &mut Sampler<Place>,
    span: SpanView<'_>,
    place: Place,
    now_ms: u64,
    kept: &mut Vec<Kept<Place>>,
) {
    let edge = span.edge_text().filter(|_| span.kind == kind::SERVER);
    let seen = Seen {
        trace_id: span.trace_id,
        root: span.parent.is_none(),
        error: span.is_error(),
        fault: !span.known.fault.is_absent(),
        request: edge.as_deref().map(|edge| (edge, span.duration_ns())),
    };
    sampler.offer(seen, place, now_ms, kept);
}

/// Spans to be written by batch, and the weights of their traces.
#[derive(Debug, Default)]
struct Released {
    batches: BTreeMap<u64, (Arc<Batch>, Vec<u32>)>,
    weights: BTreeMap<TraceId, f64>,
}

impl Released {
    /// Lets go of the hold on the batches: what is kept no longer waits.
    fn take(&mut self, kept: &mut Vec<Kept<Place>>) {
        for Kept { span: (held, number), weight } in kept.drain(..) {
            let batch = || (Arc::clone(&held.batch), Vec::new());
            self.batches.entry(held.number).or_insert_with(batch).1.push(number);
            if let Some(span) = held.batch.span(number as usize)
                && weight > 1.0
            {
                self.weights.insert(span.trace_id, weight);
            }
        }
    }

    fn put_into(self, items: &mut Items) {
        items.sampled = self
            .batches
            .into_values()
            .map(|(batch, mut numbers)| {
                numbers.sort_unstable();
                let mut spans = Pick::default();
                for number in numbers {
                    spans.add(number);
                }
                Sampled { batch, spans }
            })
            .collect();
        items.weights = self.weights.into_iter().collect();
    }
}

#[cfg(test)]
mod tests;
