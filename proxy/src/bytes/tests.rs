//! TCP edges as their neighbours see them: real sockets on port 0, real time.

mod defects;
mod ends;
mod faults;
mod gates;
mod kit;
mod live;
mod passing;
mod weight;
