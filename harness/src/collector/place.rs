//! Where runs are kept unless somebody says otherwise: the state folder of the user, as the XDG
//! Base Directory Specification has it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Neither an argument nor the environment names a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither XDG_STATE_HOME nor HOME is set; name a folder of runs with --data")]
pub(crate) struct NoPlace;

/// The folder of runs.
pub(crate) fn runs(asked: Option<&Path>) -> Result<PathBuf, NoPlace> {
    match asked {
        Some(path) => Ok(path.to_owned()),
        None => default(|name| std::env::var_os(name)),
    }
}

/// Where a run may be that is named by its id: where `shakedown run` puts them, and where the
/// collector does.
pub(crate) fn all() -> Result<[PathBuf; 2], NoPlace> {
    Ok([PathBuf::from("./runs"), runs(None)?])
}

fn default(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, NoPlace> {
    // A relative path in the variable does not count, says the specification.
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("shakedown/runs")).ok_or(NoPlace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_comes_first_then_the_home_and_relative_ones_do_not_count() {
        for (state, home, expected) in [
            (Some("/state"), Some("/home/a"), Ok("/state/shakedown/runs")),
            (Some("state"), Some("/home/a"), Ok("/home/a/.local/state/shakedown/runs")),
            (None, Some("/home/a"), Ok("/home/a/.local/state/shakedown/runs")),
            (None, None, Err(NoPlace)),
        ] {
            let variable = |name: &str| match name {
                "XDG_STATE_HOME" => state.map(OsString::from),
                _ => home.map(OsString::from),
            };
            assert_eq!(default(variable), expected.map(PathBuf::from));
        }
    }
}
