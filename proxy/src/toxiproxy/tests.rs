//! The API as clients of Toxiproxy use it: plain HTTP calls, and real bytes through what they made.

mod api;
mod kit;
mod life;
mod toxics;
