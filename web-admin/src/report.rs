//! The health report as the pages show it: gathered rarely, shown often.
//!
//! Invariants: however many visitors reload, facts are gathered at most once per
//! [`HEALTH_AGE_MAX`] and by one of them at a time; a daemon that is down or hangs is a finding,
//! not a failure of the page; reading the machine's files happens off the runtime's thread.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use admin_api::daemon;
use health::facts::Disk;
use health::{DaemonFacts, Facts, Finding, HostFacts, Line, Report, Status};
use tokio::sync::Mutex;

use crate::Settings;
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
    store_dir: PathBuf,
    /// The panel's own data directory.
    own_dir: PathBuf,
    /// Why the panel runs with default settings, if it does.
    settings_fault: Option<String>,
    kept: Mutex<Option<(Instant, Arc<Gathered>)>>,
}

impl Health {
    /// Of the machine below `root`, as the panel with these settings sees it.
    #[must_use]
    pub fn new(root: &Path, settings: &Settings) -> Self {
        Self {
            root: root.to_owned(),
            store_dir: settings.store_dir.clone(),
            own_dir: settings.data_dir.clone(),
            settings_fault: settings.fault.clone(),
            kept: Mutex::new(None),
        }
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
        let root = self.root.clone();
        let (store_dir, own_dir) = (self.store_dir.clone(), self.own_dir.clone());
        let gathering = tokio::task::spawn_blocking(move || gather(&root, &store_dir, &own_dir));
        // Facts that could not be gathered are absent facts.
        gathering.await.unwrap_or_default()
    }
}

/// The machine, with the disk of the store as far as the panel may see it. Its unit hides the
/// store and shows all disks as read-only but the panel's own directory; neither is a fault.
fn gather(root: &Path, store_dir: &Path, own_dir: &Path) -> HostFacts {
    let own = HostFacts::gather(root, own_dir);
    let visible = match store_dir.parent() {
        Some(parent) if is_hidden(store_dir) => parent,
        _ => store_dir,
    };
    let store = HostFacts::gather(root, visible).disk;
    HostFacts { disk: as_writable_as(store, own.disk.as_ref()), ..own }
}

/// systemd puts an empty directory that nobody may enter over what it hides
/// (`InaccessiblePaths=`); the store's own is for its user.
fn is_hidden(dir: &Path) -> bool {
    dir.metadata().is_ok_and(|dir| dir.permissions().mode() & 0o777 == 0)
}

/// `disk`, judged read-only only if the panel's own directory is. A store on another disk that
/// really is read-only shows in the daemon's own check.
fn as_writable_as(disk: Option<Disk>, own: Option<&Disk>) -> Option<Disk> {
    let read_only = own.is_some_and(|own| own.read_only);
    disk.map(|disk| Disk { read_only, ..disk })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(path: &str, read_only: bool) -> Disk {
        Disk {
            path: path.to_owned(),
            total_bytes: 1000,
            free_bytes: 500,
            total_files: 0,
            free_files: 0,
            read_only,
        }
    }

    #[test]
    fn what_the_unit_shows_as_read_only_is_no_fault() {
        let (store, own) = (disk("/var/lib/snug", true), disk("/var/lib/snug-admin", false));
        let seen = as_writable_as(Some(store.clone()), Some(&own)).unwrap();
        assert_eq!(seen, Disk { read_only: false, ..store.clone() });
        let broken = Disk { read_only: true, ..own };
        assert!(as_writable_as(Some(store), Some(&broken)).unwrap().read_only);
        assert_eq!(as_writable_as(None, Some(&broken)), None);
    }

    #[test]
    fn a_hidden_store_is_looked_at_from_outside() {
        let dir = std::env::temp_dir().join(format!("snug-report-{}", std::process::id()));
        let store = dir.join("snug");
        std::fs::create_dir_all(&store).unwrap();
        let set = |mode| {
            std::fs::set_permissions(&store, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        set(0o700);
        let path = |facts: HostFacts| facts.disk.map(|disk| disk.path);
        let shown = |dir: &Path| dir.to_str().map(str::to_owned);
        assert_eq!(path(gather(Path::new("/"), &store, &dir)), shown(&store));
        set(0o000);
        assert_eq!(path(gather(Path::new("/"), &store, &dir)), shown(&dir));
        set(0o700);
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(path(gather(Path::new("/"), &store, Path::new("/"))), None);
    }
}
