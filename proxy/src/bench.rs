//! What the benchmarks in `benches/` reach of the private parts. It is no interface: nothing else
//! may use it.

pub mod access;
pub mod balance;
pub mod breaker;
pub mod emit;
pub mod fault;
pub mod http1;
pub mod limit;
pub mod route;
