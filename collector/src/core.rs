//! What all parts of one collector share, and the way of a request through it.

mod answer;
mod counts;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use model::frame::{DropCount, Frame, RunHead};
use model::units::Share;
use telemetry::clock::Clock;
use tokio::sync::{broadcast, watch};

use crate::admission::{Admission, Lease};
use crate::decode::{DecodeError, decode};
use crate::export::Exporter;
use crate::live::{Live, LoadBook, OUTSIDE};
use crate::receive::Counters;
use crate::record::{Rejected, Signal};
use crate::runs::RunFolder;
use crate::sampling::{SamplingCounts, Stage};
use crate::store::{Items, Store, StoreError, Totals, read::Reader};
pub(crate) use counts::{Counted, Counts};

/// More bytes than these are worked on beside the runtime's workers, so that nobody waits for it.
const DECODE_BESIDE_BYTES: usize = 256 * 1024;

/// Protobuf is decoded and counted so many times faster than bodies are inflated.
const DECODE_AHEAD: usize = 4;

/// Kept frames built at once, while everybody else waits for the live state.
const PAGE_FRAMES: usize = 64;

// These are shown, but no item is lost by them: the senders were told to come back, a cut line is
// kept without its end, and a viewer can resume. What is outside the kept seconds is missing in the
// frames only: it is in the file, and counted there when the run is sealed.
const REFUSED: &str = "collector requests refused";
const SLOW_SENDERS: &str = "collector senders cut off";
const LINES_CUT: &str = "collector log lines cut";
const SLOW_VIEWERS: &str = "collector viewers too slow";

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) clock: Clock,
    pub(crate) admission: Admission,
    pub(crate) received: Counters,
    pub(crate) store: Store,
    pub(crate) reader: Reader,
    pub(crate) exporter: Option<Exporter>,
    /// `None` keeps everything.
    sampling: Option<Stage>,
    pub(crate) frames: broadcast::Sender<Arc<Frame>>,
    /// Turns true once, when the collector ends.
    pub(crate) stop: watch::Sender<bool>,
    /// Viewers of the live stream that were cut off.
    pub(crate) viewers_lost: AtomicU64,
    /// Totals since the start.
    pub(crate) counts: Counts,
    /// Other runs that questions may name.
    pub(crate) runs: Option<RunFolder>,
    live: Mutex<Live>,
    load: Mutex<LoadBook>,
}

impl Core {
    pub(crate) fn new(
        run_id: &str,
        store: Store,
        exporter: Option<Exporter>,
        clock: Clock,
        frames: broadcast::Sender<Arc<Frame>>,
    ) -> Self {
        Self {
            sampling: None,
            admission: Admission::default(),
            received: Counters::default(),
            reader: Reader::new(store.path()),
            store,
            exporter,
            frames,
            stop: watch::Sender::new(false),
            viewers_lost: AtomicU64::new(0),
            counts: Counts::default(),
            runs: None,
            live: Mutex::new(Live::new(run_id, clock.unix_ms())),
            load: Mutex::new(LoadBook::new(run_id)),
            clock,
        }
    }

    /// Writes only this share of the traces that nothing else speaks for.
    pub(crate) fn keeping(self, share: Share) -> Self {
        Self { sampling: Stage::keeping(share), ..self }
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Emitted frames as they stand now, from a sequence number on. Between two pages others get at
    /// the live state.
    pub(crate) fn frame_pages(
        &self,
        mut from_seq: u64,
        limit: usize,
    ) -> impl Iterator<Item = Vec<Frame>> + Send + '_ {
        let mut left = limit;
        std::iter::from_fn(move || {
            let page = self.live().frames(from_seq, left.min(PAGE_FRAMES));
            from_seq = page.last()?.seq + 1;
            left -= page.len();
            // Who waits for the lock has a chance to get it before the next page.
            std::thread::yield_now();
            Some(page)
        })
    }

    pub(crate) fn load(&self) -> MutexGuard<'_, LoadBook> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the protobuf bytes of one export request, and says which items were refused.
    pub(crate) async fn take(
        self: &Arc<Self>,
        signal: Signal,
        payload: Bytes,
        lease: Lease,
    ) -> Result<Rejected, DecodeError> {
        let (core, received) = (Arc::clone(self), payload.clone());
        let bytes = payload.len() / DECODE_AHEAD;
        let (rejected, count) =
            beside(bytes, move || core.take_now(signal, &received, lease)).await?;
        if let Some(exporter) = &self.exporter
            && count > 0
        {
            exporter.offer(signal, payload, count).await;
        }
        Ok(rejected)
    }

