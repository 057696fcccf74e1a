//! The closed model: users who are always there, each of whom does one thing after the other.
//!
//! Goose keeps the users: it starts them, runs their loops side by side and tells loads apart. What
//! a user does is ours: the journeys, the client and the recorder are those of the open model, and
//! so is the clock. Goose measures nothing, prints nothing and listens nowhere.
//!
//! Durations of this model are service times. A user who waits for an answer asks for nothing
//! meanwhile, so the load falls just when the system is slow: such figures carry the name of their
//! model wherever they go, and are never added to those of the open model.
//!
//! Three things are not left to Goose, because it would decide them by its own loop, which looks up
//! twice a second. A user is there when the levels of the load say so of its number, so that many
//! workers make the ramp of one. It thinks by draws from the seed. And the end of load waits for
//! journeys, not for Goose: users who find that load is over lie still, and go with the attack when
//! it is dropped. Nothing here bounds a journey that never ends; the vigil of the engine does.
//!
//! Goose takes hold of the whole process (a handler of signals, a logger, one attack at a time), so
//! a plan with such loads belongs into a worker process of its own: [`needs_child`].

mod attack;
mod crowd;
pub(crate) mod process;
mod user;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use goose::GooseError;
use goose::metrics::GooseMetrics;
use model::load::{LoadModel, LoadPlan};
use tokio::time::Instant;

use crate::arrival::Shard;
use crate::error::LoadError;
use crate::journey::Context;
use crowd::Crowd;

/// Has the plan loads that must not be run in the caller's own process?
pub fn needs_child(plan: &LoadPlan) -> bool {
    plan.loads.iter().any(|load| load.model == LoadModel::Closed)
}

type Attack = Pin<Box<dyn Future<Output = Result<GooseMetrics, GooseError>>>>;

/// What the engine should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The last journey after the end of load is over.
    Idle,
    /// Goose has ended by itself, as it does on a signal.
    Ended,
}

/// The users of all closed loads of an engine.
pub(crate) struct Users {
    crowd: Rc<Crowd>,
    /// `None` once it has ended.
    attack: Option<Attack>,
}

impl Users {
    /// Users `shard.own`, `shard.own + shard.of` and so on of each closed load. Must be called, and
    /// awaited, within the runtime of one thread. `None` when there is no user.
    pub(crate) fn new(
        context: &Rc<Context>,
        start: Instant,
        shard: Shard,
    ) -> Result<Option<Self>, LoadError> {
        let crowd = Rc::new(Crowd::new(Rc::clone(context), start));
        let attack = attack::prepare(&crowd, shard).map_err(refused)?;
        Ok(attack.map(|attack| Self { crowd, attack: Some(attack) }))
    }

    /// Journeys that have begun and not ended.
    pub(crate) fn under_way(&self) -> u64 {
        self.crowd.under_way()
    }

    /// Keeps the users going until there is something to look at.
    pub(crate) async fn turn(&mut self) -> Result<Turn, LoadError> {
        tokio::select! {
            biased;
            () = self.crowd.idle() => {
                if self.crowd.panicked() { Err(LoadError::Panicked) } else { Ok(Turn::Idle) }
            },
            ended = ended(&mut self.attack) => {
                self.attack = None;
                ended.map_err(refused).map(|_nothing_measured| Turn::Ended)
            },
        }
    }
}

async fn ended(attack: &mut Option<Attack>) -> Result<GooseMetrics, GooseError> {
    match attack {
        Some(attack) => attack.await,
        None => std::future::pending().await,
    }
}

fn refused(source: GooseError) -> LoadError {
    LoadError::Closed { source: Box::new(source) }
}
