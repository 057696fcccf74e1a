//! Every way in which a request can fail, with the status that the caller gets, the one to blame,
//! and what a retry policy may make of it. One table, because these four answers must agree.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::edge::Blame;
use model::policy::RetryOn;

use crate::limit::rate::Quota;

/// Whose silence it was when the time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// The caller had not sent its body yet.
    Caller,
    Callee,
    /// A fault held the request back at some time.
    Fault,
    /// The gateway itself made it wait, for a place.
    Gateway,
}

/// An answer that a fault gives instead of the callee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InjectedAnswer {
    pub(crate) status: u16,
    pub(crate) body: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
    #[error("no route for {path}")]
    NoRoute { path: String },
    #[error("the plan does not know edge {edge}")]
    NotPlanned { edge: String },
    #[error("edge {edge} has no endpoint")]
    NoEndpoint { edge: String },
    #[error("the deadline had passed when the request came in")]
    DeadlineSpent,
    #[error("too many requests: {} in a period", .0.limit)]
    Limited(Quota),
    #[error("{limit} requests are being served and no place came free")]
    Full { limit: u32 },
    #[error("{reason}")]
    Rejected { reason: Arc<str>, retry_after: Duration },
    #[error("no answer within {} ms", after.as_millis())]
    Timeout { after: Duration, waiting: Waiting },
    #[error("the attempt took longer than {} ms", after.as_millis())]
    AttemptTimeout { after: Duration, waiting: Waiting },
    #[error("cannot connect to {to}")]
    Connect { to: SocketAddr, source: std::io::Error },
    #[error("no connection to {to} within {} ms", after.as_millis())]
    ConnectTimeout { to: SocketAddr, after: Duration },
    #[error("the connection to {to} broke before the answer: {cause}")]
    Broken { to: SocketAddr, cause: String },
    #[error("the answer from {to} is not HTTP: {cause}")]
    Garbage { to: SocketAddr, cause: String },
    /// The head is out, so the caller sees a body that ends too early.
    #[error("the answer broke off in its body: {cause}")]
    BodyBroken { cause: String },
    #[error("the caller broke off its body: {cause}")]
    CallerBody { cause: String },
    #[error("the body is longer than {bytes_max} bytes")]
    CallerBodyTooLong { bytes_max: u64 },
    #[error("the caller left before the answer")]
    CallerGone { waiting: Waiting },
    #[error("injected status {}", .0.status)]
    Injected(Box<InjectedAnswer>),
    #[error("injected reset")]
    InjectedReset,
    /// The head is out, and the body ends where a fault wants it to.
    #[error("injected end of the body: {how}")]
    InjectedCut { how: &'static str, reset: bool },
}

impl Failure {
    /// `None`: the caller gets no answer of ours.
    pub(crate) fn status(&self) -> Option<u16> {
        Some(match self {
            Self::Malformed(_) | Self::CallerBody { .. } => 400,
            Self::NoRoute { .. } => 404,
            Self::CallerBodyTooLong { .. } => 413,
            Self::Limited(_) => 429,
            Self::NotPlanned { .. }
            | Self::NoEndpoint { .. }
            | Self::Rejected { .. }
            | Self::Full { .. } => 503,
            Self::Timeout { waiting, .. } => match waiting {
                Waiting::Caller => 408,
                Waiting::Gateway => 503,
                Waiting::Callee | Waiting::Fault => 504,
            },
            Self::DeadlineSpent | Self::AttemptTimeout { .. } | Self::ConnectTimeout { .. } => 504,
            Self::Connect { .. } | Self::Broken { .. } | Self::Garbage { .. } => 502,
            Self::Injected(answer) => answer.status,
            Self::BodyBroken { .. }
            | Self::CallerGone { .. }
            | Self::InjectedReset
            | Self::InjectedCut { .. } => return None,
        })
    }

    pub(crate) fn blame(&self) -> Blame {
        match self {
            Self::Malformed(_) | Self::CallerBody { .. } | Self::CallerBodyTooLong { .. } => {
                Blame::Downstream
            },
            // Nobody waits for ever: who leaves while a fault holds the answer back was made to.
            Self::CallerGone { waiting: Waiting::Fault } => Blame::Injected,
            Self::CallerGone { .. } => Blame::Downstream,
            Self::NoRoute { .. }
            | Self::NotPlanned { .. }
            | Self::NoEndpoint { .. }
            | Self::DeadlineSpent
            | Self::Limited(_)
            | Self::Full { .. }
            | Self::Rejected { .. } => Blame::Internal,
            Self::Timeout { waiting, .. } | Self::AttemptTimeout { waiting, .. } => match waiting {
                Waiting::Caller => Blame::Downstream,
                Waiting::Callee => Blame::Upstream,
                Waiting::Fault => Blame::Injected,
                Waiting::Gateway => Blame::Internal,
            },
            Self::Connect { .. }
            | Self::ConnectTimeout { .. }
            | Self::Broken { .. }
            | Self::Garbage { .. }
            | Self::BodyBroken { .. } => Blame::Upstream,
            Self::Injected(_) | Self::InjectedReset | Self::InjectedCut { .. } => Blame::Injected,
        }
    }

