//! No key appeared that the home did not know.

use super::{Check, Finding, with_daemon};
use crate::facts::Facts;

pub(super) const CHECK: Check = Check { id: "keys", title: "Encryption keys", judge };

fn judge(facts: &Facts) -> Finding {
    with_daemon(facts, |daemon| match daemon.keys_joined {
        0 => Finding::pass("No key joined the ones that the home knows within the last week."),
        n => Finding::warn(
            format!(
                "Within the last week {n} new key{} spoke for somebody who had one already.",
                if n == 1 { "" } else { "s" }
            ),
            "See the page “Fingerprints” for whose, and ask whether it is theirs: a new device is \
             fine. If not, set a new password for them and revoke the key.",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::sample;

    #[test]
    fn judges() {
        assert_eq!(judge(&sample::facts()).status, Status::Pass);
        let finding = judge(&sample::with(|d| d.keys_joined = 2));
        assert_eq!(finding.status, Status::Warn);
        assert!(finding.sentence.contains("2 new keys"));
    }
}
