//! The pure pieces of a journey: what an answer holds, whether a client tries again and when, what
//! cookies it sends. Nothing here sends, sleeps or reads a clock.

pub(crate) mod answer;
