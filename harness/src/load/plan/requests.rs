//! What is asked of whom: a URL, a list of URLs, or a file of load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::flow::header::{self, Fit};
use model::flow::{Body, Flow, Step};
use model::loadfile::LoadFile;
use model::target::{HttpVersion, Reuse, Target, TargetTls};
use model::template::Template;

use super::PlanError;
use crate::cli::LoadArguments;
use crate::gateway::Folder;
use crate::load::target::Url;

/// Longest list of URLs, and longest body.
const SENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Names and weights of flows.
type Mix = Vec<(String, u32)>;

/// What is asked of whom, before names are looked up.
#[derive(Debug, Clone)]
pub(in crate::load) struct Requests {
    pub(in crate::load) targets: Vec<Target>,
    pub(in crate::load) flows: Vec<Flow>,
    /// Flows and their weights, unless a file says so itself.
    pub(super) mix: Mix,
    pub(super) data: BTreeMap<String, Vec<String>>,
    pub(in crate::load) file: Option<LoadFile>,
    what: String,
}

impl Requests {
    pub(in crate::load) fn read(arguments: &LoadArguments) -> Result<Self, PlanError> {
        let mut requests = match (&arguments.url, &arguments.urls) {
            (Some(text), _) if Path::new(text).extension().is_some_and(|it| it == "toml") => {
                Self::from_file(Path::new(text), arguments)?
            },
            (Some(text), _) => {
                let wrong = |problem| PlanError::Url { text: text.clone(), problem };
                let url = Url::parse(text).map_err(wrong)?;
                let path = url.path.clone();
                let step = step(arguments, 0, &path)?;
                let what = format!("{} {}{path}", step.method, url.target);
                let flow = Flow::new("requests", vec![step]);
                Self::of(vec![url.target], vec![(flow, 1)], BTreeMap::new(), what)
            },
            (None, path) => Self::from_list(path.as_deref().unwrap_or(Path::new("-")), arguments)?,
        };
        if arguments.target.is_some() && requests.file.is_none() {
            let (with, why) = ("URLs", "they name the target themselves");
            return Err(PlanError::Unused { option: "--target", with, why });
        }
        check_encrypted(&requests.targets, arguments)?;
        for target in &mut requests.targets {
            connection(target, arguments)?;
        }
        Ok(requests)
    }

    /// One line for people: `GET http://shop/items`.
    pub(in crate::load) fn describe(&self) -> String {
        self.what.clone()
    }

    fn of(
        targets: Vec<Target>,
        flows: Vec<(Flow, u32)>,
        data: BTreeMap<String, Vec<String>>,
        what: String,
    ) -> Self {
        let mix = flows.iter().map(|(flow, weight)| (flow.name.clone(), *weight)).collect();
        let flows = flows.into_iter().map(|(flow, _)| flow).collect();
        Self { targets, flows, mix, data, file: None, what }
    }

    fn from_file(path: &Path, arguments: &LoadArguments) -> Result<Self, PlanError> {
        let foreign = [
            ("--method", arguments.method.is_some()),
            ("--header", !arguments.header.is_empty()),
            ("--body", arguments.body.is_some()),
            ("--status", !arguments.status.is_empty()),
            ("--timeout", arguments.timeout.is_some()),
            ("--poisson", arguments.poisson),
        ];
        if let Some((option, _)) = foreign.into_iter().find(|(_, given)| *given) {
            return Err(PlanError::NotWithFile(option));
        }
        let read = |source| PlanError::Read { path: path.to_owned(), source };
        let text = crate::written::text(path).map_err(read)?;
        let name = path.display().to_string();
        let file = LoadFile::read(&name, &text, &Folder::of(path)).map_err(PlanError::File)?;
        let target = match &arguments.target {
            None => file.target.clone(),
            Some(text) => {
                let wrong = |problem| PlanError::Url { text: text.clone(), problem };
                let other = Url::parse(text).map_err(wrong)?.target;
                Some(match file.target.clone() {
                    Some(known) => moved(known, other),
                    None => other,
                })
            },
        };
        let target = target.ok_or_else(|| PlanError::NoTarget { path: path.to_owned() })?;
        let what = format!("{} on {target}", file.title);
        let mut requests = Self::of(vec![target], Vec::new(), file.data.clone(), what);
        requests.flows.clone_from(&file.flows);
        requests.file = Some(file);
        Ok(requests)
    }

    /// One flow for each host, so that results are told apart by it.
    fn from_list(path: &Path, arguments: &LoadArguments) -> Result<Self, PlanError> {
        let hosts = read_list(path)?;
        let urls: usize = hosts.iter().map(|(_, paths)| paths.len()).sum();
        let (mut targets, mut flows, mut data) = (Vec::new(), Vec::new(), BTreeMap::new());
        let alone = hosts.len() == 1;
        for (number, (target, paths)) in hosts.into_iter().enumerate() {
            let list = format!("urls{number}");
            let step = step(arguments, number, &format!("${{any:{list}}}"))?;
            let name = if alone { "requests".to_owned() } else { target.authority.clone() };
            flows.push((Flow::new(name, vec![step]), paths.len() as u32));
            data.insert(list, paths);
            targets.push(target);
        }
        let method = &flows[0].0.steps[0].method;
        let what = match targets.as_slice() {
            [target] => format!("{method} {target}, {urls} URLs"),
            several => format!("{method} {urls} URLs of {} hosts", several.len()),
        };
        Ok(Self::of(targets, flows, data, what))
    }
}

