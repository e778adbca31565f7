//! The disk of the store has room and can be written.

use super::{Check, Finding};
use crate::facts::Facts;
use crate::words::{percent, size};

pub(super) const CHECK: Check = Check { id: "disk", title: "Disk", judge };

/// Below this share, or [`WARN_BYTES`], there is little room left.
const WARN_PERCENT: u64 = 10;
/// Room for a few weeks of messages.
const WARN_BYTES: u64 = 500_000_000;
/// Below this share, or [`FAIL_BYTES`], writes will fail soon.
const FAIL_PERCENT: u64 = 2;
/// The store's log and a system update still fit.
const FAIL_BYTES: u64 = 100_000_000;
/// Files that can still be made, as shares.
const WARN_FILES_PERCENT: u64 = 5;

fn judge(facts: &Facts) -> Finding {
    let Some(disk) = &facts.host.disk else {
        return Finding::skip("The disk of the store cannot be looked at from here.");
    };
    if disk.read_only {
        return Finding::fail(
            format!("The disk of {} cannot be written.", disk.path),
            "The system makes a card read-only when it finds damage. Copy what you have, replace \
             the card and restore; `journalctl -k` names the fault.",
        );
    }
    let share = percent(disk.free_bytes, disk.total_bytes);
    let sentence =
        format!("{} of {} are free ({share} %).", size(disk.free_bytes), size(disk.total_bytes));
    let below = |p: u64, bytes: u64| share < p || disk.free_bytes < bytes;
    let remedy = "Delete what is not needed (`journalctl --vacuum-size=20M`, `apt-get clean`), \
                  or move to a larger card.";
    // Some file systems count no files; they report 0 in all.
    let few_files =
        disk.total_files > 0 && percent(disk.free_files, disk.total_files) < WARN_FILES_PERCENT;
    if below(FAIL_PERCENT, FAIL_BYTES) {
        Finding::fail(sentence, remedy)
    } else if below(WARN_PERCENT, WARN_BYTES) {
        Finding::warn(sentence, remedy)
    } else if few_files {
        Finding::warn(format!("{sentence} But hardly any more files can be made."), remedy)
    } else {
        Finding::pass(sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::facts::Disk;
    use crate::sample;

    fn with(change: impl FnOnce(&mut Disk)) -> Finding {
        judge(&sample::on(|h| {
            if let Some(disk) = &mut h.disk {
                change(disk);
            }
        }))
    }

    #[test]
    fn judges() {
        assert_eq!(judge(&sample::on(|h| h.disk = None)).status, Status::Skip);
        assert_eq!(with(|d| d.read_only = true).status, Status::Fail);
        assert_eq!(with(|d| d.free_bytes = 2_900_000_000).status, Status::Warn);
        assert_eq!(with(|d| d.free_bytes = 500_000_000).status, Status::Fail);
        assert_eq!(with(|d| d.free_files = 10_000).status, Status::Warn);
        assert_eq!(with(|d| (d.total_files, d.free_files) = (0, 0)).status, Status::Pass);
        let small = with(|d| (d.total_bytes, d.free_bytes) = (1_000_000_000, 400_000_000));
        assert_eq!(small.status, Status::Warn, "40 % of a small disk are little");
    }
}
