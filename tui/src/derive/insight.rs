//! What a person would notice in the frames of a window, as sentences with their numbers.
//!
//! Detectors look only at what frames say for certain, and are silent otherwise. Frames say
//! neither whether the load is open or closed nor how clocks differ, so nothing is said of those.

use self::window::Window;
use crate::kept::Frame;

mod detect;
mod window;

/// More sentences than this are not read.
pub const INSIGHTS_MAX: usize = 3;

/// What was noticed, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Noticed {
    /// The load was not what the scenario asks for, so nothing measured means what it says.
    GeneratorInvalid,
    /// Spans, logs or frames were lost at a bound.
    TelemetryDropped,
    RetryStorm,
    FlappingBreaker,
    GeneratorLate,
    /// A fault is active and hits nothing.
    IdleFault,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insight {
    pub noticed: Noticed,
    /// Edge or fault that it is about, as the frames name it; empty for the run as a whole.
    pub subject: String,
    pub sentence: String,
    /// How much of it there is, to put the worst of one sort first.
    weight: u64,
}

type Detector = fn(&Window<'_>) -> Vec<Insight>;

const DETECTORS: [Detector; 5] = [
    detect::generator,
    detect::dropped,
    detect::retry_storms,
    detect::flapping_breakers,
    detect::idle_faults,
];

/// The gravest first, at most [`INSIGHTS_MAX`]. Frames are those of the shown window, in order.
pub fn insights<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Vec<Insight> {
    let window = Window::of(frames);
    let mut found: Vec<Insight> = DETECTORS.iter().flat_map(|detector| detector(&window)).collect();
    found.sort_by(|one, next| {
        (one.noticed, std::cmp::Reverse(one.weight), &one.subject).cmp(&(
            next.noticed,
            std::cmp::Reverse(next.weight),
            &next.subject,
        ))
    });
    found.truncate(INSIGHTS_MAX);
    found
}

#[cfg(test)]
mod tests;
