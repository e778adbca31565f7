//! Names of archived messages.
//!
//! A name is when the message was archived, in microseconds since 1970, with a random mark. Times
//! rise within an archive, also when the clock does not, so they order it; the mark makes names
//! that nobody can foresee (XEP-0313 §3) and tells a name of this archive from others. To clients
//! it is opaque. Invariant: no two messages of an archive have the same time.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::random;

/// Marks that are drawn at once: asking the system for each costs as much as archiving does.
const MARKS: usize = 64;

/// Random marks, each given once.
#[derive(Debug, Default)]
pub(super) struct Marks {
    drawn: Vec<u32>,
}

impl Marks {
    /// The next one.
    pub(super) fn next(&mut self) -> u32 {
        if self.drawn.is_empty() {
            let bytes = random::bytes::<{ 4 * MARKS }>();
            let (marks, _) = bytes.as_chunks::<4>();
            self.drawn.extend(marks.iter().map(|mark| u32::from_be_bytes(*mark)));
        }
        self.drawn.pop().unwrap_or_else(|| u32::from_be_bytes(random::bytes()))
    }
}

/// Bytes of a name; as text they fill sixteen characters without a rest.
const BYTES: usize = 12;

/// The same as text.
const TEXT_BYTES: usize = BYTES / 3 * 4;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    /// Microseconds since 1970.
    pub at: u64,
    /// Random.
    pub mark: u32,
}

impl Id {
    /// The name of a message that is archived at `now`, in an archive whose last is of
    /// `last`; `mark` is random.
    #[must_use]
    pub(super) fn next(now: u64, last: u64, mark: u32) -> Self {
        Self { at: now.max(last.saturating_add(1)), mark }
    }

    /// Reads a name; `None` if it is not one.
    #[must_use]
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (at, mark) = bytes.split_first_chunk::<8>()?;
        let mark = mark.first_chunk::<4>()?;
        Some(Self { at: u64::from_be_bytes(*at), mark: u32::from_be_bytes(*mark) })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; BYTES];
        let (at, mark) = bytes.split_at_mut(8);
        at.copy_from_slice(&self.at.to_be_bytes());
        mark.copy_from_slice(&self.mark.to_be_bytes());
        let mut text = [0; TEXT_BYTES];
        let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text).ok();
        let text = written.and_then(|written| std::str::from_utf8(text.get(..written)?).ok());
        f.write_str(text.ok_or(fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for id in [Id { at: 0, mark: 0 }, Id { at: u64::MAX, mark: u32::MAX }, Id::next(7, 3, 9)] {
            let text = id.to_string();
            assert_eq!(text.len(), 16);
            assert_eq!(Id::parse(&text), Some(id));
        }
    }

    #[test]
    fn marks_differ() {
        let mut marks = Marks::default();
        let drawn: std::collections::BTreeSet<u32> = (0..3 * MARKS).map(|_| marks.next()).collect();
        // Two of them are the same once in a quarter of a million runs; not a third.
        assert!(drawn.len() >= 3 * MARKS - 2);
    }

    #[test]
    fn times_rise_whatever_the_clock_does() {
        assert_eq!(Id::next(100, 50, 1).at, 100);
        assert_eq!(Id::next(100, 100, 1).at, 101);
        assert_eq!(Id::next(5, 100, 1).at, 101);
    }

    #[test]
    fn what_is_no_name_is_none() {
        for text in [
            "",
            "x",
            "AAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAA=",
            "ÄÖÜ",
            "AAAAAAAA AAAAAAA",
            "28482-98726-73623",
        ] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }
}
