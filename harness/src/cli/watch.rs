//! The arguments of `shakedown watch`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tui::ColorChoice;
use tui::config::{Config, ConfigError};
use tui::format::{CLOCK_WANTED, parse_clock};
use tui::keys::Screen;
use tui::theme::ThemeName;

const EXAMPLES: &str = "\
Examples:
  shakedown watch
      the dashboard of the collector on this machine
  shakedown watch https://lab.example:4319 --token-file token
      of one elsewhere, which was started with --api-token-file
  shakedown watch --once
      one page about this moment, for a script or a ticket
  shakedown watch --plain --record run.rec
      one line a second until the run ends, and a recording beside it
  shakedown watch --replay run.rec
      looks at a recording; a folder of a run or its run.db will do as well
  shakedown watch --replay runs/checkout --record checkout.rec
      makes a recording of a run that is over, to hand it on as one file
  shakedown watch --replay run.rec --speed 8
      plays it; space stops, h and l and the mouse go to any moment
  shakedown watch --replay run.rec --at 02:41 --snapshot 120x40 --screen traces
      that screen as a text, for a document

  shakedown watch --allow-control http://127.0.0.1:9900
      the dashboard, from which faults of that proxy can be armed and disarmed

A watcher changes nothing unless it is allowed to: it can come and go, and several may watch at
once.

Exit codes of --plain and --once (without them, 0 when the dashboard is closed):
    0  every expectation holds
    1  an expectation failed
    2  unclear, not decided yet, or no data
    4  arguments invalid
    5  the collector cannot be reached, or the file cannot be read
  130  interrupted
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WatchArguments {
    /// API of a collector, like http://127.0.0.1:4319; a host alone means port 4319
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:4319")]
    pub url: String,
    /// Look at a recording, or at a run that is over: a file, a folder of a run, or the id of a
    /// run in ./runs or in the folder of runs of the collector, of which a part or `latest` will do
    #[arg(long, value_name = "FILE|RUN", conflicts_with_all = ["url", "token_file"])]
    pub replay: Option<PathBuf>,
    /// Show the run as it was this long after its start; with --plain, begin there
    #[arg(long, value_name = "MM:SS", value_parser = moment, requires = "replay")]
    pub at: Option<u64>,
    /// Seconds of the run in a second of the replay; without it 1, and with --plain as many as
    /// there are
    #[arg(
        long,
        value_name = "X",
        value_parser = speed,
        requires = "replay",
        conflicts_with_all = ["once", "snapshot", "record"]
    )]
    pub speed: Option<f64>,
    /// Screen to begin with: overview, topology, traces, logs, faults, verdicts, load, log
    #[arg(long, value_name = "NAME", default_value = "overview", value_parser = screen)]
    pub screen: Screen,
    /// Write a recording of what is watched; the file must not be there yet
    #[arg(long, value_name = "FILE", conflicts_with_all = ["once", "snapshot"])]
    pub record: Option<PathBuf>,
    /// Holds the token that the API asks for
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Let the dashboard arm and disarm faults of the proxy with this control API, like
    /// http://127.0.0.1:9900; each change asks first
    #[arg(
        long,
        value_name = "URL",
        conflicts_with_all = ["replay", "once", "snapshot", "plain"]
    )]
    pub allow_control: Option<String>,
    /// Holds the token that the control API asks for
    #[arg(long, value_name = "FILE", requires = "allow_control")]
    pub control_token_file: Option<PathBuf>,
    /// Print one page about this moment and end
    #[arg(long, conflicts_with_all = ["plain", "snapshot"])]
    pub once: bool,
    /// Form of the page of --once
    #[arg(long, value_name = "FORM", default_value = "text", requires = "once")]
    pub format: Format,
    /// One line a second until the run ends; so it is without a terminal
    #[arg(long, conflicts_with = "snapshot")]
    pub plain: bool,
    /// Print the screen of this moment as a text and end
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub snapshot: Option<(u16, u16)>,
    /// Print the table of keys, as in docs/dashboard.md, and end
    #[arg(long, exclusive = true)]
    pub print_keys: bool,
    /// Print the roles of the theme with their colours, and end
    #[arg(long)]
    pub print_theme: bool,
    /// Settings: keys, theme, colours; without it `shakedown/watch.toml` below the folder of
    /// settings of the user, if it is there
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Most frames a second, 1 to 30
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=30))]
    pub fps: Option<u8>,
    /// Leave the mouse to the terminal
    #[arg(long)]
    pub no_mouse: bool,
    /// Colours: dark, light, sixteen, mono
    #[arg(long, value_name = "NAME", value_parser = theme)]
    pub theme: Option<ThemeName>,
    /// Signs that every font has
    #[arg(long, conflicts_with = "utf8")]
    pub ascii: bool,
    /// Signs of Unicode, whatever the locale says
    #[arg(long)]
    pub utf8: bool,
    /// Colours; `auto` goes by the terminal, NO_COLOR and TERM
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

impl WatchArguments {
    /// The settings of the file with what the command line says laid over them.
    pub fn settings(&self) -> Result<Config, ConfigError> {
        let mut config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::load_usual()?,
        };
        match self.color {
            Color::Auto => {},
            Color::Always => config.color = ColorChoice::Always,
            Color::Never => config.color = ColorChoice::Never,
        }
        if self.ascii || self.utf8 {
            config.ascii = Some(self.ascii);
        }
        config.theme = self.theme.or(config.theme);
        config.fps = self.fps.unwrap_or(config.fps);
        config.mouse &= !self.no_mouse;
        Ok(config)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

fn moment(text: &str) -> Result<u64, String> {
    parse_clock(text).ok_or_else(|| format!("expected {CLOCK_WANTED}"))
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (0.1..=100.0).contains(&speed) => Ok(speed),
        _ => Err("expected a number from 0.1 to 100, like 4".to_owned()),
    }
}

fn screen(text: &str) -> Result<Screen, String> {
    let names = Screen::ALL.map(Screen::name);
    let found = Screen::ALL.into_iter().find(|screen| screen.name() == text);
    found.ok_or_else(|| format!("there is no such screen{}", model::hint(text, names)))
}

fn theme(text: &str) -> Result<ThemeName, String> {
    let names = ["dark", "light", "sixteen", "mono"];
    let hint = || format!("there is no such theme{}", model::hint(text, names));
    ThemeName::named(text).ok_or_else(hint)
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let sides = text.split_once(['x', 'X']).and_then(|(width, height)| {
        Some((width.parse::<u16>().ok()?, height.parse::<u16>().ok()?))
    });
    match sides {
        Some(size @ (1..=1_000, 1..=1_000)) => Ok(size),
        _ => Err("expected columns and rows like 120x40, at most 1000 of each".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_sizes_are_read_or_refused_with_an_example() {
        assert_eq!(moment("02:41"), Ok(161));
        assert_eq!(moment("120:00"), Ok(7_200));
        for text in ["", "41", "1:60", "-1:00", "+1:00", "1:2:3:4", "a:b", ":"] {
            assert!(moment(text).unwrap_err().contains("02:41"), "{text}");
        }
        assert_eq!(size("120x40"), Ok((120, 40)));
        for text in ["", "120", "0x40", "120x0", "9999x1", "axb"] {
            assert!(size(text).unwrap_err().contains("120x40"), "{text}");
        }
    }
}
