//! What stands behind the text of a data message.
//!
//! Spec: OTR version 3, "TLV records". Invariant: a record that claims more than there is ends
//! the reading; the text in front of it still counts.

use crate::encoding::{self, Reader};
use crate::limits::TLVS_MAX;

/// Types.
pub(crate) const DISCONNECTED: u16 = 1;
pub(crate) const SMP_1: u16 = 2;
pub(crate) const SMP_2: u16 = 3;
pub(crate) const SMP_3: u16 = 4;
pub(crate) const SMP_4: u16 = 5;
pub(crate) const SMP_ABORT: u16 = 6;
pub(crate) const SMP_1_QUESTION: u16 = 7;
pub(crate) const EXTRA_KEY: u16 = 8;

/// One record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tlv<'a> {
    pub(crate) kind: u16,
    pub(crate) value: &'a [u8],
}

/// The text up to the first NUL, and the records behind it.
pub(crate) fn split(plain: &[u8]) -> (&[u8], Vec<Tlv<'_>>) {
    let Some(end) = plain.iter().position(|b| *b == 0) else {
        return (plain, Vec::new());
    };
    let (text, tail) = plain.split_at(end);
    let mut reader = Reader::new(tail.get(1..).unwrap_or_default());
    let mut tlvs = Vec::new();
    while tlvs.len() < TLVS_MAX {
        let Some(kind) = reader.u16() else { break };
        let Some(value) = reader.u16().and_then(|n| reader.take(usize::from(n))) else { break };
        tlvs.push(Tlv { kind, value });
    }
    (text, tlvs)
}

/// `text` and one record. `None` if the value is too long for a record.
pub(crate) fn join(text: &[u8], kind: u16, value: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(value.len()).ok()?;
    let mut out = [text, &[0]].concat();
    encoding::put_u16(&mut out, kind);
    encoding::put_u16(&mut out, length);
    out.extend_from_slice(value);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_far_as_they_go() {
        assert_eq!(split(b"hi"), (&b"hi"[..], vec![]));
        assert_eq!(split(b""), (&b""[..], vec![]));
        let mut joined = join(b"hi", 1, b"").unwrap();
        joined.extend_from_slice(&[0, 9, 0, 1, 7, 0, 2, 0, 9, 1]);
        let (text, tlvs) = split(&joined);
        assert_eq!(text, b"hi");
        assert_eq!(tlvs, [Tlv { kind: 1, value: b"" }, Tlv { kind: 9, value: &[7] }]);
        assert_eq!(split(&vec![0; 4_000]).1.len(), TLVS_MAX);
        assert!(join(b"", 1, &vec![0; 65_536]).is_none());
    }
}
