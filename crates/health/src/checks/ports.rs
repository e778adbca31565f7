//! Every port that should be open is open.

use super::{Check, Finding, with_daemon};
use crate::facts::Facts;

pub(super) const CHECK: Check = Check { id: "ports", title: "Open ports", judge };

fn judge(facts: &Facts) -> Finding {
    with_daemon(facts, |daemon| {
        let closed: Vec<String> = daemon
            .ports
            .iter()
            .filter(|p| !p.listening)
            .map(|p| format!("{} at {}", p.purpose, p.address))
            .collect();
        if daemon.ports.is_empty() {
            return Finding::skip("snugd has no ports yet.");
        }
        if closed.is_empty() {
            let open: Vec<String> =
                daemon.ports.iter().map(|p| format!("{} at {}", p.purpose, p.address)).collect();
            return Finding::pass(format!("Clients can connect: {}.", open.join(", ")));
        }
        Finding::fail(
            format!("Clients cannot connect to {}.", closed.join(", ")),
            "Another program has the port (see `ss -ltnp`), or the address is not one of this \
             machine; correct `c2s` in snug.toml and restart snugd.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::sample;

    #[test]
    fn judges() {
        assert_eq!(judge(&sample::with(|d| d.ports.clear())).status, Status::Skip);
        assert!(judge(&sample::facts()).sentence.contains("chat (STARTTLS) at [::]:5222"));
        let finding = judge(&sample::with(|d| d.ports[0].listening = false));
        assert_eq!(finding.status, Status::Fail);
        assert!(finding.sentence.contains("[::]:5222"));
    }
}
