//! The folder of one run: everything that it leaves behind.
//!
//! ```text
//! runs/20261121-014200-slow-payments-7f3c/
//!   scenario.toml   as it was read
//!   addresses.json  where everything listens
//!   run.db          telemetry, SQLite
//!   result.json  junit.xml  report.html
//!   logs/           standard output and error of each process
//!   data/           databases of the sample shop
//! ```

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use model::units::utc_stamp;

/// Longest part of the scenario's name in the folder's name.
const SLUG_BYTES_MAX: usize = 40;

#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}")]
pub struct FolderError {
    path: String,
    source: io::Error,
}

#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    /// Unique among runs: start time, scenario name, four random digits.
    pub run_id: String,
}

impl RunFolder {
    /// Makes the folder with its subfolders and the copy of the scenario. `unique` tells runs of
    /// the same second apart.
    pub fn create(
        out: &Path,
        scenario_file: &Path,
        scenario_text: &str,
        unix_ms: u64,
        unique: u16,
    ) -> Result<Self, FolderError> {
        let name = scenario_file
            .file_stem()
            .map_or_else(String::new, |stem| slug(&stem.to_string_lossy()));
        let run_id = format!("{}-{name}-{unique:04x}", utc_stamp(unix_ms / 1_000));
        let folder = Self { path: out.join(&run_id), run_id };
        for sub in ["logs", "data"] {
            let path = folder.path.join(sub);
            fs::create_dir_all(&path).map_err(|source| failed(&path, source))?;
        }
        folder.write("scenario.toml", scenario_text)?;
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Written whole or not at all: a reader never sees half a file.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, FolderError> {
        let path = self.file(name);
        let part = self.file(&format!("{name}.part"));
        fs::write(&part, text).map_err(|source| failed(&part, source))?;
        fs::rename(&part, &path).map_err(|source| failed(&path, source))?;
        Ok(path)
    }

    /// The same for a file that may hold secrets: its owner alone reads it.
    pub fn write_private(&self, name: &str, text: &str) -> Result<PathBuf, FolderError> {
        let path = self.file(name);
        let mut options = fs::OpenOptions::new();
        options.create(true).write(true).truncate(true).mode(0o600);
        options
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|source| failed(&path, source))?;
        Ok(path)
    }

    pub fn open_log(&self, process: &str) -> Result<fs::File, FolderError> {
        let path = self.path.join("logs").join(format!("{process}.log"));
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|source| failed(&path, source))
    }
}

fn failed(path: &Path, source: io::Error) -> FolderError {
    FolderError { path: path.display().to_string(), source }
}

fn slug(text: &str) -> String {
    let mut slug: String = text
        .chars()
        .map(
            |letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' },
        )
        .collect();
    slug.truncate(SLUG_BYTES_MAX);
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = RunFolder::create(Path::new("/proc/nowhere"), Path::new("a b.toml"), "", 0, 7)
            .unwrap_err();
        assert!(error.to_string().contains("/proc/nowhere/19700101-000000-a-b-0007"), "{error}");
    }
}
