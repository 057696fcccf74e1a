//! Two traces side by side: the same work in both, and what only one of them did.
//!
//! Below two rows that belong together, rows belong together when they have the same service and
//! name, in order of their occurrence. What makes one trace longer is looked for in the time that
//! rows spent themselves on the critical path: by duration alone the root would always be it.

use std::collections::BTreeMap;

use super::waterfall::{BarKind, Waterfall, WaterfallRow};
use super::words;

/// A row as it was in one of the traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// Index into the rows of its waterfall.
    pub row: usize,
    pub start_ns: u64,
    pub length_ns: u64,
    /// Its own time on the critical path.
    pub path_ns: u64,
    pub bar: BarKind,
    pub error: bool,
}

/// A row of either trace or of both; at least one side is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedRow {
    pub depth: usize,
    pub service: String,
    pub name: String,
    pub left: Option<Side>,
    pub right: Option<Side>,
    /// How much longer it took in the right trace; `None` when it is in one only.
    pub difference_ns: Option<i64>,
    /// How much more of the critical path it is in the right trace; what is absent took nothing.
    pub path_difference_ns: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// Parents before children; siblings in the order of the left trace, those of the right one
    /// after what they followed there.
    pub rows: Vec<ComparedRow>,
    pub only_left: u64,
    pub only_right: u64,
    /// How much longer whoever asked had to wait in the right trace; background work aside.
    pub total_difference_ns: i64,
    /// Index of the row whose time on the critical path differs most.
    pub greatest: Option<usize>,
    /// That row in words; what differs, and by how much.
    pub sentence: String,
}

impl Comparison {
    pub fn of(left: &Waterfall, right: &Waterfall) -> Self {
        let rows = aligned(&left.rows, &right.rows);
        let count = |only: fn(&ComparedRow) -> bool| rows.iter().filter(|row| only(row)).count();
        let greatest = (0..rows.len())
            .filter(|at| rows[*at].path_difference_ns != 0)
            .max_by_key(|at| (rows[*at].path_difference_ns.unsigned_abs(), std::cmp::Reverse(*at)));
        let total_difference_ns = difference(left.path_total_ns, right.path_total_ns);
        let sentence = sentence(greatest.map(|at| &rows[at]), total_difference_ns);
        Self {
            only_left: count(|row| row.right.is_none()) as u64,
            only_right: count(|row| row.left.is_none()) as u64,
            total_difference_ns,
            greatest,
            sentence,
            rows,
        }
    }
}

/// Right without left, at the ends of what a number holds.
fn difference(left: u64, right: u64) -> i64 {
    let exact = i128::from(right) - i128::from(left);
    exact.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

fn sentence(greatest: Option<&ComparedRow>, total_ns: i64) -> String {
    let amount = words::duration(total_ns.unsigned_abs());
    let whole = match total_ns {
        0 => "both took equally long".to_owned(),
        1.. => format!("the second took {amount} longer"),
        _ => format!("the second took {amount} less"),
    };
    let Some(row) = greatest else { return format!("{whole}; no part of the path differs") };
    let amount = words::duration(row.path_difference_ns.unsigned_abs());
    let more = if row.path_difference_ns > 0 { "more" } else { "less" };
    let only = match (row.left, row.right) {
        (None, _) => ", only there",
        (_, None) => ", which has none of it",
        _ => "",
    };
    format!("{whole}; most of all {} {}: {amount} {more}{only}", row.service, row.name)
}

/// Children of each row, by index; those without a parent at the end.
fn children(rows: &[WaterfallRow]) -> Vec<Vec<usize>> {
    let mut below = vec![Vec::new(); rows.len() + 1];
    let mut open: Vec<usize> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        open.truncate(row.depth);
        let parent = open.last().copied().unwrap_or(rows.len());
        below[parent].push(at);
        open.push(at);
    }
    below
}

/// A row of the left trace, of the right one, or of both.
type Pair = (Option<usize>, Option<usize>);

fn aligned(left: &[WaterfallRow], right: &[WaterfallRow]) -> Vec<ComparedRow> {
    let (below_left, below_right) = (children(left), children(right));
    let mut rows = Vec::with_capacity(left.len().max(right.len()));
    let mut open: Vec<Pair> = vec![(Some(left.len()), Some(right.len()))];
    while let Some(pair) = open.pop() {
        let of_left = pair.0.map(|at| left.get(at)).unwrap_or_default();
        let of_right = pair.1.map(|at| right.get(at)).unwrap_or_default();
        if let Some(any) = of_left.or(of_right) {
            let left = of_left.zip(pair.0).map(|(row, at)| side(row, at));
            let right = of_right.zip(pair.1).map(|(row, at)| side(row, at));
            rows.push(compared(any, left, right));
        }
        let under = |below: &[Vec<usize>], at: Option<usize>| {
            at.map(|at| below[at].clone()).unwrap_or_default()
        };
        let pairs =
            paired((left, &under(&below_left, pair.0)), (right, &under(&below_right, pair.1)));
        open.extend(pairs.into_iter().rev());
    }
    rows
}

