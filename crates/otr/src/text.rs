//! The text layer: what kind of OTR, if any, a message body is.
//!
//! Spec: OTR version 3, "Overview of messages", as libotr 4.1.1 reads it: the first `?OTR`
//! anywhere in the text decides, whatever stands around it.
//!
//! Pure functions without state, also for servers that only need to tell OTR from text.
//! Invariant: linear in the length of the text; nothing is decoded but the few characters that
//! name version and type.

use std::ops::Range;

use crate::encoding::{ENCODED_START, Reader};
use crate::messages::IGNORE_UNREADABLE;

/// What every OTR message but a tagged plaintext contains.
const MARK: &[u8] = b"?OTR";

/// Start of a whitespace tag, 16 bytes.
const TAG_BASE: &[u8; 16] = b" \t  \t\t\t\t \t \t \t  ";

/// Groups of a whitespace tag, 8 bytes each.
const TAG_V1: &[u8; 8] = b" \t \t  \t ";
const TAG_V2: &[u8; 8] = b"  \t\t  \t ";
const TAG_V3: &[u8; 8] = b"  \t\t  \t\t";

/// Bytes in one group of a whitespace tag.
const GROUP: usize = TAG_V2.len();

/// Base64 characters that hold version, type, both instance tags and flags (12 bytes).
const HEADER_CHARS: usize = 16;

/// Versions of the protocol that somebody offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// Version 1, which nobody should speak any more; this crate never does.
    pub v1: bool,
    /// Version 2.
    pub v2: bool,
    /// Version 3.
    pub v3: bool,
}

impl Versions {
    /// The versions in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { v1: self.v1 && other.v1, v2: self.v2 && other.v2, v3: self.v3 && other.v3 }
    }

    /// The highest version, 0 if none.
    #[must_use]
    pub const fn best(self) -> u8 {
        match self {
            Self { v3: true, .. } => 3,
            Self { v2: true, .. } => 2,
            Self { v1: true, .. } => 1,
            _ => 0,
        }
    }

    /// The query that offers these: `?OTRv23?`.
    #[must_use]
    pub fn query(self) -> String {
        let digits = [(self.v2, '2'), (self.v3, '3')];
        let digits: String = digits.iter().filter(|(on, _)| *on).map(|(_, d)| d).collect();
        format!("?OTR{}v{digits}?", if self.v1 { "?" } else { "" })
    }

    /// The whitespace tag that offers these.
    #[must_use]
    pub fn tag(self) -> Vec<u8> {
        let mut tag = TAG_BASE.to_vec();
        for (on, group) in [(self.v1, TAG_V1), (self.v2, TAG_V2), (self.v3, TAG_V3)] {
            if on {
                tag.extend_from_slice(group);
            }
        }
        tag
    }
}

/// Type of an encoded message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// First message of the key exchange.
    DhCommit,
    /// Second message of the key exchange.
    DhKey,
    /// Third message of the key exchange.
    RevealSignature,
    /// Fourth message of the key exchange.
    Signature,
    /// Anything inside a session.
    Data,
    /// Key exchange of version 1.
    OldKeyExchange,
    /// A type that no version knows.
    Unknown,
}

/// What a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// Not OTR.
    Plain,
    /// Text with a whitespace tag.
    Tagged {
        /// The versions of the tag.
        offered: Versions,
        /// Where the tag stands in the text, in bytes.
        span: Range<usize>,
    },
    /// An invitation to start a session.
    Query {
        /// The versions of the query.
        offered: Versions,
    },
    /// `?OTR Error:`.
    Error {
        /// Where the words of the error start, in bytes.
        words: usize,
    },
    /// A binary message.
    Encoded {
        /// 1 to 3, or 0 if the text names none of them.
        version: u8,
        /// Its type.
        kind: MessageKind,
        /// Where `?OTR:` stands, in bytes.
        at: usize,
    },
    /// A piece of a message, see [`crate::Fragment`].
    Fragment {
        /// Where `?OTR` stands, in bytes.
        at: usize,
    },
    /// `?OTR` and something that no version knows.
    Unknown,
}

impl Text {
    /// Is this a message that means nothing to a person: part of a key exchange, encrypted, or
    /// a piece? Queries, errors and tagged texts do carry words.
    #[must_use]
    pub const fn is_ciphertext(&self) -> bool {
        matches!(self, Self::Encoded { .. } | Self::Fragment { .. })
    }
}

/// Tells what kind of message `text` is.
#[must_use]
pub fn classify(text: &[u8]) -> Text {
    let Some(at) = find(text, MARK) else {
        return tag_span(text)
            .map_or(Text::Plain, |(offered, span)| Text::Tagged { offered, span });
    };
    let rest = text.get(at + MARK.len()..).unwrap_or_default();
    let words = b" Error:";
    match rest.first() {
        Some(b'?' | b'v') => Text::Query { offered: query_versions(rest) },
        Some(b':') => encoded(rest.get(1..).unwrap_or_default(), at),
        Some(b'|' | b',') => Text::Fragment { at },
        _ if rest.starts_with(words) => Text::Error { words: at + MARK.len() + words.len() },
        _ => Text::Unknown,
    }
}

/// Sender and receiver instance of an encoded message of version 3 or of one of its fragments;
/// `None` for everything else. A receiver of 0 means all instances.
#[must_use]
pub fn instances(text: &[u8]) -> Option<(u32, u32)> {
    match classify(text) {
        Text::Encoded { version: 3, at, .. } => {
            let bytes = header_bytes(text, at)?;
            let mut reader = Reader::new(bytes.get(3..)?);
            Some((reader.u32()?, reader.u32()?))
        }
        Text::Fragment { .. } => crate::Fragment::parse(text)?.instances,
        _ => None,
    }
}

