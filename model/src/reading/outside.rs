//! What a file may point to beside itself: secrets, recorded latencies, names of hosts.
//!
//! Reading a file is pure; whoever asks for it hands in how these are looked up.

use std::fmt::Debug;
use std::net::SocketAddr;

/// Looks things up. Errors are for people and say what was tried; they must not repeat a secret.
pub trait Outside: Debug {
    /// The text of a file. A relative path counts from the folder of the file that is read.
    fn text(&self, path: &str) -> Result<String, String>;
    /// The same for a file of data, which may be longer, in bytes at most.
    fn data(&self, path: &str, bytes_max: usize) -> Result<String, String> {
        let text = self.text(path)?;
        if text.len() > bytes_max {
            return Err(format!("\"{path}\" is longer than {bytes_max} bytes"));
        }
        Ok(text)
    }
    /// An environment variable; `None` when it is not set.
    fn variable(&self, name: &str) -> Option<String>;
    /// The addresses of a host, at least one.
    fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String>;
}

/// Nothing outside: for files that tell their whole story themselves.
#[derive(Debug, Clone, Copy)]
pub struct Nowhere;

impl Outside for Nowhere {
    fn text(&self, path: &str) -> Result<String, String> {
        Err(format!("no other file is read here, so not \"{path}\" either"))
    }

    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn addresses(&self, host: &str, _port: u16) -> Result<Vec<SocketAddr>, String> {
        Err(format!("names of hosts are not looked up here, so not \"{host}\" either"))
    }
}
