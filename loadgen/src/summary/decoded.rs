//! One report with its histograms unpacked, once for everybody who looks at it.

use std::collections::BTreeMap;

use model::hdr::{Durations, HdrError, decode};
use model::load::{
    Attempts, CheckCount, DialHdr, LoadCell, LoadExemplar, LoadInterval, LoadKey, Validity,
};

/// Counts and durations of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    pub count: u64,
    pub response: Durations,
    pub service: Durations,
    /// What came of requests: statuses and kinds of failure.
    pub results: BTreeMap<String, u64>,
    pub body_bytes: u64,
    /// What the client sent for them.
    pub attempts: Attempts,
    /// Of steps, how often each of their checks held.
    pub checks: BTreeMap<String, CheckCount>,
}

impl Cell {
    fn of(cell: &LoadCell) -> Result<Self, HdrError> {
        Ok(Self {
            count: cell.count,
            response: unpacked(&cell.response_hdr)?,
            service: unpacked(&cell.service_hdr)?,
            results: cell.results.clone(),
            body_bytes: cell.body_bytes,
            attempts: cell.attempts,
            checks: cell.checks.clone(),
        })
    }

    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.response.add(&other.response);
        self.service.add(&other.service);
        for (result, count) in &other.results {
            *self.results.entry(result.clone()).or_default() += count;
        }
        self.body_bytes += other.body_bytes;
        self.attempts += other.attempts;
        for (check, count) in &other.checks {
            *self.checks.entry(check.clone()).or_default() += *count;
        }
    }

    /// How many are counted without a duration.
    pub fn untimed(&self) -> u64 {
        self.count.saturating_sub(self.response.count())
    }
}

/// What making connections took, part by part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dials {
    pub dns: Durations,
    pub connect: Durations,
    pub tls: Durations,
}

impl Dials {
    fn of(hdr: &DialHdr) -> Result<Self, HdrError> {
        let part =
            |text: &Option<String>| text.as_deref().map_or(Ok(Durations::default()), unpacked);
        Ok(Self {
            dns: part(&hdr.dns_hdr)?,
            connect: part(&hdr.connect_hdr)?,
            tls: part(&hdr.tls_hdr)?,
        })
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.dns.add(&other.dns);
        self.connect.add(&other.connect);
        self.tls.add(&other.tls);
    }
}

/// One second of one worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    pub worker: u32,
    pub sequence: u64,
    pub unix_s: u64,
    pub offered: u64,
    pub cells: Vec<(LoadKey, Cell)>,
    pub lateness: Durations,
    pub connection_wait: Durations,
    pub dials: Dials,
    pub in_flight: u64,
    pub cpu_cores: f64,
    pub validity: Validity,
    pub spans_dropped: u64,
    pub exemplars: Vec<LoadExemplar>,
}

impl Decoded {
    pub fn of(interval: &LoadInterval) -> Result<Self, HdrError> {
        let cell = |cell: &LoadCell| Ok((cell.key.clone(), Cell::of(cell)?));
        Ok(Self {
            worker: interval.worker,
            sequence: interval.sequence,
            unix_s: interval.unix_s,
            offered: interval.offered,
            cells: interval.cells.iter().map(cell).collect::<Result<_, HdrError>>()?,
            lateness: unpacked(&interval.lateness_hdr)?,
            connection_wait: unpacked(&interval.connection_wait_hdr)?,
            dials: Dials::of(&interval.dials)?,
            in_flight: interval.in_flight,
            cpu_cores: interval.cpu_cores,
            validity: interval.validity,
            spans_dropped: interval.spans_dropped,
            exemplars: interval.exemplars.clone(),
        })
    }

    /// Adds the same second of another worker.
    pub fn join(&mut self, other: &Self) {
        self.offered += other.offered;
        for (key, cell) in &other.cells {
            match self.cells.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => known.add(cell),
                None => self.cells.push((key.clone(), cell.clone())),
            }
        }
        self.lateness.add(&other.lateness);
        self.connection_wait.add(&other.connection_wait);
        self.dials.add(&other.dials);
        self.in_flight += other.in_flight;
        self.cpu_cores += other.cpu_cores;
        self.validity = self.validity.max(other.validity);
        self.spans_dropped += other.spans_dropped;
        self.exemplars.extend(other.exemplars.iter().cloned());
    }

    /// Whole journeys.
    pub fn journeys(&self) -> impl Iterator<Item = &(LoadKey, Cell)> {
        self.cells.iter().filter(|(key, _)| key.step.is_none())
    }
}

fn unpacked(text: &str) -> Result<Durations, HdrError> {
    decode(text).map(|histogram| Durations::from(&histogram))
}
