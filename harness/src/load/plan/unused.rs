//! Options that say nothing in the model of a load. They are refused: nobody would notice that they
//! do nothing.

use model::load::LoadModel;

use super::PlanError;
use crate::cli::LoadArguments;

const CLOSED: &str = "each user has a connection, and goes on when it is answered";
const MAX: &str = "each connection goes on when it is answered, so nothing is due";

pub(super) fn check(arguments: &LoadArguments, model: LoadModel) -> Result<(), PlanError> {
    let (with, why) = match model {
        LoadModel::Open => return Ok(()),
        LoadModel::Closed => ("users", CLOSED),
        LoadModel::Max => ("the rate `max`", MAX),
    };
    let connections = arguments.connections.is_some() && model == LoadModel::Closed;
    let given = [
        ("--connections", connections),
        ("--poisson", arguments.poisson),
        ("--at-limit", arguments.at_limit.is_some()),
        ("--release-every", !arguments.release_every.is_zero()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(PlanError::Unused { option, with, why }),
        None => Ok(()),
    }
}
