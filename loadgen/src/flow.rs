//! The pure pieces of a journey: what an answer holds, whether the client tries again and when,
//! which cookies it sends, how long the user thinks. Nothing here sends, sleeps or reads a clock.

pub(crate) mod answer;
pub(crate) mod budget;
pub(crate) mod date;
pub(crate) mod draws;
pub(crate) mod jar;
pub(crate) mod policy;
pub(crate) mod retry;
