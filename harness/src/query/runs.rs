//! The runs that are there, and which of them are kept whatever comes.

use std::path::{Path, PathBuf};

use collector::{RunEntry, RunFolder, RunsError};

use super::QueryError;
use crate::collector::place;

/// Folders in which runs are looked for.
pub(super) struct Places(Vec<RunFolder>);

impl Places {
    /// The folder that somebody has named, or the usual ones as far as they are there.
    pub(super) fn of(named: Option<&Path>) -> Result<Self, QueryError> {
        let usual = || Ok::<_, QueryError>(place::all()?.into_iter().filter(|it| it.is_dir()));
        let paths: Vec<PathBuf> = match named {
            Some(path) => vec![path.to_owned()],
            None => usual()?.collect(),
        };
        let folders: Result<_, RunsError> = paths.iter().map(|it| RunFolder::open(it)).collect();
        Ok(Self(folders?))
    }

    /// The newest first.
    pub(super) fn list(&self) -> Result<Vec<RunEntry>, QueryError> {
        let mut entries = Vec::new();
        for folder in &self.0 {
            entries.extend(folder.list()?);
        }
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.started_unix_ns));
        Ok(entries)
    }

    /// In the first folder that knows the run.
    pub(super) fn pin(&self, run: &str, pinned: bool) -> Result<RunEntry, QueryError> {
        let mut unknown = None;
        for folder in &self.0 {
            match folder.pin(run, pinned) {
                Err(error @ RunsError::Unknown { .. }) => unknown = unknown.or(Some(error)),
                done => return Ok(done?),
            }
        }
        let nowhere = || QueryError::NoRun(format!("there is no run \"{run}\""));
        Err(unknown.map_or_else(nowhere, QueryError::from))
    }
}

#[cfg(test)]
mod tests {
    use collector::RunName;

    use super::*;

    #[test]
    fn runs_of_several_folders_are_one_list_and_pinned_where_they_are() {
        let root = tempfile::TempDir::new().unwrap();
        let folder = |name: &str, unique| {
            let folder = RunFolder::create(&root.path().join(name)).unwrap();
            let run = RunName::new(0, unique);
            std::fs::write(folder.file(&run), "no database").unwrap();
            (folder, run.run_id)
        };
        let ((one, of_one), (other, of_other)) = (folder("one", 1), folder("other", 2));
        let places = Places(vec![one, other]);
        let ids = || places.list().unwrap().into_iter().map(|it| it.run_id).collect::<Vec<_>>();
        assert_eq!(ids(), [of_one, of_other.clone()]);
        assert!(places.pin(&of_other, true).unwrap().pinned);
        assert!(places.list().unwrap()[1].pinned);
        assert!(places.pin("nothing", true).is_err());
        assert!(Places(Vec::new()).list().unwrap().is_empty());
        assert!(Places::of(Some(&root.path().join("nowhere"))).is_err());
    }
}
