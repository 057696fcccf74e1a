//! The saga of an order as a table: which call each state stands for, and what follows from its
//! outcome. Pure, so that every path can be checked without a network.
//!
//! A state is written down *before* its call is made. Whoever finds an order in a state knows that
//! the call may have been made, and makes it again; every callee accepts the repeat. States only
//! move forward:
//!
//! ```text
//! placed ─ reserving ─ charging ─┬─────────── paid ─┬─ confirmed
//!    │         │          │      └ accepted ┘ │     └ refunding ┐
//!    │         └──────────┴───────── releasing ◄────────────────┘
//!    └──────────────────── cancelled ◄── ┘
//! ```
//!
//! Before the charge a failure is undone (backward recovery): nobody has been promised anything.
//! From the charge on the order goes forward: the money may have moved, so it is charged again
//! under the same key until payments say yes or no.

use std::fmt;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// Written down; the cart is being read.
    Placed,
    /// Stock may be reserved.
    Reserving,
    /// Stock is reserved; the customer may be charged.
    Charging,
    /// As charging, but the customer was told that it may take a while.
    Accepted,
    /// Charged; the stock is being shipped.
    Paid,
    /// Charged, but cannot be shipped: the money goes back.
    Refunding,
    /// The reservation is being taken back.
    Releasing,
    Confirmed,
    Cancelled,
}

/// What the state's call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// The callee said no, and a repeat would be told the same.
    Refused,
    /// The callee said nothing, or that it cannot say now.
    Unavailable,
}

/// Why an order does not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    NoCart,
    OutOfStock,
    Declined,
    NotShippable,
    /// A callee could not be reached before anything was promised.
    Unavailable,
    /// The process ended before anything was promised.
    Interrupted,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) state: State,
    /// Set where the order turns from coming about to being undone.
    pub(crate) reason: Option<Reason>,
}

