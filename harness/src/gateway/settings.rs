//! What a gateway is started with: a file, or the few flags that are enough for one edge.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use model::edge::{CLIENT, Edge};
use model::gateway::{ADMIN_DEFAULT, GatewayFile, Outside as _, Problems, admin_problem};
use model::plan::{EdgeListener, EdgePlan, Plan, Protocol, ProxyConfig, Route};

use super::outside::Folder;
use crate::cli::ProxyArguments;

/// The callee of the only edge, when the flags do not name one.
const UPSTREAM: &str = "upstream";

#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("cannot read {path}")]
    Read { path: String, source: std::io::Error },
    #[error("{0}")]
    Problems(Problems),
    #[error("--upstream {text}: {error}")]
    Upstream { text: String, error: String },
    #[error("--admin: {0}")]
    Admin(String),
    #[error("--admin-token-file: {0}")]
    Token(String),
    #[error("--toxiproxy asks nobody who they are, so it is on the loopback only, got {0}")]
    Toxiproxy(SocketAddr),
    #[error("--otlp: {0}")]
    Otlp(String),
}

/// The file that a gateway came from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// As it was last seen.
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = crate::written::text(path)
            .map_err(|source| SettingsError::Read { path: path.display().to_string(), source })?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// As messages name it.
    pub(crate) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    pub(crate) fn parse(&self) -> Result<GatewayFile, SettingsError> {
        let folder = Folder::of(&self.path);
        let mut file = GatewayFile::parse(&self.shown(), &self.text, &folder)
            .map_err(SettingsError::Problems)?;
        if let Some(path) = file.config.access_log.as_mut().filter(|path| *path != "-") {
            *path = folder.join(path).display().to_string();
        }
        Ok(file)
    }
}

/// A gateway that is about to be started.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) file: GatewayFile,
    /// `None` when flags said it all.
    pub(crate) source: Option<Source>,
}

impl Settings {
    pub(crate) fn read(arguments: &ProxyArguments) -> Result<Self, SettingsError> {
        if let Some(path) = &arguments.config {
            let source = Source::read(path)?;
            return Ok(Self { file: source.parse()?, source: Some(source) });
        }
        Ok(Self { file: from_flags(arguments)?, source: None })
    }
}

fn from_flags(arguments: &ProxyArguments) -> Result<GatewayFile, SettingsError> {
    let edge = Edge::new(CLIENT, UPSTREAM);
    let listen = arguments.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
    let mut config = ProxyConfig {
        admin: arguments.admin.unwrap_or(ADMIN_DEFAULT),
        toxiproxy: arguments.toxiproxy,
        otlp: arguments.otlp.clone(),
        threads: arguments.threads.map(usize::from),
        ..ProxyConfig::on_loopback("gateway", [edge.clone()])
    };
    if let Some(path) = &arguments.admin_token_file {
        config.admin_token = Some(crate::control::token(path).map_err(SettingsError::Token)?);
    }
    if let Some(problem) = admin_problem(config.admin, config.admin_token.as_ref()) {
        let problem =
            problem.replace("`admin_token_file` or `admin_token_env`", "--admin-token-file");
        return Err(SettingsError::Admin(problem));
    }
    if let Some(address) = config.toxiproxy.filter(|address| !address.ip().is_loopback()) {
        return Err(SettingsError::Toxiproxy(address));
    }
    if let Some(problem) = config.otlp.as_deref().and_then(model::gateway::otlp_problem) {
        return Err(SettingsError::Otlp(problem));
    }
    let (mut routes, mut edges) = (Vec::new(), Vec::new());
    if arguments.listen.is_none() {
        config.edges.clear();
    } else if arguments.tcp {
        config.edges = vec![EdgeListener { edge: edge.clone(), listen, protocol: Protocol::Tcp }];
    } else {
        config.gateway = listen;
        routes.push(Route::to("/", edge.clone()));
    }
    if arguments.listen.is_some() {
        let endpoints = endpoints(&arguments.upstream)?;
        edges.push(EdgePlan { edge, endpoints, policy: model::policy::EdgePolicy::default() });
    }
    let plan = Plan { epoch: 1, seed: 1, edges, routes, held: true, ..Plan::empty() };
    Ok(GatewayFile { config, plan })
}

