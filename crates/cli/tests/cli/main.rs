//! `snug` as a process, against a fake daemon: what it sends, prints and exits with.
#![allow(clippy::unwrap_used)] // a test may end at any of its steps

mod accounts;
mod devices;
mod fake;
mod fingerprints;
mod host;
mod protection;
mod transfer;
