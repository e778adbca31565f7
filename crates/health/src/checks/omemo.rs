//! Others can encrypt with OMEMO for everybody who uses it.

use super::{Check, Finding, with_daemon};
use crate::facts::Facts;

pub(super) const CHECK: Check = Check { id: "omemo", title: "OMEMO devices", judge };

fn judge(facts: &Facts) -> Finding {
    with_daemon(facts, |daemon| match daemon.omemo_harmed {
        0 => Finding::pass("Whatever chat apps publish for OMEMO can be used by others."),
        1 => Finding::warn("For a device of one person others cannot encrypt with OMEMO.", REMEDY),
        n => Finding::warn(
            format!("For devices of {n} people others cannot encrypt with OMEMO."),
            REMEDY,
        ),
    })
}

/// Nobody is named: whose devices it is about is theirs to see.
const REMEDY: &str = "Ask everybody to sign in to this panel and to look at the page “OMEMO”: it \
                      says what is wrong with one’s own devices, and repairs it.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::sample;

    #[test]
    fn judges() {
        assert_eq!(judge(&sample::facts()).status, Status::Pass);
        for (people, words) in [(1, "of one person"), (3, "of 3 people")] {
            let finding = judge(&sample::with(|d| d.omemo_harmed = people));
            assert_eq!(finding.status, Status::Warn);
            assert!(finding.sentence.contains(words), "{}", finding.sentence);
        }
    }
}
