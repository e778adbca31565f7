//! Writes down how many messages were encrypted, and forgets days that are over.

use std::sync::Arc;
use std::time::Duration;

use super::{Run, Service};
use crate::daemon::{Daemon, Now};

/// Every ten minutes: two numbers a day are not worth a write for each message.
pub(super) const SERVICE: Service =
    Service { name: "protection", every: Duration::from_secs(600), run };

fn run(daemon: Arc<Daemon>) -> Run {
    Box::pin(
        async move { daemon.protection.flush(&daemon, Now::read()).map_err(|e| e.to_string()) },
    )
}
