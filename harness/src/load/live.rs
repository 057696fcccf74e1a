//! What a person sees while a load is on: a block in the terminal that is drawn anew each second,
//! or a line for each second elsewhere. On standard error, so that results can be piped.

use std::io::{IsTerminal as _, Write as _};

use loadgen::summary::{Book, Decoded, Spread};
use model::hdr::Durations;
use model::load::{LoadModel, Validity};
use model::phase::Phase;
use tui::ColorChoice;
use tui::format::{clock, count, milliseconds, percent, rate};
use tui::theme::{Depth, Surroundings, Theme};

const BAR_COLUMNS: usize = 30;
const BLOCK_LINES: usize = 3;

#[derive(Debug)]
pub(super) enum Live {
    Quiet,
    Plain,
    /// In a terminal; how it can be drawn, and whether the block stands there already.
    Block {
        color: bool,
        ascii: bool,
        drawn: bool,
    },
}

/// One second in numbers, all workers together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Second {
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
    pub(super) fn of(report: &Decoded, book: &Book) -> Self {
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

    fn block(&self, color: bool, ascii: bool) -> [String; BLOCK_LINES] {
        let paint = |text: String, code: &str| {
            if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text }
        };
        let filled = (self.progress() * BAR_COLUMNS as f64) as usize;
        let (full, empty) = if ascii { ("#", ".") } else { ("━", "─") };
        let bar = paint(full.repeat(filled), "36") + &empty.repeat(BAR_COLUMNS - filled);
        let validity = match self.validity {
            Validity::Valid => paint("valid".into(), "32"),
            Validity::Suspect => paint("SUSPECT".into(), "33"),
            Validity::Invalid => paint("INVALID".into(), "31"),
        };
        let errors = format!("errors {}%", self.error_percent());
        let errors = if self.errors > 0 { paint(errors, "31") } else { errors };
        [
            format!(
                "{} / {}  {bar} {:>3.0}%  {}  {}",
                clock(self.elapsed_s.min(self.length_s)),
                clock(self.length_s),
                self.progress() * 100.0,
                self.eta(),
                if self.phase == Phase::Warmup { "warm-up" } else { "" },
            ),
            format!(
                "offered {:>5}/s   done {:>5}/s   {errors}   in flight {:>5}   {validity}{}",
                rate(self.offered as f64),
                rate(self.completed as f64),
                count(self.in_flight),
                self.label(),
            ),
            format!(
                "p50 {:>5}   p90 {:>5}   p99 {:>5}   p99.9 {:>5}   max {:>5} ms   late p99 {} ms",
                self.percentile(0.5),
                self.percentile(0.9),
                self.percentile(0.99),
                self.percentile(0.999),
                self.percentile(1.0),
                self.lateness_p99(),
            ),
        ]
    }
}

impl Live {
    pub(super) fn open(plain: bool, quiet: bool) -> Self {
        if quiet {
            return Self::Quiet;
        }
        let around = Surroundings::read();
        if plain || !std::io::stderr().is_terminal() || around.term == "dumb" {
            return Self::Plain;
        }
        let theme = Theme::choose(ColorChoice::Auto, None, &around);
        Self::Block { color: theme.depth != Depth::Mono, ascii: theme.glyphs.ascii, drawn: false }
    }

    pub(super) fn second(&mut self, second: &Second) {
        let text = match self {
            Self::Quiet => return,
            Self::Plain => second.line() + "\n",
            Self::Block { color, ascii, drawn } => {
                let up = if *drawn { format!("\u{1b}[{BLOCK_LINES}A") } else { String::new() };
                *drawn = true;
                // Each line is cut at the edge of the terminal, so the block stays three lines
                // high.
                let lines = second.block(*color, *ascii).join("\u{1b}[K\n");
                format!("{up}\r\u{1b}[?7l{lines}\u{1b}[K\n\u{1b}[?7h")
            },
        };
        // A closed standard error is no reason to end a load.
        let _closed = std::io::stderr().lock().write_all(text.as_bytes());
    }

    /// Takes the block away: the summary says it better.
    pub(super) fn close(&mut self) {
        if let Self::Block { drawn: drawn @ true, .. } = self {
            *drawn = false;
            let clear = format!("\u{1b}[{BLOCK_LINES}A\r\u{1b}[J");
            let _closed = std::io::stderr().lock().write_all(clear.as_bytes());
        }
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
        assert!(closed.block(false, true)[1].ends_with("SUSPECT  closed model"));
    }

    #[test]
    fn without_colours_and_signs_the_block_is_plain_ascii() {
        let [bar, rates, times] = second().block(false, true);
        assert!(bar.starts_with("00:09 / 00:30  #########....."), "{bar}");
        assert!(rates.contains("errors 0.50%") && rates.ends_with("SUSPECT"), "{rates}");
        assert!(times.starts_with("p50    50   p90    90"), "{times}");
        let [.., rates, _] = second().block(true, false);
        assert!(rates.contains("\u{1b}[33mSUSPECT\u{1b}[0m"));
        assert!([bar, times].concat().is_ascii());
    }
}
