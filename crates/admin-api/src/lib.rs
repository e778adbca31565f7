//! Typed calls between the panel (`snug-admin`), the command line (`snug`) and `snugd`.
//!
//! One module per area; each call is a struct that implements [`Call`] and is a variant of
//! [`Request`]. Frames on the unix socket are a 4-byte big-endian length followed by JSON
//! ([`frame`]). The types are this crate's own, never the store's, so that neither side can
//! see how the other keeps its data.
//!
//! Invariants: a frame is at most [`frame::FRAME_BYTES_MAX`] bytes; passwords and tokens are
//! [`Secret`]s, which no `Debug` output shows; adding a call without serving it does not
//! compile (the server matches [`Request`] exhaustively).

pub mod accounts;
pub mod archive;
pub mod client;
pub mod client_file;
pub mod concierge;
pub mod daemon;
pub mod devices;
pub mod fingerprints;
pub mod firewall;
pub mod frame;
pub mod omemo;
pub mod panel;
pub mod protection;
pub mod push;
pub mod secret;
pub mod sessions;
pub mod setup;
pub mod tls;
pub mod transfer;

mod call;

pub use call::{
    Call, Envelope, Hello, PROTOCOL, Problem, ProblemKind, Reply, Request, Role, Welcome,
};
pub use client::Client;
pub use secret::Secret;

/// Seconds since 1970-01-01 UTC, as the daemon's clock said.
pub type UnixTime = u64;
