//! Which requests are among the slowest hundredth of their edge.

use std::collections::BTreeMap;
use std::time::Duration;

use model::hist::Histogram;
use model::limits::EDGES_MAX;

/// Requests of an edge before anything can be said about its slowest ones.
const REQUESTS_MIN: u64 = 100;
/// One in so many is slow.
const SLOW_ONE_IN: u64 = 100;

/// Durations of all requests by edge.
#[derive(Debug, Default)]
pub(super) struct Slow {
    numbers: BTreeMap<String, u32>,
    durations: Vec<Histogram>,
}

impl Slow {
    /// Counts a request, and gives the number of its edge. Edges above the limit share the last
    /// number: what is slow among them is told less exactly.
    pub(super) fn count(&mut self, edge: &str, ns: u64) -> u32 {
        let number = match self.numbers.get(edge) {
            Some(number) => *number,
            None if self.numbers.len() >= EDGES_MAX => self.numbers.len() as u32,
            None => {
                let number = self.numbers.len() as u32;
                self.numbers.insert(edge.to_owned(), number);
                number
            },
        };
        if self.durations.len() <= number as usize {
            self.durations.resize(number as usize + 1, Histogram::default());
        }
        self.durations[number as usize].record_ns(ns, 1);
        number
    }

    /// Is one of these requests, by edge, among the slowest hundredth? Those in one bucket are
    /// equal, so it may be some more than a hundredth, never less.
    pub(super) fn is_slow<'a>(&self, requests: impl Iterator<Item = (&'a u32, &'a u64)>) -> bool {
        requests.into_iter().any(|(edge, ns)| {
            let Some(durations) = self.durations.get(*edge as usize) else { return false };
            let slower = durations.count_above(Duration::from_nanos(*ns));
            durations.count() >= REQUESTS_MIN && slower < durations.count() / SLOW_ONE_IN
        })
    }
}
