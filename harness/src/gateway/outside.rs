//! What a gateway file points to: files beside it, the environment, names of hosts.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};

use model::gateway::Outside;

/// Paths count from the folder of the file that names them.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder that a file lies in.
    pub(crate) fn of(file: &Path) -> Self {
        Self(file.parent().map(Path::to_path_buf).unwrap_or_default())
    }

    /// The folder in which the program was started.
    pub(crate) fn here() -> Self {
        Self(PathBuf::new())
    }

    pub(crate) fn join(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }
}

impl Outside for Folder {
    fn text(&self, path: &str) -> Result<String, String> {
        let path = self.join(path);
        crate::written::text(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))
    }

    fn data(&self, path: &str, bytes_max: usize) -> Result<String, String> {
        let path = self.join(path);
        crate::written::text_up_to(&path, bytes_max)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    /// Once, when the file is read: a name that moves is followed by reading the file again.
    fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        let found = (host, port)
            .to_socket_addrs()
            .map_err(|error| format!("cannot find the host \"{host}\": {error}"))?;
        let mut addresses: Vec<SocketAddr> = found.collect();
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            return Err(format!("the host \"{host}\" has no address"));
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_count_from_the_folder_of_the_file() {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::write(folder.path().join("secret"), "s3cret\n").unwrap();
        let outside = Folder::of(&folder.path().join("gateway.toml"));
        assert_eq!(outside.text("secret").unwrap(), "s3cret\n");
        let said = outside.text("nowhere").unwrap_err();
        assert!(said.contains(&folder.path().join("nowhere").display().to_string()), "{said}");
    }

    #[test]
    fn a_host_is_looked_up() {
        let found = Folder::here().addresses("localhost", 80).unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()), "{found:?}");
        let said = Folder::here().addresses("no.such.host.invalid", 80).unwrap_err();
        assert!(said.contains("no.such.host.invalid"), "{said}");
    }
}
