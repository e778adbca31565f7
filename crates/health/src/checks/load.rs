//! The processors keep up.

use super::{Check, Finding};
use crate::facts::Facts;

pub(super) const CHECK: Check = Check { id: "load", title: "Load", judge };

/// Tasks that want to run, per processor, over five minutes. A backup or an update passes.
const WARN_PER_CPU: f64 = 2.0;

fn judge(facts: &Facts) -> Finding {
    let Some(load) = &facts.host.load else {
        return Finding::skip("The load cannot be looked at from here.");
    };
    let cpus = load.cpus.max(1);
    let noun = if cpus == 1 { "processor" } else { "processors" };
    let sentence = format!("Load {:.2} over five minutes, on {cpus} {noun}.", load.five_minutes);
    if load.five_minutes > WARN_PER_CPU * f64::from(cpus) {
        Finding::warn(
            sentence,
            "A busy hour is no harm. If it stays like this, restart the device.",
        )
    } else {
        Finding::pass(sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::facts::Load;
    use crate::sample;

    #[test]
    fn judges() {
        for (five_minutes, cpus, status) in [
            (8.0, 4, Status::Pass),
            (8.1, 4, Status::Warn),
            (2.1, 0, Status::Warn),
            (0.0, 1, Status::Pass),
        ] {
            let load = Some(Load { five_minutes, cpus });
            assert_eq!(judge(&sample::on(|h| h.load = load)).status, status);
        }
    }
}
