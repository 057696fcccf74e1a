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

/// Two forms of a result would overwrite each other.
#[derive(Debug, thiserror::Error)]
#[error("{one} and {other} both write to {}; give each a file of its own", path.display())]
pub(super) struct SamePlace {
    one: &'static str,
    other: &'static str,
    path: PathBuf,
}

/// A way to write a result down.
type Form = fn(&LoadResult, &Book) -> Vec<u8>;

/// The files that are asked for.
#[derive(Debug)]
pub(super) struct Forms {
    files: Vec<(PathBuf, Option<File>, Form)>,
}

/// Finds two outputs that go to one place.
pub(super) fn check_places(arguments: &LoadArguments) -> Result<(), SamePlace> {
    let asked = [
        ("--json", &arguments.json),
        ("--csv", &arguments.csv),
        ("--junit", &arguments.junit),
        ("--hdr-log", &arguments.hdr_log),
    ];
    let mut seen: Vec<(&'static str, PathBuf)> = Vec::new();
    for (other, path) in asked {
        let Some(path) = path else { continue };
        let Some(place) = place(path) else { continue };
        if let Some((one, _)) = seen.iter().find(|(_, before)| *before == place) {
            return Err(SamePlace { one, other, path: path.clone() });
        }
        seen.push((other, place));
    }
    Ok(())
}

/// Where a path leads to. `None` for what is no file, like `/dev/null`: several can write there.
fn place(path: &Path) -> Option<PathBuf> {
    if path == Path::new(STDOUT) {
        return Some(path.to_owned());
    }
    if let Ok(place) = path.canonicalize() {
        return place.is_file().then_some(place);
    }
    // It will be made, in a folder that is there.
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

/// Prints the result for people. A reader who has enough of it is no error.
pub(super) fn print(text: &str) -> Result<(), WriteError> {
    print_to(std::io::stdout().lock(), text)
}

fn print_to(mut to: impl std::io::Write, text: &str) -> Result<(), WriteError> {
    match writeln!(to, "{text}").and_then(|()| to.flush()) {
        Err(source) if source.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(WriteError { path: "the result on standard output".into(), source })
        },
        _ => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_outputs_to_one_place_wrote_over_each_other() {
        let folder = tempfile::TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(at("there"), "").unwrap();
        std::os::unix::fs::symlink(at("there"), at("link")).unwrap();
        let around = at("./") + "./new";
        for (one, other, same) in [
            ("-".to_owned(), "-".to_owned(), true),
            (at("new"), at("new"), true),
            (at("new"), around, true),
            (at("there"), at("link"), true),
            (at("new"), at("there"), false),
            ("-".to_owned(), at("new"), false),
            ("/dev/null".to_owned(), "/dev/null".to_owned(), false),
        ] {
            let words = ["shakedown", "load", "http://a/", "--json", &one, "--junit", &other];
            let parsed = crate::cli::parse(words.into_iter().map(Into::into)).unwrap();
            let crate::cli::Command::Load(arguments) = parsed.command else { panic!("a load") };
            let checked = check_places(&arguments);
            assert_eq!(checked.is_err(), same, "{one} {other}: {checked:?}");
            if let Err(error) = checked {
                assert!(error.to_string().starts_with("--json and --junit both"), "{error}");
            }
        }
    }

    /// Takes nothing.
    struct Full(std::io::ErrorKind);

    impl std::io::Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_summary_that_could_not_be_written_was_lost_silently() {
        print_to(Vec::new(), "all is well").unwrap();
        print_to(Full(std::io::ErrorKind::BrokenPipe), "head has enough").unwrap();
        let error = print_to(Full(std::io::ErrorKind::StorageFull), "lost").unwrap_err();
        assert_eq!(error.to_string(), "the result on standard output cannot be written");
    }
}
