//! How many log lines there were, by severity and plot column.

use model::frame::LogLine;

use super::severity::Severity;

/// More columns than this are no plot.
const COLUMNS_MAX: usize = 2_000;

/// Columns of equal length in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// Start of the first one.
    pub from_unix_ms: u64,
    pub column_ms: u64,
    pub count: usize,
}

/// Lines of one severity that are in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeRow {
    pub severity: Severity,
    pub total: u64,
    /// By column.
    pub counts: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Volume {
    /// The gravest first; only severities of which there are lines.
    pub rows: Vec<VolumeRow>,
    /// The most lines of one severity in one column.
    pub max: u64,
    /// Lines before the first column or after the last.
    pub outside: u64,
}

impl Volume {
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a LogLine>, columns: Columns) -> Self {
        let count = columns.count.min(COLUMNS_MAX);
        let mut rows: Vec<VolumeRow> = Severity::ALL
            .into_iter()
            .rev()
            .map(|severity| VolumeRow { severity, total: 0, counts: vec![0; count] })
            .collect();
        let mut outside = 0;
        for line in lines {
            let severity = Severity::of(&line.severity);
            let column = columns.column_of(line.unix_ns).filter(|column| *column < count);
            let row = rows.iter_mut().find(|row| row.severity == severity);
            match row.zip(column) {
                Some((row, column)) => {
                    row.total += 1;
                    row.counts[column] += 1;
                },
                None => outside += 1,
            }
        }
        rows.retain(|row| row.total > 0);
        let max = rows.iter().flat_map(|row| &row.counts).copied().max().unwrap_or(0);
        Self { rows, max, outside }
    }

    /// The step of a count on a logarithmic scale up to the maximum, from 0; `None` for nothing.
    pub fn step(&self, count: u64, steps: usize) -> Option<usize> {
        if count == 0 || steps == 0 {
            return None;
        }
        let share = (count as f64).ln_1p() / (self.max.max(count) as f64).ln_1p();
        Some(((share * steps as f64).ceil() as usize).clamp(1, steps) - 1)
    }
}

impl Columns {
    fn column_of(&self, unix_ns: u64) -> Option<usize> {
        let since_ns = unix_ns.checked_sub(self.from_unix_ms.checked_mul(1_000_000)?)?;
        let column = since_ns.checked_div(self.column_ms.checked_mul(1_000_000)?)?;
        usize::try_from(column).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn line(at_ms: u64, severity: &str) -> LogLine {
        LogLine {
            unix_ns: at_ms * 1_000_000,
            service: String::new(),
            severity: severity.to_owned(),
            body: String::new(),
            event: String::new(),
            trace_id: None,
            span_id: None,
            correlation_id: None,
            attributes: BTreeMap::new(),
        }
    }

    #[test]
    fn lines_are_counted_in_their_column_the_gravest_row_first() {
        let lines = [
            line(1_000, "INFO"),
            line(1_999, "info"),
            line(2_000, "ERROR"),
            line(3_999, "INFO"),
            line(4_000, "INFO"),
            line(999, "DEBUG"),
        ];
        let columns = Columns { from_unix_ms: 1_000, column_ms: 1_000, count: 3 };
        let volume = Volume::of(&lines, columns);
        let row = |severity, total, counts: [u64; 3]| VolumeRow {
            severity,
            total,
            counts: counts.to_vec(),
        };
        assert_eq!(
            volume.rows,
            [row(Severity::Error, 1, [0, 1, 0]), row(Severity::Info, 3, [2, 0, 1]),]
        );
        assert_eq!((volume.max, volume.outside), (2, 2));
    }

    #[test]
    fn steps_are_logarithmic() {
        let volume = Volume { max: 1_000, ..Volume::default() };
        assert_eq!(
            [0, 1, 30, 1_000].map(|count| volume.step(count, 5)),
            [None, Some(0), Some(2), Some(4)]
        );
        assert_eq!(volume.step(u64::MAX, 5), Some(4));
        assert_eq!(volume.step(7, 0), None);
    }

    proptest! {
        #[test]
        fn any_columns_take_any_lines(
            times in prop::collection::vec(any::<u64>(), 0..20),
            (from_unix_ms, column_ms) in (any::<u64>(), any::<u64>()),
            count in prop_oneof![0_usize..9, Just(usize::MAX)],
        ) {
            let lines: Vec<LogLine> = times
                .iter()
                .map(|unix_ns| LogLine { unix_ns: *unix_ns, ..line(0, "WARN") })
                .collect();
            let volume = Volume::of(&lines, Columns { from_unix_ms, column_ms, count });
            let inside: u64 = volume.rows.iter().flat_map(|row| &row.counts).sum();
            prop_assert_eq!(inside + volume.outside, lines.len() as u64);
        }
    }
}
