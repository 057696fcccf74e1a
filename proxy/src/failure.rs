//! Every way in which a request can fail, with the status that the caller gets, the one to blame,
//! and what a retry policy may make of it. One table, because these four answers must agree.

use std::time::Duration;

use http::StatusCode;
use model::edge::Blame;
use model::policy::RetryOn;

/// Whose silence it was when the time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// The caller had not sent its body yet.
    Caller,
    Callee,
    /// A fault held the request back at some time.
    Fault,
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
    #[error("{reason}")]
    Rejected { reason: String, retry_after: Duration },
    #[error("no answer within {} ms", after.as_millis())]
    Timeout { after: Duration, waiting: Waiting },
    #[error("cannot connect to {to}")]
    Connect { to: String, source: std::io::Error },
    #[error("no connection to {to} within {} ms", after.as_millis())]
    ConnectTimeout { to: String, after: Duration },
    #[error("the connection to {to} broke before the answer: {cause}")]
    Broken { to: String, cause: String },
    #[error("the answer from {to} is not HTTP: {cause}")]
    Garbage { to: String, cause: String },
    /// The head is out, so the caller sees a body that ends too early.
    #[error("the answer broke off in its body")]
    BodyBroken,
    #[error("the caller broke off its body")]
    CallerBody,
    #[error("the caller left before the answer")]
    CallerGone { waiting: Waiting },
    #[error("injected status {status}")]
    Injected { status: u16, body: Option<String> },
    #[error("injected reset")]
    InjectedReset,
}

impl Failure {
    /// `None`: the caller gets no answer of ours.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        Some(match self {
            Self::Malformed(_) | Self::CallerBody => StatusCode::BAD_REQUEST,
            Self::NoRoute { .. } => StatusCode::NOT_FOUND,
            Self::NotPlanned { .. } | Self::NoEndpoint { .. } | Self::Rejected { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            },
            Self::Timeout { waiting: Waiting::Caller, .. } => StatusCode::REQUEST_TIMEOUT,
            Self::DeadlineSpent | Self::Timeout { .. } | Self::ConnectTimeout { .. } => {
                StatusCode::GATEWAY_TIMEOUT
            },
            Self::Connect { .. } | Self::Broken { .. } | Self::Garbage { .. } => {
                StatusCode::BAD_GATEWAY
            },
            Self::Injected { status, .. } => {
                StatusCode::from_u16(*status).expect("a plan only holds statuses of answers")
            },
            Self::BodyBroken | Self::CallerGone { .. } | Self::InjectedReset => return None,
        })
    }

    pub(crate) fn blame(&self) -> Blame {
        match self {
            Self::Malformed(_) | Self::CallerBody => Blame::Downstream,
            // Nobody waits for ever: who leaves while a fault holds the answer back was made to.
            Self::CallerGone { waiting: Waiting::Fault } => Blame::Injected,
            Self::CallerGone { .. } => Blame::Downstream,
            Self::NoRoute { .. }
            | Self::NotPlanned { .. }
            | Self::NoEndpoint { .. }
            | Self::DeadlineSpent
            | Self::Rejected { .. } => Blame::Internal,
            Self::Timeout { waiting, .. } => match waiting {
                Waiting::Caller => Blame::Downstream,
                Waiting::Callee => Blame::Upstream,
                Waiting::Fault => Blame::Injected,
            },
            Self::Connect { .. }
            | Self::ConnectTimeout { .. }
            | Self::Broken { .. }
            | Self::Garbage { .. }
            | Self::BodyBroken => Blame::Upstream,
            Self::Injected { .. } | Self::InjectedReset => Blame::Injected,
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
            Self::Rejected { .. } => "breaker",
            Self::Timeout { .. } => "timeout",
            Self::Connect { .. } => "connect",
            Self::ConnectTimeout { .. } => "connect-timeout",
            Self::Broken { .. } => "reset",
            Self::Garbage { .. } => "garbage",
            Self::BodyBroken => "body-broken",
            Self::CallerBody => "caller-body",
            Self::CallerGone { .. } => "caller-gone",
            Self::Injected { .. } => "injected-status",
            Self::InjectedReset => "injected-reset",
        }
    }

    /// What a retry policy may act on.
    pub(crate) fn trigger(&self) -> Option<RetryOn> {
        match self {
            Self::Connect { .. } | Self::ConnectTimeout { .. } => Some(RetryOn::Connect),
            Self::Broken { .. } | Self::InjectedReset => Some(RetryOn::Reset),
            Self::Injected { status, .. } => Some(RetryOn::Status(*status)),
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
            Self::CallerBody
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
        for (failure, status, blame) in [
            (Failure::NoRoute { path: "/".into() }, 404, Blame::Internal),
            (Failure::Malformed("x"), 400, Blame::Downstream),
            (timeout(Waiting::Caller), 408, Blame::Downstream),
            (timeout(Waiting::Callee), 504, Blame::Upstream),
            (timeout(Waiting::Fault), 504, Blame::Injected),
            (Failure::DeadlineSpent, 504, Blame::Internal),
            (Failure::Garbage { to: "x".into(), cause: "y".into() }, 502, Blame::Upstream),
            (Failure::Injected { status: 429, body: None }, 429, Blame::Injected),
        ] {
            assert_eq!(failure.status().map(|status| status.as_u16()), Some(status), "{failure}");
            assert_eq!(failure.blame(), blame, "{failure}");
        }
        assert!(Failure::InjectedReset.status().is_none());
        assert!(Failure::InjectedReset.counts_for_breaker());
        let left = |waiting| Failure::CallerGone { waiting };
        assert!(!left(Waiting::Callee).counts_for_breaker());
        assert!(left(Waiting::Fault).counts_for_breaker());
    }
}
