//! What was left out of a file, counted: XEP-0227 §4 asks to tell the operator.
//!
//! Invariant: bounded, whatever the file holds.

use std::collections::BTreeMap;

use serde::Serialize;
use xmpp::Element;

use crate::output::counted;

/// Different remarks that are kept; a file with more is a strange file, and the count of the
/// rest is enough.
const REMARKS_MAX: usize = 50;

/// Longest remark, in characters.
const REMARK_CHARS_MAX: usize = 120;

/// Remarks and how often each was made.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Notes(BTreeMap<String, u32>);

impl Notes {
    /// Something was left out.
    pub(crate) fn add(&mut self, what: impl Into<String>) {
        let mut what: String = what.into().chars().take(REMARK_CHARS_MAX).collect();
        if self.0.len() >= REMARKS_MAX && !self.0.contains_key(&what) {
            what = "more of other kinds".to_owned();
        }
        let count = self.0.entry(what).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// An element was left out.
    pub(crate) fn element(&mut self, element: &Element) {
        self.add(format!("<{} xmlns='{}'/>", element.name(), element.ns()));
    }

    /// One line each, for a person.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|(what, n)| format!("left out, {}: {what}", counted(*n, "time")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_is_bounded() {
        let mut notes = Notes::default();
        notes.add("a");
        notes.add("a");
        for i in 0..1_000 {
            notes.add(format!("kind {i} {}", "x".repeat(1_000)));
        }
        let lines: Vec<String> = notes.lines().collect();
        assert_eq!(lines[0], "left out, 2 times: a");
        assert!(lines.len() <= REMARKS_MAX + 1);
        assert!(lines.iter().any(|l| l.ends_with("more of other kinds")));
        assert!(lines.iter().all(|l| l.len() < 200));
    }
}
