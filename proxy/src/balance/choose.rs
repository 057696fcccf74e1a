//! Among whom is chosen, and the two ways to choose that need nothing but a number.

use std::net::SocketAddr;
use std::sync::Arc;

use super::endpoint::Endpoint;

/// The endpoints that may be chosen.
#[derive(Debug)]
pub(super) struct Field<'a> {
    list: &'a [Arc<Endpoint>],
    /// Endpoints that the request has tried.
    not: &'a [SocketAddr],
    without_out: bool,
    without_tried: bool,
    count: usize,
    in_panic: bool,
}

impl<'a> Field<'a> {
    /// The first of these that is not empty: who is neither left out nor tried, who is not left
    /// out, who is not tried, everybody.
    pub(super) fn new(list: &'a [Arc<Endpoint>], any_out: bool, not: &'a [SocketAddr]) -> Self {
        let everybody = Self {
            list,
            not,
            without_out: false,
            without_tried: false,
            count: list.len(),
            in_panic: false,
        };
        if !any_out && not.is_empty() {
            return everybody;
        }
        let narrowed = [(true, true), (true, false), (false, true)].into_iter().find_map(
            |(without_out, without_tried)| {
                let field = Self { without_out, without_tried, ..everybody };
                let count = (0..list.len()).filter(|place| field.accepts(*place)).count();
                (count > 0).then_some(Self { count, in_panic: !without_out, ..field })
            },
        );
        narrowed.unwrap_or(Self { in_panic: true, ..everybody })
    }

    /// Is everybody left out, and used nevertheless?
    pub(super) fn in_panic(&self) -> bool {
        self.in_panic
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn accepts(&self, place: usize) -> bool {
        let endpoint = &self.list[place];
        let is_out = self.without_out && endpoint.is_out();
        let was_tried = self.without_tried && self.not.contains(&endpoint.address);
        !is_out && !was_tried
    }

    /// The place of the n-th of them.
    pub(super) fn nth(&self, n: usize) -> usize {
        if self.count == self.list.len() {
            return n;
        }
        // Somebody may have been left out since they were counted.
        (0..self.list.len()).filter(|place| self.accepts(*place)).nth(n).unwrap_or(n)
    }

    /// Any of them, all alike.
    pub(super) fn any(&self, draw: u64) -> usize {
        self.nth(below(draw >> 32, self.count))
    }

    /// Of two different ones the one that costs less.
    pub(super) fn cheaper<C: PartialOrd>(&self, draw: u64, cost: impl Fn(&Endpoint) -> C) -> usize {
        if self.count < 2 {
            return self.nth(0);
        }
        let (one, other) = two(draw, self.count);
        let (one, other) = (self.nth(one), self.nth(other));
        if cost(&self.list[other]) < cost(&self.list[one]) { other } else { one }
    }
}

/// Two different numbers below `count`, which is at least two; all pairs are equally likely.
fn two(draw: u64, count: usize) -> (usize, usize) {
    let one = below(draw >> 32, count);
    let other = below(draw & u64::from(u32::MAX), count - 1);
    (one, other + usize::from(other >= one))
}

/// Scales 32 random bits.
fn below(bits: u64, count: usize) -> usize {
    ((bits * count as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use model::decision;

    use super::*;

    #[test]
    fn every_ordered_pair_of_different_ones_is_equally_likely() {
        const COUNT: usize = 5;
        const DRAWS: u64 = 100_000;
        let mut seen = [[0_u64; COUNT]; COUNT];
        for index in 0..DRAWS {
            let (one, other) = two(decision::indexed(1, "pairs", index).bits(), COUNT);
            seen[one][other] += 1;
        }
        for (one, row) in seen.into_iter().enumerate() {
            for (other, count) in row.into_iter().enumerate() {
                // 20 pairs: mean 5,000, standard deviation 69; five of them either side.
                let fits = if one == other { 0..=0 } else { 4_655..=5_345 };
                assert!(fits.contains(&count), "{one} {other}: {count}");
            }
        }
    }

    #[test]
    fn the_ends_of_the_draw_stay_inside() {
        for draw in [0, u64::MAX, u64::from(u32::MAX), u64::from(u32::MAX) << 32] {
            for count in 2..5 {
                let (one, other) = two(draw, count);
                assert!(one < count && other < count && one != other, "{draw} {count}");
            }
        }
    }
}
