//! The card's set-up file was understood.

use super::{Check, Finding};
use crate::facts::Facts;

pub(super) const CHECK: Check = Check { id: "setup_file", title: "Set-up file", judge };

const REMEDY: &str = "Correct `snug-setup.toml` on the card's boot partition with any computer, and \
                      start the device again. Until then it runs as if there were no such file.";

fn judge(facts: &Facts) -> Finding {
    match facts.host.setup_mistakes.as_deref() {
        None => Finding::skip("This machine does not start from a card of Snug's."),
        Some([]) => Finding::pass("Nothing is wrong with the set-up file."),
        Some(mistakes) => {
            let told = mistakes.join("; ");
            Finding::warn(format!("The set-up file has mistakes: {told}."), REMEDY)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::sample;

    #[test]
    fn judges() {
        for (mistakes, status) in [
            (None, Status::Skip),
            (Some(Vec::new()), Status::Pass),
            (Some(vec!["line 3: unknown field".to_owned()]), Status::Warn),
        ] {
            let facts = sample::on(|h| h.setup_mistakes = mistakes);
            assert_eq!(judge(&facts).status, status);
        }
    }
}
