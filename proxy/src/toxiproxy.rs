//! The API that Toxiproxy's clients speak.
