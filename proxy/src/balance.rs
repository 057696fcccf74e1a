//! Which endpoint gets an attempt.
