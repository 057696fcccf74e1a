//! The sample shop: six services, one process and one SQLite file each.
//!
//! It exists so that a fault has something real to break: a customer's money and a shelf of stock
//! that can be lost by a service that handles failure badly. A customer reads the `catalog`, fills
//! a `cart` and places an order; `orders` runs the saga that reserves stock in `inventory`, charges
//! through `payments`, confirms, and tells `notifications` through a transactional outbox.
//!
//! The services never call each other directly: every callee's address is that of a gateway edge,
//! given from outside. What they promise under any fault is written as invariants in [`audit`];
//! planted weaknesses, named in [`model::shop::WEAKNESSES`], switch a promise off to prove that the
//! judgement notices.
//!
//! Reading order: `server` (one process), `request` and `layer` (what every request gets), `callee`
//! (outgoing calls), `store`, then one module per service; `orders` is where the saga lives.

pub mod audit;
mod callee;
mod cart;
mod catalog;
mod config;
mod error;
mod inventory;
mod layer;
mod notifications;
mod orders;
mod payments;
mod problem;
mod request;
mod server;
mod service;
mod store;
mod wire;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod shop_tests;

pub use config::ServiceConfig;
pub use error::ServiceError;
pub use server::{ServiceHandle, start};
