//! Who is left out, why and until when: the state that changes rarely, behind one lock that no
//! request takes unless something changes.
//!
//! It outlives plans: the groups of one edge, one after the other, share a roster. What is due by
//! time (ends of ejections, ends of intervals) is done by whoever comes first after it is due, a
//! request or a timer, in the order in which it was due; the result is the same as if it had been
//! done on time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::decision;
use model::policy::balance::{HealthPolicy, OutlierPolicy};
use model::units::Share;

use super::Event;
use super::endpoint::{EJECTED, Endpoint, UNHEALTHY};
use super::outlier::{self, Detector, Sample};
use super::ring;

/// Most events that wait to be fetched; then the oldest are lost. Each end of an attempt fetches
/// one, so they only add up when nobody comes.
const EVENTS_MAX: usize = 1_024;

#[derive(Debug)]
pub(super) struct Roster {
    /// When something is due next; the greatest number when nothing is.
    due_ns: AtomicU64,
    /// Endpoints that are left out.
    out: AtomicUsize,
    has_events: AtomicBool,
    /// Whose turn it is.
    pub(super) turn: AtomicUsize,
    /// Attempts that were made although everybody was left out.
    pub(super) panics: AtomicU64,
    book: Mutex<Book>,
}

#[derive(Debug)]
pub(super) struct Book {
    /// In the order of the list of the latest group.
    pub(super) records: Vec<Record>,
    /// Those of the latest group: what an attempt or a check that began under an earlier plan finds
    /// out is judged by the policy that could end what follows from it.
    outlier: Option<Arc<OutlierPolicy>>,
    health: Option<HealthPolicy>,
    /// End of the running interval; `None` without a policy.
    round_ns: Option<u64>,
    events: Events,
}

/// Changes that nobody has fetched yet.
#[derive(Debug, Default)]
struct Events {
    waiting: VecDeque<Event>,
    lost: u64,
}

impl Events {
    fn push(&mut self, event: Event) {
        if self.waiting.len() >= EVENTS_MAX {
            self.waiting.pop_front();
            self.lost += 1;
        }
        self.waiting.push_back(event);
    }
}

#[derive(Debug)]
pub(super) struct Record {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) ejected: Option<Ejection>,
    pub(super) unhealthy: Option<String>,
    pub(super) ejections: u64,
    pub(super) spared: u64,
    /// The next ejection lasts one base time more than this many; it falls by one with each whole
    /// interval without an ejection.
    times: u32,
    /// End of its latest ejection.
    returned_ns: u64,
    good_checks: u32,
    bad_checks: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Ejection {
    pub(super) until_ns: u64,
    pub(super) reason: String,
}

impl Record {
    pub(super) fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            endpoint,
            ejected: None,
            unhealthy: None,
            ejections: 0,
            spared: 0,
            times: 0,
            returned_ns: 0,
            good_checks: 0,
            bad_checks: 0,
        }
    }

    fn come_back(&mut self, at_ns: u64) -> Event {
        self.ejected = None;
        self.returned_ns = at_ns;
        self.endpoint.tally.clear();
        Event::Returned { address: self.endpoint.address }
    }

    /// Counts a check; the change of state that it makes.
    fn check(&mut self, result: Result<(), String>, policy: &HealthPolicy) -> Option<Event> {
        let address = self.endpoint.address;
        match result {
            Ok(()) => {
                self.bad_checks = 0;
                self.good_checks = self.good_checks.saturating_add(1);
                let enough = self.good_checks >= policy.healthy_after;
                let was = if enough { self.unhealthy.take() } else { None };
                was.map(|_reason| Event::Healthy { address })
            },
            Err(reason) => {
                self.good_checks = 0;
                self.bad_checks = self.bad_checks.saturating_add(1);
                let enough = self.bad_checks >= policy.unhealthy_after;
                (enough && self.unhealthy.is_none()).then(|| {
                    self.unhealthy = Some(reason.clone());
                    Event::Unhealthy { address, reason }
                })
            },
        }
    }
}

impl Roster {
    pub(super) fn new() -> Self {
        Self {
            due_ns: AtomicU64::new(u64::MAX),
            out: AtomicUsize::new(0),
            has_events: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
            panics: AtomicU64::new(0),
            book: Mutex::new(Book {
                records: Vec::new(),
                outlier: None,
                health: None,
                round_ns: None,
                events: Events::default(),
            }),
        }
    }

