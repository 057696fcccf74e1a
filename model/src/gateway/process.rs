//! `[proxy]` and `[limits]`: what the process binds, and how much it bears.

use std::net::SocketAddr;
use std::time::Duration;

use crate::fault::Token;
use crate::plan::{Limits, OtlpProtocol, ProxyConfig};
use crate::reading::outside::Outside;
use crate::reading::reader::{Table, Value, shorten};
use crate::reading::{secret, url};
use crate::units::{Share, parse_bytes};

/// Where the admin API listens when the file does not say.
pub const ADMIN_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9_900);
const SEED_DEFAULT: u64 = 1;
const THREADS_MAX: u64 = 1_024;
const TIME_MAX: Duration = Duration::from_hours(24);
/// The run that telemetry of a proxy outside of any run names.
const RUN_ID: &str = "gateway";

/// `[proxy]`, and where its addresses stand.
#[derive(Debug)]
pub(super) struct Process<'r> {
    pub(super) config: ProxyConfig,
    pub(super) seed: u64,
    pub(super) control: Share,
    /// The public listener.
    pub(super) listen: Option<Value<'r>>,
    admin: Option<Value<'r>>,
    toxiproxy: Option<Value<'r>>,
}

impl<'r> Process<'r> {
    /// Every address that the file gives, with its place.
    pub(super) fn listeners(&self) -> impl Iterator<Item = (SocketAddr, &Value<'r>)> {
        let config = &self.config;
        let listen = self.listen.as_ref().map(|value| (config.gateway, value));
        let admin = self.admin.as_ref().map(|value| (config.admin, value));
        let toxiproxy = config.toxiproxy.zip(self.toxiproxy.as_ref());
        listen.into_iter().chain(admin).chain(toxiproxy)
    }
}

pub(super) fn read<'r>(root: &mut Table<'r>, outside: &dyn Outside) -> Process<'r> {
    let config = ProxyConfig {
        admin: ADMIN_DEFAULT,
        ..ProxyConfig::on_loopback(RUN_ID, std::iter::empty())
    };
    let mut process = Process {
        config,
        seed: SEED_DEFAULT,
        control: Share::ZERO,
        listen: None,
        admin: None,
        toxiproxy: None,
    };
    if let Some(mut table) = root.get("proxy").and_then(|value| value.table("[proxy]")) {
        read_addresses(&mut table, &mut process, outside);
        read_rest(&mut table, &mut process);
        table.finish(&[]);
    }
    process
}

fn read_addresses<'r>(table: &mut Table<'r>, process: &mut Process<'r>, outside: &dyn Outside) {
    process.listen = table.get("listen");
    if let Some(address) = process.listen.as_ref().and_then(read_address) {
        process.config.gateway = address;
    }
    process.admin = table.get("admin");
    let admin = process.admin.as_ref().and_then(read_address);
    if let Some(address) = admin {
        process.config.admin = address;
    }
    let keys = ["admin_token_file", "admin_token_env", "admin_token"];
    let named = keys.iter().any(|key| table.has(key));
    process.config.admin_token = secret::read(table, keys, outside);
    if let (Some(value), Some(address), false) = (&process.admin, admin, named)
        && let Some(message) = admin_problem(address, None)
    {
        value.wrong(message);
    }
    process.toxiproxy = table.get("toxiproxy");
    process.config.toxiproxy = process.toxiproxy.as_ref().and_then(|value| {
        let address = read_address(value)?;
        if !address.ip().is_loopback() {
            value.wrong(format!(
                "the Toxiproxy API asks nobody who they are, so it listens on the loopback only, \
                 got {address}"
            ));
        }
        Some(address)
    });
}

/// Why an admin API must not listen there, if it must not.
pub fn admin_problem(address: SocketAddr, token: Option<&Token>) -> Option<String> {
    if address.ip().is_loopback() || token.is_some() {
        return None;
    }
    Some(format!(
        "an admin API that other machines reach needs a token, `admin_token_file` or \
         `admin_token_env`; without one it listens on the loopback, got {address}"
    ))
}

pub(super) fn read_address(value: &Value<'_>) -> Option<SocketAddr> {
    let expected = "an address like \"127.0.0.1:8080\"";
    let text = value.text(expected)?;
    let address = text.parse().ok();
    if address.is_none() {
        value.wrong(format!("{} must be {expected}, got \"{}\"", value.name, shorten(text)));
    }
    address
}

fn read_rest(table: &mut Table<'_>, process: &mut Process<'_>) {
    let config = &mut process.config;
    let threads = table.get("threads").and_then(|value| value.integer(1..=THREADS_MAX));
    config.threads = threads.map(|threads| threads as usize);
    if let Some(seed) = table.get("seed").and_then(|value| value.integer(0..=i64::MAX as u64)) {
        process.seed = seed;
    }
    if let Some(value) = table.get("control")
        && let Some(share) = value.share()
    {
        if share == Share::WHOLE {
            value.wrong("with a control group of 100% no fault could touch anybody");
        }
        process.control = share;
    }
    config.access_log = table.get("access_log").and_then(|value| {
        let path = value.text("the path of a file, or \"-\" for standard output")?;
        if path.is_empty() {
            value.wrong("the access log needs the path of a file, or \"-\" for standard output");
        }
        Some(path.to_owned())
    });
    config.otlp = table.get("otlp").as_ref().and_then(url::read_otlp);
    if let Some(value) = table.get("otlp_protocol")
        && let Some(word) = value.one_of("OTLP protocol", ["grpc", "http/protobuf"])
    {
        config.otlp_protocol =
            if word == "grpc" { OtlpProtocol::Grpc } else { OtlpProtocol::HttpProtobuf };
    }
    config.otlp_gzip = table.get("otlp_gzip").and_then(|value| value.flag()).unwrap_or(false);
}

pub(super) fn read_limits(root: &mut Table<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(mut table) = root.get("limits").and_then(|value| value.table("[limits]")) else {
        return limits;
    };
    if let Some(bytes) = table.get("head").and_then(|value| read_bytes(&value, 1_024)) {
        limits.head_bytes = bytes as usize;
    }
    limits.body_bytes = table.get("body").and_then(|value| read_bytes(&value, 0));
    if let Some(most) = table.get("fields").and_then(|value| value.integer(1..=10_000)) {
        limits.head_fields = most as usize;
    }
    if let Some(most) = table.get("connections").and_then(|value| value.integer(1..=1_000_000)) {
        limits.connections = most as usize;
    }
    let per_peer = table.get("connections_per_peer");
    let per_peer = per_peer.and_then(|value| value.integer(1..=1_000_000));
    limits.connections_per_peer = per_peer.map(|most| most as usize);
    for (key, time) in [
        ("head_timeout", &mut limits.head_ms),
        ("idle_timeout", &mut limits.idle_ms),
        ("body_timeout", &mut limits.body_idle_ms),
    ] {
        let value = table.get(key);
        let least = Duration::from_millis(1);
        if let Some(ms) = value.and_then(|value| value.time_ms_within(least, TIME_MAX)) {
            *time = ms;
        }
    }
    table.finish(&[]);
    limits
}

fn read_bytes(value: &Value<'_>, least: u64) -> Option<u64> {
    let bytes = value.parsed("bytes like \"64KiB\"", parse_bytes)?;
    if bytes < least {
        value.wrong(format!("{} must be at least {least}B", value.name));
        return None;
    }
    Some(bytes)
}
