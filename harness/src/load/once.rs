//! What a file of load does once: set-up before load begins, tear-down when it has ended.

use loadgen::{LoadError, Once};
use model::load::LoadPlan;
use telemetry::clock::Clock;
use telemetry::shutdown::Shutdown;
use tokio::sync::watch;

use super::CommandError;
use super::plan::Requests;

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
            Err(LoadError::NotBegun { signal })
        },
    };
    plan.setup = saved.map_err(CommandError::SetUp)?;
    Ok(())
}

/// Walks the tear-down. What goes wrong is said and changes nothing of the result.
pub(super) async fn tear_down(
    plan: &LoadPlan,
    requests: &Requests,
    signals: &mut Shutdown,
    clock: &Clock,
) {
    let Some(flow) = requests.file.as_ref().and_then(|file| file.teardown.as_ref()) else { return };
    let (stop, stopped) = watch::channel(false);
    let walk = loadgen::walk_once(plan, (Once::TearDown, flow), stopped, clock.clone());
    let ended = tokio::select! {
        walked = walk => walked.map(drop),
        signal = signals.requested() => {
            stop.send_replace(true);
            Err(LoadError::NotBegun { signal })
        },
    };
    if let Err(error) = ended {
        crate::complain(&CommandError::TearDown(error));
    }
}
