//! Reads the books of the shop once it is quiet, past the gateway, and checks what they must add
//! up to.

use std::time::Duration;

use model::expect::InvariantFinding;
use services::audit::{self, AuditError};

use super::stack::Stack;

/// Sagas and deliveries that were interrupted by a fault must be through by then. A system that
/// never comes to rest is judged as it is.
const QUIET_WITHIN: Duration = Duration::from_secs(20);
/// The services cannot announce that they are at rest, so they are asked.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Waits for the quiet shop and checks its invariants against what was promised to the users.
pub(crate) async fn read_when_quiet(stack: &Stack) -> Result<Vec<InvariantFinding>, AuditError> {
    let mut questions = tokio::time::interval(ASK_EVERY);
    let until_quiet = async {
        loop {
            questions.tick().await;
            if audit::quiet(&stack.client, &stack.services).await? {
                return Ok::<(), AuditError>(());
            }
        }
    };
    if let Ok(answered) = tokio::time::timeout(QUIET_WITHIN, until_quiet).await {
        answered?;
    }
    let books = audit::read(&stack.client, &stack.services).await?;
    let promised: Vec<_> =
        stack.collector.load_done().into_iter().flat_map(|done| done.acknowledged).collect();
    Ok(audit::invariants(&books, &promised))
}
