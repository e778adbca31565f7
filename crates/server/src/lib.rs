//! `snugd`, the Snug XMPP server, as a library: [`start`] gives a running server.
//!
//! Protocol code decides (features, router), the shell does (c2s, listen, durability). See
//! ARCHITECTURE.md. Invariants: no session without TLS; nothing is acknowledged before it is
//! durable; a peer can close its own connection and nothing more.

pub mod accounts;
pub mod admin;
pub mod admission;
pub mod auth;
pub mod c2s;
pub mod component;
pub mod concierge;
pub mod counters;
pub mod daemon;
pub mod deliver;
pub mod devices;
pub mod directory;
pub mod durability;
pub mod effect;
pub mod features;
pub mod flow;
pub mod io;
pub mod letter;
pub mod limits;
pub mod line;
pub mod listen;
pub mod local_ca;
pub mod omemo;
pub mod outbox;
pub mod protection;
pub mod random;
pub mod registry;
pub mod router;
pub mod schema;
pub mod services;
pub mod session;
pub mod settings;
pub mod settle;
pub mod tls;
pub mod wire;

pub mod stream;

mod start;
#[cfg(test)]
mod testing;

pub use start::{Running, StartError, start};
