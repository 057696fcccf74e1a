//! `shakedown proxy`: the gateway by itself, in front of any services.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::address;

const EXAMPLES: &str = "\
Examples:
  shakedown proxy --listen 8080 --upstream 127.0.0.1:7001
      HTTP: calls to port 8080 go to port 7001, and faults can be armed between them
  shakedown proxy --tcp --listen 5433 --upstream db:5432
      any bytes, such as those of a database
  shakedown proxy --config gateway.toml
      routes, several services, policies and faults from a file; a change of the file takes effect
      at once, an invalid one is explained and changes nothing
  shakedown proxy --config gateway.toml --check
      says what is wrong in the file, or what it means, and ends

  shakedown fault arm slow --on 'client -> upstream' --kind latency --set add=200ms --for 5m
      breaks a running one for five minutes

SIGTERM or Ctrl-C finishes the requests in flight first; a second one ends at once. SIGHUP reads the
file again. docs/gateway.md explains the file.

Exit codes:
    0  ended as asked
    4  file or arguments invalid
    5  environment: a port is taken, a folder is gone
  130  ended at once, with requests in flight
";

/// One of these says what there is to serve.
const WHAT: [&str; 4] = ["config", "listen", "toxiproxy", "bootstrap"];

/// What one proxy needs: a file, a listener and where it leads, or an API that makes listeners.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(WHAT))]
pub struct ProxyArguments {
    /// File with listeners, routes, policies and faults (TOML)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "upstream", "tcp", "admin", "admin_token_file", "toxiproxy", "otlp", "threads"])]
    pub config: Option<PathBuf>,
    /// Only check the file: every error with its place, or what it means
    #[arg(long, requires = "config", conflicts_with = "listen")]
    pub check: bool,
    /// Where callers connect; a port alone is one of the loopback
    #[arg(long, value_name = "ADDR", value_parser = address::listen, requires = "upstream")]
    pub listen: Option<SocketAddr>,
    /// Where calls go; given more than once, in turn
    #[arg(long, value_name = "ADDR", value_parser = address::endpoint, requires = "listen")]
    pub upstream: Vec<String>,
    /// Pass bytes of any protocol instead of HTTP
    #[arg(long, requires = "listen")]
    pub tcp: bool,
    /// Where faults are armed and states are read [default: 127.0.0.1:9900]
    #[arg(long, value_name = "ADDR", value_parser = address::listen)]
    pub admin: Option<SocketAddr>,
    /// Holds the token that the admin API asks for; needed when other machines reach it
    #[arg(long, value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// Serve the API of Toxiproxy here, for its clients; alone, they make every listener
    #[arg(long, value_name = "ADDR", value_parser = address::listen)]
    pub toxiproxy: Option<SocketAddr>,
    /// Send traces, metrics and logs to this OTLP backend, like http://127.0.0.1:4317
    #[arg(long, value_name = "URL")]
    pub otlp: Option<String>,
    /// Threads that serve
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// JSON file of a run with addresses and edges
    #[arg(long, value_name = "FILE", hide = true, exclusive = true)]
    pub bootstrap: Option<PathBuf>,
}
