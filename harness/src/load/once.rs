//! What a file of load does once: set-up before load begins, tear-down when it has ended.

use loadgen::Once;
use model::load::LoadPlan;
use telemetry::clock::Clock;
use telemetry::shutdown::Shutdown;
use tokio::sync::watch;

use super::CommandError;
use super::patience::{self, ONCE_ASKED, Waited};
use super::plan::Requests;
use crate::result::ExitCode;

/// Walks the set-up and gives what it saved to the plan.
pub(super) async fn set_up(
    plan: &mut LoadPlan,
    requests: &Requests,
    signals: &mut Shutdown,
    clock: &Clock,
) -> Result<(), CommandError> {
    let Some(flow) = requests.file.as_ref().and_then(|file| file.setup.as_ref()) else {
        return Ok(());
    };
    let (stop, stopped) = watch::channel(false);
    let walk = loadgen::walk_once(plan, (Once::SetUp, flow), stopped, clock.clone());
    let saved = tokio::select! {
        saved = walk => saved,
        signal = signals.requested() => {
            stop.send_replace(true);
            return Err(CommandError::NotBegun(signal));
        },
    };
    plan.setup = saved.map_err(CommandError::SetUp)?;
    Ok(())
}

/// Whoever leaves a load at once waits for no tear-down either.
pub(super) fn leave_out(requests: &Requests) {
    if requests.file.as_ref().is_some_and(|file| file.teardown.is_some()) {
        crate::say("the tear-down was left out: what the set-up made may still be there");
    }
}

/// Walks the tear-down. What goes wrong is said, and gives an exit code for a load that has none of
/// its own. `is_asked` says that a person has asked for the end of the load.
pub(super) async fn tear_down(
    plan: &LoadPlan,
    requests: &Requests,
    signals: &mut Shutdown,
    (clock, is_asked): (&Clock, bool),
) -> Option<ExitCode> {
    let flow = requests.file.as_ref()?.teardown.as_ref()?;
    // Whoever drops the sender stops the walk.
    let (_stop, stopped) = watch::channel(false);
    let walk = loadgen::walk_once(plan, (Once::TearDown, flow), stopped, clock.clone());
    match patience::wait(walk, None, signals, is_asked).await {
        Waited::Over(Ok(_saved)) => return None,
        Waited::Over(Err(error)) => {
            crate::complain(&CommandError::TearDown(error));
            return Some(ExitCode::HarnessFault);
        },
        Waited::Late => crate::say(&format!(
            "interrupted, and the tear-down was not over {} s later: what the set-up made may \
             still be there",
            ONCE_ASKED.as_secs()
        )),
        Waited::Left => crate::say(
            "left at once, in the middle of the tear-down: what the set-up made may still be there",
        ),
    }
    Some(ExitCode::Interrupted)
}
