//! A threshold that must hold in every window of so many seconds.
//!
//! A window is made of what ended in it. What was due in the time of the threshold and ended behind
//! it belongs to its last window: a system that is slow or dead in the end would otherwise be
//! judged by what it did before. A rate is that of the window alone.

use std::collections::VecDeque;
use std::time::Duration;

use loadgen::summary::{Decoded, Setting};
use model::expect::{Judgement, Measure, Measured, Threshold};
use model::frame::Verdict;

use super::{measured, span_ms};

#[derive(Debug)]
pub(super) struct Windows {
    threshold: Threshold,
    over: Duration,
    /// Time of the threshold in milliseconds since the Unix epoch.
    span_ms: (u64, u64),
    seen: Seen,
    /// Windows by their last seconds that may not count: load may have ended before them, or with
    /// them. How far it came is known when it is over.
    unsure: Vec<(u64, Measured)>,
    /// What ended behind the last whole second of the span.
    late: Measured,
}

/// Windows that count.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) count: u64,
    pub(super) failed: u64,
    worst: Option<Judgement>,
}

impl Windows {
    pub(super) fn new(threshold: Threshold, over: Duration, setting: &Setting) -> Self {
        let span_ms = span_ms(&threshold, setting);
        let (seen, unsure, late) = Default::default();
        Self { threshold, over, span_ms, seen, unsure, late }
    }

    pub(super) fn threshold(&self) -> &Threshold {
        &self.threshold
    }

    /// Another second is the last of `recent`. Judges the window that ends with it.
    pub(super) fn second(&mut self, recent: &VecDeque<Decoded>) -> Option<Judgement> {
        let newest = recent.back()?;
        let last = newest.unix_s;
        if newest.offered > 0 {
            // Load has come this far; the last whole second before may still be its end.
            self.take_before(last.saturating_sub(1));
        }
        let (start_ms, end_ms) = self.span_ms;
        if (last + 1) * 1_000 > end_ms {
            self.late.absorb(&self.measured([newest]));
            return None;
        }
        let first = (last + 1).checked_sub(self.over.as_secs())?;
        if first * 1_000 < start_ms {
            return None;
        }
        let window = self.measured(recent.iter().filter(|report| report.unix_s >= first));
        let judgement = self.threshold.judge_all(&window);
        self.unsure.push((last, window));
        Some(judgement)
    }

    /// The load came as far as `until_unix_ms`.
    pub(super) fn finish(&self, until_unix_ms: u64, recent: &VecDeque<Decoded>) -> Seen {
        let end_ms = self.span_ms.1;
        // The first second that is not whole.
        let end_s = until_unix_ms.min(end_ms) / 1_000;
        let mut seen = self.seen.clone();
        for (last, window) in &self.unsure {
            if last + 1 < end_s {
                seen.take(self.threshold.judge_all(window));
            } else if last + 1 == end_s {
                seen.take(self.threshold.judge_all(&self.with_late(window, end_s, recent)));
            }
        }
        seen
    }

    /// The last window, and what ended behind it.
    fn with_late(&self, window: &Measured, end_s: u64, recent: &VecDeque<Decoded>) -> Measured {
        let mut all = window.clone();
        if self.threshold.measure != Measure::Rate {
            // Load that ended early leaves seconds between its end and that of the span.
            let between =
                |it: &&Decoded| it.unix_s >= end_s && (it.unix_s + 1) * 1_000 <= self.span_ms.1;
            all.absorb(&self.measured(recent.iter().filter(between)));
            all.absorb(&self.late);
        }
        all
    }

    fn measured<'a>(&self, reports: impl IntoIterator<Item = &'a Decoded>) -> Measured {
        let cells = reports.into_iter().flat_map(|report| &report.cells);
        measured(&self.threshold, cells.map(|(key, cell)| (key, cell)), self.over.as_secs_f64())
    }

    /// Windows whose last second is before `before_s` count.
    fn take_before(&mut self, before_s: u64) {
        let counts = self.unsure.iter().take_while(|(last, _)| *last < before_s).count();
        for (_, window) in self.unsure.drain(..counts) {
            self.seen.take(self.threshold.judge_all(&window));
        }
    }
}

impl Seen {
    fn take(&mut self, judgement: Judgement) {
        self.count += 1;
        self.failed += u64::from(judgement.verdict == Verdict::Fail);
        let rank = |verdict| match verdict {
            Verdict::Fail => 2,
            Verdict::Unclear => 1,
            _ => 0,
        };
        // Of equals the latest is kept.
        let worse = |worst: &Judgement| rank(judgement.verdict) >= rank(worst.verdict);
        if self.worst.as_ref().is_none_or(worse) {
            self.worst = Some(judgement);
        }
    }

    pub(super) fn worst(&self) -> Judgement {
        self.worst.clone().unwrap_or_else(|| Judgement {
            verdict: Verdict::Unclear,
            observed: "nothing".to_owned(),
            detail: "the load ended before the first window did".to_owned(),
            few: false,
        })
    }
}
