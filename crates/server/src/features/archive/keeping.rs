//! How long the home keeps messages: a setting of the whole home.
//!
//! State: [`Keeping`], one per daemon, a copy of what the settings have. Invariant: what it says is
//! what was stored last.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};

use admin_api::archive::Keep;
use tokio::sync::Mutex;

use super::id::Marks;

/// As a number that can be read and set at once.
const fn code(keep: Keep) -> u32 {
    match keep {
        Keep::Off => 0,
        Keep::Days(days) => days,
        Keep::ForEver => u32::MAX,
    }
}

/// See the module.
#[derive(Debug)]
pub struct Keeping {
    code: AtomicU32,
    /// Taken by whoever removes messages: one at a time.
    pub turn: Mutex<()>,
    marks: std::sync::Mutex<Marks>,
}

impl Keeping {
    /// Begins with `keep`.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        Self {
            code: AtomicU32::new(code(keep)),
            turn: Mutex::default(),
            marks: std::sync::Mutex::default(),
        }
    }

    /// How long?
    #[must_use]
    pub fn get(&self) -> Keep {
        match self.code.load(Ordering::Acquire) {
            0 => Keep::Off,
            u32::MAX => Keep::ForEver,
            days => Keep::Days(days),
        }
    }

    /// From now on.
    pub fn set(&self, keep: Keep) {
        self.code.store(code(keep), Ordering::Release);
    }

    /// A random mark for the name of a message.
    pub(super) fn mark(&self) -> u32 {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    /// Is anything archived?
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.get() != Keep::Off
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_so() {
        for keep in [Keep::Off, Keep::Days(1), Keep::Days(Keep::DAYS_MAX), Keep::ForEver] {
            let keeping = Keeping::new(Keep::DEFAULT);
            keeping.set(keep);
            assert_eq!((keeping.get(), keeping.is_on()), (keep, keep != Keep::Off));
        }
    }
}
