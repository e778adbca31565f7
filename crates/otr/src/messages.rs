//! The five binary messages, read and written.
//!
//! Spec: OTR version 3, "The protocol" (message formats), and version 2 for the header without
//! instance tags. Invariants: a field is never longer than its limit, and bytes behind the last
//! field make a message malformed, as in libotr.

use crate::crypto::digest::MAC_BYTES;
use crate::crypto::group::Element;
use crate::encoding::{self, Reader};
use crate::limits::{
    ENCRYPTED_GX_BYTES, ENCRYPTED_SIGNATURE_BYTES_MAX, GROUP_BYTES, MESSAGE_BYTES_MAX,
    REVEALED_BYTES_MAX,
};

/// Types on the wire.
pub(crate) const DH_COMMIT: u8 = 0x02;
pub(crate) const DATA: u8 = 0x03;
pub(crate) const DH_KEY: u8 = 0x0a;
pub(crate) const REVEAL_SIGNATURE: u8 = 0x11;
pub(crate) const SIGNATURE: u8 = 0x12;

/// Flag of data messages whose failure nobody needs to hear of.
pub(crate) const IGNORE_UNREADABLE: u8 = 1;

/// Version of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// OTR version 2: no instance tags.
    V2,
    /// OTR version 3.
    V3,
}

/// Who a message is from and for. Both are 0 in version 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: Version,
    pub(crate) sender: u32,
    pub(crate) receiver: u32,
}

impl Header {
    /// The start of a message of this type.
    pub(crate) fn start(self, kind: u8) -> Vec<u8> {
        let mut out = Vec::new();
        encoding::put_u16(&mut out, if self.version == Version::V3 { 3 } else { 2 });
        out.push(kind);
        if self.version == Version::V3 {
            encoding::put_u32(&mut out, self.sender);
            encoding::put_u32(&mut out, self.receiver);
        }
        out
    }

    fn read(reader: &mut Reader<'_>) -> Option<(Self, u8)> {
        let version = match reader.u16()? {
            2 => Version::V2,
            3 => Version::V3,
            _ => return None,
        };
        let kind = reader.u8()?;
        let (sender, receiver) = match version {
            Version::V2 => (0, 0),
            Version::V3 => (reader.u32()?, reader.u32()?),
        };
        Some((Self { version, sender, receiver }, kind))
    }
}

/// What a message says.
pub(crate) enum Body<'a> {
    DhCommit { encrypted_gx: &'a [u8], hash: [u8; 32] },
    DhKey { gy: Element },
    RevealSignature { r: [u8; 16], sealed: Sealed<'a> },
    Signature(Sealed<'a>),
    Data(Data<'a>),
}

/// An encrypted signature and its MAC.
pub(crate) struct Sealed<'a> {
    pub(crate) encrypted: &'a [u8],
    pub(crate) mac: [u8; MAC_BYTES],
}

/// A data message.
pub(crate) struct Data<'a> {
    pub(crate) flags: u8,
    pub(crate) sender_keyid: u32,
    pub(crate) recipient_keyid: u32,
    pub(crate) next_y: Element,
    pub(crate) counter: [u8; 8],
    pub(crate) encrypted: &'a [u8],
    pub(crate) mac: [u8; MAC_BYTES],
    /// Everything that the MAC covers: from the version to the end of the encrypted text.
    pub(crate) covered: &'a [u8],
}

/// Why a message was not read. The flags of a data message count even then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed {
    pub(crate) header: Option<Header>,
    pub(crate) quiet: bool,
}

/// Reads a whole message.
pub(crate) fn read(bytes: &[u8]) -> Result<(Header, Body<'_>), Malformed> {
    let mut reader = Reader::new(bytes);
    let Some((header, kind)) = Header::read(&mut reader) else {
        return Err(Malformed { header: None, quiet: true });
    };
    let flags = reader.rest().first().copied().unwrap_or(IGNORE_UNREADABLE);
    let quiet = kind != DATA || flags & IGNORE_UNREADABLE != 0;
    body(kind, &mut reader, bytes)
        .filter(|_| reader.is_empty())
        .map(|b| (header, b))
        .ok_or(Malformed { header: Some(header), quiet })
}

