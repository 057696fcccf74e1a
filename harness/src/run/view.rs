//! What a person sees while a run is on: the dashboard in a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::sync::Arc;

use collector::CollectorHandle;
use model::frame::Frame;
use telemetry::clock::Clock;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tui::config::Config;
use tui::control::Controller;
use tui::feed::place::Place;
use tui::theme::Surroundings;
use tui::{Quit, Setup, TuiError};

use super::Job;

#[derive(Debug)]
pub enum View {
    Plain,
    Dashboard { task: JoinHandle<Result<Quit, TuiError>>, stop: watch::Sender<bool> },
}

impl View {
    pub(crate) fn open(job: &Job, collector: &CollectorHandle) -> Self {
        if job.plain || !std::io::stdout().is_terminal() {
            return Self::Plain;
        }
        let setup = Setup {
            own: job.own.clone(),
            controller: job.by_hand.clone().map(|it| Arc::new(it) as Arc<dyn Controller>),
            ..usual_setup(&job.clock)
        };
        Self::dashboard(Place::at(collector.addresses().api), setup)
    }

    /// Takes the terminal.
    pub(crate) fn dashboard(place: Place, setup: Setup) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self::Dashboard { task: tokio::spawn(tui::run(place, setup, stopped)), stop }
    }

    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    /// Shows a second; the dashboard gets it from the collector by itself.
    pub fn frame(&self, frame: &Arc<Frame>) {
        if self.is_plain() {
            for line in tui::plain::events(frame) {
                print_line(&line);
            }
            print_line(&tui::plain::line(frame));
        }
    }

    /// Waits until the person asks to interrupt the run from within the dashboard. A person who
    /// only closes the dashboard sees plain lines from then on, and so does one whose dashboard
    /// fails, with the reason.
    pub async fn interrupted(&mut self) {
        if !self.closed().await {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the dashboard is gone, for ever when there is none; true when the person wants
    /// what it showed to end too.
    pub(crate) async fn closed(&mut self) -> bool {
        let Self::Dashboard { task, .. } = self else { return std::future::pending().await };
        let quit = task.await;
        *self = Self::Plain;
        match quit {
            Ok(Ok(Quit::Interrupted)) => return true,
            Ok(Ok(Quit::Closed | Quit::Kept | Quit::Stopped)) => {},
            Ok(Err(error)) => crate::complain(&error),
            Err(panicked) => crate::complain(&panicked),
        }
        false
    }

    /// Gives the terminal back.
    pub async fn close(self) {
        if let Self::Dashboard { task, stop } = self {
            stop.send_replace(true);
            match task.await {
                Ok(Ok(_)) => {},
                Ok(Err(error)) => crate::complain(&error),
                Err(panicked) => crate::complain(&panicked),
            }
        }
    }
}

/// What the person's own file says about dashboards. A file with a mistake is said and left out.
pub(crate) fn usual_setup(clock: &Clock) -> Setup {
    let config = Config::load_usual().unwrap_or_else(|error| {
        crate::complain(&error);
        Config::default()
    });
    Setup::of(&config, &Surroundings::read(), clock.clone())
}

/// A closed pipe is no reason to stop a run.
pub fn print_line(line: &str) {
    use std::io::Write as _;
    let _closed = writeln!(std::io::stdout().lock(), "{line}");
}
