//! Work that nobody asks for: one file each, run again and again at its own pace.
//!
//! Invariants: a run that fails or panics is logged and counted, and the next one comes anyway;
//! two runs of one service never overlap; all stop with the daemon.

pub(crate) mod archive;
mod certificates;
mod cleanup;
mod omemo;
pub mod probe;
mod protection;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::daemon::Daemon;

/// A service.
pub struct Service {
    /// The file's name.
    pub name: &'static str,
    /// Time between the end of one run and the start of the next.
    pub every: Duration,
    /// One run.
    pub run: fn(Arc<Daemon>) -> Run,
}

/// A run of a service: what went wrong, if anything.
pub type Run = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Every service.
pub const ALL: &[Service] = &[
    archive::SERVICE,
    certificates::SERVICE,
    cleanup::SERVICE,
    omemo::SERVICE,
    protection::SERVICE,
];

/// Starts every service.
pub fn spawn(daemon: &Arc<Daemon>) {
    for service in ALL {
        tokio::spawn(keep_running(Arc::clone(daemon), service));
    }
}

async fn keep_running(daemon: Arc<Daemon>, service: &'static Service) {
    let mut stopping = daemon.stopping.subscribe();
    loop {
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(service.every) => {}
        }
        // In a task of its own, so that a panic ends this run only.
        match tokio::spawn((service.run)(Arc::clone(&daemon))).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => {
                daemon.counters.add("service-failed", service.name);
                tracing::error!(service = service.name, "a service failed: {why}");
            }
            Err(e) if e.is_panic() => {
                daemon.counters.add("daemon", "panics");
                tracing::error!(service = service.name, "a service panicked");
            }
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_named_after_their_files_and_listed() {
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/services"))
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            // The probe runs when somebody asks for the daemon's health.
            .filter(|name| !["mod.rs", "probe.rs"].contains(&name.as_str()));
        let mut files: Vec<_> = files.map(|name| name.replace(".rs", "")).collect();
        files.sort();
        let listed: Vec<_> = ALL.iter().map(|s| s.name).collect();
        assert_eq!(files, listed);
    }
}
