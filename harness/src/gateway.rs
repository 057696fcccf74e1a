//! `shakedown proxy`: the gateway by itself, as its file or its flags say.
//!
//! It is read and checked before anything is bound ([`settings`]), then it serves until it is
//! asked to end. A change of the file is taken over while it serves ([`reload`], [`watch`]); what
//! is wrong in it is shown, and nothing changes then. A first signal drains, a second ends at once.

mod outside;
mod reload;
mod settings;
mod signals;
mod summary;
mod watch;

use std::path::Path;

use model::gateway::GatewayFile;
use model::plan::ProxyConfig;
use proxy::ProxyHandle;
use telemetry::clock::Clock;
use telemetry::providers::{Identity, Providers, TelemetryError};

use crate::cli::ProxyArguments;
use crate::part;
use crate::result::ExitCode;
pub(crate) use outside::Folder;
use reload::Reloader;
use settings::{Settings, SettingsError, Source};
pub(crate) use signals::{Order, Signals};
use watch::Watch;

#[derive(Debug, thiserror::Error)]
enum GatewayError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("cannot start a runtime")]
    Runtime(#[source] std::io::Error),
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error(transparent)]
    Proxy(#[from] proxy::ProxyError),
    #[error("the proxy refuses {what}: {error}")]
    Refused { what: String, error: String },
}

impl GatewayError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Settings(_) | Self::Refused { .. } => ExitCode::ScenarioInvalid,
            Self::Runtime(_) | Self::Signals(_) | Self::Telemetry(_) | Self::Proxy(_) => {
                ExitCode::HarnessFault
            },
        }
    }
}

pub fn command(arguments: &ProxyArguments) -> ExitCode {
    if let Some(bootstrap) = &arguments.bootstrap {
        return part::proxy(bootstrap);
    }
    run(arguments).unwrap_or_else(|error| {
        crate::complain(&error);
        error.exit_code()
    })
}

fn run(arguments: &ProxyArguments) -> Result<ExitCode, GatewayError> {
    let settings = Settings::read(arguments)?;
    if arguments.check {
        summary::whole(&settings.file).lines().for_each(crate::run::view::print_line);
        return Ok(ExitCode::Pass);
    }
    let runtime = part::background().map_err(GatewayError::Runtime)?;
    let code = runtime.block_on(serve(settings));
    // What is still in flight after a second signal is not waited for.
    runtime.shutdown_background();
    code
}

async fn serve(settings: Settings) -> Result<ExitCode, GatewayError> {
    let mut signals = Signals::listen().map_err(GatewayError::Signals)?;
    let Settings { file: GatewayFile { config, mut plan }, source } = settings;
    let identity = Identity {
        service_name: "gateway".to_owned(),
        instance: format!("gateway-{}", std::process::id()),
        run_id: config.run_id.clone(),
    };
    let providers = Providers::start(&identity, config.otlp.as_deref())?;
    telemetry::subscriber::install_for_people(&providers, &identity)?;
    let clock = Clock::system();
    let zero_unix_ms = clock.unix_ms();
    let threads = Some(config.threads.unwrap_or_else(part::serving_threads));
    let started = ProxyConfig { threads, ..config.clone() };
    let proxy = proxy::start(started, providers.clone(), clock).await?;
    plan.zero_unix_ms = Some(zero_unix_ms);
    proxy.apply(plan.clone()).map_err(|error| GatewayError::Refused {
        what: source.as_ref().map_or("the flags".to_owned(), Source::shown),
        error: summary::with_names(&error, &plan),
    })?;
    crate::say(&summary::ready(&config, &plan, proxy.addresses()));
    for warning in summary::exposed(proxy.addresses()) {
        crate::say(&warning);
    }
    let mut reloader = source.map(|source| Reloader::new(source, config, zero_unix_ms));
    serve_until_asked(&mut signals, &proxy, reloader.as_mut()).await;
    let code = drain(&mut signals, &proxy).await;
    if code == ExitCode::Pass {
        providers.shutdown().await;
    }
    Ok(code)
}

/// Takes over changes of the file until the end is asked for.
async fn serve_until_asked(
    signals: &mut Signals,
    proxy: &ProxyHandle,
    mut reloader: Option<&mut Reloader>,
) {
    let mut watch = reloader.as_ref().and_then(|reloader| watched(reloader.path()));
    if let Some(reloader) = reloader.as_mut() {
        // A change between the reading of the file and the watch was told to nobody.
        reloader.look(proxy);
    }
    loop {
        tokio::select! {
            order = signals.next() => match (order, reloader.as_mut()) {
                (Order::Reload, Some(reloader)) => {
                    proxy.reopen_log();
                    reloader.reload(proxy);
                },
                // Without a file there is nothing to read: its terminal is gone.
                (Order::Reload, None) | (Order::End, _) => return,
            },
            seen = changed(&mut watch) => match (seen, reloader.as_mut()) {
                (Ok(()), Some(reloader)) => reloader.look(proxy),
                (Ok(()), None) => {},
                (Err(error), _) => {
                    let error = crate::with_causes(&error);
                    crate::say(&format!(
                        "changes of the file are not seen any more ({error}); send SIGHUP instead"
                    ));
                    watch = None;
                },
            },
        }
    }
}

fn watched(path: &Path) -> Option<Watch> {
    match Watch::of(path) {
        Ok(watch) => Some(watch),
        Err(error) => {
            let error = crate::with_causes(&error);
            crate::say(&format!("changes of the file are not seen ({error}); send SIGHUP instead"));
            None
        },
    }
}

async fn changed(watch: &mut Option<Watch>) -> std::io::Result<()> {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

/// Finishes what is in flight, unless that is asked for a second time.
async fn drain(signals: &mut Signals, proxy: &ProxyHandle) -> ExitCode {
    crate::say("finishing requests in flight; a second signal ends at once");
    proxy.shutdown();
    let again = async {
        while signals.next().await != Order::End {
            // A reload while it ends changes nothing.
        }
    };
    tokio::select! {
        () = proxy.done() => ExitCode::Pass,
        () = again => ExitCode::Interrupted,
    }
}
