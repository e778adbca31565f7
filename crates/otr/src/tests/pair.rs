//! Two engines over a link that loses, reorders and repeats, in virtual time.
//!
//! A hundred thousand such conversations are asked for. So the private exponents of most seeds
//! come from a pool, and powers and signatures are computed once ([`memo`]); the rest is the
//! product's. Every [`FRESH_EVERY`]th seed has exponents of its own and computes all of it.

use super::{Side, settle};
use crate::crypto::memo;
use crate::crypto::seeded::Seeded;
use crate::{Event, Input, Policy, Time, Trust};

/// Seeds of an ordinary run; `SNUG_OTR_SEEDS` asks for more, `SNUG_OTR_SEED` for one alone.
const SEEDS: u64 = 500;

/// See the module.
const FRESH_EVERY: u64 = 50;

/// What the link does, in percent of messages.
const LOST: u64 = 8;
const REPEATED: u64 = 8;
const LATE: u64 = 15;

/// Steps with the bad link, and the longest delay of a message in steps.
const STEPS: u64 = 60;
const DELAY: u64 = 6;

struct Link {
    rng: Seeded,
    /// Step of arrival, to Alice, message.
    under_way: Vec<(u64, bool, Vec<u8>)>,
}

impl Link {
    fn take(&mut self, step: u64, side: &mut Side, to_alice: bool) {
        for message in std::mem::take(&mut side.sent) {
            let copies = match self.rng.below(100) {
                n if n < LOST => 0,
                n if n < LOST + REPEATED => 2,
                _ => 1,
            };
            for _ in 0..copies {
                let late = self.rng.below(100) < LATE;
                let delay = if late { 1 + self.rng.below(DELAY) } else { 1 };
                self.under_way.push((step + delay, to_alice, message.clone()));
            }
        }
    }

    fn deliver(&mut self, step: u64, a: &mut Side, b: &mut Side) {
        let (due, later) = self.under_way.drain(..).partition(|(at, _, _)| *at <= step);
        self.under_way = later;
        let due: Vec<(u64, bool, Vec<u8>)> = due;
        for (_, to_alice, message) in due {
            if to_alice { a.receive(&message) } else { b.receive(&message) }
        }
    }
}

fn policy(rng: &mut Seeded) -> Policy {
    match rng.below(3) {
        0 => Policy::manual(),
        1 => Policy::opportunistic(),
        _ => Policy::required(),
    }
}

fn run(seed: u64) {
    let mut rng = Seeded::new(seed);
    let (pa, pb) = (policy(&mut rng), policy(&mut rng));
    let mut a = Side::new("alice", 0x1001, pa);
    let mut b = Side::new("bob", 0x2002, pb);
    let fresh = seed.is_multiple_of(FRESH_EVERY);
    memo::keep(!fresh);
    if !fresh {
        a.rng = Seeded::new(seed ^ 0xa11ce).pooled(0);
        b.rng = Seeded::new(seed ^ 0xb0b).pooled(1);
    }
    let short = (rng.below(3) == 0).then_some(200);
    a.talk.set_fragment(short);
    let mut link = Link { rng: Seeded::new(seed ^ 0xffff), under_way: Vec::new() };
    for step in 0..STEPS {
        for (side, name) in [(&mut a, "a"), (&mut b, "b")] {
            side.now = Time::from_millis(1_000_000 + step * 1_000);
            if side.wake.is_some_and(|w| w <= side.now) {
                side.feed(Input::Deadline).unwrap();
            }
            match rng.below(12) {
                0 => drop(side.feed(Input::Start)),
                1 if rng.below(8) == 0 => drop(side.feed(Input::End)),
                2..=5 => drop(side.feed(Input::Send(format!("{name} {step}").as_bytes()))),
                _ => {}
            }
        }
        link.take(step, &mut a, false);
        link.take(step, &mut b, true);
        link.deliver(step, &mut a, &mut b);
    }
    recover(seed, &mut a, &mut b);
    memo::keep(false);
}

/// The link is good again: one start, and the two talk.
fn recover(seed: u64, a: &mut Side, b: &mut Side) {
    for side in [&mut *a, &mut *b] {
        side.now = Time::from_millis(2_000_000);
        side.feed(Input::Deadline).unwrap();
        side.sent.clear();
        let _ = side.feed(Input::End);
        side.sent.clear();
        // Every text that was shown as private had been sent; none came twice.
        let mut private: Vec<&String> = side
            .shown
            .iter()
            .filter(|(_, t)| matches!(t, Trust::Private(_)))
            .map(|(s, _)| s)
            .collect();
        let all = private.len();
        private.sort();
        private.dedup();
        assert_eq!(private.len(), all, "seed {seed}: a text was shown twice");
        side.shown.clear();
    }
    a.feed(Input::Start).unwrap();
    settle(a, b);
    let sessions = (a.talk.session(), b.talk.session());
    let (Some(ours), Some(theirs)) = sessions else { panic!("seed {seed}: {sessions:?}") };
    assert_eq!(ours.session_id, theirs.session_id, "seed {seed}");
    assert_ne!(ours.first_half_bold, theirs.first_half_bold, "seed {seed}");
    for n in 0..3 {
        let text = format!("after {n}");
        a.feed(Input::Send(text.as_bytes())).unwrap();
        settle(a, b);
        assert_eq!(b.texts(), std::slice::from_ref(&text), "seed {seed}");
        b.feed(Input::Send(text.as_bytes())).unwrap();
        settle(a, b);
        assert_eq!(a.texts(), [text], "seed {seed}");
    }
}

#[test]
fn a_bad_link_leaves_nobody_stuck() {
    #[allow(clippy::disallowed_methods, reason = "a test's size is no setting of the crate")]
    let asked = |name| std::env::var(name).ok().and_then(|n| n.parse().ok());
    match asked("SNUG_OTR_SEED") {
        Some(seed) => run(seed),
        None => (0..asked("SNUG_OTR_SEEDS").unwrap_or(SEEDS)).for_each(run),
    }
}

#[test]
fn both_at_once_agree() {
    for seed in 0..40 {
        let mut a = Side::new("alice", 0x1001, Policy::manual());
        let mut b = Side::new("bob", 0x2002, Policy::manual());
        a.rng = Seeded::new(seed);
        b.rng = Seeded::new(seed + 1_000);
        a.feed(Input::Start).unwrap();
        b.feed(Input::Start).unwrap();
        settle(&mut a, &mut b);
        let (ours, theirs) = (a.talk.session().unwrap(), b.talk.session().unwrap());
        assert_eq!(ours.session_id, theirs.session_id, "seed {seed}");
        let private =
            |s: &Side| s.events.iter().filter(|e| matches!(e, Event::Private { .. })).count();
        assert_eq!((private(&a), private(&b)), (1, 1), "seed {seed}");
        a.feed(Input::Send(b"hi")).unwrap();
        settle(&mut a, &mut b);
        assert_eq!(b.texts(), ["hi"]);
    }
}
