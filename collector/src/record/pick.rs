//! Which items of a batch are meant.

/// Numbers of items in rising order. Nearly always all of a batch are meant, and then it costs
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pick {
    /// The first items, so many of them.
    First(u32),
    Only(Vec<u32>),
}

impl Default for Pick {
    fn default() -> Self {
        Self::First(0)
    }
}

impl Pick {
    /// Adds an item with a higher number than all before.
    pub(crate) fn add(&mut self, number: u32) {
        match self {
            Self::First(count) if *count == number => *count += 1,
            Self::First(count) => *self = Self::Only((0..*count).chain([number]).collect()),
            Self::Only(numbers) => numbers.push(number),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::First(count) => *count as usize,
            Self::Only(numbers) => numbers.len(),
        }
    }

    /// How many of so many items are not meant.
    pub(crate) fn left_out(&self, of: usize) -> u64 {
        of.saturating_sub(self.len()) as u64
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let (first, rest) = match self {
            Self::First(count) => (0..*count, &[][..]),
            Self::Only(numbers) => (0..0, numbers.as_slice()),
        };
        first.chain(rest.iter().copied()).map(|number| number as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_comes_back_in_order() {
        for numbers in [&[][..], &[0, 1, 2], &[1], &[0, 1, 5, 6], &[3, 4]] {
            let mut pick = Pick::default();
            for number in numbers {
                pick.add(*number);
            }
            assert!(pick.iter().eq(numbers.iter().map(|number| *number as usize)), "{numbers:?}");
            assert_eq!(pick.left_out(7), 7 - numbers.len() as u64);
        }
    }
}
