//! The collector of one load, in memory: workers meet there and report to it, and the dashboard
//! asks it. A load in this process that nobody looks at needs none.

use std::path::Path;

use collector::{CollectorConfig, CollectorError, CollectorHandle};
use loadgen::summary::Setting;
use model::fault::Token;
use model::frame::RunHead;
use model::load::LoadPlan;
use telemetry::clock::Clock;
use tui::feed::place::Place;

use crate::cli::LoadArguments;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum MeetingError {
    #[error("the load has no collector to report to")]
    Collector(#[from] Box<CollectorError>),
    #[error("the token cannot be read: {0}")]
    Token(String),
}

#[derive(Debug)]
pub(super) struct Meeting {
    pub(super) collector: CollectorHandle,
    /// What callers must show.
    token: Option<Token>,
    title: String,
    seed: u64,
}

impl Meeting {
    pub(super) async fn open(
        plan: &LoadPlan,
        arguments: &LoadArguments,
        clock: &Clock,
    ) -> Result<Self, MeetingError> {
        let mut config = CollectorConfig::on_loopback(plan.run_id.clone(), None);
        config.api = arguments.listen.unwrap_or(config.api);
        let token = arguments.token_file.as_deref().map(crate::control::token).transpose();
        let token = token.map_err(MeetingError::Token)?;
        config.api_token.clone_from(&token);
        let collector = collector::start(config, clock.clone()).await.map_err(Box::new)?;
        Ok(Self { collector, token, title: title(arguments), seed: plan.seed })
    }

    /// The load has a start: viewers can see how far it is.
    pub(super) fn begin(&self, setting: &Setting) {
        self.collector.set_run(RunHead {
            run_id: setting.run_id.clone(),
            title: self.title.clone(),
            seed: self.seed,
            start_unix_ms: Some(setting.start_unix_ms),
            timeline: Some(setting.timeline),
            phase: None,
            verdict: None,
        });
    }

    /// Where viewers find it.
    pub(super) fn place(&self) -> Place {
        Place::at(self.collector.addresses().api).with_token(self.token.clone())
    }

    pub(super) async fn close(mut self) {
        self.collector.shutdown();
        self.collector.done().await;
    }
}

/// The URL, whose usual scheme would take the room of a port, or the name of the file.
fn title(arguments: &LoadArguments) -> String {
    match (&arguments.url, &arguments.urls) {
        (Some(text), _) if text.contains("://") => {
            text.strip_prefix("http://").unwrap_or(text).to_owned()
        },
        (Some(text), _) => name(Path::new(text)),
        (None, Some(path)) => name(path),
        (None, None) => String::new(),
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
