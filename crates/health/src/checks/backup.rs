//! The last backup is not too old.

use super::{Check, Finding, with_daemon};
use crate::facts::Facts;
use crate::words::{DAY, span};

pub(super) const CHECK: Check = Check { id: "backup", title: "Backup", judge };

/// A weekly backup that was missed once.
const OLD_SECONDS: u64 = 8 * DAY;

const REMEDY: &str = "Run `snug export` to a file on another device. SD cards fail without \
                      warning.";

fn judge(facts: &Facts) -> Finding {
    with_daemon(facts, |daemon| match daemon.last_backup {
        None if daemon.domain.is_none() => {
            Finding::skip("There is nothing to back up before set-up is finished.")
        }
        None => Finding::warn("There was never a backup.", REMEDY),
        Some(at) => {
            let age = facts.now.saturating_sub(at);
            let sentence = format!("The last backup was {} ago.", span(age));
            if age > OLD_SECONDS {
                Finding::warn(sentence, REMEDY)
            } else {
                Finding::pass(sentence)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::sample;

    #[test]
    fn judges() {
        for (at, status) in [
            (None, Status::Warn),
            (Some(sample::NOW - OLD_SECONDS), Status::Pass),
            (Some(sample::NOW - OLD_SECONDS - 1), Status::Warn),
            (Some(sample::NOW + 1), Status::Pass),
        ] {
            assert_eq!(judge(&sample::with(|d| d.last_backup = at)).status, status, "{at:?}");
        }
        let fresh = sample::with(|d| (d.last_backup, d.domain) = (None, None));
        assert_eq!(judge(&fresh).status, Status::Skip);
    }
}
