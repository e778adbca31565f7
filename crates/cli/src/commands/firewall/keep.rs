//! What is kept: the rules that are known to be good, those that wait, and how things stand.
//!
//! Invariants: `good.nft` is a whole file that nftables has loaded once and that somebody
//! confirmed; the unit that rolls back loads it without our help. What waits does not outlive a
//! restart of the machine (it is in `/run`). One command changes things at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use health::facts::{Firewall, FirewallState, STATUS_FILE, boot_millis};

use crate::failure::Failure;

/// Where it is kept by default; systemd says so by `STATE_DIRECTORY`.
const STATE_DIR: &str = "/var/lib/snug-firewall";

/// Where it stands for all to read; systemd says so by `RUNTIME_DIRECTORY`.
const RUN_DIR: &str = "/run/snug-firewall";

const GOOD: &str = "good.nft";
const WAITING: &str = "waiting.nft";
const LOCK: &str = "lock";

/// Both directories, held by this command alone.
#[derive(Debug)]
pub(super) struct Keep {
    state: PathBuf,
    run: PathBuf,
    _lock: File,
}

impl Keep {
    /// Waits until no other command holds them.
    pub(super) fn open() -> Result<Self, Failure> {
        let place = |name, usual: &str| std::env::var_os(name).map_or(usual.into(), PathBuf::from);
        let state = place("STATE_DIRECTORY", STATE_DIR);
        let run = place("RUNTIME_DIRECTORY", RUN_DIR);
        let failed = |dir: &Path| Failure::io(format!("cannot use {} (try sudo)", dir.display()));
        for dir in [&state, &run] {
            fs::create_dir_all(dir).map_err(failed(dir))?;
        }
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(run.join(LOCK));
        let lock = open.map_err(failed(&run))?;
        lock.lock().map_err(failed(&run))?;
        Ok(Self { state, run, _lock: lock })
    }

    /// The rules that are known to be good.
    pub(super) fn good(&self) -> Option<String> {
        fs::read_to_string(self.state.join(GOOD)).ok()
    }

    /// Durable before it returns.
    pub(super) fn set_good(&self, rules: &str) -> Result<(), Failure> {
        write(&self.state, GOOD, rules, 0o600)
    }

    /// The rules that wait to be confirmed.
    pub(super) fn waiting(&self) -> Option<String> {
        fs::read_to_string(self.run.join(WAITING)).ok()
    }

    pub(super) fn set_waiting(&self, rules: Option<&str>) -> Result<(), Failure> {
        let path = self.run.join(WAITING);
        match rules {
            Some(rules) => write(&self.run, WAITING, rules, 0o600),
            None => match fs::remove_file(&path) {
                Err(e) if e.kind() != ErrorKind::NotFound => {
                    Err(Failure::io(format!("cannot remove {}", path.display()))(e))
                }
                _ => Ok(()),
            },
        }
    }

    /// How things stand, if anything was done since the machine started.
    pub(super) fn status(&self) -> Option<Firewall> {
        Firewall::from_text(&fs::read_to_string(self.run.join(STATUS_FILE)).ok()?)
    }

    /// Says how things stand from now on.
    pub(super) fn say(
        &self,
        state: FirewallState,
        until: Option<u64>,
        fault: Option<String>,
    ) -> Result<(), Failure> {
        let status = Firewall { state, at: boot_millis(), until, fault };
        write(&self.run, STATUS_FILE, &status.to_text(), 0o644)
    }
}

/// Replaces a file in one step, durably.
fn write(dir: &Path, name: &str, text: &str, mode: u32) -> Result<(), Failure> {
    let (path, new) = (dir.join(name), dir.join(format!("{name}.new")));
    let written = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&new)?;
        // The mask of whoever calls us does not count: everybody may read the status.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(dir)?.sync_all()
    };
    written().map_err(Failure::io(format!("cannot write {}", path.display())))
}
