//! One registered device: what its person has not seen, and when to wake it.
//!
//! Pure: (state, input, now) -> state. Spec: XEP-0357 §7.1 for what errors mean.
//!
//! Invariants: two pushes are at least [`PUSH_QUIET`] apart, however much comes; while one is on
//! its way there is no other; after temporary failures each try waits longer, and after
//! [`PUSH_FAILURES_MAX`] in a row there is none.

use std::time::{Duration, Instant};

use crate::limits::{PUSH_BACK_OFF_FIRST, PUSH_BACK_OFF_MAX, PUSH_FAILURES_MAX, PUSH_QUIET};

/// What was the last thing to come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Latest {
    /// Bare JID.
    pub(super) sender: String,
    /// What it says, if that may be read by a server.
    pub(super) body: Option<String>,
}

/// What one push tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// Messages that were not seen.
    pub(super) count: u32,
    /// The last of them.
    pub(super) latest: Latest,
}

/// How a push ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The service took it.
    Taken,
    /// Not now: the service is away, busy or silent.
    Later,
    /// Never again.
    Never,
}

/// What becomes of the registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    Disable,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Device {
    unseen: u32,
    latest: Latest,
    /// When to wake it.
    due: Option<Instant>,
    /// When the last push was sent.
    sent: Option<Instant>,
    /// Before this no push has a point.
    not_before: Option<Instant>,
    /// Temporary failures in a row.
    failures: u32,
    /// Is a push on its way?
    flying: bool,
}

impl Device {
    /// Something came that the person should know of; wake the device after `delay`.
    pub(super) fn noticed(&mut self, now: Instant, delay: Duration, latest: Latest) {
        self.unseen = self.unseen.saturating_add(1);
        self.latest = latest;
        let quiet = self.sent.map(|sent| sent + PUSH_QUIET);
        let due = [quiet, self.not_before].into_iter().flatten().fold(now + delay, Instant::max);
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }

    /// `count` messages wait since before the daemon began.
    pub(super) fn waits(&mut self, now: Instant, delay: Duration, (count, latest): (u32, Latest)) {
        self.noticed(now, delay, latest);
        self.unseen = self.unseen.max(count);
    }

    /// The device has all that there was for it.
    pub(super) fn caught_up(&mut self) {
        self.unseen = 0;
        self.latest = Latest::default();
        self.due = None;
    }

    /// When there is something to do; `None` = only when something happens.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.flying { None } else { self.due }
    }

    /// Look again after `delay`.
    pub(super) fn postpone(&mut self, now: Instant, delay: Duration) {
        self.due = Some(now + delay);
    }

    /// A push goes out now; what it tells.
    pub(super) fn go(&mut self, now: Instant) -> Summary {
        self.due = None;
        self.sent = Some(now);
        self.flying = true;
        Summary { count: self.unseen, latest: self.latest.clone() }
    }

    /// The push has ended.
    pub(super) fn answered(&mut self, now: Instant, outcome: Outcome) -> Verdict {
        self.flying = false;
        match outcome {
            Outcome::Taken => {
                self.failures = 0;
                self.not_before = None;
                Verdict::Keep
            }
            Outcome::Never => Verdict::Disable,
            Outcome::Later => {
                self.failures += 1;
                if self.failures >= PUSH_FAILURES_MAX {
                    return Verdict::Disable;
                }
                let until = now + back_off(self.failures);
                self.not_before = Some(until);
                // What it should have told is still to be told, with what came meanwhile.
                self.due = (self.unseen > 0).then_some(until);
                Verdict::Keep
            }
        }
    }

    /// Did the last pushes fail?
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Is there nothing to remember?
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let quiet = self.sent.is_none_or(|sent| now >= sent + PUSH_QUIET);
        self.unseen == 0 && self.due.is_none() && !self.flying && self.failures == 0 && quiet
    }
}

/// Doubles with each failure.
fn back_off(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    PUSH_BACK_OFF_FIRST.saturating_mul(doubled).min(PUSH_BACK_OFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;

    fn latest(body: &str) -> Latest {
        Latest { sender: "ann@home.example".into(), body: Some(body.into()) }
    }

    #[test]
    fn many_messages_are_one_push_per_quiet_period() {
        let (start, mut device) = (Instant::now(), Device::default());
        device.noticed(start, NONE, latest("1"));
        assert_eq!(device.next(), Some(start));
        assert_eq!(device.go(start), Summary { count: 1, latest: latest("1") });
        for body in ["2", "3"] {
            device.noticed(start + Duration::from_secs(1), NONE, latest(body));
        }
        assert_eq!(device.next(), None, "one is on its way");
        assert_eq!(device.answered(start, Outcome::Taken), Verdict::Keep);
        assert_eq!(device.next(), Some(start + PUSH_QUIET));
        let second = device.go(start + PUSH_QUIET);
        assert_eq!(second, Summary { count: 3, latest: latest("3") });
    }

    #[test]
    fn what_was_seen_meanwhile_wakes_nobody() {
        let (start, mut device) = (Instant::now(), Device::default());
        device.noticed(start, Duration::from_secs(9), latest("1"));
        device.caught_up();
        assert_eq!(device.next(), None);
        assert!(device.is_idle(start));
        device.noticed(start, NONE, latest("2"));
        assert_eq!(device.go(start).count, 1);
    }

    #[test]
    fn the_more_urgent_message_counts() {
        let (start, mut device) = (Instant::now(), Device::default());
        device.noticed(start, Duration::from_secs(9), latest("1"));
        device.noticed(start, NONE, latest("2"));
        assert_eq!(device.next(), Some(start));
        device.noticed(start, Duration::from_secs(9), latest("3"));
        assert_eq!(device.next(), Some(start));
    }

    #[test]
    fn a_service_that_is_away_is_tried_less_and_less_often_and_then_not_any_more() {
        let (mut now, mut device) = (Instant::now(), Device::default());
        device.noticed(now, NONE, latest("1"));
        let mut waits = Vec::new();
        let verdict = loop {
            device.go(now);
            let verdict = device.answered(now, Outcome::Later);
            let Some(next) = device.next().filter(|_| verdict == Verdict::Keep) else {
                break verdict;
            };
            // Nothing that comes meanwhile makes it sooner.
            device.noticed(now + PUSH_QUIET, NONE, latest("more"));
            assert_eq!(device.next(), Some(next));
            waits.push(next - now);
            now = next;
        };
        assert_eq!(verdict, Verdict::Disable);
        assert_eq!(waits.len(), PUSH_FAILURES_MAX as usize - 1);
        assert_eq!(waits[..2], [PUSH_BACK_OFF_FIRST, 2 * PUSH_BACK_OFF_FIRST]);
        assert!(waits.iter().all(|wait| *wait <= PUSH_BACK_OFF_MAX), "{waits:?}");
    }

    #[test]
    fn one_success_forgets_the_failures() {
        let (start, mut device) = (Instant::now(), Device::default());
        device.noticed(start, NONE, latest("1"));
        device.go(start);
        device.answered(start, Outcome::Later);
        assert!(device.is_failing());
        device.go(start + PUSH_BACK_OFF_FIRST);
        device.answered(start, Outcome::Taken);
        assert!(!device.is_failing());
        device.go(start);
        assert_eq!(device.answered(start, Outcome::Never), Verdict::Disable);
    }
}