    pub(super) fn any_out(&self) -> bool {
        self.out.load(Ordering::Relaxed) != 0
    }

    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        now_ns >= self.due_ns.load(Ordering::Relaxed)
    }

    /// Changes the book and everything that is derived from it.
    pub(super) fn change<T>(&self, action: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.lock();
        let result = action(&mut book);
        self.publish(&book);
        result
    }

    pub(super) fn look<T>(&self, action: impl FnOnce(&Book) -> T) -> T {
        action(&self.lock())
    }

    /// Does what is due, unless another thread is at it.
    pub(super) fn advance(&self, now_ns: u64) {
        if let Ok(mut book) = self.book.try_lock() {
            book.advance(now_ns);
            self.publish(&book);
        }
    }

    /// The oldest event that nobody has fetched.
    pub(super) fn next_event(&self) -> Option<Event> {
        if !self.has_events.load(Ordering::Relaxed) {
            return None;
        }
        self.change(|book| book.events.waiting.pop_front())
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What requests look at without the lock.
    fn publish(&self, book: &Book) {
        for record in &book.records {
            let unhealthy = if record.unhealthy.is_some() { UNHEALTHY } else { 0 };
            let ejected = if record.ejected.is_some() { EJECTED } else { 0 };
            record.endpoint.out.store(unhealthy | ejected, Ordering::Relaxed);
        }
        let out = book.records.iter().filter(|record| record.endpoint.is_out()).count();
        self.out.store(out, Ordering::Relaxed);
        self.has_events.store(!book.events.waiting.is_empty(), Ordering::Relaxed);
        let ends = book.ejections().map(|ejection| ejection.until_ns);
        let due_ns = ends.chain(book.round_ns).min().unwrap_or(u64::MAX);
        self.due_ns.store(due_ns, Ordering::Relaxed);
    }
}

impl Book {
    /// Begins intervals under a policy, or ends everything that only a policy can end.
    pub(super) fn adopt(&mut self, policy: Option<&OutlierPolicy>, now_ns: u64) {
        self.outlier = policy.cloned().map(Arc::new);
        self.round_ns = policy.map(|policy| now_ns.saturating_add(interval_ns(policy)));
        if policy.is_none() {
            self.return_those(now_ns, |_| true);
        }
    }

    /// Checks under another policy begin anew; without one nobody is unhealthy.
    pub(super) fn adopt_checks(&mut self, policy: Option<&HealthPolicy>) {
        self.health = policy.cloned();
        for record in &mut self.records {
            (record.good_checks, record.bad_checks) = (0, 0);
            if policy.is_none() && record.unhealthy.take().is_some() {
                self.events.push(Event::Healthy { address: record.endpoint.address });
            }
        }
    }

    pub(super) fn advance(&mut self, now_ns: u64) {
        let Some(policy) = self.outlier.clone() else { return };
        if let Some(first_ns) = self.round_ns.filter(|round_ns| *round_ns <= now_ns) {
            self.return_lapsed(first_ns);
            self.judge_interval(&policy, now_ns);
            self.return_lapsed(now_ns);
            let interval = interval_ns(&policy);
            let last_ns = now_ns - (now_ns - first_ns) % interval;
            self.forgive(first_ns, last_ns, interval);
            self.round_ns = Some(last_ns.saturating_add(interval));
        }
        self.return_lapsed(now_ns);
    }

    pub(super) fn drain(&mut self) -> Vec<Event> {
        self.events.waiting.drain(..).collect()
    }

    /// Events that were lost because nobody fetched them.
    pub(super) fn events_lost(&self) -> u64 {
        self.events.lost
    }

    /// A detector spoke about an endpoint. Endpoints that have left the list are nobody's concern.
    pub(super) fn detected(&mut self, endpoint: &Arc<Endpoint>, detector: Detector, now_ns: u64) {
        let Some(policy) = self.outlier.clone() else { return };
        let is_same = |record: &Record| Arc::ptr_eq(&record.endpoint, endpoint);
        if let Some(place) = self.records.iter().position(is_same) {
            self.judge(place, (detector, detector.reason_in_a_row(&policy)), &policy, now_ns);
        }
    }

    /// An active check of an endpoint ended.
    pub(super) fn checked(
        &mut self,
        endpoint: &Arc<Endpoint>,
        result: Result<(), String>,
        now_ns: u64,
    ) -> Vec<Event> {
        let is_same = |record: &&mut Record| Arc::ptr_eq(&record.endpoint, endpoint);
        let Some(health) = &self.health else { return Vec::new() };
        let Some(record) = self.records.iter_mut().find(is_same) else { return Vec::new() };
        let is_good = result.is_ok();
        let turned = record.check(result, health);
        // A good check says nothing about an endpoint that has not yet had enough of them.
        let ends_ejection = is_good
            && record.unhealthy.is_none()
            && record.ejected.is_some()
            && self.outlier.as_ref().is_some_and(|it| it.successful_active_check_unejects);
        let returned = ends_ejection.then(|| record.come_back(now_ns));
        turned.into_iter().chain(returned).collect()
    }

    fn ejections(&self) -> impl Iterator<Item = &Ejection> {
        self.records.iter().filter_map(|record| record.ejected.as_ref())
    }

