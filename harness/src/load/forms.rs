//! The result for other programs. Every file is made before the load begins, so that a wrong path
//! is told before anything is sent.

mod csv;
mod hdr_log;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use loadgen::summary::Book;

use super::result::LoadResult;
use crate::cli::LoadArguments;

/// Stands for standard output.
const STDOUT: &str = "-";

/// Why a file is not there.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written", path.display())]
pub(super) struct WriteError {
    path: PathBuf,
    source: std::io::Error,
}

/// A way to write a result down.
type Form = fn(&LoadResult, &Book) -> Vec<u8>;

/// The files that are asked for.
#[derive(Debug)]
pub(super) struct Forms {
    files: Vec<(PathBuf, Option<File>, Form)>,
}

impl Forms {
    pub(super) fn open(arguments: &LoadArguments) -> Result<Self, WriteError> {
        let asked: [(&Option<PathBuf>, Form); 4] = [
            (&arguments.json, json),
            (&arguments.csv, csv::csv),
            (&arguments.junit, junit),
            (&arguments.hdr_log, hdr_log::hdr_log),
        ];
        let mut files = Vec::new();
        for (path, form) in asked {
            let Some(path) = path else { continue };
            let file = if path == Path::new(STDOUT) { None } else { Some(create(path)?) };
            files.push((path.clone(), file, form));
        }
        Ok(Self { files })
    }

    /// Standard output belongs to a file's text.
    pub(super) fn take_stdout(&self) -> bool {
        self.files.iter().any(|(_, file, _)| file.is_none())
    }

    pub(super) fn write(self, result: &LoadResult, book: &Book) -> Result<(), WriteError> {
        for (path, file, form) in self.files {
            let text = form(result, book);
            let written = match file {
                Some(mut file) => file.write_all(&text),
                None => std::io::stdout().lock().write_all(&text),
            };
            written.map_err(|source| WriteError { path, source })?;
        }
        Ok(())
    }
}

/// A file for one value as JSON.
#[derive(Debug)]
pub(super) struct JsonFile {
    path: PathBuf,
    /// `None` is standard output.
    file: Option<File>,
}

impl JsonFile {
    pub(super) fn open(path: &Path) -> Result<Self, WriteError> {
        let file = if path == Path::new(STDOUT) { None } else { Some(create(path)?) };
        Ok(Self { path: path.to_owned(), file })
    }

    pub(super) fn is_stdout(&self) -> bool {
        self.file.is_none()
    }

    pub(super) fn write(self, value: &impl serde::Serialize) -> Result<(), WriteError> {
        let text = as_json(value);
        let written = match self.file {
            Some(mut file) => file.write_all(&text),
            None => std::io::stdout().lock().write_all(&text),
        };
        written.map_err(|source| WriteError { path: self.path, source })
    }
}

fn create(path: &Path) -> Result<File, WriteError> {
    File::create(path).map_err(|source| WriteError { path: path.to_owned(), source })
}

fn json(result: &LoadResult, _book: &Book) -> Vec<u8> {
    as_json(result)
}

fn as_json(value: &impl serde::Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("results hold only what JSON can say");
    text.push(b'\n');
    text
}

fn junit(result: &LoadResult, _book: &Book) -> Vec<u8> {
    crate::report::load_junit(result).into_bytes()
}
