//! The power supply is strong enough, on boards that tell.

use super::{Check, Finding};
use crate::facts::Facts;

pub(super) const CHECK: Check = Check { id: "power", title: "Power supply", judge };

fn judge(facts: &Facts) -> Finding {
    match facts.host.under_voltage {
        None => Finding::skip("This machine does not tell about its power supply."),
        Some(false) => Finding::pass("The voltage is right."),
        Some(true) => Finding::warn(
            "The voltage is too low.",
            "Use the power supply that belongs to the board and a short cable. Low voltage \
             damages the files on the card.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::sample;

    #[test]
    fn judges() {
        for (low, status) in
            [(None, Status::Skip), (Some(false), Status::Pass), (Some(true), Status::Warn)]
        {
            assert_eq!(judge(&sample::on(|h| h.under_voltage = low)).status, status);
        }
    }
}
