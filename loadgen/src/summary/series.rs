//! The load by time, in memory that does not grow with the length of a run.
//!
//! A slot is one second at first. When there are too many of them, two become one. Everything in a
//! slot is a sum, so the result does not depend on the order in which reports came.

use std::collections::BTreeMap;

use model::hdr::Durations;
use model::load::Outcome;

use super::decoded::Decoded;

/// Slots that are kept: an hour of seconds.
const SLOTS_MAX: usize = 3_600;
/// CPU is added up in whole millionths of a core: sums of fractions would depend on their order.
const PARTS_PER_CORE: f64 = 1e6;

/// Sums of one slot over all workers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slot {
    /// Arrivals whose intended start fell into the slot.
    pub offered: u64,
    /// Journeys that ended in the slot.
    pub ended: BTreeMap<Outcome, u64>,
    /// Journeys whose end is known.
    pub response: Durations,
    pub service: Durations,
    /// Journeys that took at least so long.
    pub censored: Durations,
    pub lateness: Durations,
    pub connection_wait: Durations,
    in_flight: u64,
    cpu_parts: u64,
    pub body_bytes: u64,
}

impl Slot {
    fn add(&mut self, report: &Decoded) {
        self.offered += report.offered;
        for (key, cell) in report.journeys() {
            *self.ended.entry(key.outcome).or_default() += cell.count;
            let censored = super::spread::is_censored(key.outcome);
            let into = if censored { &mut self.censored } else { &mut self.response };
            into.add(&cell.response);
            if !censored {
                self.service.add(&cell.service);
            }
        }
        self.body_bytes += report.cells.iter().map(|(_, cell)| cell.body_bytes).sum::<u64>();
        self.lateness.add(&report.lateness);
        self.connection_wait.add(&report.connection_wait);
        self.in_flight += report.in_flight;
        self.cpu_parts += (report.cpu_cores * PARTS_PER_CORE) as u64;
    }

    fn join(&mut self, other: Self) {
        self.offered += other.offered;
        for (outcome, count) in other.ended {
            *self.ended.entry(outcome).or_default() += count;
        }
        self.response.add(&other.response);
        self.service.add(&other.service);
        self.censored.add(&other.censored);
        self.lateness.add(&other.lateness);
        self.connection_wait.add(&other.connection_wait);
        self.in_flight += other.in_flight;
        self.cpu_parts += other.cpu_parts;
        self.body_bytes += other.body_bytes;
    }

    pub fn count(&self, wanted: impl Fn(Outcome) -> bool) -> u64 {
        self.ended.iter().filter(|(outcome, _)| wanted(**outcome)).map(|(_, count)| count).sum()
    }
}

/// Slots by the second with which they begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    width_s: u64,
    slots: BTreeMap<u64, Slot>,
}

impl Default for Series {
    fn default() -> Self {
        Self { width_s: 1, slots: BTreeMap::new() }
    }
}

impl Series {
    pub(super) fn add(&mut self, report: &Decoded) {
        let at = report.unix_s - report.unix_s % self.width_s;
        self.slots.entry(at).or_default().add(report);
        while self.slots.len() > SLOTS_MAX {
            self.widen();
        }
    }

    fn widen(&mut self) {
        self.width_s *= 2;
        for (at, slot) in std::mem::take(&mut self.slots) {
            self.slots.entry(at - at % self.width_s).or_default().join(slot);
        }
    }

    /// Length of a slot.
    pub fn width_s(&self) -> u64 {
        self.width_s
    }

    /// By the second with which a slot begins.
    pub fn slots(&self) -> impl DoubleEndedIterator<Item = (u64, &Slot)> {
        self.slots.iter().map(|(at, slot)| (*at, slot))
    }

    /// Journeys under way, on average over a slot's seconds.
    pub fn in_flight(&self, slot: &Slot) -> f64 {
        slot.in_flight as f64 / self.width_s as f64
    }

    /// CPU of all workers in cores, on average over a slot's seconds.
    pub fn cpu_cores(&self, slot: &Slot) -> f64 {
        slot.cpu_parts as f64 / PARTS_PER_CORE / self.width_s as f64
    }
}
