//! Word that the panel was reached after a change of the firewall.
//!
//! `snug firewall apply` takes a change back unless it is confirmed. A request of another device
//! at home, over a connection that was made after the change, shows that the new rules let the
//! family in: the panel then writes the number of the change into a file, and
//! `snug-firewall-confirm.path` does the rest. The panel itself may change nothing.
//!
//! Invariants: loopback and the machine's own addresses show nothing, and neither does a connection
//! that was up before; one change is told once.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use health::facts::{Firewall, FirewallState};

use crate::lan;

/// Name of the file in the panel's run-time directory.
const FILE: &str = "firewall-reached";

/// Tells of requests from home.
#[derive(Debug)]
pub struct Reached {
    root: PathBuf,
    /// Without a run-time directory (on a desk) nobody waits for word.
    file: Option<PathBuf>,
    told: AtomicU64,
}

impl Reached {
    /// Reads the state of the firewall below `root` and leaves word in `run_dir`.
    #[must_use]
    pub fn new(root: &Path, run_dir: Option<&Path>) -> Self {
        let file = run_dir.map(|dir| dir.join(FILE));
        Self { root: root.to_owned(), file, told: AtomicU64::new(0) }
    }

    /// How the firewall is; `None` if Snug does not look after it.
    #[must_use]
    pub fn firewall(&self) -> Option<Firewall> {
        Firewall::gather(&self.root)
    }

    /// A request of `peer` came over a connection that was accepted at `accepted`, milliseconds of
    /// [`health::facts::boot_millis`].
    pub fn note(&self, peer: IpAddr, accepted: u64) {
        let Some(file) = &self.file else { return };
        let Some(firewall) = self.firewall() else { return };
        if firewall.state != FirewallState::Waiting || accepted <= firewall.at {
            return;
        }
        if !is_another_at_home(peer)
            || self.told.swap(firewall.at, Ordering::Relaxed) == firewall.at
        {
            return;
        }
        let new = file.with_extension("new");
        let written = fs::write(&new, format!("{}\n", firewall.at));
        match written.and_then(|()| fs::rename(&new, file)) {
            Ok(()) => tracing::info!("the panel was reached after a change of the firewall"),
            Err(e) => {
                // The next request tries again.
                self.told.store(0, Ordering::Relaxed);
                tracing::warn!("no word could be left that the panel was reached: {e}");
            }
        }
    }
}

/// Is it a device at home, and not this machine itself?
fn is_another_at_home(peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    let own = lan::own_addresses().unwrap_or_default();
    !peer.is_loopback()
        && !own.iter().any(|one| one.address == peer)
        && (lan::is_home_address(peer) || own.iter().any(|one| one.is_neighbour(peer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Dir(PathBuf);

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    impl Dir {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("snug-{name}-{}", std::process::id()));
            fs::create_dir_all(dir.join("run/snug-firewall")).unwrap();
            Self(dir)
        }

        fn is(&self, state: FirewallState, at: u64) {
            let text = Firewall { state, at, until: None, fault: None }.to_text();
            fs::write(self.0.join("run/snug-firewall/status"), text).unwrap();
        }

        fn word(&self) -> Option<String> {
            fs::read_to_string(self.0.join(FILE)).ok()
        }
    }

    #[test]
    fn a_device_at_home_confirms_and_nothing_else_does() {
        let dir = Dir::new("reached");
        let reached = Reached::new(&dir.0, Some(&dir.0));
        let phone: IpAddr = "192.168.178.77".parse().unwrap();
        reached.note(phone, 100);
        dir.is(FirewallState::InForce, 50);
        reached.note(phone, 100);
        dir.is(FirewallState::Waiting, 100);
        for (peer, accepted) in [
            ("192.168.178.77", 100),
            ("192.168.178.77", 99),
            ("127.0.0.1", 200),
            ("::1", 200),
            ("::ffff:127.0.0.1", 200),
            ("198.18.0.9", 200),
        ] {
            reached.note(peer.parse().unwrap(), accepted);
            assert_eq!(dir.word(), None, "{peer} {accepted}");
        }
        reached.note(phone, 101);
        assert_eq!(dir.word().as_deref(), Some("100\n"));
        fs::remove_file(dir.0.join(FILE)).unwrap();
        reached.note(phone, 102);
        assert_eq!(dir.word(), None, "told once");
        dir.is(FirewallState::Waiting, 300);
        reached.note("fe80::7".parse().unwrap(), 301);
        assert_eq!(dir.word().as_deref(), Some("300\n"), "the next change");
    }

    #[test]
    fn a_desk_has_nobody_to_tell() {
        let dir = Dir::new("reached-desk");
        dir.is(FirewallState::Waiting, 1);
        Reached::new(&dir.0, None).note("192.168.178.77".parse().unwrap(), 2);
        assert_eq!(dir.word(), None);
    }
}
