//! Thresholds over what is in so far: every second for windows and for an early end, and once more
//! at the end.

use std::collections::VecDeque;
use std::time::Duration;

use loadgen::summary::{Book, Cell, Decoded, Setting, Spread};
use model::expect::{Judgement, Measured, Subject, Threshold};
use model::frame::Verdict;
use model::load::{LoadKey, Validity};
use model::phase::Phase;
use serde::{Deserialize, Serialize};

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

#[derive(Debug, Clone)]
struct Watched {
    threshold: Threshold,
    /// The worst window so far.
    worst: Option<(u64, Judgement)>,
    windows: u64,
    failed: u64,
    /// Windows by their last seconds since which nothing was offered: load may have ended before
    /// them, and how far it came is known when it is over.
    unsure: Vec<(u64, Judgement)>,
}

/// Judges the thresholds of one load.
#[derive(Debug)]
pub(super) struct Judge {
    watched: Vec<Watched>,
    setting: Setting,
    recent: VecDeque<Decoded>,
    keep_s: u64,
}

impl Judge {
    pub(super) fn new(thresholds: Vec<Threshold>, setting: Setting) -> Self {
        let windows = thresholds.iter().filter_map(|threshold| threshold.over);
        let keep_s = windows.max().map_or(0, |over| over.as_secs());
        let watched = thresholds.into_iter().map(Watched::new).collect();
        Self { watched, setting, recent: VecDeque::new(), keep_s }
    }

    /// A second of the load is in. Gives the first threshold that fails by now, with what was seen.
    pub(super) fn second(&mut self, report: Decoded, book: &Book) -> Option<String> {
        let last = report.unix_s;
        let goes_on = report.offered > 0;
        self.recent.push_back(report);
        while self.recent.front().is_some_and(|first| first.unix_s + self.keep_s <= last) {
            self.recent.pop_front();
        }
        let mut broken = None;
        for watched in &mut self.watched {
            if goes_on {
                watched.take_until(last * 1_000);
            }
            let threshold = &watched.threshold;
            let measured = match threshold.over {
                Some(over) => window(threshold, over, last, &self.recent, &self.setting),
                None => Some(whole(threshold, book, last * 1_000 + 1_000)),
            };
            let Some(judgement) = measured.map(|measured| threshold.judge(&measured)) else {
                continue;
            };
            if judgement.verdict == Verdict::Fail && broken.is_none() {
                broken = Some(format!("{}: {}", threshold.text, judgement.observed));
            }
            if threshold.over.is_some() {
                watched.unsure.push((last, judgement));
            }
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
            let mut watched = watched.clone();
            watched.take_until(until_ms);
            let threshold = &watched.threshold;
            let windows = threshold.over.map(|_| watched.windows);
            let judgement = match (&watched.worst, threshold.over) {
                (Some((_, judgement)), _) => judgement.clone(),
                (None, Some(_)) => Judgement {
                    verdict: Verdict::Unclear,
                    observed: "nothing".to_owned(),
                    detail: "the load ended before the first window did".to_owned(),
                    few: false,
                },
                (None, None) => threshold.judge(&whole(threshold, book, until_ms)),
            };
            let verdict = match validity {
                Validity::Invalid => Held::NotJudged,
                _ => Held::of(judgement.verdict),
            };
            ThresholdResult {
                text: threshold.text.clone(),
                verdict,
                observed: judgement.observed,
                detail: judgement.detail,
                windows,
                failed_windows: windows.map(|_| watched.failed),
                few: judgement.few,
            }
        };
        self.watched.iter().map(result).collect()
    }
}

impl Watched {
    fn new(threshold: Threshold) -> Self {
        Self { threshold, worst: None, windows: 0, failed: 0, unsure: Vec::new() }
    }

    /// Load has come this far, so the windows before count.
    fn take_until(&mut self, until_unix_ms: u64) {
        for (last, judgement) in std::mem::take(&mut self.unsure) {
            if (last + 1) * 1_000 <= until_unix_ms {
                self.take(last, judgement);
            } else {
                self.unsure.push((last, judgement));
            }
        }
    }

