//! Changing the faults of a running proxy: who does it, for a dashboard that may.
//!
//! Looking never changes the system. Only with a [`Controller`], and after a question, a fault is
//! armed or disarmed.

use std::fmt;
use std::pin::Pin;

use crate::app::Control;

/// Behind the name of a fault of the plan that is armed once more, beside itself.
pub const BY_HAND: &str = " by hand";

/// What is said when nobody may change anything.
pub const NOT_ALLOWED: &str = "faults can be changed only with --allow-control";

/// A change on its way: what was done, or why nothing was, as a sentence for a person.
pub type Controlling = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// Who changes faults.
pub trait Controller: fmt::Debug + Send + Sync {
    fn control(&self, control: Control) -> Controlling;
}