fn endpoints(upstream: &[String]) -> Result<Vec<SocketAddr>, SettingsError> {
    let mut endpoints: Vec<SocketAddr> = Vec::new();
    for text in upstream {
        let found = match (text.parse(), text.rsplit_once(':')) {
            (Ok(address), _) => Ok(vec![address]),
            (Err(_), Some((host, port))) => {
                let port = port.parse().unwrap_or_default();
                Folder::here().addresses(host, port)
            },
            (Err(_), None) => Err("expected HOST:PORT".to_owned()),
        };
        let wrong = |error| SettingsError::Upstream { text: text.clone(), error };
        let found = found.map_err(wrong)?;
        if found.iter().any(|address| address.port() == 0) {
            return Err(wrong("nobody can be reached at port 0".to_owned()));
        }
        endpoints.extend(found);
    }
    endpoints.dedup();
    Ok(endpoints)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::{Command, parse};

    fn settings(line: &str) -> Result<Settings, SettingsError> {
        let cli = parse(line.split(' ').map(OsString::from)).unwrap();
        let Command::Proxy(arguments) = cli.command else { panic!("a proxy: {line}") };
        Settings::read(&arguments)
    }

    #[test]
    fn two_flags_are_an_edge_of_requests_behind_the_public_listener() {
        let settings = settings("shakedown proxy --listen 8080 --upstream 7001").unwrap();
        let GatewayFile { config, plan } = settings.file;
        assert_eq!(config.gateway.to_string(), "127.0.0.1:8080");
        assert_eq!(config.admin.to_string(), "127.0.0.1:9900");
        assert_eq!((config.threads, config.toxiproxy), (None, None));
        assert_eq!(config.edges[0].protocol, Protocol::Http);
        assert_eq!(plan.routes, [Route::to("/", Edge::new("client", "upstream"))]);
        assert_eq!(plan.edges[0].endpoints[0].to_string(), "127.0.0.1:7001");
        assert!(plan.held && settings.source.is_none());
    }

    #[test]
    fn with_tcp_the_listener_is_the_one_of_the_edge() {
        let line = "shakedown proxy --tcp --listen 0.0.0.0:5433 --upstream 5432 --upstream 5434 \
                    --admin 9901 --toxiproxy 8474 --threads 2 --otlp http://127.0.0.1:4317";
        let GatewayFile { config, plan } = settings(line).unwrap().file;
        let [listener] = config.edges.as_slice() else { panic!("one edge") };
        assert_eq!(listener.listen.to_string(), "0.0.0.0:5433");
        assert_eq!(listener.protocol, Protocol::Tcp);
        assert_eq!((plan.routes.len(), plan.edges[0].endpoints.len()), (0, 2));
        assert_eq!((config.threads, config.admin.port()), (Some(2), 9_901));
        assert_eq!(config.toxiproxy.unwrap().port(), 8_474);
    }

    #[test]
    fn the_api_of_toxiproxy_alone_makes_every_listener() {
        let GatewayFile { config, plan } =
            settings("shakedown proxy --toxiproxy 8474").unwrap().file;
        assert_eq!(config.toxiproxy.unwrap().port(), 8_474);
        assert!(config.edges.is_empty() && plan.edges.is_empty() && plan.routes.is_empty());
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (more, expected) in [
            (
                "--admin 0.0.0.0:9900",
                "--admin: an admin API that other machines reach needs a token, --admin-token-file",
            ),
            ("--toxiproxy 0.0.0.0:8474", "--toxiproxy asks nobody who they are"),
            ("--otlp https://backend", "--otlp: an OTLP endpoint over https"),
            ("--upstream 0", "--upstream 127.0.0.1:0: nobody can be reached at port 0"),
            ("--upstream no.such.host.invalid:80", "cannot find the host \"no.such.host.invalid\""),
            ("--admin-token-file no/such/file", "cannot read no/such/file"),
        ] {
            let line = format!("shakedown proxy --listen 8080 --upstream 7001 {more}");
            let said = settings(&line).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn a_file_is_read_with_its_folder() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("gateway.toml");
        let text = "[proxy]\naccess_log = \"access.log\"\nadmin_token_file = \"token\"\n\
                    [edge.\"client -> a\"]\nlisten = \"127.0.0.1:8081\"\n\
                    endpoints = \"127.0.0.1:7001\"\n";
        std::fs::write(&path, text).unwrap();
        std::fs::write(folder.path().join("token"), "s3cret\n").unwrap();
        let line = format!("shakedown proxy --config {}", path.display());
        let Settings { file, source } = settings(&line).unwrap();
        assert_eq!(source.unwrap().text, text);
        assert!(file.config.admin_token.unwrap().is(b"s3cret"));
        let log = folder.path().join("access.log").display().to_string();
        assert_eq!(file.config.access_log, Some(log));
        std::fs::write(&path, text.replace("listen", "listn")).unwrap();
        let said = settings(&line).unwrap_err().to_string();
        let place = format!("{}:5:1: unknown key \"listn\"", path.display());
        assert!(said.contains(&place) && said.contains("did you mean \"listen\"?"), "{said}");
    }
}
