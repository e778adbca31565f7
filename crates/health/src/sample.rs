//! Facts of a healthy home, for tests to change one thing of.

use crate::daemon::{CertificateFacts, DaemonFacts, PortFacts};
use crate::facts::{Clock, Disk, Facts, Firewall, HostFacts, Load, Memory, Sensor};
use crate::words::DAY;

/// A day in 2027.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn facts() -> Facts {
    Facts { host: host(), daemon: Ok(daemon()), now: NOW }
}

/// Changes the daemon's facts only.
pub(crate) fn with(change: impl FnOnce(&mut DaemonFacts)) -> Facts {
    let mut daemon = daemon();
    change(&mut daemon);
    Facts { daemon: Ok(daemon), ..facts() }
}

/// Changes the host's facts only.
pub(crate) fn on(change: impl FnOnce(&mut HostFacts)) -> Facts {
    let mut facts = facts();
    change(&mut facts.host);
    facts
}

fn host() -> HostFacts {
    HostFacts {
        disk: Some(Disk {
            path: "/var/lib/snug".to_owned(),
            total_bytes: 30_000_000_000,
            free_bytes: 20_000_000_000,
            total_files: 1_000_000,
            free_files: 900_000,
            read_only: false,
        }),
        memory: Some(Memory { total_bytes: 1_000_000_000, available_bytes: 600_000_000 }),
        load: Some(Load { five_minutes: 0.4, cpus: 4 }),
        sensors: vec![Sensor { name: "cpu-thermal".to_owned(), milli_celsius: 48_312 }],
        under_voltage: Some(false),
        clock: Clock { synchronised: Some(true) },
        firewall: Some(Firewall::default()),
        setup_mistakes: Some(Vec::new()),
    }
}

fn daemon() -> DaemonFacts {
    DaemonFacts {
        domain: Some("home.example".to_owned()),
        loopback_login: Some(Ok(80)),
        certificate: Some(CertificateFacts {
            not_before: NOW - 30 * DAY,
            not_after: NOW + 60 * DAY,
            names: vec!["home.example".to_owned(), "192.168.1.2".to_owned()],
            last_error: None,
        }),
        store_write: Some(Ok(12)),
        store_bytes: 4_000_000,
        store_path: "/var/lib/snug".to_owned(),
        ports: vec![PortFacts {
            purpose: "chat (STARTTLS)".to_owned(),
            address: "[::]:5222".to_owned(),
            listening: true,
        }],
        last_backup: Some(NOW - 2 * DAY),
        keys_joined: 0,
        omemo_harmed: 0,
        panics: 0,
    }
}
