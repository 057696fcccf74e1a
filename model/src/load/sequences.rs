//! Which reports of one worker are in, whatever their order and however often they come.

use std::collections::BTreeSet;

/// Everything below `complete`, and some above.
#[derive(Debug, Clone, Default)]
pub struct Sequences {
    complete: u64,
    above: BTreeSet<u64>,
}

impl Sequences {
    pub fn holds(&self, sequence: u64) -> bool {
        sequence < self.complete || self.above.contains(&sequence)
    }

    pub fn add(&mut self, sequence: u64) {
        if self.holds(sequence) {
            return;
        }
        self.above.insert(sequence);
        while self.above.remove(&self.complete) {
            self.complete += 1;
        }
    }

    /// Reports that did not come although a later one did.
    pub fn missing(&self) -> u64 {
        let last = self.above.last().map_or(self.complete, |last| last + 1);
        last - self.complete - self.above.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_known_and_close() {
        let mut seen = Sequences::default();
        for sequence in [0, 1, 5, 3] {
            seen.add(sequence);
        }
        assert_eq!((seen.missing(), seen.holds(2), seen.holds(5)), (2, false, true));
        for sequence in [2, 4, 4] {
            seen.add(sequence);
        }
        assert_eq!((seen.missing(), seen.holds(6)), (0, false));
    }
}
