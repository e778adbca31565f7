//! What is to happen, what has happened so far, and how it is judged.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::house::House;

/// Everybody's devices.
pub(crate) const DEVICES: [&str; 6] =
    ["ann/phone", "ann/desk", "ann/tab", "bob/phone", "bob/desk", "bob/tab"];

/// Without any progress for this long something is lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is to happen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Sockets that are cut, all devices together.
    pub(crate) cuts: usize,
    /// Messages of each device.
    pub(crate) messages: usize,
    /// There is an archive: sessions may come too late or be forgotten.
    pub(crate) archive: bool,
    /// How often the daemon is killed.
    pub(crate) kills: usize,
}

impl Plan {
    /// Messages of all.
    pub(crate) fn total(&self) -> usize {
        self.messages * DEVICES.len()
    }
}

/// See the module.
pub(crate) struct World {
    pub(crate) house: House,
    pub(crate) plan: Plan,
    cuts_left: Cell<usize>,
    ready: RefCell<BTreeSet<&'static str>>,
    done: RefCell<BTreeSet<&'static str>>,
    counts: RefCell<BTreeMap<&'static str, usize>>,
    /// Messages that their clients sent again, not knowing that they had arrived.
    again: RefCell<BTreeSet<String>>,
    progress: Cell<Instant>,
}

impl World {
    pub(crate) fn new(house: House, plan: Plan) -> Self {
        Self {
            house,
            cuts_left: Cell::new(plan.cuts),
            plan,
            ready: RefCell::default(),
            done: RefCell::default(),
            counts: RefCell::default(),
            again: RefCell::default(),
            progress: Cell::new(Instant::now()),
        }
    }

    /// One socket is cut in this way, if any may be.
    pub(crate) fn cut(&self, kind: &'static str) {
        self.cuts_left.set(self.cuts_left.get().saturating_sub(1));
        self.count(kind);
    }

    pub(crate) fn cuts_left(&self) -> usize {
        self.cuts_left.get()
    }

    /// How many messages each device may have said by now, so that there is traffic to the last cut.
    pub(crate) fn may_have_said(&self) -> usize {
        let used = self.plan.cuts - self.cuts_left();
        (self.plan.messages * used / self.plan.cuts.max(1) + 2).min(self.plan.messages)
    }

    pub(crate) fn count(&self, what: &'static str) {
        *self.counts.borrow_mut().entry(what).or_default() += 1;
        self.progressed();
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, usize> {
        self.counts.borrow().clone()
    }

    /// The device gets all that is said from now on.
    pub(crate) fn ready(&self, full: &'static str) {
        self.ready.borrow_mut().insert(full);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.borrow().len() == DEVICES.len()
    }

    /// The device has everything, and knows that all it said arrived.
    pub(crate) fn done(&self, full: &'static str) {
        self.done.borrow_mut().insert(full);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.done.borrow().len() == DEVICES.len()
    }

    /// A client sends a message again that may have arrived.
    pub(crate) fn sent_again(&self, origin: &str) {
        self.again.borrow_mut().insert(origin.to_owned());
        self.count("sent again by the client");
    }

    pub(crate) fn was_sent_again(&self, origin: &str) -> bool {
        self.again.borrow().contains(origin)
    }

    pub(crate) fn progressed(&self) {
        self.progress.set(Instant::now());
    }

    pub(crate) fn is_stuck(&self) -> bool {
        self.progress.get().elapsed() > PATIENCE
    }
}