/// Siblings of both traces that belong together, in order.
fn paired(left: (&[WaterfallRow], &[usize]), right: (&[WaterfallRow], &[usize])) -> Vec<Pair> {
    let mut same: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (place, at) in left.1.iter().enumerate().rev() {
        let row = &left.0[*at];
        same.entry((&row.service, &row.name)).or_default().push(place);
    }
    let mut partner = vec![None; left.1.len()];
    // By the place before which they stand.
    let mut alone: Vec<Vec<usize>> = vec![Vec::new(); left.1.len() + 1];
    let mut behind = 0;
    for at in right.1 {
        let row = &right.0[*at];
        match same.get_mut(&(row.service.as_str(), row.name.as_str())).and_then(Vec::pop) {
            Some(place) => {
                partner[place] = Some(*at);
                behind = place + 1;
            },
            None => alone[behind].push(*at),
        }
    }
    let mut pairs = Vec::with_capacity(left.1.len().max(right.1.len()));
    for (place, only_right) in alone.iter().enumerate() {
        pairs.extend(only_right.iter().map(|at| (None, Some(*at))));
        pairs.extend(left.1.get(place).map(|at| (Some(*at), partner[place])));
    }
    pairs
}

fn side(row: &WaterfallRow, at: usize) -> Side {
    Side {
        row: at,
        start_ns: row.start_ns,
        length_ns: row.length_ns,
        path_ns: row.path_ns,
        bar: row.bar,
        error: row.error,
    }
}

fn compared(row: &WaterfallRow, left: Option<Side>, right: Option<Side>) -> ComparedRow {
    let own = |side: Option<Side>| side.map_or(0, |side| side.path_ns);
    ComparedRow {
        depth: row.depth,
        service: row.service.clone(),
        name: row.name.clone(),
        left,
        right,
        difference_ns: left
            .zip(right)
            .map(|(left, right)| difference(left.length_ns, right.length_ns)),
        path_difference_ns: difference(own(left), own(right)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::waterfall::Clocks;
    use super::super::waterfall::tests::{any_trace, span, trace};
    use super::*;

    fn named(names: &[(&str, u8, u8, (u64, u64))]) -> Waterfall {
        let spans = names.iter().map(|(name, number, parent, times)| {
            let mut span = span(*number, *parent, ("orders", "internal"), *times);
            (*name).clone_into(&mut span.name);
            span
        });
        Waterfall::of(&trace(spans.collect(), vec![]), Clocks::Corrected)
    }

    fn told(comparison: &Comparison) -> Vec<String> {
        let ms = |side: Option<Side>| {
            side.map_or_else(|| "-".to_owned(), |side| (side.length_ns / 1_000_000).to_string())
        };
        let row = |row: &ComparedRow| {
            let by = row.difference_ns.map_or_else(String::new, words::signed_duration);
            format!("{} {} {} {} {by}", row.depth, row.name, ms(row.left), ms(row.right))
        };
        comparison.rows.iter().map(row).collect()
    }

    #[test]
    fn equal_work_is_aligned_in_order_and_the_rest_stands_alone() {
        let left = named(&[
            ("checkout", 1, 0, (0, 100)),
            ("reserve", 2, 1, (10, 20)),
            ("charge", 3, 1, (20, 60)),
            ("notify", 4, 1, (60, 70)),
        ]);
        let right = named(&[
            ("checkout", 1, 0, (0, 300)),
            ("charge", 3, 1, (20, 60)),
            ("charge", 5, 1, (70, 270)),
            ("ledger", 6, 5, (80, 90)),
            ("notify", 4, 1, (270, 280)),
        ]);
        let comparison = Comparison::of(&left, &right);
        assert_eq!(
            told(&comparison),
            [
                "0 checkout 100 300 +200.0 ms",
                "1 reserve 10 - ",
                "1 charge 40 40 +0 ms",
                "1 charge - 200 ",
                "2 ledger - 10 ",
                "1 notify 10 10 +0 ms",
            ]
        );
        assert_eq!((comparison.only_left, comparison.only_right), (1, 2));
        assert_eq!(comparison.greatest, Some(3));
        assert_eq!(
            comparison.sentence,
            "the second took 200.0 ms longer; most of all orders charge: 190.0 ms more, only there"
        );
    }

    #[test]
    fn a_trace_equals_itself() {
        let one = named(&[("checkout", 1, 0, (0, 100)), ("reserve", 2, 1, (10, 20))]);
        let comparison = Comparison::of(&one, &one);
        assert!(comparison.rows.iter().all(|row| row.difference_ns == Some(0)));
        assert_eq!(comparison.greatest, None);
        assert_eq!(comparison.sentence, "both took equally long; no part of the path differs");
    }

    #[test]
    fn less_time_is_said_as_less() {
        let left = named(&[("checkout", 1, 0, (0, 100)), ("reserve", 2, 1, (10, 90))]);
        let right = named(&[("checkout", 1, 0, (0, 20))]);
        assert_eq!(
            Comparison::of(&left, &right).sentence,
            "the second took 80.0 ms less; most of all orders reserve: 80.0 ms less, which has none of it"
        );
        let nothing = named(&[]);
        assert!(Comparison::of(&nothing, &nothing).rows.is_empty());
    }

    proptest! {
        #[test]
        fn every_row_of_both_is_there_once(left in any_trace(), right in any_trace()) {
            let left = Waterfall::of(&left, Clocks::Raw);
            let right = Waterfall::of(&right, Clocks::Corrected);
            let comparison = Comparison::of(&left, &right);
            let mut of_left: Vec<usize> =
                comparison.rows.iter().filter_map(|row| Some(row.left?.row)).collect();
            let mut of_right: Vec<usize> =
                comparison.rows.iter().filter_map(|row| Some(row.right?.row)).collect();
            // The order of the left trace is kept.
            prop_assert!(of_left.is_sorted());
            of_left.sort_unstable();
            of_right.sort_unstable();
            prop_assert!(of_left.into_iter().eq(0..left.rows.len()));
            prop_assert!(of_right.into_iter().eq(0..right.rows.len()));
        }
    }
}
