//! Long-term DSA keys: sign, verify, their public form and fingerprint.
//!
//! Spec: OTR version 3, "Public keys, signatures, and fingerprints". Only keys of 1024 and 160
//! bits, as every client makes them.
//!
//! Invariant: what is signed is M mod q, where M is the 32-byte MAC read as one number. FIPS
//! 186 would take its first 160 bits; no OTR implementation does.

use std::fmt;
use std::sync::Arc;

use crypto_bigint::{BoxedUint, NonZero, U256};
use dsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use dsa::{Components, KeySize, Signature, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::digest::sha1;
use crate::Fingerprint;
use crate::encoding::{self, Reader};

const P_BYTES: usize = 128;
const Q_BYTES: usize = 20;

/// Length of a signature: r and s, padded on the left.
pub(crate) const SIGNATURE_BYTES: usize = 2 * Q_BYTES;

/// Type of a DSA key, in front of its numbers.
const DSA_TYPE: [u8; 2] = [0, 0];

/// Somebody's long-term public key.
#[derive(Clone)]
pub struct PublicKey {
    key: VerifyingKey,
    /// The form on the wire, type included.
    wire: Arc<[u8]>,
}

impl PublicKey {
    /// From the form on the wire, which must be the whole of `bytes`; see
    /// [`PublicKey::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let key = Self::read(&mut reader)?;
        reader.is_empty().then_some(key)
    }

    /// The next key of `reader`.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let before = reader.rest();
        if reader.array::<2>()? != DSA_TYPE {
            return None;
        }
        let p = reader.data(P_BYTES + 1)?;
        let q = reader.data(Q_BYTES + 1)?;
        let g = reader.data(P_BYTES + 1)?;
        let y = reader.data(P_BYTES + 1)?;
        let wire = before.get(..before.len() - reader.rest().len())?;
        Some(Self { key: verifying_key([p, q, g, y])?, wire: wire.into() })
    }

    fn from_key(key: VerifyingKey) -> Self {
        let mut wire = DSA_TYPE.to_vec();
        let c = key.components();
        for number in [c.p().as_ref(), c.q().as_ref(), c.g().as_ref(), key.y().as_ref()] {
            encoding::put_mpi(&mut wire, &number.to_be_bytes());
        }
        Self { key, wire: wire.into() }
    }

    /// The form on the wire: the type (two zero bytes) and p, q, g, y as MPIs.
    #[must_use]
    pub fn to_bytes(&self) -> &[u8] {
        &self.wire
    }

    /// What people compare: the SHA-1 of the form on the wire without its type.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::from_bytes(sha1(&[self.wire.get(DSA_TYPE.len()..).unwrap_or_default()]))
    }

    /// Is `signature` this key's for the MAC `m`?
    #[cfg(not(any(test, fuzzing)))]
    pub(crate) fn verify(&self, m: &[u8; 32], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        self.verified(m, signature)
    }

    /// The same; tests and fuzzing may know it from before.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn verify(&self, m: &[u8; 32], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        let verified = super::memo::remembered(&[b"verify", m, signature, &self.wire], || {
            self.verified(m, signature).then(Vec::new)
        });
        verified.is_some()
    }

    fn verified(&self, m: &[u8; 32], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        let (r, s) = signature.split_at(Q_BYTES);
        let part = |bytes: &[u8]| boxed(bytes, Q_BYTES);
        let (Some(r), Some(s)) = (part(r), part(s)) else { return false };
        let Some(signature) = Signature::from_components(r, s) else { return false };
        let z = self.m_mod_q(m);
        z.is_some_and(|z| self.key.verify_prehash(&z, &signature).is_ok())
    }

    fn m_mod_q(&self, m: &[u8; 32]) -> Option<[u8; Q_BYTES]> {
        let mut q = [0; 32];
        let bytes = self.key.components().q().to_be_bytes();
        q[32 - Q_BYTES..].copy_from_slice(bytes.get(bytes.len().checked_sub(Q_BYTES)?..)?);
        let q = NonZero::new(U256::from_be_slice(&q)).into_option()?;
        let z = U256::from_be_slice(m).rem_vartime(&q).to_be_bytes();
        let z: &[u8] = z.as_ref();
        z.get(32 - Q_BYTES..)?.try_into().ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint().to_hex())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.wire == other.wire
    }
}

impl Eq for PublicKey {}

/// Our long-term key. Wiped on drop; `Debug` shows the fingerprint only.
#[derive(Clone)]
pub struct PrivateKey {
    key: SigningKey,
    public: PublicKey,
}