impl State {
    pub(crate) const ALL: [Self; 9] = [
        Self::Placed,
        Self::Reserving,
        Self::Charging,
        Self::Accepted,
        Self::Paid,
        Self::Refunding,
        Self::Releasing,
        Self::Confirmed,
        Self::Cancelled,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Reserving => "reserving",
            Self::Charging => "charging",
            Self::Accepted => "accepted",
            Self::Paid => "paid",
            Self::Refunding => "refunding",
            Self::Releasing => "releasing",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Nothing is left to do.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Confirmed | Self::Cancelled)
    }

    /// What follows when the state's call came to `outcome`.
    pub(crate) fn after(self, outcome: Outcome) -> Next {
        use Outcome::{Done, Refused, Unavailable};
        let go = |state| Next { state, reason: None };
        let undo = |state, reason| Next { state, reason: Some(reason) };
        match (self, outcome) {
            (Self::Placed, Done) => go(Self::Reserving),
            (Self::Placed, Refused) => undo(Self::Cancelled, Reason::NoCart),
            (Self::Placed, Unavailable) => undo(Self::Cancelled, Reason::Unavailable),
            (Self::Reserving, Done) => go(Self::Charging),
            // A refused reservation took nothing, so there is nothing to release.
            (Self::Reserving, Refused) => undo(Self::Cancelled, Reason::OutOfStock),
            (Self::Reserving, Unavailable) => undo(Self::Releasing, Reason::Unavailable),
            (Self::Charging | Self::Accepted, Done) => go(Self::Paid),
            (Self::Charging | Self::Accepted, Refused) => undo(Self::Releasing, Reason::Declined),
            (Self::Charging, Unavailable) => go(Self::Accepted),
            (Self::Paid, Done) => go(Self::Confirmed),
            (Self::Paid, Refused) => undo(Self::Refunding, Reason::NotShippable),
            (Self::Refunding, Done) => go(Self::Releasing),
            (Self::Releasing, Done) => go(Self::Cancelled),
            // An undo is never given up: it is repeated until it is acknowledged.
            (Self::Refunding | Self::Releasing, Refused) => go(self),
            (Self::Accepted | Self::Paid | Self::Refunding | Self::Releasing, Unavailable) => {
                go(self)
            },
            (Self::Confirmed | Self::Cancelled, _) => go(self),
        }
    }

    /// Where to go on with an order whose request is gone.
    pub(crate) fn resumed(self) -> Next {
        match self {
            Self::Placed => Next { state: Self::Cancelled, reason: Some(Reason::Interrupted) },
            Self::Reserving => Next { state: Self::Releasing, reason: Some(Reason::Interrupted) },
            Self::Charging => Next { state: Self::Accepted, reason: None },
            _ => Next { state: self, reason: None },
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Reason {
    const ALL: [Self; 6] = [
        Self::NoCart,
        Self::OutOfStock,
        Self::Declined,
        Self::NotShippable,
        Self::Unavailable,
        Self::Interrupted,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NoCart => "no-cart",
            Self::OutOfStock => "out-of-stock",
            Self::Declined => "declined",
            Self::NotShippable => "not-shippable",
            Self::Unavailable => "unavailable",
            Self::Interrupted => "interrupted",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// For the customer.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::NoCart => "the cart is unknown or empty",
            Self::OutOfStock => "an item is out of stock",
            Self::Declined => "the charge was declined",
            Self::NotShippable => "the order could not be shipped and is refunded",
            Self::Unavailable => "a needed service is not available, nothing was charged",
            Self::Interrupted => "the order was interrupted, nothing was charged",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![Just(Outcome::Done), Just(Outcome::Refused), Just(Outcome::Unavailable)]
    }

    #[test]
    fn states_and_reasons_are_read_as_they_are_written() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(State::parse("lost"), None);
    }

    #[test]
    fn nothing_is_promised_before_the_charge_and_nothing_given_up_after_it() {
        for state in [State::Placed, State::Reserving] {
            let reason = state.after(Outcome::Unavailable).reason;
            assert_eq!(reason, Some(Reason::Unavailable), "{state}");
            assert_eq!(state.resumed().reason, Some(Reason::Interrupted), "{state}");
        }
        for state in [State::Charging, State::Accepted, State::Paid] {
            assert_eq!(state.after(Outcome::Unavailable).reason, None, "{state}");
            assert_eq!(state.resumed().reason, None, "{state}");
        }
    }

    #[test]
    fn what_was_reserved_is_released_before_an_order_is_cancelled() {
        for state in [State::Charging, State::Accepted, State::Refunding] {
            for outcome in [Outcome::Done, Outcome::Refused, Outcome::Unavailable] {
                assert_ne!(state.after(outcome).state, State::Cancelled, "{state} {outcome:?}");
            }
        }
        assert_eq!(State::Paid.after(Outcome::Refused).state, State::Refunding);
    }

    proptest! {
        #[test]
        fn states_only_move_forward_and_an_undone_order_has_a_reason(
            steps in prop::collection::vec((outcome(), any::<bool>()), 0..30)
        ) {
            let (mut state, mut reason) = (State::Placed, None);
            for (outcome, crash) in steps {
                let next = if crash { state.resumed() } else { state.after(outcome) };
                prop_assert!(next.state >= state || state == State::Releasing);
                prop_assert!(!state.is_final() || next.state == state);
                (state, reason) = (next.state, next.reason.or(reason));
            }
            let undone = matches!(state, State::Refunding | State::Releasing | State::Cancelled);
            prop_assert_eq!(undone, reason.is_some());
        }

        #[test]
        fn every_order_comes_to_rest_once_its_callees_answer(
            steps in prop::collection::vec(outcome(), 0..30)
        ) {
            let mut state = steps.into_iter().fold(State::Placed, |state, outcome| {
                state.after(outcome).state
            });
            for _ in 0..State::ALL.len() {
                state = state.after(Outcome::Done).state;
            }
            prop_assert!(state.is_final());
        }
    }
}