/// The same kind of target at another place.
fn moved(target: Target, to: Target) -> Target {
    let tls = to.tls.map(|tls| target.tls.unwrap_or(tls));
    Target { place: to.place, authority: to.authority, tls, ..target }
}

/// Paths by host, in the order in which hosts come first.
fn read_list(path: &Path) -> Result<Vec<(Target, Vec<String>)>, PlanError> {
    let read = |source| PlanError::Read { path: path.to_owned(), source };
    let text = crate::written::text_up_to(path, SENT_BYTES_MAX).map_err(read)?;
    let mut hosts: Vec<(Target, Vec<String>)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |problem| PlanError::List { path: path.to_owned(), line: number + 1, problem };
        let url = Url::parse(line).map_err(wrong)?;
        match hosts.iter_mut().find(|(target, _)| *target == url.target) {
            Some((_, paths)) => paths.push(url.path),
            None => hosts.push((url.target, vec![url.path])),
        }
    }
    if hosts.is_empty() { Err(PlanError::Empty { path: path.to_owned() }) } else { Ok(hosts) }
}

fn step(arguments: &LoadArguments, target: usize, path: &str) -> Result<Step, PlanError> {
    let body = match arguments.body.as_deref().map(|body| body.split_at_checked(1)) {
        Some(Some(("@", file))) => {
            let path = PathBuf::from(file);
            let read = |source| PlanError::Read { path: path.clone(), source };
            Some(crate::written::bytes(&path, SENT_BYTES_MAX).map_err(read)?)
        },
        _ => arguments.body.clone().map(String::into_bytes),
    };
    let default = if body.is_some() { "POST" } else { "GET" };
    let method = arguments.method.as_deref().unwrap_or(default).to_ascii_uppercase();
    if method.parse::<http::Method>().is_err() {
        return Err(PlanError::Method(method));
    }
    let body = body.map(body_of).transpose()?;
    let mut headers = BTreeMap::new();
    for (name, value) in &arguments.header {
        let value = template("the header", value)?;
        match header::fit(name, &value, body.as_ref()) {
            Fit::Sent => drop(headers.insert(name.clone(), value)),
            Fit::Known => {},
            Fit::Refused(problem) => {
                return Err(PlanError::Header { name: name.clone(), problem });
            },
        }
    }
    Ok(Step {
        target,
        headers,
        body,
        status: arguments.status.clone(),
        ..Step::new("request", method, template("the URL", path)?)
    })
}

fn template(what: &'static str, text: &str) -> Result<Template, PlanError> {
    text.parse().map_err(|source| PlanError::Template { what, text: shown(text), source })
}

fn body_of(bytes: Vec<u8>) -> Result<Body, PlanError> {
    let text = shown(&String::from_utf8_lossy(&bytes));
    Body::of_bytes(bytes).map_err(|source| PlanError::Template { what: "the body", text, source })
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

/// What is said about encryption must be said of something.
fn check_encrypted(targets: &[Target], arguments: &LoadArguments) -> Result<(), PlanError> {
    let given = [
        ("--cacert", arguments.cacert.is_some()),
        ("--cert", arguments.cert.is_some()),
        ("--key", arguments.key.is_some()),
        ("--server-name", arguments.server_name.is_some()),
        ("--insecure", arguments.insecure),
    ];
    let first = given.into_iter().find(|(_, given)| *given);
    match first.filter(|_| targets.iter().all(|target| target.tls.is_none())) {
        Some((option, _)) => {
            let (with, why) = ("a target without `https://`", "nothing is encrypted there");
            Err(PlanError::Unused { option, with, why })
        },
        None => Ok(()),
    }
}

/// How connections are made and kept, where the arguments say so.
fn connection(target: &mut Target, arguments: &LoadArguments) -> Result<(), PlanError> {
    if arguments.http2 {
        target.version = HttpVersion::Http2;
    }
    if arguments.no_keepalive {
        target.reuse = Reuse::Never;
    }
    let show = match (&arguments.cert, &arguments.key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        _ => return Err(PlanError::HalfCertificate),
    };
    if let Some(tls) = &mut target.tls {
        let TargetTls { server_name, trust, show: shown, insecure } = tls;
        *server_name = arguments.server_name.clone().or(server_name.take());
        *trust = arguments.cacert.clone().or(trust.take());
        *shown = show.or(shown.take());
        *insecure |= arguments.insecure;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Vec<(String, Vec<String>)>, String> {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("urls.txt");
        std::fs::write(&path, text).unwrap();
        let hosts = read_list(&path).map_err(|error| error.to_string())?;
        Ok(hosts.into_iter().map(|(target, paths)| (target.to_string(), paths)).collect())
    }

    #[test]
    fn a_list_holds_one_url_on_each_line() {
        let hosts = list("# all\n\n http://a:1/x \nhttp://b/\nhttp://a:1/y?z\n").unwrap();
        let paths = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        let expected: Vec<(String, Vec<String>)> =
            vec![("http://a:1".into(), paths(&["/x", "/y?z"])), ("http://b".into(), paths(&["/"]))];
        assert_eq!(hosts, expected);
        assert!(list("http://a/\n\nft://b/\n").unwrap_err().contains(":3: the scheme"));
        assert!(list("# nothing\n").unwrap_err().ends_with("holds no URL"));
    }
}
