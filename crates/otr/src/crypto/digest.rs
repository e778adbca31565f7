//! Hashes, MACs and the key derivations built from them.
//!
//! Spec: OTR version 3, "D-H Key" and "Computing AES keys, MAC keys, and the secure session id".

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Length of a MAC on the wire, in bytes (SHA-1, or the front of SHA-256).
pub(crate) const MAC_BYTES: usize = 20;

pub(crate) fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut hash = Sha1::new();
    parts.iter().for_each(|p| Digest::update(&mut hash, p));
    hash.finalize().into()
}

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|p| Digest::update(&mut hash, p));
    hash.finalize().into()
}

/// HMAC-SHA1 with the 20-byte keys of data messages.
pub(crate) fn hmac_sha1(key: &[u8; MAC_BYTES], data: &[u8]) -> [u8; MAC_BYTES] {
    let mut block = Zeroizing::new([0; 64]);
    block[..MAC_BYTES].copy_from_slice(key);
    let mut mac = Hmac::<Sha1>::new((&*block).into());
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA256 with the 32-byte keys of the key exchange.
pub(crate) fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    parts.iter().for_each(|p| mac.update(p));
    mac.finalize().into_bytes().into()
}

/// What the key exchange derives from the shared secret.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct AkeKeys {
    /// Secure session id, equal on both sides.
    pub(crate) ssid: [u8; 8],
    /// Keys of the side that sends the Reveal Signature message.
    pub(crate) revealer: SignatureKeys,
    /// Keys of the side that sends the Signature message.
    pub(crate) signer: SignatureKeys,
}

/// Keys that protect one signature.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct SignatureKeys {
    pub(crate) cipher: Zeroizing<[u8; 16]>,
    pub(crate) inner_mac: Zeroizing<[u8; 32]>,
    pub(crate) outer_mac: Zeroizing<[u8; 32]>,
}

impl AkeKeys {
    /// `secret` is the shared secret as an MPI with its length.
    pub(crate) fn derive(secret: &[u8]) -> Self {
        let h2 = |byte: u8| Zeroizing::new(sha256(&[&[byte], secret]));
        let mut ssid = [0; 8];
        ssid.copy_from_slice(&h2(0)[..8]);
        let ciphers = h2(1);
        let half = |at: usize| {
            let mut key = Zeroizing::new([0; 16]);
            key.copy_from_slice(&ciphers[at..at + 16]);
            key
        };
        let revealer = SignatureKeys { cipher: half(0), inner_mac: h2(2), outer_mac: h2(3) };
        let signer = SignatureKeys { cipher: half(16), inner_mac: h2(4), outer_mac: h2(5) };
        Self { ssid, revealer, signer }
    }
}

/// Cipher and MAC key of one direction between two D-H keys.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct DirectionKeys {
    pub(crate) cipher: Zeroizing<[u8; 16]>,
    pub(crate) mac: Zeroizing<[u8; MAC_BYTES]>,
}

impl DirectionKeys {
    /// `secret` is the shared secret as an MPI with its length; `direction` is 1 towards the
    /// side with the smaller public key and 2 towards the other.
    pub(crate) fn derive(secret: &[u8], direction: u8) -> Self {
        let long = Zeroizing::new(sha1(&[&[direction], secret]));
        let mut cipher = Zeroizing::new([0; 16]);
        cipher.copy_from_slice(&long[..16]);
        let mac = Zeroizing::new(sha1(&[cipher.as_slice()]));
        Self { cipher, mac }
    }
}

/// The extra symmetric key that belongs to `secret`.
pub(crate) fn extra_key(secret: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(sha256(&[&[0xff], secret]))
}
