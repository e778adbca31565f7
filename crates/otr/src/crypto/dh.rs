//! Diffie-Hellman keys.
//!
//! Spec: OTR version 3, "D-H Key". Private exponents have 320 bits.

use crypto_bigint::U320;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::group::Element;
use crate::encoding;

/// Bytes of a private exponent.
pub(super) const EXPONENT_BYTES: usize = 40;

/// A secret exponent and its public number.
#[derive(Clone)]
pub(crate) struct Pair {
    secret: Zeroizing<U320>,
    public: Element,
}

impl Pair {
    pub(crate) fn generate(rng: &mut dyn CryptoRng) -> Self {
        loop {
            let mut bytes = Zeroizing::new([0; EXPONENT_BYTES]);
            rng.fill_bytes(bytes.as_mut_slice());
            let secret = Zeroizing::new(U320::from_be_slice(bytes.as_slice()));
            // Only an exponent of zero falls outside.
            if let Some(public) = Element::GENERATOR.pow_short(&secret) {
                return Self { secret, public };
            }
        }
    }

    pub(crate) fn public(&self) -> &Element {
        &self.public
    }

    /// The shared secret as an MPI with its length, from which all keys are derived. `None` for
    /// our own key thrown back at us, and for a key that forces the secret.
    pub(crate) fn shared(&self, theirs: &Element) -> Option<Zeroizing<Vec<u8>>> {
        if *theirs == self.public {
            return None;
        }
        let secret = Zeroizing::new(theirs.pow_short(&self.secret)?.to_bytes());
        let mut mpi = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
        encoding::put_mpi(&mut mpi, &secret);
        Some(mpi)
    }
}
