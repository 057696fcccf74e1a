//! What Goose is told: one scenario per load, one transaction that does a user's journeys, and
//! nothing to measure.

use std::rc::Rc;
use std::sync::Arc;

use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction};
use goose::{GooseAttack, GooseError};
use model::load::LoadModel;
use send_wrapper::SendWrapper;

use super::Attack;
use super::crowd::{Crowd, Seats};
use super::user::User;
use crate::arrival::Shard;

/// Goose wants a host, and a client for it. No request goes there: none is sent through Goose.
const NO_HOST: &str = "http://0.0.0.0/";

/// The attack with all users of the closed loads, which begins when it is first polled.
pub(super) fn prepare(crowd: &Rc<Crowd>, shard: Shard) -> Result<Option<Attack>, GooseError> {
    let (mut scenarios, mut users) = (Vec::new(), 0);
    for (at, load) in crowd.context.plan.loads.iter().enumerate() {
        let seats = Seats::new(at, load.users, shard);
        if load.model != LoadModel::Closed || seats.len() == 0 {
            continue;
        }
        // Goose deals its users out by weight, so a load gets as many as its weight says.
        let weight = seats.len();
        users += weight;
        let transaction = Transaction::new(journey_of(crowd, seats));
        let scenario = Scenario::new(&load.name).register_transaction(transaction);
        scenarios.push(scenario.set_weight(weight)?);
    }
    if scenarios.is_empty() {
        return Ok(None);
    }
    super::process::take_log();
    let attack = scenarios
        .into_iter()
        .fold(GooseAttack::initialize_with_config(configuration(users)?)?, |attack, scenario| {
            attack.register_scenario(scenario)
        });
    // One client for all users: it is never used, and one each would take milliseconds each.
    let unused = GooseClientBuilder::new().without_cookies();
    let attack = attack.set_client_builder_without_cookies(unused)?;
    Ok(Some(Box::pin(attack.execute())))
}

fn configuration(users: usize) -> Result<GooseConfiguration, GooseError> {
    let users = users.to_string();
    GooseConfiguration::parse_args_default(&[
        "--host",
        NO_HOST,
        "--users",
        &users,
        // All at once; each of them waits for its own beginning.
        "--increase-rate",
        "1000000",
        "--no-metrics",
        "--no-print-metrics",
        "--no-telnet",
        "--quiet",
    ])
}

/// What Goose calls again and again: the next journeys of a user. All of it stays on one thread,
/// as the wrappers make sure of; Goose could not know.
fn journey_of(crowd: &Rc<Crowd>, seats: Seats) -> TransactionFunction {
    let shared = SendWrapper::new((Rc::clone(crowd), seats));
    Arc::new(move |goose: &mut GooseUser| {
        let (crowd, seats) = &*shared;
        let user = user_of(goose, crowd, seats);
        Box::pin(SendWrapper::new(async move {
            user.stretch().await;
            Ok(())
        }))
    })
}

/// Who this user of Goose's is: whoever comes first has the first seat of the load.
fn user_of(goose: &mut GooseUser, crowd: &Rc<Crowd>, seats: &Seats) -> Rc<User> {
    if let Some(user) = goose.get_session_data::<SendWrapper<Rc<User>>>() {
        return Rc::clone(user);
    }
    let user = Rc::new(User::new(Rc::clone(crowd), seats.load, seats.take()));
    goose.set_session_data(SendWrapper::new(Rc::clone(&user)));
    user
}
