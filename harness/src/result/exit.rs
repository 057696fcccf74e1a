//! The exit codes of the binary: one table for the program, its documentation and its tests.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a command ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum ExitCode {
    Pass = 0,
    Failed = 1,
    Inconclusive = 2,
    StoppedBySafety = 3,
    ScenarioInvalid = 4,
    HarnessFault = 5,
    LoadInvalid = 6,
    Interrupted = 130,
}

/// A number that no exit code has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an exit code of shakedown, expected 0 to 6 or 130")]
pub struct UnknownExitCode(pub u8);

impl ExitCode {
    pub const ALL: [Self; 8] = [
        Self::Pass,
        Self::Failed,
        Self::Inconclusive,
        Self::StoppedBySafety,
        Self::ScenarioInvalid,
        Self::HarnessFault,
        Self::LoadInvalid,
        Self::Interrupted,
    ];

    pub fn code(self) -> u8 {
        self as u8
    }

    /// What it says to the person who ran the command.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Pass => "pass: every expectation holds",
            Self::Failed => "an expectation failed",
            Self::Inconclusive => "inconclusive: nothing failed, but the run does not prove enough",
            Self::StoppedBySafety => "stopped by safety",
            Self::ScenarioInvalid => "scenario invalid",
            Self::HarnessFault => "harness or environment fault",
            Self::LoadInvalid => "the load itself was invalid, so nothing was judged",
            Self::Interrupted => "interrupted, everything undone first",
        }
    }
}

impl fmt::Display for ExitCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.code(), self.meaning())
    }
}

impl From<ExitCode> for u8 {
    fn from(code: ExitCode) -> Self {
        code.code()
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

impl TryFrom<u8> for ExitCode {
    type Error = UnknownExitCode;

    fn try_from(code: u8) -> Result<Self, UnknownExitCode> {
        Self::ALL.into_iter().find(|known| known.code() == code).ok_or(UnknownExitCode(code))
    }
}
