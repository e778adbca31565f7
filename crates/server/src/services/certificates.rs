//! Keeps the certificate in use fresh: files that changed are read again, our own is renewed.

use std::sync::Arc;
use std::time::Duration;

use super::{Run, Service};
use crate::daemon::Daemon;

/// Every minute: whoever renews the files need not know how to tell us.
pub(super) const SERVICE: Service =
    Service { name: "certificates", every: Duration::from_secs(60), run };

fn run(daemon: Arc<Daemon>) -> Run {
    Box::pin(async move {
        // A renewal writes files and waits for the disk.
        let tended = tokio::task::spawn_blocking(move || daemon.tls.tend()).await;
        match tended.map_err(|e| e.to_string())? {
            Ok(_) => Ok(()),
            Err(e) => Err(e.to_string()),
        }
    })
}