/// Is it a data message that nobody misses, with the flag "ignore unreadable"? Clients set it on
/// what their people did not type: heartbeats, verifications, and the end of a session.
#[must_use]
pub fn may_be_lost(text: &[u8]) -> bool {
    let Text::Encoded { version, kind: MessageKind::Data, at } = classify(text) else {
        return false;
    };
    let flags = match version {
        3 => 11,
        2 => 3,
        _ => return false,
    };
    header_bytes(text, at)
        .and_then(|bytes| bytes.get(flags).copied())
        .is_some_and(|flags| flags & IGNORE_UNREADABLE != 0)
}

/// The first bytes of the encoded message that stands at `at`.
fn header_bytes(text: &[u8], at: usize) -> Option<Vec<u8>> {
    let chars = text.get(at + ENCODED_START.len()..)?.iter().copied();
    let head: Vec<u8> = chars.filter(|b| !b.is_ascii_whitespace()).take(HEADER_CHARS).collect();
    crate::encoding::unwrap(&[ENCODED_START, &head, b"."].concat(), true)
}

/// `?OTR` is cut off. Version 1 is a `?` right behind; then `v`, digits, and a `?` that may be
/// missing. Unknown digits are skipped.
fn query_versions(rest: &[u8]) -> Versions {
    let v1 = rest.first() == Some(&b'?');
    let rest = rest.get(usize::from(v1)..).unwrap_or_default();
    let digits: &[u8] = match rest.split_first() {
        Some((b'v', tail)) => tail.split(|b| *b == b'?').next().unwrap_or_default(),
        _ => &[],
    };
    Versions { v1, v2: digits.contains(&b'2'), v3: digits.contains(&b'3') }
}

/// `?OTR:` is cut off. The first four characters are version and type, 3 bytes.
fn encoded(body: &[u8], at: usize) -> Text {
    let head = body.get(..4).unwrap_or(body);
    let version = match head.get(..3) {
        Some(b"AAM") => 3,
        Some(b"AAI") => 2,
        Some(b"AAE") => 1,
        _ => 0,
    };
    let kind = match (version, head.get(3)) {
        (2 | 3, Some(b'C')) => MessageKind::DhCommit,
        (2 | 3, Some(b'K')) => MessageKind::DhKey,
        (2 | 3, Some(b'R')) => MessageKind::RevealSignature,
        (2 | 3, Some(b'S')) => MessageKind::Signature,
        (1..=3, Some(b'D')) => MessageKind::Data,
        (1, Some(b'K')) => MessageKind::OldKeyExchange,
        _ => MessageKind::Unknown,
    };
    Text::Encoded { version, kind, at }
}

/// The first whitespace tag: its base and as many whole groups of blanks and tabs as follow.
fn tag_span(text: &[u8]) -> Option<(Versions, Range<usize>)> {
    let start = find(text, TAG_BASE)?;
    let mut end = start + TAG_BASE.len();
    let mut offered = Versions::default();
    while let Some(group) = text.get(end..end + GROUP) {
        if !group.iter().all(|b| matches!(b, b' ' | b'\t')) {
            break;
        }
        offered.v1 |= group == TAG_V1;
        offered.v2 |= group == TAG_V2;
        offered.v3 |= group == TAG_V3;
        end += GROUP;
    }
    Some((offered, start..end))
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|w| w == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_tags_are_read_back() {
        for v2 in [false, true] {
            for v3 in [false, true] {
                let offered = Versions { v1: false, v2, v3 };
                assert_eq!(classify(offered.query().as_bytes()), Text::Query { offered });
                let mut text = b"hi".to_vec();
                text.extend(offered.tag());
                let span = 2..text.len();
                assert_eq!(classify(&text), Text::Tagged { offered, span });
            }
        }
    }

    #[test]
    fn instances_are_peeked() {
        let commit = b"x ?OTR:AAMCTinmggAAAAAAAADE";
        assert_eq!(instances(commit), Some((0x4e29_e682, 0)));
        assert_eq!(instances(b"?OTR:AAMC\nTin\nmgmV/1nQAAAA"), Some((0x4e29_e682, 0x657f_d674)));
        assert_eq!(instances(b"?OTR:AAMCTinmgmV/1n"), None, "torn");
        assert_eq!(instances(b"?OTR|5a73a599|27e31597,1,3,x,"), Some((0x5a73_a599, 0x27e3_1597)));
        for none in ["?OTR:AAMC", "?OTR:AAICTinmggAAAAAAAADE", "?OTR,1,2,x,", "hi", "?OTRv3?"] {
            assert_eq!(instances(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn what_may_be_lost_says_so() {
        // The first twelve bytes of version 3, and four of version 2, with and without the flag.
        for flagged in
            ["?OTR:AAMDTinmgmV/1nQBAAAA.", "words ?OTR:AAMDTinm\ngmV/1nQB", "?OTR:AAIDAQ."]
        {
            assert!(may_be_lost(flagged.as_bytes()), "{flagged}");
        }
        for needed in [
            "?OTR:AAMDTinmgmV/1nQAAAAA.",
            "?OTR:AAIDAAAA.",
            "?OTR:AAMCTinmgmV/1nQBAAAA.",
            "?OTR:AAEDAQ.",
            "?OTR:AAMDTinmgmV",
            "?OTRv23?",
            "AAMDTinmgmV/1nQBAAAA",
        ] {
            assert!(!may_be_lost(needed.as_bytes()), "{needed}");
        }
    }
}
