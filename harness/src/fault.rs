//! `shakedown fault`: shows and changes the faults of a running proxy over its control API.
//!
//! A fault that is armed has an end, so that one which was forgotten does not act for ever. Faults
//! of a plan or of the proxy's own file are shown and are not touched.

mod arm;
mod list;
mod remote;

use model::gateway::Problems;

use crate::cli::{ArmArguments, FaultAction, FaultArguments};
use crate::control::ControlError;
use crate::result::ExitCode;
use crate::run::view::print_line;
pub(crate) use remote::{RemoteError, address};

#[derive(Debug, thiserror::Error)]
enum FaultError {
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error("cannot start a runtime")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("cannot read {path}")]
    Read { path: String, source: std::io::Error },
    /// In a file, with places.
    #[error("{0}")]
    File(Problems),
    /// In the flags, which have none.
    #[error("{0}")]
    Flags(String),
}

impl FaultError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Control(ControlError::Refused { .. }) => ExitCode::Failed,
            Self::Remote(error) => error.exit_code(),
            Self::Read { .. } | Self::File(_) | Self::Flags(_) => ExitCode::ScenarioInvalid,
            Self::Runtime(_) | Self::Control(_) => ExitCode::HarnessFault,
        }
    }
}

pub fn command(arguments: &FaultArguments) -> ExitCode {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let outcome = builder
        .enable_all()
        .build()
        .map_err(FaultError::Runtime)
        .and_then(|runtime| runtime.block_on(act(&arguments.action)));
    match outcome {
        Ok(()) => ExitCode::Pass,
        Err(error) => {
            crate::complain(&error);
            error.exit_code()
        },
    }
}

async fn act(action: &FaultAction) -> Result<(), FaultError> {
    match action {
        FaultAction::List { remote, json } => {
            let faults = remote::control(remote)?.faults().await?;
            if *json {
                let text = serde_json::to_string_pretty(&faults);
                print_line(&text.expect("faults have string keys"));
            } else {
                list::table(&faults).lines().for_each(print_line);
            }
            Ok(())
        },
        FaultAction::Arm(arguments) => arm(arguments).await,
        FaultAction::Disarm { names, remote } => {
            let control = remote::control(remote)?;
            for name in names {
                let epoch = control.disarm(Some(name)).await?.epoch;
                print_line(&format!("disarmed {name} (epoch {epoch})"));
            }
            Ok(())
        },
        FaultAction::Clear { remote } => {
            let epoch = remote::control(remote)?.disarm(None).await?.epoch;
            print_line(&format!("disarmed everything that was armed (epoch {epoch})"));
            Ok(())
        },
    }
}

async fn arm(arguments: &ArmArguments) -> Result<(), FaultError> {
    let control = remote::control(&arguments.remote)?;
    let state = control.state().await?;
    let edges = state.edges.into_iter().map(|edge| (edge.edge, edge.protocol));
    let request = arm::request(arguments, edges)?;
    let epoch = control.arm(&request).await?.epoch;
    let time = model::units::format_duration(std::time::Duration::from_millis(request.for_ms));
    let name = &request.fault.name;
    print_line(&format!("armed {name} for {time} (epoch {epoch})"));
    crate::say(&format!("end it earlier with: shakedown fault disarm '{name}'"));
    Ok(())
}
