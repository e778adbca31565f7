//! The clock is right: certificates and message times depend on it.

use super::{Check, Finding};
use crate::facts::Facts;

pub(super) const CHECK: Check = Check { id: "clock", title: "Clock", judge };

/// No clock that is right shows less: 2026-11-01. A build that knows its own time
/// (`SOURCE_DATE_EPOCH`) uses the later of the two.
const EARLIEST: u64 = 1_793_491_200;

const REMEDY: &str = "A board without a battery takes the time from the network: see that it \
                      has a connection, then `systemctl restart systemd-timesyncd`.";

fn judge(facts: &Facts) -> Finding {
    if facts.now < earliest(option_env!("SOURCE_DATE_EPOCH")) {
        return Finding::fail("The clock shows a time before this program was made.", REMEDY);
    }
    match facts.host.clock.synchronised {
        None => Finding::skip("Who sets the clock cannot be seen from here."),
        Some(true) => Finding::pass("The clock is set by the network."),
        Some(false) => Finding::warn("The clock has not been set by the network yet.", REMEDY),
    }
}

fn earliest(built: Option<&str>) -> u64 {
    built.and_then(|b| b.parse().ok()).unwrap_or(0).max(EARLIEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::facts::Clock;
    use crate::sample;

    #[test]
    fn judges() {
        for (synchronised, status) in
            [(None, Status::Skip), (Some(true), Status::Pass), (Some(false), Status::Warn)]
        {
            let facts = sample::on(|h| h.clock = Clock { synchronised });
            assert_eq!(judge(&facts).status, status);
        }
        let early = Facts { now: EARLIEST - 1, ..sample::facts() };
        assert_eq!(judge(&early).status, Status::Fail);
    }

    #[test]
    fn knows_its_own_age() {
        assert_eq!(earliest(None), EARLIEST);
        assert_eq!(earliest(Some("0")), EARLIEST);
        assert_eq!(earliest(Some("rubbish")), EARLIEST);
        assert_eq!(earliest(Some("1900000000")), 1_900_000_000);
    }
}