    /// Value of `error.type`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::NoRoute { .. } => "no-route",
            Self::NotPlanned { .. } => "not-planned",
            Self::NoEndpoint { .. } => "no-endpoint",
            Self::DeadlineSpent => "deadline-spent",
            Self::Limited(_) => "rate-limit",
            Self::Full { .. } => "bulkhead",
            Self::Rejected { .. } => "breaker",
            Self::Timeout { .. } => "timeout",
            Self::AttemptTimeout { .. } => "attempt-timeout",
            Self::Connect { .. } => "connect",
            Self::ConnectTimeout { .. } => "connect-timeout",
            Self::Broken { .. } => "reset",
            Self::Garbage { .. } => "garbage",
            Self::BodyBroken { .. } => "body-broken",
            Self::CallerBody { .. } => "caller-body",
            Self::CallerBodyTooLong { .. } => "caller-body-too-long",
            Self::CallerGone { .. } => "caller-gone",
            Self::Injected(_) => "injected-status",
            Self::InjectedReset => "injected-reset",
            Self::InjectedCut { .. } => "injected-cut",
        }
    }

    /// What a retry policy may act on.
    pub(crate) fn trigger(&self) -> Option<RetryOn> {
        match self {
            Self::Connect { .. } | Self::ConnectTimeout { .. } => Some(RetryOn::Connect),
            // A try that took too long may have been half done, like one that broke.
            Self::Broken { .. } | Self::InjectedReset | Self::AttemptTimeout { .. } => {
                Some(RetryOn::Reset)
            },
            Self::Injected(answer) => Some(RetryOn::Status(answer.status)),
            _ => None,
        }
    }

    /// Does it tell anything about the callee? The gateway's own refusals and the caller's faults
    /// must not open a breaker; injected ones must.
    pub(crate) fn counts_for_breaker(&self) -> bool {
        matches!(self.blame(), Blame::Upstream | Blame::Injected)
    }

    /// Was it the caller's body that did not come?
    pub(crate) fn waited_for_caller(&self) -> bool {
        matches!(
            self,
            Self::CallerBody { .. }
                | Self::CallerBodyTooLong { .. }
                | Self::Timeout { waiting: Waiting::Caller, .. }
                | Self::CallerGone { waiting: Waiting::Caller }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_of_ours_carries_the_status_that_its_blame_suggests() {
        let timeout = |waiting| Failure::Timeout { after: Duration::from_secs(1), waiting };
        let to = SocketAddr::from(([127, 0, 0, 1], 1));
        let answer = InjectedAnswer { status: 429, body: None, headers: Vec::new() };
        for (failure, status, blame) in [
            (Failure::NoRoute { path: "/".into() }, 404, Blame::Internal),
            (Failure::Malformed("x"), 400, Blame::Downstream),
            (timeout(Waiting::Caller), 408, Blame::Downstream),
            (timeout(Waiting::Callee), 504, Blame::Upstream),
            (timeout(Waiting::Fault), 504, Blame::Injected),
            (timeout(Waiting::Gateway), 503, Blame::Internal),
            (Failure::DeadlineSpent, 504, Blame::Internal),
            (Failure::Full { limit: 3 }, 503, Blame::Internal),
            (Failure::CallerBodyTooLong { bytes_max: 3 }, 413, Blame::Downstream),
            (Failure::Garbage { to, cause: "y".into() }, 502, Blame::Upstream),
            (Failure::Injected(Box::new(answer)), 429, Blame::Injected),
        ] {
            assert_eq!(failure.status(), Some(status), "{failure}");
            assert_eq!(failure.blame(), blame, "{failure}");
        }
        assert!(Failure::InjectedReset.status().is_none());
        assert!(Failure::InjectedReset.counts_for_breaker());
        let left = |waiting| Failure::CallerGone { waiting };
        assert!(!left(Waiting::Callee).counts_for_breaker());
        assert!(left(Waiting::Fault).counts_for_breaker());
    }
}
