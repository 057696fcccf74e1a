//! Files that a person wrote and named: read up to a bound, and the nearest name is told when there
//! is none of the name.

use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use model::limits::SCENARIO_BYTES_MAX;

/// Names in a folder among which the one that was meant is looked for.
const NAMES_MAX: usize = 1_000;

/// A scenario, a file of settings, a token: nobody writes longer ones.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    text_up_to(path, SCENARIO_BYTES_MAX)
}

pub(crate) fn text_up_to(path: &Path, bytes_max: usize) -> io::Result<String> {
    String::from_utf8(bytes(path, bytes_max)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(ErrorKind::InvalidData, format!("no text in UTF-8: byte {at} is none"))
    })
}

/// The same of anything.
pub(crate) fn bytes(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let file = std::fs::File::open(path).map_err(|error| with_nearest(path, error))?;
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max {
        let message = format!("longer than {bytes_max} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

fn with_nearest(path: &Path, error: io::Error) -> io::Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    io::Error::new(ErrorKind::NotFound, format!("there is no such file{}", did_you_mean(path)))
}

/// End of a message about a file that is not there; empty when none is called alike.
pub(crate) fn did_you_mean(path: &Path) -> String {
    nearest(path).map_or(String::new(), |near| format!("; did you mean {}?", near.display()))
}

/// In the same folder.
fn nearest(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let name = |entry: io::Result<std::fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
    let mut names: Vec<String> = entries.take(NAMES_MAX).filter_map(name).collect();
    names.sort_unstable();
    let meant = model::nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(path.with_file_name(meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_is_answered_with_the_one_that_was_meant() {
        let folder = tempfile::TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("slow-payments.toml"), "").unwrap();
        std::fs::write(at("healthy.toml"), "").unwrap();
        let said = |name: &str| text(&at(name)).unwrap_err().to_string();
        let meant = format!("did you mean {}?", at("healthy.toml").display());
        assert!(said("helthy.toml").ends_with(&meant), "{}", said("helthy.toml"));
        assert!(!said("nothing-like-it").contains("did you mean"));
        assert!(!said("no/healthy.toml").contains("did you mean"));
    }

    #[test]
    fn an_endless_file_is_not_read_to_its_end_and_bytes_are_no_text() {
        let said = bytes(Path::new("/dev/zero"), 5_000_000).unwrap_err().to_string();
        assert_eq!(said, "longer than 5000000 bytes");
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"ab\xff").unwrap();
        assert_eq!(bytes(&path, 3).unwrap(), b"ab\xff");
        assert!(text(&path).unwrap_err().to_string().contains("byte 2"));
    }
}
