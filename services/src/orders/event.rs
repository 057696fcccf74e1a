//! Kinds of the events that orders tell notifications.

/// The order will be paid later.
pub(crate) const ACCEPTED: &str = "order-accepted";
/// The order is paid and shipped.
pub(crate) const CONFIRMED: &str = "order-confirmed";
/// The order was declined, could not be shipped, or was interrupted.
pub(crate) const CANCELLED: &str = "order-cancelled";
