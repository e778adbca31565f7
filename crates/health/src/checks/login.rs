//! A real log-in (TCP, TLS, SCRAM, bind, ping) works on loopback.

use super::{Check, Finding, with_daemon};
use crate::facts::Facts;

pub(super) const CHECK: Check = Check { id: "login", title: "Chat log-in", judge };

/// A log-in that takes longer makes clients give up. The slowest board needs under a second.
const SLOW_MS: u32 = 5_000;

fn judge(facts: &Facts) -> Finding {
    with_daemon(facts, |daemon| match &daemon.loopback_login {
        None => Finding::skip("Nobody can log in before set-up is finished."),
        Some(Ok(ms)) if *ms > SLOW_MS => Finding::warn(
            format!("A log-in works, but took {ms} ms."),
            "The board is overloaded, or its card is slow; see the checks of load, memory and \
             store.",
        ),
        Some(Ok(ms)) => Finding::pass(format!("A log-in works; it took {ms} ms.")),
        Some(Err(why)) => Finding::fail(
            format!("A log-in does not work: {why}."),
            "Look at the checks of ports and certificate, then restart with `systemctl restart \
             snugd`; if it stays, `journalctl -u snugd -n 30` says more.",
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
        for (login, status) in [
            (None, Status::Skip),
            (Some(Ok(SLOW_MS)), Status::Pass),
            (Some(Ok(SLOW_MS + 1)), Status::Warn),
            (Some(Err("TLS failed".to_owned())), Status::Fail),
        ] {
            let finding = judge(&sample::with(|d| d.loopback_login = login.clone()));
            assert_eq!(finding.status, status, "{login:?}");
        }
    }
}