    fn judge_interval(&mut self, policy: &OutlierPolicy, now_ns: u64) {
        let mut by_origin: [Vec<(usize, Sample)>; 2] = Default::default();
        for (place, record) in self.records.iter().enumerate() {
            let taken = record.endpoint.tally.take();
            if record.ejected.is_none() {
                for (samples, sample) in by_origin.iter_mut().zip(taken) {
                    samples.push((place, sample));
                }
            }
        }
        for samples in by_origin {
            for (place, detector, reason) in outlier::compare(&samples, policy) {
                self.judge(place, (detector, reason), policy, now_ns);
            }
        }
    }

    /// Ejects, unless too many are ejected or the draw spares it.
    fn judge(
        &mut self,
        place: usize,
        (detector, reason): (Detector, String),
        policy: &OutlierPolicy,
        now_ns: u64,
    ) {
        let ejected = self.ejections().count() as u64;
        let may = ejected == 0
            || (ejected + 1) * u64::from(Share::WHOLE_PPM)
                <= u64::from(policy.max_ejection.ppm()) * self.records.len() as u64;
        let Self { records, events, .. } = self;
        let record = &mut records[place];
        if record.ejected.is_some() {
            return;
        }
        record.endpoint.tally.restart(detector);
        let address = record.endpoint.address;
        // Of an endpoint's detections the same ones are acted on in every run.
        let number = record.ejections + record.spared;
        let draw = decision::indexed(ring::hash(address, 0), detector.name(), number);
        if !may || !draw.below(detector.enforcing(policy)) {
            record.spared += 1;
            return;
        }
        record.times = next_times(record.times, policy);
        let jitter = jitter(ring::hash(address, 0), number, policy);
        let for_ = ejection_time(record.times, policy) + jitter;
        let until_ns = now_ns.saturating_add(u64::try_from(for_.as_nanos()).unwrap_or(u64::MAX));
        record.ejections += 1;
        record.ejected = Some(Ejection { until_ns, reason: reason.clone() });
        events.push(Event::Ejected { address, reason, for_ });
    }

    fn return_lapsed(&mut self, now_ns: u64) {
        self.return_those(now_ns, |ejection| ejection.until_ns <= now_ns);
    }

    /// In the order of their ends.
    fn return_those(&mut self, now_ns: u64, which: impl Fn(&Ejection) -> bool) {
        let Self { records, events, .. } = self;
        let mut back: Vec<(u64, &mut Record)> = records
            .iter_mut()
            .filter_map(|record| {
                let ejection = record.ejected.as_ref().filter(|ejection| which(ejection))?;
                Some((ejection.until_ns.min(now_ns), record))
            })
            .collect();
        back.sort_by_key(|(at_ns, _)| *at_ns);
        for (at_ns, record) in back {
            events.push(record.come_back(at_ns));
        }
    }

    /// Of the ends of intervals from `first_ns` to `last_ns`, each that ends a whole interval
    /// without an ejection takes one off.
    fn forgive(&mut self, first_ns: u64, last_ns: u64, interval_ns: u64) {
        for record in self.records.iter_mut().filter(|record| record.ejected.is_none()) {
            let earliest_ns = record.returned_ns.saturating_add(interval_ns);
            let skipped = earliest_ns.saturating_sub(first_ns).div_ceil(interval_ns);
            let ends = (last_ns - first_ns) / interval_ns + 1;
            let healthy = u32::try_from(ends.saturating_sub(skipped)).unwrap_or(u32::MAX);
            record.times = record.times.saturating_sub(healthy);
        }
    }
}

fn interval_ns(policy: &OutlierPolicy) -> u64 {
    policy.interval_ms.max(1).saturating_mul(1_000_000)
}

/// It stops one above what reaches the maximum, so that one healthy interval is felt.
fn next_times(times: u32, policy: &OutlierPolicy) -> u32 {
    let base_ms = policy.base_ejection_time_ms;
    let lasts_ms = base_ms.saturating_mul(u64::from(times));
    let grows = lasts_ms < policy.max_ejection_time_ms.saturating_add(base_ms);
    times.saturating_add(u32::from(grows))
}

fn ejection_time(times: u32, policy: &OutlierPolicy) -> Duration {
    let base_ms = policy.base_ejection_time_ms;
    let max_ms = policy.max_ejection_time_ms.max(base_ms);
    Duration::from_millis(base_ms.saturating_mul(u64::from(times)).min(max_ms))
}

/// So that endpoints that were ejected together do not come back together.
fn jitter(seed: u64, number: u64, policy: &OutlierPolicy) -> Duration {
    let max_ms = policy.max_ejection_time_jitter_ms;
    let draw = decision::indexed(seed, "ejection jitter", number).bits();
    let ms = (u128::from(draw) * (u128::from(max_ms) + 1)) >> 64;
    Duration::from_millis(ms as u64)
}

#[cfg(test)]
mod tests;
