//! The zero-knowledge proofs of a verification.
//!
//! Spec: OTR version 3, "Socialist Millionaires' Protocol (SMP)", "Overview". Each proof is bound
//! to its place by a version byte in its hash, so that none can be reflected.

use rand_core::CryptoRng;

use super::group::{Element, Exponent};
use super::{digest, same};
use crate::encoding;

/// The hash of a proof: its version and one or two numbers.
fn challenge(version: u8, numbers: &[&Element]) -> [u8; 32] {
    let mut mpis = Vec::new();
    numbers.iter().for_each(|n| encoding::put_mpi(&mut mpis, &n.to_bytes()));
    digest::sha256(&[&[version], &mpis])
}

fn g() -> Element {
    Element::GENERATOR
}

/// "I know x of g^x."
pub(crate) struct LogProof {
    pub(crate) c: [u8; 32],
    pub(crate) d: Exponent,
}

impl LogProof {
    pub(crate) fn make(version: u8, x: &Exponent, rng: &mut dyn CryptoRng) -> Option<Self> {
        let r = Exponent::random(rng);
        let c = challenge(version, &[&g().pow(&r)?]);
        let d = r.minus_product(x, &Exponent::from_hash(&c));
        Some(Self { c, d })
    }

    pub(crate) fn holds(&self, version: u8, public: &Element) -> bool {
        let left = g().pow_public(&self.d).times(&public.pow_hash(&self.c));
        same(&challenge(version, &[&left]), &self.c)
    }
}

/// A hidden secret: P = g3^r, Q = g^r · g2^secret.
#[derive(Clone)]
pub(crate) struct Hidden {
    pub(crate) p: Element,
    pub(crate) q: Element,
}

/// "I know r and the secret of P and Q."
pub(crate) struct HiddenProof {
    pub(crate) c: [u8; 32],
    pub(crate) d_r: Exponent,
    pub(crate) d_secret: Exponent,
}

impl Hidden {
    /// Hides `secret`, and proves that it was done properly.
    pub(crate) fn make(
        version: u8,
        (g2, g3): (&Element, &Element),
        secret: &Exponent,
        rng: &mut dyn CryptoRng,
    ) -> Option<(Self, HiddenProof)> {
        let r = Exponent::random(rng);
        let hidden = Self { p: g3.pow(&r)?, q: g().pow(&r)?.times(&g2.pow(secret)?) };
        let (r5, r6) = (Exponent::random(rng), Exponent::random(rng));
        let right = g().pow(&r5)?.times(&g2.pow(&r6)?);
        let c = challenge(version, &[&g3.pow(&r5)?, &right]);
        let factor = Exponent::from_hash(&c);
        let d_r = r5.minus_product(&r, &factor);
        let d_secret = r6.minus_product(secret, &factor);
        Some((hidden, HiddenProof { c, d_r, d_secret }))
    }

    pub(crate) fn holds(
        &self,
        version: u8,
        (g2, g3): (&Element, &Element),
        proof: &HiddenProof,
    ) -> bool {
        let left = g3.pow_public(&proof.d_r).times(&self.p.pow_hash(&proof.c));
        let right = g().pow_public(&proof.d_r).times(&g2.pow_public(&proof.d_secret));
        let right = right.times(&self.q.pow_hash(&proof.c));
        same(&challenge(version, &[&left, &right]), &proof.c)
    }
}

/// "The exponent of base^x is the one of g^x."
pub(crate) struct SameLogProof {
    pub(crate) c: [u8; 32],
    pub(crate) d: Exponent,
}

impl SameLogProof {
    pub(crate) fn make(
        version: u8,
        base: &Element,
        x: &Exponent,
        rng: &mut dyn CryptoRng,
    ) -> Option<Self> {
        let r = Exponent::random(rng);
        let c = challenge(version, &[&g().pow(&r)?, &base.pow(&r)?]);
        let d = r.minus_product(x, &Exponent::from_hash(&c));
        Some(Self { c, d })
    }

    pub(crate) fn holds(
        &self,
        version: u8,
        base: &Element,
        (public, power): (&Element, &Element),
    ) -> bool {
        let left = g().pow_public(&self.d).times(&public.pow_hash(&self.c));
        let right = base.pow_public(&self.d).times(&power.pow_hash(&self.c));
        same(&challenge(version, &[&left, &right]), &self.c)
    }
}
