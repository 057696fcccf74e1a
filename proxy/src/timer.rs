//! Waiting with a precision well below a millisecond.