    fn take(&mut self, unix_s: u64, judgement: Judgement) {
        self.windows += 1;
        self.failed += u64::from(judgement.verdict == Verdict::Fail);
        let rank = |verdict| match verdict {
            Verdict::Fail => 2,
            Verdict::Unclear => 1,
            _ => 0,
        };
        // Of equals the latest is kept.
        let worse = |(_, worst): &(u64, Judgement)| rank(judgement.verdict) >= rank(worst.verdict);
        if self.worst.as_ref().is_none_or(worse) {
            self.worst = Some((unix_s, judgement));
        }
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

/// The window that ends with second `last`; `None` while it does not lie within the threshold's
/// time. Whether load came as far is another question ([`Watched::take_until`]).
fn window(
    threshold: &Threshold,
    over: Duration,
    last: u64,
    recent: &VecDeque<Decoded>,
    setting: &Setting,
) -> Option<Measured> {
    let first = (last + 1).checked_sub(over.as_secs())?;
    let (start_ms, end_ms) = span_ms(threshold, setting);
    if first * 1_000 < start_ms || (last + 1) * 1_000 > end_ms {
        return None;
    }
    let inside = recent.iter().filter(|report| report.unix_s >= first);
    let cells = inside.flat_map(|report| report.cells.iter().map(|(key, cell)| (key, cell)));
    Some(measured(threshold, cells, over.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use model::hdr::{empty, encode};
    use model::load::{DialHdr, Group, LoadCell, LoadInterval, LoadModel, Outcome};
    use model::phase::Timeline;

    use super::*;

    const TIMELINE: Timeline =
        Timeline { before_ms: 0, during_ms: 0, after_ms: 60_000, end_ms: 60_000 };
    const START_S: u64 = 1_000;

    /// A second in which as many journeys began as ended.
    fn second(number: u64, journeys: u64) -> LoadInterval {
        let key = LoadKey {
            model: LoadModel::Open,
            flow: "buy".into(),
            step: None,
            phase: Phase::During,
            group: Group::Exposed,
            hit: false,
            outcome: Outcome::Completed,
        };
        let mut times = empty();
        times.record_n(1_000, journeys).unwrap();
        let hdr = encode(&times);
        LoadInterval {
            run_id: "run-1".into(),
            worker: 0,
            sequence: number,
            unix_s: START_S + number,
            offered: journeys,
            cells: vec![LoadCell::new(key, journeys, hdr.clone(), hdr)],
            lateness_hdr: encode(&empty()),
            connection_wait_hdr: encode(&empty()),
            dials: DialHdr::default(),
            body_bytes: 0,
            in_flight: 0,
            cpu_cores: 0.1,
            validity: Validity::Valid,
            spans_dropped: 0,
            exemplars: Vec::new(),
        }
    }

    /// Journeys in each second, of a load that came so far.
    fn judged(seconds: &[u64], reached_ms: u64) -> ThresholdResult {
        let setting = Setting {
            run_id: "run-1".into(),
            start_unix_ms: START_S * 1_000,
            timeline: TIMELINE,
            workers: 1,
        };
        let threshold = Threshold::parse("rate > 50/s over 1s", &[], TIMELINE).unwrap();
        let mut book = Book::new(setting.clone());
        let mut judge = Judge::new(vec![threshold], setting);
        for (number, journeys) in (0..).zip(seconds) {
            let report = book.add(&second(number, *journeys)).unwrap().unwrap();
            let _broken = judge.second(report, &book);
        }
        judge.finish(&book, reached_ms, Validity::Valid).remove(0)
    }

    #[test]
    fn windows_behind_an_early_end_failed_for_want_of_load() {
        for (seconds, reached_ms, verdict, windows, failed) in [
            // Ended in its fourth second, and the last answers took until the sixth.
            (&[100, 100, 100, 7, 0, 0][..], 3_070, Held::Pass, 3, 0),
            (&[100, 100, 20, 3], 3_070, Held::Fail, 3, 1),
            // Nothing was offered for a while, and load went on.
            (&[100, 0, 0, 100], 4_000, Held::Fail, 4, 2),
            (&[100, 0, 0], 3_000, Held::Fail, 3, 2),
            (&[3], 400, Held::Unclear, 0, 0),
        ] {
            let result = judged(seconds, reached_ms);
            let got = (result.verdict, result.windows.unwrap(), result.failed_windows.unwrap());
            assert_eq!(got, (verdict, windows, failed), "{seconds:?} {}", result.observed);
        }
    }
}
