//! What serves requests: the shared parts by reference, and a pool of connections of its own.
//!
//! All listeners of a process share one worker today. Nothing of it is global, so that a thread
//! per core can own one each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::edge::Edge;
use model::frame::DropCount;
use telemetry::clock::Clock;

use crate::control::Control;
use crate::emit::Emitter;
use crate::journeys::Journeys;
use crate::pool::Pool;

/// Through which listener a request came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Door {
    Public,
    Edge(Edge),
}

impl Door {
    pub(crate) fn edge(&self) -> Option<&Edge> {
        match self {
            Self::Public => None,
            Self::Edge(edge) => Some(edge),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) control: Arc<Control>,
    pub(crate) emitter: Arc<Emitter>,
    pub(crate) journeys: Arc<Journeys>,
    pub(crate) clock: Clock,
    pub(crate) pool: Pool,
    pub(crate) losses: Arc<Losses>,
}

/// What was turned away before it was a request.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    connections: AtomicU64,
    heads: AtomicU64,
    accepts: AtomicU64,
}

impl Losses {
    pub(crate) fn connection_refused(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn head_refused(&self) {
        self.heads.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn accept_failed(&self) {
        self.accepts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Vec<DropCount> {
        let count = |what: &str, counter: &AtomicU64| DropCount {
            what: what.to_owned(),
            count: counter.load(Ordering::Relaxed),
        };
        vec![
            count("proxy connections", &self.connections),
            count("proxy malformed heads", &self.heads),
            count("proxy accepts", &self.accepts),
        ]
    }
}
