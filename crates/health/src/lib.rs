//! Health: facts about the host and the daemon, and the list of checks that judge them.
//!
//! Gathering ([`facts`]) does I/O through a root path, so that tests use a fake tree; judging
//! ([`checks`]) is pure. The same list feeds the panel, `snug health` and `/health`.

mod daemon;

pub use daemon::{CertificateFacts, DaemonFacts, PortFacts};
