//! The firewall's rules are those of the settings.

use super::{Check, Finding};
use crate::facts::{Facts, Firewall, FirewallState};

pub(super) const CHECK: Check = Check { id: "firewall", title: "Firewall", judge };

fn judge(facts: &Facts) -> Finding {
    let Some(firewall) = &facts.host.firewall else {
        return Finding::skip("Snug does not look after the firewall of this machine.");
    };
    let fault = || firewall.fault.as_deref().unwrap_or("it is not known why");
    match firewall.state {
        FirewallState::InForce => Finding::pass("The rules of the settings are in force."),
        FirewallState::Waiting => waiting(firewall, facts.now),
        FirewallState::RolledBack => Finding::warn(
            "The last change was taken back, because nobody at home reached the panel after it.",
            "Make the change again and open the panel within a minute, or look at `snug firewall \
             show` and confirm it with `snug firewall confirm`.",
        ),
        FirewallState::Broken => Finding::fail(
            format!("The rules of the settings cannot be used, others are in force: {}.", fault()),
            "Correct the settings (see `snug firewall check`), then run `snug firewall apply`.",
        ),
        FirewallState::None => Finding::fail(
            format!("No rules are in force; every port is open: {}.", fault()),
            "See that the package nftables is installed and that `nft list ruleset` works, then \
             run `snug firewall apply`.",
        ),
    }
}

fn waiting(firewall: &Firewall, now: u64) -> Finding {
    let remedy = "Open the panel from a device at home, or run `snug firewall confirm`.";
    match firewall.until {
        None => Finding::warn("Changed rules are in force since the start, not confirmed.", remedy),
        Some(until) if until >= now => Finding::warn(
            format!("Changed rules are taken back in {} seconds.", until - now),
            remedy,
        ),
        Some(_) => Finding::warn("Changed rules are in force, not confirmed.", remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::sample;

    fn found(state: FirewallState, until: Option<u64>, fault: Option<&str>) -> Finding {
        let fault = fault.map(str::to_owned);
        let firewall = Some(Firewall { state, at: 1, until, fault });
        judge(&sample::on(|host| host.firewall = firewall))
    }

    #[test]
    fn judges() {
        assert_eq!(judge(&sample::on(|host| host.firewall = None)).status, Status::Skip);
        assert_eq!(found(FirewallState::InForce, None, None).status, Status::Pass);
        let waiting = found(FirewallState::Waiting, Some(sample::NOW + 42), None);
        assert_eq!(waiting.status, Status::Warn);
        assert!(waiting.sentence.contains("in 42 seconds"));
        for until in [None, Some(sample::NOW - 1)] {
            assert_eq!(found(FirewallState::Waiting, until, None).status, Status::Warn);
        }
        assert_eq!(found(FirewallState::RolledBack, None, None).status, Status::Warn);
        for state in [FirewallState::Broken, FirewallState::None] {
            let finding = found(state, None, Some("syntax error in line 3"));
            assert_eq!(finding.status, Status::Fail);
            assert!(finding.sentence.contains("syntax error in line 3"));
        }
    }
}
