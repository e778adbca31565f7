//! snugd answers on its admin socket.

use super::{Check, Finding};
use crate::facts::Facts;

pub(super) const CHECK: Check = Check { id: "daemon", title: "Chat server", judge };

fn judge(facts: &Facts) -> Finding {
    match &facts.daemon {
        Ok(_) => Finding::pass("snugd is running and answers."),
        Err(why) => Finding::fail(
            format!("snugd does not answer: {}", ended(why)),
            "Look at `systemctl status snugd` and `journalctl -u snugd -n 30`; if the settings \
             are at fault, `snug config check` names the line.",
        ),
    }
}

/// A sentence ends once: what went wrong may be a clause, a sentence or a question.
fn ended(why: &str) -> String {
    if why.ends_with(['.', '?', '!']) { why.to_owned() } else { format!("{why}.") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::sample;

    #[test]
    fn says_why() {
        assert_eq!(judge(&sample::facts()).status, Status::Pass);
        let facts = Facts { daemon: Err("line 12 of snug.toml".to_owned()), ..sample::facts() };
        let finding = judge(&facts);
        assert_eq!(finding.status, Status::Fail);
        assert!(finding.sentence.contains("line 12 of snug.toml"));
        assert!(finding.sentence.ends_with("snug.toml."));
        assert!(finding.remedy.unwrap().contains("snug config check"));
        assert_eq!(ended("is it running?"), "is it running?");
    }
}
