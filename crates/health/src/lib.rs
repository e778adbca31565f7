//! Health: facts about the host and the daemon, and the list of checks that judge them.
//!
//! Gathering ([`facts`]) does I/O through a root path, so that tests use a fake tree; judging
//! ([`checks`]) is pure. The same list feeds the panel, `snug health` and `/health`, as
//! sentences, as JSON ([`Report`]) and for Prometheus ([`prometheus`]).
//!
//! Invariants: a report never fails, least of all when the daemon is down; no sentence holds
//! personal data; whatever is not well comes with a remedy.

pub mod checks;
mod daemon;
pub mod facts;
pub mod prometheus;
mod report;
#[cfg(test)]
mod sample;
mod words;

pub use checks::{Check, Finding, Status};
pub use daemon::{CertificateFacts, DaemonFacts, PortFacts};
pub use facts::{Facts, HostFacts};
pub use report::{Line, Report, report};
