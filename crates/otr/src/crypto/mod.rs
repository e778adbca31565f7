//! Every primitive of the protocol: the only place with big numbers, ciphers and comparisons of
//! secrets.
//!
//! Invariants: no function here branches or indexes by a secret; secrets are wiped on drop.

pub(crate) mod dh;
pub(crate) mod digest;
pub(crate) mod dsa;
pub(crate) mod group;
#[cfg(any(test, fuzzing))]
pub(crate) mod memo;
#[cfg(test)]
pub(crate) mod seeded;
pub(crate) mod zkp;

use aes::Aes128;
use ctr::cipher::{KeyIvInit, StreamCipher};
use subtle::ConstantTimeEq;

/// AES-128 in counter mode over `data`, in place. `top` is the upper half of the counter; the
/// lower starts at zero (OTR version 3, "Encrypting").
pub(crate) fn aes_ctr(key: &[u8; 16], top: [u8; 8], data: &mut [u8]) {
    let mut counter = [0; 16];
    counter[..8].copy_from_slice(&top);
    ctr::Ctr64BE::<Aes128>::new(key.into(), &counter.into()).apply_keystream(data);
}

/// Are `a` and `b` equal? Takes the same time wherever they differ.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
