//! What is wrong with a person's OMEMO devices: pure.
//!
//! Spec: XEP-0384 §5.3 (list and bundles are open to everybody; the node of all bundles keeps many).
//! Invariant: a finding comes with what helps, and what helps makes it go away.

use admin_api::omemo::{Device, Finding, Repair, Trouble, Version};

use crate::limits::OMEMO_STALE_SECONDS;

/// How the nodes of one version are set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) version: Version,
    /// Nodes that not everybody may read.
    pub(super) closed: u32,
    /// How many bundles the one node of them keeps; `None` = as many as there is room for, or each
    /// has a node of its own.
    pub(super) kept: Option<u32>,
}

/// What is wrong, the worst first.
pub(super) fn findings(devices: &[Device], settings: &[Setting], now: u64) -> Vec<Finding> {
    let mut all = Vec::new();
    for setting in settings {
        let version = setting.version;
        let mut found = |trouble| {
            all.push(Finding { version, trouble, repairs: vec![Repair::Open { version }] });
        };
        if setting.closed > 0 {
            found(Trouble::Closed { nodes: setting.closed });
        }
        let listed = devices.iter().filter(|d| d.version == version && d.listed).count();
        match setting.kept {
            Some(kept) if usize::try_from(kept).unwrap_or(usize::MAX) < listed => {
                found(Trouble::KeepsTooFew { kept });
            }
            _ => {}
        }
    }
    all.extend(devices.iter().filter_map(|device| of_device(device, now)));
    all.sort_by_key(|finding| rank(&finding.trouble));
    all
}

fn of_device(device: &Device, now: u64) -> Option<Finding> {
    let (version, id) = (device.version, device.id);
    let remove = Repair::Remove { version, device: id };
    let finding = |trouble, repairs| Some(Finding { version, trouble, repairs });
    match (device.listed, &device.fingerprint, device.seen) {
        (true, None, _) => finding(Trouble::NoBundle { device: id }, vec![remove]),
        (false, Some(_), _) => {
            let relist = Repair::Relist { version, device: id };
            finding(Trouble::Unlisted { device: id }, vec![remove, relist])
        }
        (true, Some(_), Some(seen)) if now.saturating_sub(seen) >= OMEMO_STALE_SECONDS => {
            finding(Trouble::Stale { device: id, seen }, vec![remove])
        }
        // A bundle that nobody can use and nobody is pointed to harms nobody.
        (true, Some(_), _) | (false, None, _) => None,
    }
}

fn rank(trouble: &Trouble) -> u8 {
    match trouble {
        Trouble::Closed { .. } => 0,
        Trouble::KeepsTooFew { .. } => 1,
        Trouble::NoBundle { .. } => 2,
        Trouble::Unlisted { .. } => 3,
        Trouble::Stale { .. } => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 10 * OMEMO_STALE_SECONDS;

    fn device(listed: bool, bundle: bool, seen: Option<u64>) -> Device {
        Device {
            version: Version::Legacy,
            id: 7,
            label: String::new(),
            fingerprint: bundle.then(|| "a".repeat(64)),
            listed,
            seen,
        }
    }

    #[test]
    fn the_table_of_devices() {
        let old = NOW - OMEMO_STALE_SECONDS;
        let (version, id) = (Version::Legacy, 7);
        let remove = Repair::Remove { version, device: id };
        let relist = Repair::Relist { version, device: id };
        let unlisted = Some((Trouble::Unlisted { device: id }, vec![remove, relist]));
        let rows = [
            (device(true, true, Some(NOW)), None),
            (device(true, true, Some(old + 1)), None),
            (device(true, true, None), None),
            (
                device(true, true, Some(old)),
                Some((Trouble::Stale { device: id, seen: old }, vec![remove])),
            ),
            (device(true, false, None), Some((Trouble::NoBundle { device: id }, vec![remove]))),
            (
                device(true, false, Some(old)),
                Some((Trouble::NoBundle { device: id }, vec![remove])),
            ),
            (device(false, true, Some(NOW)), unlisted.clone()),
            (device(false, true, Some(old)), unlisted),
            (device(false, false, None), None),
        ];
        for (device, expected) in rows {
            let found = of_device(&device, NOW).map(|f| (f.trouble, f.repairs));
            assert_eq!(found, expected, "{device:?}");
        }
    }

    #[test]
    fn settings_come_first() {
        let devices =
            [device(true, false, None), Device { id: 8, ..device(true, true, Some(NOW)) }];
        let setting = |closed, kept| Setting { version: Version::Legacy, closed, kept };
        let troubles = |setting| {
            let found = findings(&devices, &[setting], NOW);
            found.into_iter().map(|f| f.trouble).collect::<Vec<_>>()
        };
        let missing = Trouble::NoBundle { device: 7 };
        assert_eq!(troubles(setting(0, None)), std::slice::from_ref(&missing));
        assert_eq!(troubles(setting(0, Some(2))), std::slice::from_ref(&missing));
        let few = Trouble::KeepsTooFew { kept: 1 };
        assert_eq!(troubles(setting(0, Some(1))), [few.clone(), missing.clone()]);
        let closed = Trouble::Closed { nodes: 2 };
        assert_eq!(troubles(setting(2, Some(1))), [closed, few, missing]);
    }
}
