//! There is memory left.

use super::{Check, Finding};
use crate::facts::Facts;
use crate::words::{percent, size};

pub(super) const CHECK: Check = Check { id: "memory", title: "Memory", judge };

/// Below this share, in percent, the board begins to page.
const WARN_PERCENT: u64 = 10;

/// Below this share, in percent, the kernel is about to kill something.
const FAIL_PERCENT: u64 = 4;

fn judge(facts: &Facts) -> Finding {
    let Some(memory) = &facts.host.memory else {
        return Finding::skip("The memory cannot be looked at from here.");
    };
    let share = percent(memory.available_bytes, memory.total_bytes);
    let sentence = format!(
        "{} of {} are available ({share} %).",
        size(memory.available_bytes),
        size(memory.total_bytes)
    );
    let remedy = "See with `ps aux --sort=-rss | head` which program takes it, and stop what is \
                  not needed.";
    if share < FAIL_PERCENT {
        Finding::fail(sentence, remedy)
    } else if share < WARN_PERCENT {
        Finding::warn(sentence, remedy)
    } else {
        Finding::pass(sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::facts::Memory;
    use crate::sample;

    #[test]
    fn judges() {
        for (available_bytes, status) in
            [(100, Status::Pass), (99, Status::Warn), (40, Status::Warn), (39, Status::Fail)]
        {
            let memory = Some(Memory { total_bytes: 1_000, available_bytes });
            assert_eq!(judge(&sample::on(|h| h.memory = memory)).status, status);
        }
    }
}
