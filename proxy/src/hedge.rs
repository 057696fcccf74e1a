//! When a slow attempt gets a second copy.
