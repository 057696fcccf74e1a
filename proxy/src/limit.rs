//! How much an edge lets through.
