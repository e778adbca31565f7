//! The health report as the pages show it: gathered rarely, shown often.
//!
//! Invariants: however many visitors reload, facts are gathered at most once per
//! [`HEALTH_AGE_MAX`] and by one of them at a time; a daemon that is down or hangs is a finding,
//! not a failure of the page; reading the machine's files happens off the runtime's thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use admin_api::daemon;
use health::{DaemonFacts, Facts, Finding, HostFacts, Line, Report, Status};
use tokio::sync::Mutex;

use crate::access::Daemon;
use crate::limits::{HEALTH_AGE_MAX, HEALTH_DAEMON_TIME_MAX};
use crate::when;

/// Facts and what they mean.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// The facts.
    pub facts: Facts,
    /// The judgement.
    pub report: Report,
}

/// Gathers and keeps.
#[derive(Debug)]
pub struct Health {
    /// Where the machine's files are: `/`, or a fake tree.
    root: PathBuf,
    /// The daemon's data directory, to look at its disk.
    data_dir: PathBuf,
    /// Why the panel runs with default settings, if it does.
    settings_fault: Option<String>,
    kept: Mutex<Option<(Instant, Arc<Gathered>)>>,
}

impl Health {
    /// Of the machine below `root`, with the daemon's data in `data_dir`.
    #[must_use]
    pub fn new(root: &Path, data_dir: &Path, settings_fault: Option<String>) -> Self {
        let (root, data_dir) = (root.to_owned(), data_dir.to_owned());
        Self { root, data_dir, settings_fault, kept: Mutex::new(None) }
    }

    /// What is known, at most [`HEALTH_AGE_MAX`] old.
    pub async fn look(&self, daemon: &Daemon) -> Arc<Gathered> {
        // Held while gathering, on purpose: everybody else waits for the same result.
        let mut kept = self.kept.lock().await;
        if let Some((at, gathered)) = kept.as_ref()
            && at.elapsed() < HEALTH_AGE_MAX
        {
            return Arc::clone(gathered);
        }
        let facts = Facts { host: self.host().await, daemon: ask(daemon).await, now: when::now() };
        let mut report = health::report(&facts);
        report.checks.extend(self.settings_fault.as_deref().map(settings_line));
        let worst = report.checks.iter().map(|line| line.finding.status).max();
        report.status = worst.unwrap_or(report.status);
        let gathered = Arc::new(Gathered { facts, report });
        *kept = Some((Instant::now(), Arc::clone(&gathered)));
        gathered
    }

    async fn host(&self) -> HostFacts {
        let (root, data_dir) = (self.root.clone(), self.data_dir.clone());
        let gathering = tokio::task::spawn_blocking(move || HostFacts::gather(&root, &data_dir));
        // Facts that could not be gathered are absent facts.
        gathering.await.unwrap_or_default()
    }
}

async fn ask(daemon: &Daemon) -> Result<DaemonFacts, String> {
    match tokio::time::timeout(HEALTH_DAEMON_TIME_MAX, daemon.ask(daemon::Facts {})).await {
        Ok(Ok(facts)) => Ok(facts),
        Ok(Err(problem)) => Err(problem.message.trim_end_matches('.').to_owned()),
        Err(_) => {
            Err(format!("snugd did not answer within {} seconds", HEALTH_DAEMON_TIME_MAX.as_secs()))
        }
    }
}

fn settings_line(fault: &str) -> Line {
    Line {
        id: "settings",
        title: "Settings",
        finding: Finding {
            status: Status::Fail,
            sentence: fault.to_owned(),
            remedy: Some("Correct the file, then restart snugd and snug-admin.".into()),
        },
    }
}
