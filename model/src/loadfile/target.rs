//! `target` of a load file: a URL, or a table with how the server is spoken to.

use std::path::PathBuf;

use crate::reading::reader::{Value, shorten};
use crate::target::{HttpVersion, Reuse, Target, TargetTls};

const VERSIONS: [&str; 2] = ["1.1", "2"];
const REUSES: [(&str, Reuse); 3] =
    [("shared", Reuse::Shared), ("journey", Reuse::Journey), ("never", Reuse::Never)];

pub(super) fn read(value: &Value<'_>) -> Option<Target> {
    if !value.is_table() {
        return url(value);
    }
    let mut table = value.inner_table()?;
    let target = table.require("url").as_ref().and_then(url);
    let version = table.get("http").and_then(|value| value.one_of("version of HTTP", VERSIONS));
    let reuse = table.get("reuse").and_then(|value| {
        let word = value.one_of("reuse of connections", REUSES.map(|(word, _)| word))?;
        REUSES.into_iter().find(|(known, _)| *known == word)
    });
    let most = table
        .get("requests_per_connection")
        .and_then(|value| value.integer(1..=u64::from(u32::MAX)));
    let mut path = |key: &'static str| -> Option<PathBuf> {
        table.get(key)?.text("a path").map(PathBuf::from)
    };
    let (trust, certificate, key) = (path("trust"), path("certificate"), path("key"));
    let server_name = table.get("server_name").and_then(|value| value.text("the name of a host"));
    let insecure = table.get("insecure").and_then(|value| value.flag());
    if certificate.is_some() != key.is_some() {
        table.wrong("`certificate` and `key` of a client belong together");
    }
    let tls = TargetTls {
        server_name: server_name.map(str::to_owned),
        trust,
        show: certificate.zip(key),
        insecure: insecure.unwrap_or_default(),
    };
    if tls != TargetTls::default() && target.as_ref().is_some_and(|target| target.tls.is_none()) {
        table.wrong("trust, certificate, key, server_name and insecure are for https:// alone");
    }
    table.finish(&[]);
    let target = target?;
    Some(Target {
        tls: target.tls.is_some().then_some(tls),
        version: if version == Some("2") { HttpVersion::Http2 } else { HttpVersion::Http1 },
        reuse: reuse.map(|(_, reuse)| reuse).unwrap_or_default(),
        requests_per_connection: most.map(|most| most as u32),
        ..target
    })
}

/// A URL without a path: paths are what steps have.
fn url(value: &Value<'_>) -> Option<Target> {
    value.parsed("a URL like \"http://127.0.0.1:8080\"", |text| {
        let (target, path) = Target::parse_url(text).map_err(|error| error.to_string())?;
        if path != "/" {
            let path = shorten(&path);
            return Err(format!("a target has no path, that is what steps have; got \"{path}\""));
        }
        Ok(target)
    })
}
