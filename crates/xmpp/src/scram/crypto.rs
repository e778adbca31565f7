//! The hash functions of SCRAM behind one name: H(), HMAC() and Hi() of RFC 5802 §2.2.
//!
//! Invariant: outputs are [`ScramHash::bytes`] long and are wiped when dropped.

use hmac::{Hmac, KeyInit, Mac, digest::Digest, digest::Key};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::{KeysError, ScramHash};

/// Output of a hash or key derivation.
pub(crate) type Output = Zeroizing<Vec<u8>>;

/// H(data).
pub(super) fn digest(hash: ScramHash, data: &[u8]) -> Output {
    Zeroizing::new(match hash {
        ScramHash::Sha1 => Sha1::digest(data).to_vec(),
        ScramHash::Sha256 => Sha256::digest(data).to_vec(),
        ScramHash::Sha512 => Sha512::digest(data).to_vec(),
    })
}

/// HMAC(key, parts joined). `key` is an output of the same hash, or shorter.
pub(crate) fn hmac(hash: ScramHash, key: &[u8], parts: &[&[u8]]) -> Output {
    match hash {
        ScramHash::Sha1 => keyed::<Hmac<Sha1>>(key, parts),
        ScramHash::Sha256 => keyed::<Hmac<Sha256>>(key, parts),
        ScramHash::Sha512 => keyed::<Hmac<Sha512>>(key, parts),
    }
}

fn keyed<M: KeyInit + Mac>(key: &[u8], parts: &[&[u8]]) -> Output {
    // HMAC pads short keys with zeros itself (RFC 2104 §2); doing it here needs no fallible call.
    let mut block = Key::<M>::default();
    debug_assert!(key.len() <= block.len(), "hash outputs are shorter than blocks");
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = <M as KeyInit>::new(&block);
    zeroize::Zeroize::zeroize(block.as_mut_slice());
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().to_vec())
}

/// Hi(password, salt, iterations): PBKDF2 with one block of output.
pub(super) fn stretch(
    hash: ScramHash,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
) -> Result<Output, KeysError> {
    let mut out = Zeroizing::new(vec![0; hash.bytes()]);
    match hash {
        ScramHash::Sha1 => pbkdf2::pbkdf2::<Hmac<Sha1>>(password, salt, iterations, &mut out),
        ScramHash::Sha256 => pbkdf2::pbkdf2::<Hmac<Sha256>>(password, salt, iterations, &mut out),
        ScramHash::Sha512 => pbkdf2::pbkdf2::<Hmac<Sha512>>(password, salt, iterations, &mut out),
    }
    // HMAC takes keys of any length, so this never happens.
    .map_err(|_| KeysError::Password)?;
    Ok(out)
}

/// `left` XOR `right`, as long as the shorter one.
pub(super) fn xor(left: &[u8], right: &[u8]) -> Output {
    Zeroizing::new(left.iter().zip(right).map(|(a, b)| a ^ b).collect())
}
