//! Thresholds over what is in so far: every second for windows and for an early end, and once more
//! at the end.

mod windows;

use std::collections::VecDeque;

use loadgen::summary::{Book, Cell, Decoded, Setting, Spread};
use model::expect::{Judgement, Measured, Subject, Threshold};
use model::frame::Verdict;
use model::load::{LoadKey, Validity};
use model::phase::Phase;
use serde::{Deserialize, Serialize};

use windows::Windows;

/// How a threshold came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    Pass,
    Fail,
    /// Too few requests, or too close to call.
    Unclear,
    /// The load itself was invalid.
    NotJudged,
}

impl Held {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unclear => "unclear",
            Self::NotJudged => "not judged",
        }
    }

    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail => Self::Fail,
            _ => Self::Unclear,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdResult {
    pub text: String,
    pub verdict: Held,
    /// With the interval; of the worst window when there are windows.
    pub observed: String,
    pub detail: String,
    /// Windows that were judged; absent without `over`.
    pub windows: Option<u64>,
    pub failed_windows: Option<u64>,
    /// It is unclear for want of requests, and not because it is too close to call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub few: bool,
}

/// What is kept behind the longest window: a load that is stopped gets its last answers within it.
const KEPT_BEHIND_S: u64 = 16;

/// Judges the thresholds of one load.
#[derive(Debug)]
pub(super) struct Judge {
    watched: Vec<Watched>,
    setting: Setting,
    recent: VecDeque<Decoded>,
    keep_s: u64,
}

#[derive(Debug)]
enum Watched {
    /// Over all that is judged.
    Whole(Threshold),
    Windows(Box<Windows>),
}

impl Watched {
    fn new(threshold: Threshold, setting: &Setting) -> Self {
        match threshold.over {
            None => Self::Whole(threshold),
            Some(over) => Self::Windows(Box::new(Windows::new(threshold, over, setting))),
        }
    }

    fn threshold(&self) -> &Threshold {
        match self {
            Self::Whole(threshold) => threshold,
            Self::Windows(windows) => windows.threshold(),
        }
    }
}

impl Judge {
    pub(super) fn new(thresholds: Vec<Threshold>, setting: Setting) -> Self {
        let windows = thresholds.iter().filter_map(|threshold| threshold.over);
        let keep_s = windows.max().map_or(0, |over| over.as_secs() + KEPT_BEHIND_S);
        let watched = thresholds.into_iter().map(|it| Watched::new(it, &setting)).collect();
        Self { watched, setting, recent: VecDeque::new(), keep_s }
    }

    /// A second of the load is in. Gives the first threshold that fails by now, with what was seen.
    pub(super) fn second(&mut self, report: Decoded, book: &Book) -> Option<String> {
        let last = report.unix_s;
        self.recent.push_back(report);
        while self.recent.front().is_some_and(|first| first.unix_s + self.keep_s <= last) {
            self.recent.pop_front();
        }
        let mut broken = None;
        for watched in &mut self.watched {
            let judgement = match watched {
                Watched::Windows(windows) => windows.second(&self.recent),
                Watched::Whole(threshold) => {
                    Some(threshold.judge(&whole(threshold, book, last * 1_000 + 1_000)))
                },
            };
            let failed = judgement.filter(|it| it.verdict == Verdict::Fail);
            let said = |it: Judgement| format!("{}: {}", watched.threshold().text, it.observed);
            broken = broken.or(failed.map(said));
        }
        broken
    }

    /// The load is over. An invalid one proves nothing, neither good nor bad.
    pub(super) fn finish(
        &self,
        book: &Book,
        reached_ms: u64,
        validity: Validity,
    ) -> Vec<ThresholdResult> {
        let until_ms = self.setting.start_unix_ms + reached_ms;
        let result = |watched: &Watched| {
            let (judgement, windows) = match watched {
                Watched::Whole(threshold) => {
                    (threshold.judge_all(&whole(threshold, book, until_ms)), None)
                },
                Watched::Windows(windows) => {
                    let seen = windows.finish(until_ms, &self.recent);
                    (seen.worst(), Some((seen.count, seen.failed)))
                },
            };
            let verdict = match validity {
                Validity::Invalid => Held::NotJudged,
                _ => Held::of(judgement.verdict),
            };
            ThresholdResult {
                text: watched.threshold().text.clone(),
                verdict,
                observed: judgement.observed,
                detail: judgement.detail,
                windows: windows.map(|(count, _)| count),
                failed_windows: windows.map(|(_, failed)| failed),
                few: judgement.few,
            }
        };
        self.watched.iter().map(result).collect()
    }
}

fn concerns(threshold: &Threshold, key: &LoadKey) -> bool {
    let phase = match threshold.phase {
        Some(phase) => key.phase == phase,
        None => matches!(key.phase, Phase::Before | Phase::During | Phase::After),
    };
    phase
        && match &threshold.subject {
            None => key.step.is_none(),
            Some(Subject::Flow(flow)) => key.step.is_none() && key.flow == *flow,
            Some(Subject::Step { flow, step }) => {
                key.flow == *flow && key.step.as_deref() == Some(step)
            },
            Some(Subject::Edge(_)) => false,
        }
}

fn measured<'a>(
    threshold: &Threshold,
    cells: impl Iterator<Item = (&'a LoadKey, &'a Cell)>,
    seconds: f64,
) -> Measured {
    let mut spread = Spread::default();
    let mut measured = Measured { seconds, ..Measured::default() };
    for (key, cell) in cells.filter(|(key, _)| concerns(threshold, key)) {
        spread.add(key.outcome, cell);
        let into =
            if key.outcome.is_error() { &mut measured.errors } else { &mut measured.completed };
        *into += cell.count;
    }
    Measured { known: spread.known, censored: spread.censored, untimed: spread.untimed, ..measured }
}

/// Begin and end of what a threshold is about, in milliseconds since the Unix epoch.
fn span_ms(threshold: &Threshold, setting: &Setting) -> (u64, u64) {
    let timeline = &setting.timeline;
    let (start_ms, end_ms) = match threshold.phase {
        Some(phase) => timeline.window_ms(phase),
        None => (timeline.before_ms, timeline.end_ms),
    };
    (setting.start_unix_ms + start_ms, setting.start_unix_ms + end_ms)
}

fn whole(threshold: &Threshold, book: &Book, until_unix_ms: u64) -> Measured {
    let (start_ms, end_ms) = span_ms(threshold, book.setting());
    let seconds = until_unix_ms.min(end_ms).saturating_sub(start_ms) as f64 / 1_000.0;
    measured(threshold, book.cells(), seconds)
}

#[cfg(test)]
mod tests;
