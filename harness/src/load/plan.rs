//! From the arguments, or a file of load, to the plan of a load.

mod requests;
mod unused;

use std::path::PathBuf;
use std::time::Duration;

use model::flow::ClientPolicy;
use model::limits::RUN_MAX;
use model::load::{AtLimit, Load, LoadModel, LoadPlan, RateStep, Spacing, Weighted};
use model::loadfile::{LoadFile, Problems};
use model::phase::Timeline;
use model::template::TemplateError;
use model::units::Share;

use crate::cli::{AtLimit as AskedAtLimit, LoadArguments, Rate};

pub(super) use requests::Requests;

/// Users that requests are spread over: what a server keeps by user is not always the same.
const USERS: u64 = 1_000;

/// What holds where neither the arguments nor a file say anything.
const RATE_PER_S: f64 = 100.0;
const LENGTH: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECTIONS: u32 = 100;
const SEED: u64 = 1;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlanError {
    #[error("{text:?}: {problem}")]
    Url { text: String, problem: String },
    #[error("{}:{line}: {problem}", path.display())]
    List { path: PathBuf, line: usize, problem: String },
    #[error("{} holds no URL", path.display())]
    Empty { path: PathBuf },
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    File(Problems),
    #[error("{} names no target; give it one with `target`", path.display())]
    NoTarget { path: PathBuf },
    #[error("{what} {text:?} cannot be sent")]
    Template { what: &'static str, text: String, source: TemplateError },
    #[error("header {name:?}: {problem}")]
    Header { name: String, problem: String },
    #[error("{0:?} is no HTTP method")]
    Method(String),
    #[error("{0} goes with a URL; a file says it itself")]
    NotWithFile(&'static str),
    #[error("{option} does not go with {with}: {why}")]
    Unused { option: &'static str, with: &'static str, why: &'static str },
    #[error("{0} needs a rate in requests a second to begin with")]
    NeedsRate(&'static str),
    #[error(
        "--abort-on-fail has nothing that could fail: give a limit with --threshold, or with \
         `threshold` in a file of load"
    )]
    NothingToFail,
    #[error("--find-limit varies the rate of one load, and the file has {0}; use a file with one")]
    SearchOfMany(usize),
    #[error("--find-limit varies a rate, and the load of the file is {0}; use one with a `rate`")]
    SearchWithoutRate(&'static str),
    #[error("a client certificate and its key must be given together")]
    HalfCertificate,
    #[error("--for and --warmup together are longer than {} hours", RUN_MAX.as_secs() / 3_600)]
    TooLong,
    #[error("--for must be longer than nothing")]
    NoTime,
}

/// What the arguments and the file say together. The arguments win.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) length: Duration,
    pub(super) warmup: Duration,
    pub(super) connections: u32,
    pub(super) threads: u32,
    pub(super) at_limit: AtLimit,
    pub(super) seed: u64,
    pub(super) workers: u32,
    /// Of loads that are not a file's.
    timeout: Duration,
    pub(super) loads: Loads,
}

/// Who decides when journeys begin.
#[derive(Debug, Clone)]
pub(super) enum Loads {
    Open {
        per_s: f64,
        spacing: Spacing,
    },
    Max,
    Closed {
        users: u64,
    },
    /// Loads of their own, by the file.
    File(Vec<Load>),
}

impl Terms {
    pub(super) fn new(arguments: &LoadArguments, requests: &Requests) -> Result<Self, PlanError> {
        let file = requests.file.as_ref();
        let loads = match (file, arguments.users, arguments.rate) {
            (Some(_), Some(_), _) => return Err(PlanError::NotWithFile("--users")),
            (Some(file), None, rate) if arguments.find_limit.is_some() => {
                Loads::File(vec![searched(file, rate)?])
            },
            (Some(_), _, Some(_)) => return Err(PlanError::NotWithFile("--rate")),
            (Some(file), None, None) => Loads::File(file.loads.clone()),
            (None, Some(users), _) => Loads::Closed { users: u64::from(users) },
            (None, None, rate) => match rate.unwrap_or(Rate::PerSecond(RATE_PER_S)) {
                Rate::Max => Loads::Max,
                Rate::PerSecond(per_s) if arguments.poisson => {
                    Loads::Open { per_s, spacing: Spacing::Poisson }
                },
                Rate::PerSecond(per_s) => Loads::Open { per_s, spacing: Spacing::Constant },
            },
        };
        let as_fast = |file: &LoadFile| file.loads.iter().any(|load| load.model == LoadModel::Max);
        let needed = file.map_or(CONNECTIONS, |file| match file.connections {
            Some(connections) => connections,
            None if as_fast(file) => CONNECTIONS,
            None => match &loads {
                Loads::File(loads) => file.connections_needed(loads),
                _ => CONNECTIONS,
            },
        });
        let at_limit = arguments.at_limit.map(|asked| match asked {
            AskedAtLimit::Queue => AtLimit::Queue,
            AskedAtLimit::Drop => AtLimit::Drop,
            AskedAtLimit::Spawn => AtLimit::Spawn,
        });
        let connections = arguments.connections.unwrap_or(needed);
        let threads = arguments.threads.or_else(|| file.and_then(|file| file.threads));
        let said = |of: fn(&LoadFile) -> Option<Duration>| file.and_then(of);
        let terms = Self {
            length: arguments.length.or(said(|file| file.duration)).unwrap_or(LENGTH),
            warmup: arguments.warmup.or(said(|file| Some(file.warmup))).unwrap_or_default(),
            connections,
            threads: threads.unwrap_or(1).min(connections),
            at_limit: at_limit.or(file.map(|file| file.at_limit)).unwrap_or_default(),
            seed: arguments.seed.or(file.map(|file| file.seed)).unwrap_or(SEED),
            workers: arguments.workers.unwrap_or(1),
            timeout: arguments.timeout.unwrap_or(TIMEOUT),
            loads,
        };
        unused::check(arguments, terms.model())?;
        Ok(terms)
    }

    /// The rate of an open load that is one number.
    pub(super) fn rate_per_s(&self) -> Option<f64> {
        match self.loads {
            Loads::Open { per_s, .. } => Some(per_s),
            _ => None,
        }
    }

    /// Where a search for a limit begins.
    pub(super) fn start_per_s(&self) -> Option<f64> {
        match &self.loads {
            Loads::File(loads) => loads.first()?.rate.first().map(|step| step.from_per_s),
            _ => self.rate_per_s(),
        }
    }

    pub(super) fn is_poisson(&self) -> bool {
        matches!(self.loads, Loads::Open { spacing: Spacing::Poisson, .. })
    }

    /// The loads of a file are all of one.
    pub(super) fn model(&self) -> LoadModel {
        match &self.loads {
            Loads::Open { .. } => LoadModel::Open,
            Loads::Max => LoadModel::Max,
            Loads::Closed { .. } => LoadModel::Closed,
            Loads::File(loads) => loads.first().map_or(LoadModel::Open, |load| load.model),
        }
    }

    /// Of the closed model, the most that are there at once.
    pub(super) fn users(&self) -> Option<u64> {
        match &self.loads {
            Loads::Closed { users } => Some(*users),
            Loads::File(loads) if self.model() == LoadModel::Closed => {
                Some(loads.iter().map(|load| load.users).sum())
            },
            _ => None,
        }
    }

    /// The longest that an answer may take, unless its step says something else.
    pub(super) fn timeout(&self) -> Duration {
        match &self.loads {
            Loads::File(loads) => {
                let longest = loads.iter().map(|load| load.timeout_ms).max();
                Duration::from_millis(longest.unwrap_or_default())
            },
            _ => self.timeout,
        }
    }

    pub(super) fn timeline(&self) -> Result<Timeline, PlanError> {
        timeline(self.warmup, self.length)
    }

    fn loads(&self, requests: &Requests) -> Vec<Load> {
        let (model, rate, spacing, users) = match &self.loads {
            Loads::File(loads) => return loads.clone(),
            Loads::Open { per_s, spacing } => {
                let rate = vec![RateStep::ramp(*per_s, *per_s, None)];
                (LoadModel::Open, rate, *spacing, USERS)
            },
            Loads::Max => (LoadModel::Max, Vec::new(), Spacing::Constant, USERS),
            Loads::Closed { users } => (LoadModel::Closed, Vec::new(), Spacing::Constant, *users),
        };
        let weighted =
            |(flow, weight): &(String, u32)| Weighted { flow: flow.clone(), weight: *weight };
        vec![Load {
            name: "load".into(),
            flows: requests.mix.iter().map(weighted).collect(),
            model,
            rate,
            spacing,
            recorded_ns: Vec::new(),
            users,
            levels: Vec::new(),
            think: None,
            timeout_ms: (self.timeout.as_millis() as u64).max(1),
            client: ClientPolicy::default(),
        }]
    }
}

/// The one load of a file at a rate of which a limit is searched: that of the arguments, or the
/// first that the file names.
fn searched(file: &LoadFile, rate: Option<Rate>) -> Result<Load, PlanError> {
    let [load] = file.loads.as_slice() else {
        return Err(PlanError::SearchOfMany(file.loads.len()));
    };
    if load.model != LoadModel::Open {
        return Err(PlanError::SearchWithoutRate(load.model.as_str()));
    }
    let own = load.rate.iter().flat_map(|step| [step.from_per_s, step.to_per_s]);
    let per_s = match rate.or(own.filter(|per_s| *per_s > 0.0).map(Rate::PerSecond).next()) {
        Some(Rate::Max) => return Err(PlanError::NeedsRate("--find-limit")),
        Some(Rate::PerSecond(per_s)) => per_s,
        None => RATE_PER_S,
    };
    let rate = vec![RateStep::ramp(per_s, per_s, None)];
    Ok(Load { rate, recorded_ns: Vec::new(), ..load.clone() })
}

/// Warm-up, and then one phase: nothing breaks, so all of it is like a scenario's `during`.
pub(super) fn timeline(warmup: Duration, length: Duration) -> Result<Timeline, PlanError> {
    let whole = warmup.saturating_add(length);
    if whole > RUN_MAX {
        return Err(PlanError::TooLong);
    }
    if length.as_millis() == 0 {
        return Err(PlanError::NoTime);
    }
    let (warmup_ms, end_ms) = (warmup.as_millis() as u64, whole.as_millis() as u64);
    Ok(Timeline { before_ms: warmup_ms, during_ms: warmup_ms, after_ms: end_ms, end_ms })
}

/// The plan of the first worker.
pub(super) fn plan(
    arguments: &LoadArguments,
    requests: &Requests,
    terms: &Terms,
    timeline: Timeline,
) -> LoadPlan {
    LoadPlan {
        run_id: format!("load-{:08x}", rand::random::<u32>()),
        seed: terms.seed,
        worker: 0,
        workers: terms.workers,
        targets: requests.targets.clone(),
        report_to: None,
        report_token: None,
        otlp: arguments.otlp.clone().filter(|_| arguments.traces),
        control: Share::ZERO,
        timeline,
        loads: terms.loads(requests),
        flows: requests.flows.clone(),
        data: requests.data.clone(),
        feeders: requests.file.as_ref().map(|file| file.feeders.clone()).unwrap_or_default(),
        setup: std::collections::BTreeMap::new(),
        connections_max: terms.connections,
        at_limit: terms.at_limit,
        release_every_us: arguments.release_every.as_micros() as u32,
        threads: terms.threads,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_up_comes_before_the_one_phase_that_is_judged() {
        let timeline = timeline(Duration::from_secs(5), Duration::from_secs(30)).unwrap();
        assert_eq!(timeline.window_ms(model::phase::Phase::Warmup), (0, 5_000));
        assert_eq!(timeline.window_ms(model::phase::Phase::During), (5_000, 35_000));
        assert!(matches!(super::timeline(RUN_MAX, RUN_MAX), Err(PlanError::TooLong)));
        assert!(matches!(super::timeline(RUN_MAX, Duration::ZERO), Err(PlanError::NoTime)));
    }
}
