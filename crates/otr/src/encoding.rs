//! The data types of the wire: integers, DATA, MPI; and base64 in its OTR dress.
//!
//! Spec: OTR version 3, "Data types". Invariants: nothing is read beyond the end, nothing is
//! allocated by a length that a peer claims, and an MPI is written without leading zeros.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::limits::MESSAGE_BYTES_MAX;

/// Padding may be missing: libotr reads such messages.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Start of every encoded message.
pub(crate) const ENCODED_START: &[u8] = b"?OTR:";

/// A cursor over received bytes.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(count)?;
        self.rest = tail;
        Some(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// DATA or MPI of at most `max` bytes.
    pub(crate) fn data(&mut self, max: usize) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        if length > max {
            return None;
        }
        self.take(length)
    }
}

pub(crate) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// DATA: a length and the bytes. What we send is bounded far below 4 GB.
pub(crate) fn put_data(out: &mut Vec<u8>, data: &[u8]) {
    put_u32(out, u32::try_from(data.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(data);
}

/// MPI: as DATA, without leading zeros.
pub(crate) fn put_mpi(out: &mut Vec<u8>, number: &[u8]) {
    put_data(out, without_zeros(number));
}

pub(crate) fn without_zeros(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|b| *b != 0).unwrap_or(number.len());
    number.get(start..).unwrap_or_default()
}

/// `?OTR:` base64 `.`
pub(crate) fn wrap(bytes: &[u8]) -> Vec<u8> {
    let mut out = ENCODED_START.to_vec();
    out.extend_from_slice(BASE64.encode(bytes).as_bytes());
    out.push(b'.');
    out
}

/// The bytes of the encoded message that starts at the beginning of `text`. Text behind the dot
/// does not matter. `dot_needed` is false for data messages, as in libotr.
pub(crate) fn unwrap(text: &[u8], dot_needed: bool) -> Option<Vec<u8>> {
    let body = text.strip_prefix(ENCODED_START)?;
    let end = body.iter().position(|b| *b == b'.');
    if end.is_none() && dot_needed {
        return None;
    }
    let body = body.get(..end.unwrap_or(body.len()))?;
    if body.len() > MESSAGE_BYTES_MAX {
        return None;
    }
    // Mailers and clients wrap long lines.
    let dense: Vec<u8> = body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    BASE64.decode(dense).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_minimal() {
        let mut out = Vec::new();
        put_mpi(&mut out, &[0, 0, 7, 0]);
        assert_eq!(out, [0, 0, 0, 2, 7, 0]);
        out.clear();
        put_mpi(&mut out, &[0, 0]);
        assert_eq!(out, [0, 0, 0, 0]);
    }

    #[test]
    fn lengths_are_not_believed() {
        let mut r = Reader::new(&[0xff, 0xff, 0xff, 0xff, 1]);
        assert!(r.data(usize::MAX).is_none());
        let mut r = Reader::new(&[0, 0, 0, 2, 1, 2]);
        assert!(Reader::new(r.rest()).data(1).is_none());
        assert_eq!(r.data(2), Some(&[1, 2][..]));
        assert!(r.is_empty());
        assert!(r.u8().is_none());
    }

    #[test]
    fn base64_as_libotr_takes_it() {
        let wrapped = wrap(&[1, 2, 3, 4]);
        assert_eq!(wrapped, b"?OTR:AQIDBA==.");
        for text in ["?OTR:AQIDBA==.", "?OTR:AQI\nDBA==. and more", "?OTR:AQIDBA."] {
            assert_eq!(unwrap(text.as_bytes(), true), Some(vec![1, 2, 3, 4]), "{text}");
        }
        assert_eq!(unwrap(b"?OTR:AQIDBA==", true), None);
        assert_eq!(unwrap(b"?OTR:AQIDBA==", false), Some(vec![1, 2, 3, 4]));
        assert_eq!(unwrap(b"?OTR:===.", true), None);
        assert_eq!(unwrap(b"?OTR:.", true), Some(vec![]));
    }
}