    fn take_now(
        &self,
        signal: Signal,
        payload: &Bytes,
        lease: Lease,
    ) -> Result<(Rejected, u64), DecodeError> {
        let batch = decode(signal, payload, self.clock.unix_ns())?;
        let (rejected, count) = (batch.rejected.clone(), batch.items());
        self.counts.request(signal, count, &rejected);
        let mut items = self.live().ingest(batch, self.clock.unix_ms());
        items.lease = Some(lease);
        self.keep(items);
        Ok((rejected, count))
    }

    /// Hands a batch to the file. All of it has been counted and is at hand by now, so that this is
    /// the place to choose which of its spans are written.
    fn keep(&self, items: Items) {
        self.store.items(match &self.sampling {
            Some(sampling) => sampling.pass(items, self.clock.unix_ms()),
            None => items,
        });
    }

    pub(crate) fn set_head(&self, head: RunHead) {
        let mut live = self.live();
        if *live.head() == head {
            return;
        }
        if let Some(sampling) = &self.sampling {
            sampling.set_seed(head.seed);
        }
        live.set_head(head.clone());
        drop(live);
        self.store.head(head);
    }

    /// Everything that was lost at a bound so far, by place.
    pub(crate) fn dropped(&self) -> Vec<DropCount> {
        let mut dropped = self.live().drops();
        let load_spans = self.load().spans_dropped();
        let own = [
            ("collector items not written", self.store.lost()),
            (REFUSED, self.admission.refused()),
            (SLOW_SENDERS, self.received.displaced()),
            (LINES_CUT, self.received.lines_cut()),
            ("collector log lines lost", self.received.lines_lost()),
            (SLOW_VIEWERS, self.viewers_lost.load(Ordering::Relaxed)),
            ("load spans", load_spans),
        ];
        dropped.extend(
            own.into_iter().map(|(what, count)| DropCount { what: what.to_owned(), count }),
        );
        dropped.extend(self.exporter.iter().flat_map(Exporter::dropped));
        dropped
    }

    /// Emits the frames that are due: to viewers, and old ones to the file.
    pub(crate) fn emit(&self, all: bool) {
        let dropped = self.dropped();
        let now = self.clock.unix_ms();
        if let Some(sampling) = &self.sampling {
            self.write_sampled(sampling.tick(now));
        }
        let mut live = self.live();
        let emitted =
            if all { live.emit_rest(now, &dropped) } else { live.emit_due(now, &dropped) };
        drop(live);
        if !emitted.forgotten.is_empty() {
            self.store.frames(emitted.forgotten);
        }
        for frame in emitted.due {
            self.store.second(&frame);
            self.counts.second(&frame);
            // An error only says that nobody watches.
            let _nobody_watches = self.frames.send(frame);
        }
    }

    fn write_sampled(&self, items: Items) {
        if !items.is_empty() {
            self.store.items(items);
        }
    }

    /// What sampling has decided so far; all zeros when everything is kept.
    pub(crate) fn sampled(&self) -> SamplingCounts {
        self.sampling.as_ref().map(Stage::counts).unwrap_or_default()
    }

    /// Writes what is only known at the end, and closes the account.
    pub(crate) async fn seal(self: &Arc<Self>) -> Result<Totals, StoreError> {
        if let Some(sampling) = &self.sampling {
            self.write_sampled(sampling.finish());
        }
        // An open reader would keep the file from becoming a plain one.
        self.reader.close();
        let kept = self.frame_pages(0, usize::MAX).flatten();
        self.store.frames(kept.map(Arc::new).collect());
        let (core, sealed_unix_ns) = (Arc::clone(self), self.clock.unix_ns());
        // What is written last can still be lost, so the account is closed after it.
        self.store.seal(move || core.totals(sealed_unix_ns)).await
    }

    fn totals(&self, sealed_unix_ns: u64) -> Totals {
        let losses = self.dropped();
        let (late, rejected, duplicates) = {
            let live = self.live();
            (live.late(), live.rejected(), live.duplicates())
        };
        if duplicates > 0 {
            tracing::info!(duplicates, "items that were sent twice were counted once");
        }
        Totals {
            late,
            rejected,
            dropped: losses
                .iter()
                .filter(|loss| {
                    ![REFUSED, SLOW_SENDERS, LINES_CUT, SLOW_VIEWERS, OUTSIDE]
                        .contains(&loss.what.as_str())
                })
                .map(|loss| loss.count)
                .sum(),
            losses,
            sealed_unix_ns,
        }
    }
}

/// Works on so many bytes of a request: here when they are few, else beside the runtime's workers.
pub(crate) async fn beside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if bytes <= DECODE_BESIDE_BYTES {
        return work();
    }
    tokio::task::spawn_blocking(work)
        .await
        .expect("work on a request never panics, and the runtime outlives its requests")
}

/// Waits until the collector has to end, or is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

#[cfg(test)]
mod tests;
