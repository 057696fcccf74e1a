//! Takes a changed file over while the gateway serves.
//!
//! A plan is swapped as a whole, so no request is lost and breakers keep what they know. What is
//! bound once cannot follow: it is named, and waits for a restart. A new edge would need a
//! listener, so a file that has one is refused as a whole.

use std::path::Path;

use model::gateway::GatewayFile;
use model::plan::{Plan, Protocol, ProxyConfig};
use proxy::ProxyHandle;

use super::settings::{SettingsError, Source};
use super::summary;

/// The file and what it was bound with.
#[derive(Debug)]
pub(super) struct Reloader {
    source: Source,
    bound: ProxyConfig,
    zero_unix_ms: u64,
}

impl Reloader {
    pub(super) fn new(source: Source, bound: ProxyConfig, zero_unix_ms: u64) -> Self {
        Self { source, bound, zero_unix_ms }
    }

    pub(super) fn path(&self) -> &Path {
        &self.source.path
    }

    /// Reads the file again if its text has changed.
    pub(super) fn look(&mut self, proxy: &ProxyHandle) {
        match Source::read(&self.source.path) {
            Ok(next) if next.text == self.source.text => {},
            // An editor may put the file away for a moment; its return is a change as well.
            Err(SettingsError::Read { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound => {},
            outcome => self.take(outcome, proxy),
        }
    }

    /// Reads the file again, changed or not: what it points to may have changed.
    pub(super) fn reload(&mut self, proxy: &ProxyHandle) {
        let outcome = Source::read(&self.source.path);
        self.take(outcome, proxy);
    }

    fn take(&mut self, next: Result<Source, SettingsError>, proxy: &ProxyHandle) {
        let outcome = next.and_then(|source| {
            self.source = source;
            self.source.parse()
        });
        let file = match outcome {
            Ok(file) => file,
            Err(error) => return self.refuse(&crate::with_causes(&error)),
        };
        let GatewayFile { config, plan } = file;
        let Changes { fatal, waiting } = changes(&self.bound, &config);
        if !fatal.is_empty() {
            return self.refuse(&fatal.join("\n"));
        }
        let plan = Plan { zero_unix_ms: Some(self.zero_unix_ms), ..plan };
        match proxy.apply(plan.clone()) {
            Ok(applied) => {
                let (name, epoch) = (self.source.shown(), applied.epoch);
                let what = summary::plan(&plan);
                crate::say(&format!("{name} is in force as epoch {epoch}: {what}"));
                for what in waiting {
                    crate::say(&format!("{what} waits for a restart"));
                }
            },
            Err(error) => self.refuse(&summary::with_names(&error, &plan)),
        }
    }

    fn refuse(&self, why: &str) {
        crate::say(&format!("{} is not taken over, nothing changed:\n{why}", self.source.shown()));
    }
}

/// What a file asks for and a running gateway cannot do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changes {
    /// The plan would not fit to what is bound.
    fatal: Vec<String>,
    /// The rest can be taken over without it.
    waiting: Vec<String>,
}

fn changes(bound: &ProxyConfig, asked: &ProxyConfig) -> Changes {
    let mut changes = Changes::default();
    for (name, differs) in [
        ("listen", bound.gateway != asked.gateway),
        ("admin", bound.admin != asked.admin),
        ("the admin token", bound.admin_token != asked.admin_token),
        ("toxiproxy", bound.toxiproxy != asked.toxiproxy),
        ("threads", bound.threads != asked.threads),
        ("access_log", bound.access_log != asked.access_log),
        ("otlp", bound.otlp != asked.otlp),
        ("otlp_protocol", bound.otlp_protocol != asked.otlp_protocol),
        ("otlp_gzip", bound.otlp_gzip != asked.otlp_gzip),
    ] {
        if differs {
            let name = if name.contains(' ') { name.to_owned() } else { format!("`{name}`") };
            changes.waiting.push(format!("{name} in [proxy]"));
        }
    }
    if bound.limits != asked.limits {
        changes.waiting.push("[limits]".to_owned());
    }
    for edge in &asked.edges {
        let name = &edge.edge;
        let Some(before) = bound.edges.iter().find(|before| before.edge == *name) else {
            changes.fatal.push(format!("{name} is a new edge, and its listener takes a restart"));
            continue;
        };
        if before.protocol != edge.protocol {
            let carries = |protocol| match protocol {
                Protocol::Http => "requests",
                Protocol::Tcp => "bytes",
            };
            let (was, is) = (carries(before.protocol), carries(edge.protocol));
            changes.fatal.push(format!("{name} carries {was}; to carry {is} takes a restart"));
        } else if before.listen != edge.listen {
            changes.waiting.push(format!("`listen` of {name}"));
        }
    }
    for edge in &bound.edges {
        if !asked.edges.iter().any(|asked| asked.edge == edge.edge) {
            let name = &edge.edge;
            changes.waiting.push(format!("{name} leads nowhere; to close its listener"));
        }
    }
    changes
}

#[cfg(test)]
mod tests;
