//! Where the columns of the time axis lie.
//!
//! Columns are whole multiples of their length since the start of the run, so the picture moves
//! by whole columns and a column never changes once its seconds are over.

use crate::screen::{Axis, Cursor, TABLE_WINDOW_S, ViewQuery, Zoom};
use crate::store::Store;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Times {
    /// The newest second that is shown: of the data, or of the pause.
    pub(super) newest_s: u64,
    /// The last second of the axis: after the newest one, while no frame comes.
    end_s: u64,
    oldest_s: u64,
    /// The last second of the cursor's column.
    pub(super) cursor_s: u64,
    /// Start of load, or the first frame without a runner.
    pub(super) origin_ms: u64,
    column_s: u64,
    columns: usize,
    /// Number of the right-most column since the origin.
    last_column: u64,
    cursor_column: u64,
    live: bool,
    paused: bool,
}

impl Times {
    /// `None` without data.
    pub(super) fn of(store: &Store, query: &ViewQuery) -> Option<Self> {
        let newest = store.at_or_before(query.paused_at.unwrap_or(u64::MAX))?;
        let oldest_s = store.oldest()?.unix_s;
        let origin_ms = store.origin_ms(newest);
        let newest_s = newest.unix_s;
        let silent_s = if query.paused_at.is_some() { 0 } else { store.silent_s };
        let end_s = newest_s.saturating_add(silent_s);
        let column_s = column_s(query, newest_s.saturating_sub(origin_ms / 1_000));
        // Columns before the start of load are counted too: everything is set up in them.
        let number = |second: u64| second.saturating_sub(phase_s(origin_ms, column_s)) / column_s;
        let newest_column = number(newest_s);
        let cursor_column = match query.cursor {
            Cursor::Live => newest_column,
            Cursor::At(second) => number(second.clamp(oldest_s.min(newest_s), newest_s)),
        };
        let columns = query.columns.max(1);
        // What came last stays in sight however long the silence is.
        let end_column = number(end_s).min(newest_column.saturating_add(columns as u64 / 4));
        // A cursor left of the plot takes the plot with it.
        let last_column = end_column.min(cursor_column.saturating_add(columns as u64 - 1));
        let mut times = Self {
            newest_s,
            end_s,
            oldest_s,
            cursor_s: newest_s,
            origin_ms,
            column_s,
            columns,
            last_column,
            cursor_column,
            live: query.cursor == Cursor::Live && query.paused_at.is_none(),
            paused: query.paused_at.is_some(),
        };
        times.cursor_s = times.seconds_of(cursor_column).1.min(newest_s);
        Some(times)
    }

    fn seconds_of(&self, number: u64) -> (u64, u64) {
        let first = number
            .saturating_mul(self.column_s)
            .saturating_add(phase_s(self.origin_ms, self.column_s));
        (first, first.saturating_add(self.column_s - 1))
    }

    /// First and last second of each plot column, from left to right; `None` before the epoch, and
    /// after the newest second.
    pub(super) fn plot_columns(&self) -> impl Iterator<Item = Option<(u64, u64)>> + '_ {
        (0..self.columns as u64).rev().map(|back| {
            let (first, last) = self.seconds_of(self.last_column.checked_sub(back)?);
            (first <= self.newest_s).then_some((first, last.min(self.newest_s)))
        })
    }

    /// First and last second of all plot columns.
    pub(super) fn span(&self) -> (u64, u64) {
        let first = self.last_column.saturating_sub(self.columns as u64 - 1);
        (self.seconds_of(first).0, self.seconds_of(self.last_column).1.min(self.newest_s))
    }

    /// The seconds that numbers are taken over: the last ones up to the cursor.
    pub(super) fn window(&self) -> (u64, u64) {
        (self.since_start(self.cursor_s.saturating_sub(TABLE_WINDOW_S - 1)), self.cursor_s)
    }

    /// Seconds before the start of load would make every rate too low; before the start itself
    /// there are no others.
    pub(super) fn since_start(&self, first_s: u64) -> u64 {
        let start_s = self.origin_ms / 1_000;
        if start_s > self.cursor_s { first_s } else { first_s.max(start_s) }
    }

    /// The newest second is shown, and it moves on.
    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    /// That the numbers are old, when they are.
    pub(super) fn silence(&self) -> Option<String> {
        let clock = crate::format::clock(self.clock_s(self.newest_s));
        let silent = crate::format::length(self.silent_s());
        (self.silent_s() > 0).then(|| format!("no second has come for {silent}, after {clock}"))
    }

    fn silent_s(&self) -> u64 {
        self.end_s - self.newest_s
    }

    /// How far the run was at the end of a second.
    pub(super) fn clock_s(&self, second: u64) -> u64 {
        second.saturating_add(1).saturating_sub(self.origin_ms / 1_000)
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Seconds of a column.
    pub(super) fn column_s(&self) -> u64 {
        self.column_s
    }

    pub(super) fn cursor_plot_column(&self) -> usize {
        let back = self.last_column.saturating_sub(self.cursor_column);
        self.columns.saturating_sub(1).saturating_sub(usize::try_from(back).unwrap_or(usize::MAX))
    }

    pub(super) fn axis(&self, store: &Store) -> Axis {
        let ago = |columns_back: u64| {
            let number = self.last_column.saturating_sub(columns_back);
            let end_column =
                self.end_s.saturating_sub(phase_s(self.origin_ms, self.column_s)) / self.column_s;
            end_column.saturating_sub(number).saturating_mul(self.column_s)
        };
        let width = self.columns as u64;
        let (first, last) = self.window();
        let window = store.between(first, last).count() as u64;
        Axis {
            columns: self.columns,
            column_s: self.column_s,
            cursor: self.cursor_plot_column(),
            ago_s: [ago(0), ago(width / 2), ago(width)],
            gaps: self.gaps(store),
            cursor_clock_s: self.clock_s(self.cursor_s),
            live: self.live,
            paused: self.paused,
            newest_s: Some(self.newest_s),
            oldest_s: self.oldest_s,
            cursor_s: self.cursor_s,
            window_s: window,
            silent_s: self.silent_s(),
        }
    }

    /// Plot columns without a single second that has come.
    fn columns_after_newest(&self) -> u64 {
        let newest = self.newest_s.saturating_sub(phase_s(self.origin_ms, self.column_s));
        self.last_column.saturating_sub(newest / self.column_s)
    }

    fn gaps(&self, store: &Store) -> Vec<bool> {
        let missing = |(first, last): (u64, u64)| {
            let first = first.max(self.oldest_s);
            let wanted = last.checked_sub(first).map_or(0, |seconds| seconds + 1);
            wanted > store.between(first, last).count() as u64
        };
        let silent = self.columns - usize::try_from(self.columns_after_newest()).unwrap_or(0);
        let columns = self.plot_columns().enumerate();
        columns.map(|(at, seconds)| at >= silent || seconds.is_some_and(missing)).collect()
    }
}

/// Columns begin at whole multiples of their length after the origin; this is the first such
/// second after the epoch.
fn phase_s(origin_ms: u64, column_s: u64) -> u64 {
    origin_ms / 1_000 % column_s
}

fn column_s(query: &ViewQuery, elapsed_s: u64) -> u64 {
    match query.zoom {
        Zoom::Fixed(seconds) => seconds.max(1),
        Zoom::Auto => {
            let columns = query.columns.max(1) as u64;
            (1..Zoom::AUTO_MAX_S)
                .find(|seconds| elapsed_s < seconds.saturating_mul(columns))
                .unwrap_or(Zoom::AUTO_MAX_S)
        },
    }
}
