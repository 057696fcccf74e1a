//! What one load has shown, in one value: the JSON file, and the source of every other form.

use loadgen::summary::Summary;
use model::load::Validity;
use serde::{Deserialize, Serialize};

use super::drive::{Driven, End};
use super::judge::{Held, Judge, ThresholdResult};
use super::plan::Terms;
use crate::result::ExitCode;

/// Version of the JSON form. It rises when a field changes its meaning or goes away; new fields
/// alone do not raise it.
pub(super) const FORMAT: u32 = 1;

/// The load that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Method and URL.
    pub requests: String,
    /// `open`, `closed` or `max`. Only durations of one model may be compared.
    pub model: String,
    /// Arrivals per second; absent unless the model is open.
    pub rate_per_s: Option<f64>,
    /// Of a closed load, the most that were there at once.
    #[serde(default)]
    pub users: Option<u64>,
    pub poisson: bool,
    pub for_s: f64,
    pub warmup_s: f64,
    pub connections: u32,
    pub workers: u32,
    pub threads: u32,
    /// Of the load that waits longest.
    pub timeout_s: f64,
    pub seed: u64,
}

impl Asked {
    pub(super) fn new(terms: &Terms, requests: String) -> Self {
        Self {
            requests,
            model: terms.model().as_str().into(),
            rate_per_s: terms.rate_per_s(),
            users: terms.users(),
            poisson: terms.is_poisson(),
            for_s: terms.length.as_secs_f64(),
            warmup_s: terms.warmup.as_secs_f64(),
            connections: terms.connections,
            workers: terms.workers,
            threads: terms.threads,
            timeout_s: terms.timeout().as_secs_f64(),
            seed: terms.seed,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadResult {
    /// Always [`FORMAT`] in files that this version writes.
    pub format: u32,
    pub version: String,
    pub run_id: String,
    pub load: Asked,
    pub exit_code: ExitCode,
    /// Of several workers, how far from the common start each may have begun, as their clocks are
    /// known.
    #[serde(default)]
    pub start_error_ms: Option<f64>,
    /// Why the load ended before its time.
    pub ended_early: Option<String>,
    pub thresholds: Vec<ThresholdResult>,
    #[serde(flatten)]
    pub summary: Summary,
}

impl LoadResult {
    pub(super) fn new(asked: Asked, driven: &Driven, judge: &Judge) -> Self {
        let summary = driven.book.summary(driven.reached_ms, true);
        let thresholds = judge.finish(&driven.book, driven.reached_ms, summary.trust.verdict);
        let ended_early = match &driven.end {
            End::Over => None,
            End::Interrupted(signal) => Some(format!("interrupted by {signal}")),
            End::Stopped(reason) => Some(format!("a threshold failed: {reason}")),
            End::Lost(what) => Some(what.clone()),
        };
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run_id: driven.book.setting().run_id.clone(),
            load: asked,
            exit_code: exit_code(&driven.end, &thresholds, summary.trust.verdict),
            start_error_ms: driven.start_error_ns.map(|ns| ns as f64 / 1e6),
            ended_early,
            thresholds,
            summary,
        }
    }
}

fn exit_code(end: &End, thresholds: &[ThresholdResult], validity: Validity) -> ExitCode {
    let any = |held| thresholds.iter().any(|threshold| threshold.verdict == held);
    match end {
        End::Interrupted(_) => ExitCode::Interrupted,
        End::Lost(_) => ExitCode::LoadInvalid,
        _ if validity == Validity::Invalid => ExitCode::LoadInvalid,
        _ if any(Held::Fail) => ExitCode::Failed,
        _ if any(Held::Unclear) => ExitCode::Inconclusive,
        _ => ExitCode::Pass,
    }
}
