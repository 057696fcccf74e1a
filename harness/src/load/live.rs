//! What a person sees while a load is on: the dashboard's screen of the load on a terminal, or a
//! line for each second on standard error, so that results can be piped.
//!
//! A person who closes the dashboard sees lines from then on; the load goes on.

use std::io::{IsTerminal as _, Write as _};

use loadgen::summary::{Book, Decoded, Spread};
use model::hdr::Durations;
use model::load::{LoadModel, Validity};
use model::phase::Phase;
use telemetry::clock::Clock;
use tui::Setup;
use tui::feed::place::Place;
use tui::format::{clock, count, milliseconds, percent, rate};
use tui::keys::Screen;
use tui::theme::Surroundings;

use super::voice::Voice;
use crate::cli::LoadArguments;
use crate::run::view::{View, usual_setup};

/// Does the dashboard show this load?
pub(super) fn on_dashboard(arguments: &LoadArguments) -> bool {
    let asked_not_to = arguments.plain || arguments.quiet;
    !asked_not_to && std::io::stdout().is_terminal() && Surroundings::read().term != "dumb"
}

#[derive(Debug)]
pub(super) struct Live {
    quiet: bool,
    view: View,
    voice: Voice,
}

/// One second in numbers, all workers together.
#[derive(Debug, Clone, PartialEq)]
struct Second {
    model: LoadModel,
    elapsed_s: u64,
    length_s: u64,
    phase: Phase,
    offered: u64,
    completed: u64,
    errors: u64,
    response: Spread,
    lateness: Durations,
    in_flight: u64,
    validity: Validity,
}

impl Second {
    fn of(report: &Decoded, book: &Book) -> Self {
        let setting = book.setting();
        let end_ms = (report.unix_s + 1) * 1_000;
        let mut response = Spread::default();
        let (mut completed, mut errors) = (0, 0);
        for (key, cell) in report.journeys() {
            response.add(key.outcome, cell);
            let into = if key.outcome.is_error() { &mut errors } else { &mut completed };
            *into += cell.count;
        }
        Self {
            model: book.model(),
            elapsed_s: end_ms.saturating_sub(setting.start_unix_ms) / 1_000,
            length_s: setting.timeline.end_ms.div_ceil(1_000),
            phase: setting.phase_of(report.unix_s).unwrap_or(Phase::Warmup),
            offered: report.offered,
            completed,
            errors,
            response,
            lateness: report.lateness.clone(),
            in_flight: report.in_flight,
            validity: report.validity,
        }
    }

    fn progress(&self) -> f64 {
        (self.elapsed_s as f64 / self.length_s.max(1) as f64).min(1.0)
    }

    fn percentile(&self, fraction: f64) -> String {
        let bounds = self.response.quantile(fraction);
        milliseconds(bounds.map(|bounds| bounds.low_us as f64 / 1_000.0))
    }

    fn error_percent(&self) -> String {
        let ended = self.completed + self.errors;
        percent((ended > 0).then(|| 100.0 * self.errors as f64 / ended as f64))
    }

    fn lateness_p99(&self) -> String {
        milliseconds(self.lateness.quantile(0.99).map(|us| us as f64 / 1_000.0))
    }

    fn eta(&self) -> String {
        match self.length_s.saturating_sub(self.elapsed_s) {
            0 => "answers awaited".to_owned(),
            left => format!("ETA {}", clock(left)),
        }
    }

    /// Whose durations are service times, the model is said.
    fn label(&self) -> String {
        if self.model.is_open() {
            String::new()
        } else {
            format!("  {} model", self.model.as_str())
        }
    }

    fn line(&self) -> String {
        format!(
            "{} {:<6} offered {:>5}/s done {:>5}/s err {:>5}% p50 {:>5} p99 {:>5} max {:>5} ms \
             in flight {:>5} late p99 {:>5} ms {:<7} {:>3.0}% {}{}",
            clock(self.elapsed_s),
            self.phase.as_str(),
            rate(self.offered as f64),
            rate(self.completed as f64),
            self.error_percent(),
            self.percentile(0.5),
            self.percentile(0.99),
            self.percentile(1.0),
            count(self.in_flight),
            self.lateness_p99(),
            self.validity.as_str(),
            self.progress() * 100.0,
            self.eta(),
            self.label(),
        )
    }
}

impl Live {
    /// A line for each second, unless nothing is wanted.
    pub(super) fn lines(quiet: bool) -> Self {
        Self { quiet, view: View::Plain, voice: Voice::default() }
    }

    /// Shows the load on the dashboard from now on.
    pub(super) fn show(&mut self, place: Place, voice: Voice, clock: &Clock) {
        voice.hold();
        let setup = Setup { screen: Screen::Load, own: voice.own(), ..usual_setup(clock) };
        (self.view, self.voice) = (View::dashboard(place, setup), voice);
    }

    /// The dashboard gets its seconds from the collector by itself.
    pub(super) fn second(&self, report: &Decoded, book: &Book) {
        if self.quiet || !self.view.is_plain() {
            return;
        }
        let text = Second::of(report, book).line() + "\n";
        // A closed standard error is no reason to end a load.
        let _closed = std::io::stderr().lock().write_all(text.as_bytes());
    }

    /// Waits until the person asks to end the load from within the dashboard.
    pub(super) async fn interrupted(&mut self) {
        let is_wanted = self.view.closed().await;
        self.voice.release();
        if !is_wanted {
            std::future::pending::<()>().await;
        }
    }

    /// Gives the terminal back.
    pub(super) async fn close(self) {
        self.view.close().await;
        self.voice.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second() -> Second {
        let mut histogram = model::hdr::empty();
        (1..=100).for_each(|ms| histogram.record(ms * 1_000).unwrap());
        Second {
            model: LoadModel::Open,
            elapsed_s: 9,
            length_s: 30,
            phase: Phase::During,
            offered: 2_000,
            completed: 1_990,
            errors: 10,
            response: Spread { known: Durations::from(&histogram), ..Spread::default() },
            lateness: Durations::default(),
            in_flight: 12,
            validity: Validity::Suspect,
        }
    }

    #[test]
    fn a_line_says_how_it_goes_and_how_long_it_takes() {
        assert_eq!(
            second().line(),
            "00:09 during offered  2000/s done  1990/s err  0.50% p50    50 p99    99 max   100 ms \
             in flight    12 late p99    -- ms suspect  30% ETA 00:21"
        );
    }

    #[test]
    fn a_closed_load_says_so_in_every_second() {
        let closed = Second { model: LoadModel::Closed, ..second() };
        assert!(closed.line().ends_with("ETA 00:21  closed model"));
    }
}
