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

/// Bytes of a name; as text they fill sixteen characters without a rest.
const BYTES: usize = 12;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    /// Microseconds since 1970.
    pub at: u64,
    /// Random.
    pub mark: u32,
}

impl Id {
    /// The name of a message that is archived at `now`, in an archive whose last is of `last`.
    #[must_use]
    pub(super) fn next(now: u64, last: u64) -> Self {
        Self { at: now.max(last.saturating_add(1)), mark: u32::from_be_bytes(random::bytes()) }
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
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for id in [Id { at: 0, mark: 0 }, Id { at: u64::MAX, mark: u32::MAX }, Id::next(7, 3)] {
            let text = id.to_string();
            assert_eq!(text.len(), 16);
            assert_eq!(Id::parse(&text), Some(id));
        }
    }

    #[test]
    fn times_rise_whatever_the_clock_does() {
        assert_eq!(Id::next(100, 50).at, 100);
        assert_eq!(Id::next(100, 100).at, 101);
        assert_eq!(Id::next(5, 100).at, 101);
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
