//! From the arguments to the plan of a load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::flow::{Flow, Step};
use model::limits::RUN_MAX;
use model::load::{AtLimit, Load, LoadModel, LoadPlan, RateStep, Spacing};
use model::phase::Timeline;
use model::template::{Template, TemplateError};
use model::units::Share;

use super::target::Url;
use crate::cli::{AtLimit as AskedAtLimit, LoadArguments, Rate};

/// Users that requests are spread over: what a server keeps by user is not always the same.
const USERS: u64 = 1_000;
/// Name of the list from which URLs are drawn.
const LIST: &str = "urls";
const URL_LIST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlanError {
    #[error("{text:?}: {problem}")]
    Url { text: String, problem: String },
    #[error("{}:{line}: {problem}", path.display())]
    List { path: PathBuf, line: usize, problem: String },
    #[error("{} holds no URL", path.display())]
    Empty { path: PathBuf },
    #[error("{} is larger than {} MiB", path.display(), URL_LIST_BYTES_MAX / 1024 / 1024)]
    TooLarge { path: PathBuf },
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{what} {text:?} cannot be sent")]
    Template { what: &'static str, text: String, source: TemplateError },
    #[error("{0:?} is no HTTP method")]
    Method(String),
    #[error("{0} is not offered by this load engine yet")]
    Later(&'static str),
    #[error("--for and --warmup together are longer than {} hours", RUN_MAX.as_secs() / 3_600)]
    TooLong,
    #[error("--for must be longer than nothing")]
    NoTime,
}

/// What is asked of whom, before names are looked up.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    pub(super) url: Url,
    /// Paths that are drawn from; empty when there is only the one of the URL.
    paths: Vec<String>,
    step: Step,
}

impl Requests {
    pub(super) fn read(arguments: &LoadArguments) -> Result<Self, PlanError> {
        let (url, paths) = match (&arguments.url, &arguments.urls) {
            (Some(text), _) => {
                let wrong = |problem| PlanError::Url { text: text.clone(), problem };
                (Url::parse(text).map_err(wrong)?, Vec::new())
            },
            (None, path) => read_list(path.as_deref().unwrap_or(Path::new("-")))?,
        };
        let step = step(arguments, &url, !paths.is_empty())?;
        Ok(Self { url, paths, step })
    }

    /// One line for people: `GET http://shop/items`.
    pub(super) fn describe(&self) -> String {
        let Url { target, path } = &self.url;
        match self.paths.len() {
            0 => format!("{} {target}{path}", self.step.method),
            count => format!("{} {target}, {count} URLs", self.step.method),
        }
    }

    pub(super) fn flows(&self) -> Vec<Flow> {
        vec![Flow { name: "requests".into(), steps: vec![self.step.clone()] }]
    }
}

fn read_list(path: &Path) -> Result<(Url, Vec<String>), PlanError> {
    let read = |source| PlanError::Read { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(read)?.len() > URL_LIST_BYTES_MAX {
        return Err(PlanError::TooLarge { path: path.to_owned() });
    }
    let text = std::fs::read_to_string(path).map_err(read)?;
    let mut first: Option<Url> = None;
    let mut paths = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |problem| PlanError::List { path: path.to_owned(), line: number + 1, problem };
        let url = Url::parse(line).map_err(wrong)?;
        let expected = &first.get_or_insert_with(|| url.clone()).target;
        if url.target != *expected {
            let got = &url.target;
            return Err(wrong(format!("all URLs must have one host, {expected}; this has {got}")));
        }
        paths.push(url.path);
    }
    match first {
        Some(url) => Ok((url, paths)),
        None => Err(PlanError::Empty { path: path.to_owned() }),
    }
}

fn step(arguments: &LoadArguments, url: &Url, drawn: bool) -> Result<Step, PlanError> {
    let body = match arguments.body.as_deref().map(|body| body.split_at_checked(1)) {
        Some(Some(("@", file))) => {
            let path = PathBuf::from(file);
            let read = |source| PlanError::Read { path: path.clone(), source };
            Some(std::fs::read_to_string(&path).map_err(read)?)
        },
        _ => arguments.body.clone(),
    };
    let default = if body.is_some() { "POST" } else { "GET" };
    let method = arguments.method.as_deref().unwrap_or(default).to_ascii_uppercase();
    if method.parse::<http::Method>().is_err() {
        return Err(PlanError::Method(method));
    }
    let path = if drawn { format!("${{any:{LIST}}}") } else { url.path.clone() };
    let mut headers = BTreeMap::new();
    for (name, value) in &arguments.header {
        headers.insert(name.clone(), template("the header", value)?);
    }
    Ok(Step {
        name: "request".into(),
        method,
        target: 0,
        path: template("the URL", &path)?,
        headers,
        body: body.as_deref().map(|body| template("the body", body)).transpose()?,
        key: None,
        save: BTreeMap::new(),
        status: arguments.status.clone(),
        acknowledges: None,
        timeout_ms: None,
    })
}

fn template(what: &'static str, text: &str) -> Result<Template, PlanError> {
    let shown = || text.chars().take(80).collect();
    text.parse().map_err(|source| PlanError::Template { what, text: shown(), source })
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

/// What the engine of this version cannot do is said, not left out.
pub(super) fn rate(arguments: &LoadArguments) -> Result<Rate, PlanError> {
    match (arguments.users, arguments.rate) {
        (Some(_), _) => Err(PlanError::Later("--users, the closed model,")),
        (None, Rate::Max) if arguments.find_limit.is_some() => {
            Err(PlanError::Later("a search that begins at --rate max"))
        },
        (None, rate) => Ok(rate),
    }
}

/// The plan of one worker at one rate.
pub(super) fn plan(
    arguments: &LoadArguments,
    requests: &Requests,
    rate: Rate,
    timeline: Timeline,
) -> LoadPlan {
    let spacing = if arguments.poisson { Spacing::Poisson } else { Spacing::Constant };
    let (model, rate) = match rate {
        Rate::PerSecond(rate) => (LoadModel::Open, vec![RateStep::ramp(rate, rate, None)]),
        Rate::Max => (LoadModel::Max, Vec::new()),
    };
    let load = Load {
        name: "load".into(),
        flow: "requests".into(),
        model,
        rate,
        spacing,
        recorded_ns: Vec::new(),
        users: USERS,
        timeout_ms: (arguments.timeout.as_millis() as u64).max(1),
    };
    let at_limit = match arguments.at_limit {
        AskedAtLimit::Queue => AtLimit::Queue,
        AskedAtLimit::Drop => AtLimit::Drop,
        AskedAtLimit::Spawn => AtLimit::Spawn,
    };
    let otlp = arguments.otlp.clone().filter(|_| arguments.traces);
    LoadPlan {
        run_id: format!("load-{:08x}", rand::random::<u32>()),
        seed: arguments.seed,
        worker: 0,
        workers: 1,
        targets: vec![requests.url.target.clone()],
        report_to: None,
        otlp,
        control: Share::ZERO,
        timeline,
        loads: vec![load],
        flows: requests.flows(),
        data: BTreeMap::from([(LIST.to_owned(), requests.paths.clone())]),
        connections_max: arguments.connections,
        at_limit,
        release_every_us: 0,
        threads: arguments.threads.min(arguments.connections),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<(Url, Vec<String>), String> {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("urls.txt");
        std::fs::write(&path, text).unwrap();
        read_list(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_holds_one_url_on_each_line() {
        let (url, paths) = list("# all\n\n http://a:1/x \nhttp://a:1/y?z\n").unwrap();
        assert_eq!(
            (url.target.to_string().as_str(), paths),
            ("http://a:1", vec!["/x".into(), "/y?z".into()])
        );
        let told = list("http://a/\nhttp://b/\n").unwrap_err();
        assert!(
            told.ends_with(":2: all URLs must have one host, http://a; this has http://b"),
            "{told}"
        );
        assert!(list("http://a/\n\nft://b/\n").unwrap_err().contains(":3: the scheme"));
        assert!(list("# nothing\n").unwrap_err().ends_with("holds no URL"));
    }

    #[test]
    fn warm_up_comes_before_the_one_phase_that_is_judged() {
        let timeline = timeline(Duration::from_secs(5), Duration::from_secs(30)).unwrap();
        assert_eq!(timeline.window_ms(model::phase::Phase::Warmup), (0, 5_000));
        assert_eq!(timeline.window_ms(model::phase::Phase::During), (5_000, 35_000));
        assert!(matches!(super::timeline(RUN_MAX, RUN_MAX), Err(PlanError::TooLong)));
        assert!(matches!(super::timeline(RUN_MAX, Duration::ZERO), Err(PlanError::NoTime)));
    }
}