fn body<'a>(kind: u8, reader: &mut Reader<'a>, whole: &'a [u8]) -> Option<Body<'a>> {
    match kind {
        DH_COMMIT => {
            let encrypted_gx = reader.data(*ENCRYPTED_GX_BYTES.end())?;
            let hash = reader.data(32)?.try_into().ok()?;
            ENCRYPTED_GX_BYTES
                .contains(&encrypted_gx.len())
                .then_some(Body::DhCommit { encrypted_gx, hash })
        }
        DH_KEY => Some(Body::DhKey { gy: element(reader)? }),
        REVEAL_SIGNATURE => {
            let r = reader.data(16)?.try_into().ok()?;
            Some(Body::RevealSignature { r, sealed: sealed(reader)? })
        }
        SIGNATURE => sealed(reader).map(Body::Signature),
        DATA => data(reader, whole).map(Body::Data),
        _ => None,
    }
}

fn element(reader: &mut Reader<'_>) -> Option<Element> {
    Element::from_bytes(reader.data(GROUP_BYTES)?)
}

fn sealed<'a>(reader: &mut Reader<'a>) -> Option<Sealed<'a>> {
    let encrypted = reader.data(ENCRYPTED_SIGNATURE_BYTES_MAX)?;
    Some(Sealed { encrypted, mac: reader.array()? })
}

fn data<'a>(reader: &mut Reader<'a>, whole: &'a [u8]) -> Option<Data<'a>> {
    let flags = reader.u8()?;
    let (sender_keyid, recipient_keyid) = (reader.u32()?, reader.u32()?);
    let next_y = element(reader)?;
    let counter = reader.array()?;
    let encrypted = reader.data(MESSAGE_BYTES_MAX)?;
    let covered = whole.get(..whole.len() - reader.rest().len())?;
    let mac = reader.array()?;
    reader.data(REVEALED_BYTES_MAX)?;
    let ids = sender_keyid != 0 && recipient_keyid != 0;
    ids.then_some(Data {
        flags,
        sender_keyid,
        recipient_keyid,
        next_y,
        counter,
        encrypted,
        mac,
        covered,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { version: Version::V3, sender: 0x101, receiver: 0x102 };

    #[test]
    fn lengths_and_numbers_are_checked() {
        let commit = |gx: usize, hash: usize, tail: &[u8]| {
            let mut m = HEADER.start(DH_COMMIT);
            encoding::put_data(&mut m, &vec![7; gx]);
            encoding::put_data(&mut m, &vec![8; hash]);
            m.extend_from_slice(tail);
            read(&m).is_ok()
        };
        assert!(commit(196, 32, b"") && commit(5, 32, b""));
        for (gx, hash, tail) in
            [(197, 32, &b""[..]), (4, 32, b""), (196, 31, b""), (196, 33, b""), (196, 32, b"x")]
        {
            assert!(!commit(gx, hash, tail), "{gx} {hash}");
        }
        let key = |gy: &[u8]| {
            let mut m = HEADER.start(DH_KEY);
            encoding::put_data(&mut m, gy);
            read(&m).is_ok()
        };
        assert!(key(&[2]));
        for bad in [&[][..], &[0], &[1], &[0xff; 192], &[1; 193]] {
            assert!(!key(bad));
        }
    }

    #[test]
    fn the_flag_counts_even_when_the_rest_is_torn() {
        let torn = |flags| {
            let mut m = HEADER.start(DATA);
            m.push(flags);
            read(&m).err()
        };
        assert_eq!(torn(0), Some(Malformed { header: Some(HEADER), quiet: false }));
        assert_eq!(torn(1), Some(Malformed { header: Some(HEADER), quiet: true }));
    }
}
