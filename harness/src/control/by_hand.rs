//! Faults that a person arms and disarms while looking at a run.
//!
//! A fault of the plan is never touched: it is armed once more beside itself, under another name
//! and for a limited time, and only what was armed so can be disarmed.

use std::sync::{Arc, OnceLock};

use model::fault::{FaultKind, FaultSpec, Window};
use model::plan::{ArmRequest, ArmedFault, FaultSource};
use tui::app::Control as Change;
use tui::control::{BY_HAND, Controller, Controlling};

use super::{Control, ControlError};

/// What is armed by hand ends by itself after this time.
const FOR_MS: u64 = 60_000;

/// Changes the faults of a proxy. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct ByHand {
    /// Empty until the proxy has started.
    control: Arc<OnceLock<Control>>,
}

impl ByHand {
    /// Of a proxy that runs.
    pub fn of(control: Control) -> Self {
        let by_hand = Self::default();
        by_hand.begin(control);
        by_hand
    }

    /// The proxy has started. It does so once; a second start is not heard.
    pub fn begin(&self, control: Control) {
        let _again = self.control.set(control);
    }
}

impl Controller for ByHand {
    fn control(&self, change: Change) -> Controlling {
        let control = self.control.get().cloned();
        Box::pin(async move {
            let control = control.ok_or("the proxy has not started yet")?;
            match change {
                Change::Arm(name) => arm(&control, &name).await,
                Change::Disarm(name) => disarm(&control, &name).await,
                Change::ClearAll => {
                    control.disarm(None).await.map_err(told)?;
                    Ok("disarmed everything that was armed by hand".to_owned())
                },
            }
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn told(error: ControlError) -> String {
    crate::with_causes(&error)
}

async fn arm(control: &Control, name: &str) -> Result<String, String> {
    let faults = control.faults().await.map_err(told)?;
    let named = |name: &str| faults.iter().find(|fault| fault.fault.name == name);
    // One that was armed before and is gone by now is armed from the plan again.
    let found = named(name).or_else(|| named(name.strip_suffix(BY_HAND)?));
    let fault = once_more(found.ok_or_else(|| unknown(name, &faults))?)?;
    let name = fault.name.clone();
    control.arm(&ArmRequest { fault, for_ms: FOR_MS }).await.map_err(told)?;
    Ok(format!("armed {name} for one minute"))
}

/// The same fault, as it can be armed beside the plan.
fn once_more(found: &ArmedFault) -> Result<FaultSpec, String> {
    let mut fault = found.fault.clone();
    if let FaultKind::Caller { token, .. } = &fault.effect
        && token.is_hidden()
    {
        return Err(format!("{} needs a token that the proxy does not tell", fault.name));
    }
    match found.source {
        FaultSource::Plan => fault.name.push_str(BY_HAND),
        // It is there already and gets another minute.
        FaultSource::Api => {},
        FaultSource::Toxiproxy => {
            return Err(format!("{} belongs to a client of Toxiproxy", fault.name));
        },
    }
    // Without windows it acts all the time; a share that changes needs one to change over.
    fault.schedule = match fault.when.ramp_to {
        Some(_) => vec![Window { start_ms: 0, end_ms: FOR_MS }],
        None => Vec::new(),
    };
    Ok(fault)
}

async fn disarm(control: &Control, name: &str) -> Result<String, String> {
    let faults = control.faults().await.map_err(told)?;
    let by_hand = format!("{name}{BY_HAND}");
    let armed = faults.iter().filter(|fault| fault.source == FaultSource::Api);
    let mut names = armed.map(|fault| fault.fault.name.as_str());
    let Some(found) = names.find(|armed| *armed == name || *armed == by_hand) else {
        let planned = faults.iter().any(|fault| fault.fault.name == name);
        return Err(if planned {
            format!("{name} belongs to the plan; only what was armed by hand can be disarmed")
        } else {
            unknown(name, &faults)
        });
    };
    control.disarm(Some(found)).await.map_err(told)?;
    Ok(format!("disarmed {found}"))
}

fn unknown(name: &str, faults: &[ArmedFault]) -> String {
    let names = faults.iter().map(|fault| fault.fault.name.as_str());
    format!("the proxy has no fault named {name:?}{}", model::hint(name, names))
}

#[cfg(test)]
mod tests;
