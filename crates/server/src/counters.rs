//! Counters of what happened since the start: errors by condition, refusals, messages.
//!
//! Numbers only, no names: nothing here can tell who talked with whom. Invariant: a key is a
//! static string or a static prefix and a condition of a specification, so the map is bounded.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// All counters.
#[derive(Debug, Default)]
pub struct Counters {
    counts: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

impl Counters {
    /// Adds one to `area.what`, such as `stream-error.not-well-formed`.
    pub fn add(&self, area: &'static str, what: &'static str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((area, what)).or_default() += 1;
    }

    /// All counters by their full name.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<String, u64> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|((area, what), n)| (format!("{area}.{what}"), *n)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_by_name() {
        let c = Counters::default();
        c.add("stream-error", "not-well-formed");
        c.add("stream-error", "not-well-formed");
        assert_eq!(c.snapshot().get("stream-error.not-well-formed"), Some(&2));
    }
}
