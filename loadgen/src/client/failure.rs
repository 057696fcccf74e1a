//! Why a step failed, by kind.

use std::io::{self, ErrorKind};

use h2::Reason;
use model::load::Outcome;
use rustix::io::Errno;
use rustls::AlertDescription;

/// The kinds of failure that are told apart in spans (`error.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Refused,
    /// Any other way in which no connection was made.
    Unreachable,
    /// The name server knows no address.
    NameUnknown,
    /// The handshake failed: whom to trust, whom to show, or the kinds of cipher.
    Tls,
    /// This process may not open more files.
    FilesExhausted,
    /// This machine has no free port towards the target.
    PortsExhausted,
    Reset,
    /// Closed in an orderly way, in the middle of things.
    Closed,
    /// Not HTTP.
    Garbage,
    TooLarge,
    Timeout,
    /// The load was stopped first.
    Stopped,
    Status(u16),
    /// The answer lacks a value that the step saves.
    Unsaved,
    /// A value is not there, or cannot stand in a request.
    Unsendable,
    /// A check of the step does not hold.
    Check,
    /// What the step waits for did not come in all of its turns.
    Never,
    /// A second copy of the request was answered first.
    Overtaken,
}

impl Failure {
    /// The limits of the generator, which say nothing about the target.
    pub(crate) const OWN: [Self; 2] = [Self::FilesExhausted, Self::PortsExhausted];

    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Refused | Self::Unreachable | Self::Reset | Self::Closed => Outcome::Connection,
            Self::NameUnknown | Self::Tls | Self::FilesExhausted | Self::PortsExhausted => {
                Outcome::Connection
            },
            Self::Garbage | Self::TooLarge | Self::Unsaved | Self::Unsendable => Outcome::Answer,
            Self::Check | Self::Never => Outcome::Check,
            Self::Timeout | Self::Overtaken => Outcome::Timeout,
            Self::Stopped => Outcome::Unfinished,
            Self::Status(_) => Outcome::Status,
        }
    }

    /// Value of `error.type`; a status is its own type.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "connection_refused",
            Self::Unreachable => "connection_failed",
            Self::NameUnknown => "name_unknown",
            Self::Tls => "tls_handshake_failed",
            Self::FilesExhausted => "client_files_exhausted",
            Self::PortsExhausted => "client_ports_exhausted",
            Self::Reset => "connection_reset",
            Self::Closed => "connection_closed",
            Self::Garbage => "answer_not_http",
            Self::TooLarge => "answer_too_large",
            Self::Timeout => "timeout",
            Self::Stopped => "load_stopped",
            Self::Status(_) => "status",
            Self::Unsaved => "answer_lacks_value",
            Self::Unsendable => "value_unsendable",
            Self::Check => "check_failed",
            Self::Never => "until_never_held",
            Self::Overtaken => "overtaken_by_copy",
        }
    }

    /// Of HTTP/2 on a socket that itself has not failed.
    pub(super) fn of_http2(error: &h2::Error) -> Self {
        match error.reason() {
            _ if error.is_io() => Self::Closed,
            _ if error.is_library() => Self::Garbage,
            Some(Reason::NO_ERROR) if error.is_go_away() => Self::Closed,
            _ if error.is_remote() => Self::Reset,
            _ => Self::Unsendable,
        }
    }

    /// Of a socket that was connected.
    pub(super) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                Self::Reset
            },
            // With TLS 1.3 a client reads only after the handshake that it was refused.
            ErrorKind::InvalidData if alert(error).is_some() => Self::Tls,
            ErrorKind::InvalidData => Self::Garbage,
            _ => Self::Closed,
        }
    }

    /// Of a handshake.
    pub(super) fn of_tls(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Self::Reset,
            _ => Self::Tls,
        }
    }

    /// Of an attempt to connect.
    pub(super) fn of_connect(error: &io::Error) -> Self {
        let files = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::ConnectionReset => Self::Reset,
            ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse => Self::PortsExhausted,
            _ if error.raw_os_error().is_some_and(|code| files.contains(&code)) => {
                Self::FilesExhausted
            },
            _ => Self::Unreachable,
        }
    }
}

/// What the other side of an encrypted stream has refused.
pub(super) fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generators_own_limits_are_told_from_the_targets_refusal() {
        let of = |errno: Errno| Failure::of_connect(&io::Error::from(errno));
        assert_eq!(of(Errno::CONNREFUSED), Failure::Refused);
        assert_eq!(of(Errno::MFILE), Failure::FilesExhausted);
        assert_eq!(of(Errno::NFILE), Failure::FilesExhausted);
        assert_eq!(of(Errno::ADDRNOTAVAIL), Failure::PortsExhausted);
        assert_eq!(of(Errno::HOSTUNREACH), Failure::Unreachable);
    }

    #[test]
    fn a_client_that_was_refused_after_its_handshake_has_not_read_garbage() {
        let of =
            |error: rustls::Error| Failure::of_io(&io::Error::new(ErrorKind::InvalidData, error));
        let alert = AlertDescription::CertificateRequired;
        assert_eq!(of(rustls::Error::AlertReceived(alert)), Failure::Tls);
        assert_eq!(of(rustls::Error::DecryptError), Failure::Garbage);
    }
}
