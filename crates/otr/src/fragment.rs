//! Messages in pieces, for networks with short lines.
//!
//! Spec: OTR version 3, "Fragmentation". Invariants: at most one unfinished message per
//! [`Assembler`]; a piece that does not continue it drops it.

use crate::limits::{ASSEMBLED_BYTES_MAX, FRAGMENT_CHARS_MIN, FRAGMENTS_MAX};

/// One piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Sender and receiver instance; `None` in the form of version 2.
    pub instances: Option<(u32, u32)>,
    /// Number of this piece, from 1.
    pub number: u16,
    /// Number of all pieces.
    pub total: u16,
    /// The piece; any text without a comma.
    pub piece: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Reads the piece in `text`, wherever it starts there. `None` if it is malformed, numbered
    /// 0 or beyond its total, or holds nothing.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let at = text.windows(4).position(|w| w == b"?OTR")?;
        let rest = text.get(at + 4..)?;
        let (instances, rest) = match rest.split_first()? {
            (b'|', rest) => {
                let (sender, rest) = split(rest, b'|')?;
                let (receiver, rest) = split(rest, b',')?;
                (Some((digits(sender, 16)?, digits(receiver, 16)?)), rest)
            }
            (b',', rest) => (None, rest),
            _ => return None,
        };
        let (number, rest) = split(rest, b',')?;
        let (total, rest) = split(rest, b',')?;
        let (piece, _) = split(rest, b',')?;
        let number = u16::try_from(digits(number, 10)?).ok()?;
        let total = u16::try_from(digits(total, 10)?).ok()?;
        let valid = number >= 1 && number <= total && !piece.is_empty();
        valid.then_some(Self { instances, number, total, piece })
    }
}

/// Up to the next `mark`, and what is behind it.
fn split(text: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| *b == mark)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// A number without sign or blank. Leading zeros are free, within reason.
fn digits(text: &[u8], radix: u32) -> Option<u32> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    text.iter()
        .try_fold(0_u32, |n, b| n.checked_mul(radix)?.checked_add(char::from(*b).to_digit(radix)?))
}

/// Puts the pieces of one instance together.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq))]
pub struct Assembler {
    number: u16,
    total: u16,
    text: Vec<u8>,
}

impl Assembler {
    #[cfg(test)]
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.text.capacity()
    }

    /// Takes the next piece; the whole message once its last piece is there.
    pub fn push(&mut self, fragment: &Fragment<'_>) -> Option<Vec<u8>> {
        let first = fragment.number == 1;
        let next =
            self.number > 0 && self.total == fragment.total && fragment.number == self.number + 1;
        if !(first || next) || fragment.total > FRAGMENTS_MAX {
            self.reset();
            return None;
        }
        if first {
            self.reset();
        }
        if self.text.len() + fragment.piece.len() > ASSEMBLED_BYTES_MAX {
            self.reset();
            return None;
        }
        self.text.extend_from_slice(fragment.piece);
        (self.number, self.total) = (fragment.number, fragment.total);
        if self.number < self.total {
            return None;
        }
        let whole = std::mem::take(&mut self.text);
        self.reset();
        Some(whole)
    }

    /// Forgets an unfinished message, as a message in one piece demands.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// Cuts an encoded message into pieces of at most `max` characters each, header included. One
/// that fits stays whole. `max` below [`FRAGMENT_CHARS_MIN`] counts as that.
#[must_use]
pub fn cut(message: Vec<u8>, instances: Option<(u32, u32)>, max: usize) -> Vec<Vec<u8>> {
    if message.len() <= max {
        return vec![message];
    }
    let head = |number: usize, total: usize| match instances {
        Some((from, to)) => format!("?OTR|{from:08x}|{to:08x},{number:05},{total:05},"),
        None => format!("?OTR,{number:05},{total:05},"),
    };
    let size = max.max(FRAGMENT_CHARS_MIN).saturating_sub(head(0, 0).len() + 1).max(1);
    let total = message.len().div_ceil(size);
    let pieces = message.chunks(size).enumerate();
    pieces.map(|(i, p)| [head(i + 1, total).as_bytes(), p, b","].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_and_put_together() {
        let message: Vec<u8> = (0..5_000).map(|i| b'a' + (i % 26) as u8).collect();
        for instances in [None, Some((0x100, 0xffff_ffff))] {
            for max in [0, 64, 140, 250, 4_999] {
                let pieces = cut(message.clone(), instances, max);
                let mut assembler = Assembler::default();
                for (i, piece) in pieces.iter().enumerate() {
                    assert!(piece.len() <= max.max(FRAGMENT_CHARS_MIN), "{max}");
                    let fragment = Fragment::parse(piece).unwrap();
                    assert_eq!(fragment.instances, instances);
                    let whole = assembler.push(&fragment);
                    let expected = (i + 1 == pieces.len()).then_some(&message);
                    assert_eq!(whole.as_ref(), expected);
                }
                assert_eq!(assembler, Assembler::default());
            }
            assert_eq!(cut(message.clone(), instances, 5_000), vec![message.clone()]);
        }
    }

    #[test]
    fn malformed_pieces_are_none() {
        for bad in [
            "?OTR|00000100|00000100,99999,99999,abc,",
            "?OTR|00000100|00000100,0,3,abc,",
            "?OTR|00000100|00000100,4,3,abc,",
            "?OTR|00000100|00000100,1,3,,",
            "?OTR|00000100|00000100,1,3,abc",
            "?OTR|100000000|00000100,1,3,abc,",
            "?OTR|x|100,1,3,abc,",
            "?OTR||100,1,3,abc,",
            "?OTR|100,1,3,abc,",
            "?OTR,+1,3,abc,",
            "?OTR, 1,3,abc,",
            "?OTR,-1,3,abc,",
            "?OTR,1,65536,abc,",
            "?OTR,1",
            "?OTR,",
            "?OTR",
            "",
        ] {
            assert_eq!(Fragment::parse(bad.as_bytes()), None, "{bad}");
        }
        let good = Fragment::parse(b"x ?OTR|1aB|0,0001,65535,?OTRv3? \xff,tail").unwrap();
        assert_eq!(good.instances, Some((0x1ab, 0)));
        assert_eq!((good.number, good.total), (1, 65_535));
        assert_eq!(good.piece, b"?OTRv3? \xff");
    }

    #[test]
    fn pieces_out_of_order_drop_the_message() {
        let piece = |number, total| Fragment { instances: None, number, total, piece: b"x" };
        for order in [
            &[(2, 2)][..],
            &[(1, 3), (3, 3)],
            &[(1, 3), (2, 4), (3, 3)],
            &[(1, 3), (2, 3), (2, 3), (3, 3)],
            &[(1, 3), (2, 3), (1, 3), (3, 3)],
            &[(1, u16::MAX), (2, u16::MAX)],
        ] {
            let mut a = Assembler::default();
            for (k, n) in order {
                assert_eq!(a.push(&piece(*k, *n)), None, "{order:?}");
            }
            assert_eq!(a.push(&piece(1, 1)), Some(b"x".to_vec()));
        }
    }

    #[test]
    fn the_whole_is_bounded() {
        let big = vec![b'x'; ASSEMBLED_BYTES_MAX];
        let mut a = Assembler::default();
        for (number, piece) in [(1, &big[..]), (2, &big[..1]), (3, &big[..1])] {
            let fragment = Fragment { instances: None, number, total: 3, piece };
            assert_eq!(a.push(&fragment), None);
        }
        assert_eq!(a, Assembler::default());
    }
}
