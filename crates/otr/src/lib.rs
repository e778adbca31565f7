//! Off-the-Record messaging without I/O.
//!
//! Spec: Off-the-Record Messaging Protocol version 3.
//!
//! In this release the crate holds what a home needs to keep a directory of its people's
//! fingerprints: [`Fingerprint`], which reads the forms that clients show and people type, and
//! [`private_key`], which tells when somebody is about to paste the one thing that must never
//! leave a device.
//!
//! Invariants: no file, socket, clock, thread or randomness; nothing here panics, whatever the
//! text; no private key is ever parsed, kept or repeated in an error.

mod fingerprint;
pub mod private_key;

pub use fingerprint::{Fingerprint, FingerprintError, TEXT_BYTES_MAX};
