//! Facts: what the checks judge, and how it is gathered from the host.
//!
//! One file per kind of fact; each reads below a root path, `/` in earnest and a fake tree in
//! tests. Invariants: reading is bounded (`FILE_BYTES_MAX`); what a machine does not tell is
//! absent, never an error.

mod clock;
mod disk;
mod firewall;
mod load;
mod memory;
mod power;
mod setup_file;
mod temperature;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

pub use clock::Clock;
pub use disk::Disk;
pub use firewall::{Firewall, FirewallState, STATUS_FILE, boot_millis};
pub use load::Load;
pub use memory::Memory;
pub use temperature::Sensor;

use crate::daemon::DaemonFacts;

/// Longest file of `/proc` and `/sys` that is read; what is wanted stands at the start.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Entries of a directory that are looked at: sensors of one board.
const ENTRIES_MAX: usize = 64;

/// Everything that the checks judge.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Of the machine.
    pub host: HostFacts,
    /// Of the daemon, or why it does not answer.
    pub daemon: Result<DaemonFacts, String>,
    /// When they were gathered, seconds since 1970.
    pub now: u64,
}

/// Facts of the machine. Absent = the machine does not tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostFacts {
    /// The disk of the store.
    pub disk: Option<Disk>,
    /// Main memory.
    pub memory: Option<Memory>,
    /// Load.
    pub load: Option<Load>,
    /// Temperature sensors.
    pub sensors: Vec<Sensor>,
    /// Is the supply voltage too low?
    pub under_voltage: Option<bool>,
    /// The clock.
    pub clock: Clock,
    /// The firewall.
    pub firewall: Option<Firewall>,
    /// Mistakes in the card's set-up file; `None` = this is not a card.
    pub setup_mistakes: Option<Vec<String>>,
}

impl HostFacts {
    /// Looks at the machine whose files are below `root` (`/` in earnest), and at the disk that
    /// `data_dir` (absolute, below the same root) is on. Blocks for some milliseconds.
    #[must_use]
    pub fn gather(root: &Path, data_dir: &Path) -> Self {
        Self {
            disk: disk::gather(root, data_dir),
            memory: memory::gather(root),
            load: load::gather(root),
            sensors: temperature::gather(root),
            under_voltage: power::gather(root),
            clock: clock::gather(root),
            firewall: Firewall::gather(root),
            setup_mistakes: setup_file::gather(root),
        }
    }
}

/// `path` (absolute) below `root`.
fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// The start of a small text file; `None` if it is not there or not text.
fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

/// Paths in `dir` whose names start with `prefix`, in order of their names.
fn entries(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(list) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = list
        .take(ENTRIES_MAX)
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(prefix)))
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
pub(crate) mod fake {
    //! A fake tree that removes itself.

    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};

    static NEXT: AtomicU32 = AtomicU32::new(0);

    pub(crate) struct Tree(PathBuf);

    impl Tree {
        pub(crate) fn new(files: &[(&str, &str)]) -> Self {
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            let root = std::env::temp_dir().join(format!("snug-health-{}-{n}", std::process::id()));
            std::fs::create_dir_all(&root).unwrap();
            for (path, content) in files {
                let path = root.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
            Self(root)
        }

        pub(crate) fn root(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_tree_tells_nothing_but_its_disk() {
        let tree = fake::Tree::new(&[]);
        let facts = HostFacts::gather(tree.root(), Path::new("/"));
        assert!(facts.disk.is_some());
        assert_eq!(HostFacts { disk: None, ..facts }, HostFacts::default());
    }

    #[test]
    fn this_machine_tells_its_memory_and_load() {
        let facts = HostFacts::gather(Path::new("/"), Path::new("/"));
        assert!(facts.memory.is_some_and(|m| m.total_bytes > m.available_bytes));
        assert!(facts.load.is_some_and(|l| l.cpus >= 1));
        assert!(facts.disk.is_some_and(|d| d.total_bytes > 0));
    }
}
