//! The settings file of the dashboard: keys, theme, colours, and what a screen starts with.
//!
//! It is TOML at `$XDG_CONFIG_HOME/shakedown/watch.toml`, or under `~/.config`. Nothing has to be
//! in it, and it need not exist. Everything that it says and that cannot be meant is an error with
//! line and column, because a key that silently does nothing is found out at the wrong moment.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use model::reading::problem::Problems;

use crate::keys::{Keymap, Preset, Rule};
use crate::screen::Zoom;
use crate::theme::{ColorChoice, Colors, ThemeName};

mod colors;
mod keys;
mod read;
#[cfg(test)]
mod tests;

/// Frames per second that can be asked for.
pub const FPS: std::ops::RangeInclusive<u64> = 1..=30;
/// Frames per second unless asked otherwise.
pub const FPS_DEFAULT: u8 = 10;
/// Longest file, in bytes.
const BYTES_MAX: u64 = model::limits::SCENARIO_BYTES_MAX as u64;

/// The settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub preset: Preset,
    /// Laid over the preset.
    pub rules: Vec<Rule>,
    pub color: ColorChoice,
    /// `None` goes by the terminal.
    pub theme: Option<ThemeName>,
    pub colors: Colors,
    /// `None` goes by the locale.
    pub ascii: Option<bool>,
    /// Clicks and the wheel are taken from the terminal.
    pub mouse: bool,
    /// Most frames per second.
    pub fps: u8,
    pub zoom: Zoom,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            preset: Preset::Default,
            rules: Vec::new(),
            color: ColorChoice::Auto,
            theme: None,
            colors: Colors::NONE,
            ascii: None,
            mouse: true,
            fps: FPS_DEFAULT,
            zoom: Zoom::Auto,
        }
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the settings at {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}:{line}:{column}: this is not UTF-8, as settings must be", path.display())]
    Encoding { path: PathBuf, line: usize, column: usize },
    #[error("{0}")]
    Wrong(#[from] Problems),
}

impl Config {
    /// Where the file is looked for; `None` when the environment tells no home. A directory that
    /// is not absolute is ignored, as the XDG Base Directory Specification wants.
    pub fn path(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let directory = absolute("XDG_CONFIG_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".config")));
        directory.map(|directory| directory.join("shakedown").join("watch.toml"))
    }

    /// The settings at the usual place; without a file there, the defaults.
    pub fn load_usual() -> Result<Self, ConfigError> {
        match Self::path(|name| std::env::var_os(name)) {
            Some(path) => match Self::load(&path) {
                Err(ConfigError::Read { source, .. })
                    if source.kind() == io::ErrorKind::NotFound =>
                {
                    Ok(Self::default())
                },
                loaded => loaded,
            },
            None => Ok(Self::default()),
        }
    }

    /// The settings in this file, which has to be there.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut bytes = Vec::new();
        // One byte more than allowed, so that a file that is too long is seen to be.
        File::open(path)
            .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            // A file that is too long may be cut within a letter.
            Err(error) if error.as_bytes().len() as u64 > BYTES_MAX => {
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            },
            Err(error) => {
                let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let before = String::from_utf8_lossy(before);
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().map_or(0, |it| it.chars().count()) + 1;
                return Err(ConfigError::Encoding { path: path.to_owned(), line, column });
            },
        };
        Ok(Self::parse(&path.display().to_string(), &text)?)
    }

    /// `file_name` is what messages call the file.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Problems> {
        read::read(text).map_err(|found| Problems::new(file_name, found))
    }

    pub fn keymap(&self) -> Keymap {
        Keymap::of(self.preset).with(&self.rules)
    }
}