impl PrivateKey {
    /// A new key. Takes a tenth of a second to a second of CPU.
    #[must_use]
    pub fn generate(rng: &mut dyn CryptoRng) -> Option<Self> {
        // Every client makes keys of this size, and the protocol's signature has 40 bytes.
        #[allow(deprecated, reason = "the size is the protocol's, not ours to choose")]
        let size = KeySize::DSA_1024_160;
        let Ok(components) = Components::try_generate_from_rng_with_key_size(rng, size);
        let Ok(key) = SigningKey::try_generate_from_rng_with_components(rng, components);
        let numbers = [
            key.verifying_key().components().p().to_be_bytes(),
            key.verifying_key().components().q().to_be_bytes(),
            key.verifying_key().components().g().to_be_bytes(),
            key.verifying_key().y().to_be_bytes(),
        ];
        let x = Zeroizing::new(key.x().to_be_bytes());
        // Through the same door as a key from a file: sizes and checks are the same.
        Self::from_numbers(numbers.each_ref().map(|n| n.as_ref()), &x)
    }

    /// From big-endian p, q, g, y and x, with or without leading zeros. `None` if the sizes are
    /// others than 1024 and 160 bits or the numbers do not belong together.
    pub(crate) fn from_numbers(public: [&[u8]; 4], x: &[u8]) -> Option<Self> {
        let key = verifying_key(public)?;
        let x = boxed(x, Q_BYTES)?;
        let key = SigningKey::from_components(key, x).ok()?;
        let public = PublicKey::from_key(key.verifying_key().clone());
        let key = Self { key, public };
        // y may belong to another x; a signature tells.
        let proof = key.signature(&[0x5a; 32])?;
        key.public.verified(&[0x5a; 32], &proof).then_some(key)
    }

    /// p, q, g, y, x as big-endian bytes without leading zeros.
    pub(crate) fn numbers(&self) -> [Zeroizing<Vec<u8>>; 5] {
        let c = self.key.verifying_key().components();
        let y = self.key.verifying_key().y();
        [c.p().as_ref(), c.q().as_ref(), c.g().as_ref(), y.as_ref(), self.key.x().as_ref()]
            .map(|n| Zeroizing::new(n.to_be_bytes()))
            .map(|n| Zeroizing::new(encoding::without_zeros(&n).to_vec()))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The fingerprint of the public half.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.public.fingerprint()
    }

    /// Signs the MAC `m`; the nonce comes from the key and `m` (RFC 6979), so a weak random
    /// source cannot betray the key.
    #[cfg(not(any(test, fuzzing)))]
    pub(crate) fn sign(&self, m: &[u8; 32]) -> Option<[u8; SIGNATURE_BYTES]> {
        self.signature(m)
    }

    /// The same; tests and fuzzing may have it from before.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn sign(&self, m: &[u8; 32]) -> Option<[u8; SIGNATURE_BYTES]> {
        let signature = super::memo::remembered(&[b"sign", m, &self.public.wire], || {
            self.signature(m).map(Vec::from)
        });
        signature?.try_into().ok()
    }

    fn signature(&self, m: &[u8; 32]) -> Option<[u8; SIGNATURE_BYTES]> {
        let z = self.public.m_mod_q(m)?;
        let signature = self.key.sign_prehash(&z).ok()?;
        let mut out = [0; SIGNATURE_BYTES];
        for (number, half) in [signature.r(), signature.s()].iter().zip(out.chunks_mut(Q_BYTES)) {
            let bytes = number.to_be_bytes();
            let bytes = encoding::without_zeros(&bytes);
            half.get_mut(Q_BYTES.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
        }
        Some(out)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.fingerprint().to_hex())
    }
}

/// Exactly `size` bytes after leading zeros are stripped or added.
fn boxed(bytes: &[u8], size: usize) -> Option<BoxedUint> {
    let bytes = encoding::without_zeros(bytes);
    let mut padded = Zeroizing::new(vec![0; size]);
    padded.get_mut(size.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    BoxedUint::from_be_slice(&padded, u32::try_from(size * 8).ok()?).ok()
}

fn verifying_key([p, q, g, y]: [&[u8]; 4]) -> Option<VerifyingKey> {
    // The top bits must be set: a modulus of 1000 bits is a weaker key in the same clothes.
    let full = |n: &[u8], size| {
        let n = encoding::without_zeros(n);
        n.len() == size && n.first().is_some_and(|b| b & 0x80 != 0)
    };
    let odd = q.last().is_some_and(|b| b & 1 == 1);
    if !full(p, P_BYTES) || !full(q, Q_BYTES) || !odd {
        return None;
    }
    let (p, q) = (boxed(p, P_BYTES)?, boxed(q, Q_BYTES)?);
    let (g, y) = (boxed(g, P_BYTES)?, boxed(y, P_BYTES)?);
    if y >= p {
        return None;
    }
    let components = Components::from_components(p, q, g).ok()?;
    VerifyingKey::from_components(components, y).ok()
}
