//! No task of the daemon crashed.

use super::{Check, Finding, with_daemon};
use crate::facts::Facts;

pub(super) const CHECK: Check = Check { id: "panics", title: "Crashes", judge };

fn judge(facts: &Facts) -> Finding {
    with_daemon(facts, |daemon| match daemon.panics {
        0 => Finding::pass("Nothing in snugd crashed since it started."),
        n => Finding::warn(
            format!(
                "A part of snugd crashed {n} time{} since it started; everything else went on.",
                if n == 1 { "" } else { "s" }
            ),
            "Please report it with the lines that `journalctl -u snugd -g panicked` shows.",
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
        let finding = judge(&sample::with(|d| d.panics = 2));
        assert_eq!(finding.status, Status::Warn);
        assert!(finding.sentence.contains("2 times"));
    }
}
