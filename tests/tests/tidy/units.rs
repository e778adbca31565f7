//! The systemd units: hardened, and each weaker directive says why.

use std::process::Command;

use crate::tree;

/// Worst exposure allowed by `systemd-analyze security`, in tenths: 1.5.
const EXPOSURE_TENTHS_MAX: &str = "15";

/// Units that cannot be as tight as all others: how their names begin, their worst exposure, and
/// the rights that they keep. Each of them says why.
const PRIVILEGED: [(&str, &str, &str); 1] =
    [("snug-firewall", "16", "CapabilityBoundingSet=CAP_NET_ADMIN CAP_DAC_READ_SEARCH\n")];

fn privileged(path: &str) -> Option<(&'static str, &'static str)> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let found = PRIVILEGED.iter().find(|(start, ..)| name.starts_with(start));
    found.map(|(_, exposure, rights)| (*exposure, *rights))
}

/// What every service has to set, whatever the score says.
const DEMANDED: [&str; 12] = [
    "CapabilityBoundingSet=\n",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "NoNewPrivileges=yes",
    "PrivateDevices=yes",
    "PrivateTmp=yes",
    "ProtectHome=yes",
    "ProtectSystem=strict",
    "RestrictNamespaces=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "UMask=0077",
];

/// Directives that may be absent or weaker only with a comment that names them.
const OFF_ONLY_WITH_REASON: [&str; 6] = [
    "IPAddressDeny=",
    "PrivateNetwork=",
    "PrivateUsers=",
    "ProcSubset=pid",
    "ProtectProc=",
    "User=",
];

fn services() -> Vec<String> {
    let found = tree::files("systemd", ".service");
    assert!(found.len() >= 2, "the units were not found: {found:?}");
    found
}

#[test]
fn services_demand_the_hardening() {
    let mut broken = Vec::new();
    for path in services() {
        let text = tree::read(&path);
        let demanded = DEMANDED.map(|d| match privileged(&path) {
            Some((_, rights)) if rights.starts_with(d.trim_end()) => rights,
            _ => d,
        });
        for directive in demanded.iter().filter(|d| !text.contains(*d)) {
            broken.push(format!("{path}: {} is missing", directive.trim_end()));
        }
    }
    tree::verdict("see systemd.exec(5)", &broken);
}

#[test]
fn what_is_off_says_why() {
    let mut broken = Vec::new();
    for path in services() {
        let text = tree::read(&path);
        let (comments, settings): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|l| l.starts_with('#'));
        for directive in OFF_ONLY_WITH_REASON {
            let set = settings.iter().any(|l| l.starts_with(directive));
            let explained = comments
                .iter()
                .any(|l| l.contains(directive.split('=').next().unwrap_or(directive)));
            if !set && !explained {
                broken.push(format!("{path}: {directive} is neither set nor explained"));
            }
        }
    }
    tree::verdict("write a comment with the reason", &broken);
}

#[test]
fn systemd_scores_them_well() {
    for path in services() {
        let exposure = privileged(&path).map_or(EXPOSURE_TENTHS_MAX, |(exposure, _)| exposure);
        let done = Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--no-pager"])
            .arg(format!("--threshold={exposure}"))
            .arg(tree::root().join(&path))
            .output()
            .expect("systemd-analyze runs (package systemd)");
        let text = String::from_utf8_lossy(&done.stdout);
        let score = text.lines().rev().find(|l| l.contains("exposure level")).unwrap_or("");
        assert!(done.status.success() && !score.is_empty(), "{path}: {score}\n{text}");
    }
}

#[test]
fn units_are_well_formed() {
    for path in services() {
        let done = Command::new("systemd-analyze")
            .args(["verify", "--no-pager"])
            .arg(tree::root().join(&path))
            .output()
            .expect("systemd-analyze runs (package systemd)");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        // The programs are not installed where the tests run; everything else must be right.
        let wrong: Vec<String> = said
            .lines()
            .filter(|l| l.contains(path.rsplit('/').next().unwrap_or(&path)))
            .filter(|l| !l.contains("is not executable"))
            .map(str::to_owned)
            .collect();
        tree::verdict("systemd-analyze verify", &wrong);
    }
}
