//! The load generator: what does a log-in, a connection or a message cost the server?
//!
//! One scenario = one file + one line in [`SCENARIOS`]. Each runs in turn against snugd and
//! Debian's Prosody, configured alike, on 127.0.0.1, over TLS; a fresh server and fresh accounts
//! every time. The load is a closed loop: nothing is sent before the answer to what was sent
//! before, so no server is measured drowning.
//!
//! What is measured is the **server's** process: CPU time (user and system, all threads and
//! children) and memory (proportional set size). Neither depends on how fast the generator is,
//! which shares the machine's cores with the server.
//!
//! Invariants: counts and times are bounded by constants; both servers get the same bytes.

mod archive;
mod archived;
mod certificate;
mod chat;
mod client;
mod failure;
mod idle;
mod login;
mod managed;
mod measure;
mod rounds;
mod server;
mod table;

pub use failure::{Failure, Result};
pub use rounds::{Plan, run};
pub use server::Kind;

use std::future::Future;
use std::pin::Pin;

use server::Server;

/// Every scenario, in the order they run.
pub const SCENARIOS: &[Scenario] = &[
    login::SCENARIO,
    idle::SCENARIO,
    chat::SCENARIO,
    managed::SCENARIO,
    archived::SCENARIO,
    archive::SCENARIO,
];

/// One kind of load.
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Accounts it needs (`user0`, `user1`, …).
    pub accounts: usize,
    /// Whether the servers archive what is said.
    pub archive: bool,
    /// Puts the load on `server` and measures it.
    pub run: for<'a> fn(&'a Server) -> Work<'a>,
}

/// A scenario at work.
pub type Work<'a> = Pin<Box<dyn Future<Output = Result<Vec<Figure>>> + 'a>>;

/// One measured number; smaller is better for all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it is, such as `CPU per log-in, full handshake`.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what, such as `µs`.
    pub unit: &'static str,
}

/// The domain of all accounts.
const DOMAIN: &str = "home.test";

/// The password of all accounts.
const PASSWORD: &str = "correct horse battery";

/// The localpart of account number `n`.
fn user(n: usize) -> String {
    format!("user{n}")
}
