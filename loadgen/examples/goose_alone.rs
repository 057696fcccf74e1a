//! Goose with its own client, as the peer of the closed model in `docs/benchmarks.md`.
//!
//! `goose_alone --host URL --users N --run-time 5s`: each user asks for `/`, without thinking. One
//! client serves all users, which costs Goose the least.

use goose::GooseAttack;
use goose::client::GooseClientBuilder;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction, TransactionResult};
use std::sync::Arc;

async fn ask(user: &mut GooseUser) -> TransactionResult {
    user.get("/").await?;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asks: TransactionFunction = Arc::new(|user| Box::pin(ask(user)));
    let scenario = Scenario::new("ask").register_transaction(Transaction::new(asks));
    let client = GooseClientBuilder::new().without_cookies();
    let attack = GooseAttack::initialize()?.register_scenario(scenario);
    runtime.block_on(attack.set_client_builder_without_cookies(client)?.execute())?;
    Ok(())
}
