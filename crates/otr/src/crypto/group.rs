//! The 1536-bit group of the protocol and arithmetic with its exponents.
//!
//! Spec: OTR version 3, "D-H group"; RFC 3526 §2. The prime p is safe: q = (p − 1) / 2 is the
//! order of the subgroup that 2 generates.
//!
//! Invariants: an [`Element`] is between 2 and p − 2; powers with secret exponents take the
//! same time for every exponent of the same bound.

use crypto_bigint::modular::ConstMontyForm;
use crypto_bigint::{CtGt, CtSelect, U256, U1536, Uint, const_monty_params};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::limits::GROUP_BYTES;

const_monty_params!(
    ModP,
    U1536,
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA237327FFFFFFFFFFFFFFFF"
);
const_monty_params!(
    ModQ,
    U1536,
    "7FFFFFFFFFFFFFFFE487ED5110B4611A62633145C06E0E68948127044533E63A0105DF531D89CD9128A5043CC71A026EF7CA8CD9E69D218D98158536F92F8A1BA7F09AB6B6A8E122F242DABB312F3F637A262174D31BF6B585FFAE5B7A035BF6F71C35FDAD44CFD2D74F9208BE258FF324943328F6722D9EE1003E5C50B1DF82CC6D241B0E2AE9CD348B1FD47E9267AFC1B2AE91EE51D6CB0E3179AB1042A95DCF6A9483B84B4B36B3861AA7255E4C0278BA36046511B993FFFFFFFFFFFFFFFF"
);

type FormP = ConstMontyForm<ModP, { U1536::LIMBS }>;
type FormQ = ConstMontyForm<ModQ, { U1536::LIMBS }>;

const P: U1536 = ModP::modulus();
const Q: U1536 = ModQ::modulus();

impl ModP {
    const fn modulus() -> U1536 {
        *<Self as crypto_bigint::modular::ConstMontyParams<{ U1536::LIMBS }>>::PARAMS
            .modulus()
            .as_ref()
    }
}

impl ModQ {
    const fn modulus() -> U1536 {
        *<Self as crypto_bigint::modular::ConstMontyParams<{ U1536::LIMBS }>>::PARAMS
            .modulus()
            .as_ref()
    }
}

/// A number of the group, 2 ≤ n ≤ p − 2. Public.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Element(U1536);

impl Element {
    /// The generator.
    pub(crate) const GENERATOR: Self = Self(U1536::from_u8(2));

    /// From big-endian bytes; `None` outside of 2 ≤ n ≤ p − 2, where somebody tries to force
    /// the secret.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        number(bytes).and_then(Self::checked)
    }

    fn checked(value: U1536) -> Option<Self> {
        let low = U1536::from_u8(2);
        let high = P.wrapping_sub(&low);
        (value >= low && value <= high).then_some(Self(value))
    }

    /// Big-endian bytes without leading zeros.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        minimal(&self.0)
    }

    fn form(&self) -> FormP {
        FormP::new(&self.0)
    }

    /// `self` to the power of a secret exponent. `None` if the result is outside of the group's
    /// range, which honest numbers reach with a chance of 2^-1534.
    pub(crate) fn pow(&self, exponent: &Exponent) -> Option<Self> {
        Self::checked(self.power(&*exponent.0, U1536::BITS))
    }

    /// `self` to the power of a short secret exponent of 320 bits.
    pub(crate) fn pow_short(&self, exponent: &crypto_bigint::U320) -> Option<Self> {
        Self::checked(self.power(exponent, crypto_bigint::U320::BITS))
    }

    /// `self` to the power of `exponent`, in the time that an exponent of `bits` takes.
    #[cfg(not(any(test, fuzzing)))]
    fn power<const LIMBS: usize>(&self, exponent: &Uint<LIMBS>, bits: u32) -> U1536 {
        self.form().pow_bounded_exp(exponent, bits).retrieve()
    }

    /// The same; tests and fuzzing may have it from before.
    #[cfg(any(test, fuzzing))]
    fn power<const LIMBS: usize>(&self, exponent: &Uint<LIMBS>, bits: u32) -> U1536 {
        let mut parts = [0; 2 * GROUP_BYTES];
        let (base, front) = parts.split_at_mut(GROUP_BYTES);
        write_limbs(&self.0, base);
        write_limbs(exponent, front);
        let power = super::memo::remembered(&[b"power", &parts], || {
            let power = self.form().pow_bounded_exp(exponent, bits).retrieve();
            Some(power.to_be_bytes().as_ref().to_vec())
        });
        power.map_or(U1536::ZERO, |bytes| U1536::from_be_slice(&bytes))
    }

    /// `self` times `other`; not checked for range, as in the protocol's proofs.
    pub(crate) fn times(&self, other: &Self) -> Self {
        Self((self.form() * other.form()).retrieve())
    }

    /// `self` divided by `other`. An element is never zero, so the inverse exists.
    pub(crate) fn over(&self, other: &Self) -> Option<Self> {
        let inverse: Option<FormP> = other.form().invert().into_option();
        inverse.map(|i| Self((self.form() * i).retrieve()))
    }

    /// `self` to the power of a public hash.
    pub(crate) fn pow_hash(&self, hash: &[u8; 32]) -> Self {
        Self(self.power(&U256::from_be_slice(hash), U256::BITS))
    }

    /// `self` to the power of a public number below q.
    pub(crate) fn pow_public(&self, exponent: &Exponent) -> Self {
        Self(self.power(&*exponent.0, U1536::BITS))
    }
}

/// A number below q. Wiped on drop.
#[derive(Clone)]
pub(crate) struct Exponent(Zeroizing<U1536>);

impl Exponent {
    /// Evenly random below q: 1535 bits, of which all but one in 2^64 are below q already.
    pub(crate) fn random(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; GROUP_BYTES]);
        rng.fill_bytes(bytes.as_mut_slice());
        bytes[0] &= 0x7f;
        Self::reduced(U1536::from_be_slice(bytes.as_slice()))
    }

    /// From a hash as a number.
    pub(crate) fn from_hash(hash: &[u8; 32]) -> Self {
        Self(Zeroizing::new(U256::from_be_slice(hash).resize()))
    }

    /// From the wire: 1 ≤ n < q (OTR version 3, "SMP": D values).
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let value = number(bytes)?;
        (value >= U1536::ONE && value < Q).then(|| Self(Zeroizing::new(value)))
    }

    /// Big-endian bytes without leading zeros; only for numbers that are sent.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        minimal(&self.0)
    }

    /// `value` below 2q brought below q, without a branch.
    fn reduced(value: U1536) -> Self {
        let below = value.wrapping_sub(&Q);
        let too_large = !Q.ct_gt(&value);
        Self(Zeroizing::new(value.ct_select(&below, too_large)))
    }

    /// `self − a · c`, modulo q.
    pub(crate) fn minus_product(&self, a: &Self, c: &Self) -> Self {
        let product = FormQ::new(&a.0) * FormQ::new(&c.0);
        Self(Zeroizing::new((FormQ::new(&self.0) - product).retrieve()))
    }
}

/// At most 192 bytes as a number. Leading zeros are forgiven on receiving.
fn number(bytes: &[u8]) -> Option<U1536> {
    let start = GROUP_BYTES.checked_sub(bytes.len())?;
    let mut padded = [0; GROUP_BYTES];
    padded[start..].copy_from_slice(bytes);
    Some(U1536::from_be_slice(&padded))
}

fn minimal(value: &U1536) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let bytes: &[u8] = bytes.as_ref();
    let start = bytes.iter().position(|b| *b != 0).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default().to_vec()
}

#[cfg(any(test, fuzzing))]
fn write_limbs<const LIMBS: usize>(number: &Uint<LIMBS>, out: &mut [u8]) {
    for (limb, bytes) in number.as_limbs().iter().zip(out.chunks_mut(8)) {
        bytes.copy_from_slice(&limb.0.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_of_the_group_are_refused() {
        let bytes = |v: U1536| v.to_be_bytes().as_ref().to_vec();
        for bad in [
            vec![],
            vec![0],
            vec![1],
            bytes(P),
            bytes(P.wrapping_sub(&U1536::ONE)),
            vec![0xff; 192],
            vec![1; 193],
        ] {
            assert!(Element::from_bytes(&bad).is_none(), "{bad:?}");
        }
        for good in [vec![2], vec![0, 2], bytes(P.wrapping_sub(&U1536::from_u8(2)))] {
            assert!(Element::from_bytes(&good).is_some(), "{good:?}");
        }
        assert!(Exponent::from_bytes(&[0]).is_none());
        assert!(Exponent::from_bytes(&bytes(Q)).is_none());
        assert!(Exponent::from_bytes(&bytes(Q.wrapping_sub(&U1536::ONE))).is_some());
    }

    #[test]
    fn the_generator_has_order_q() {
        assert_eq!(P, Q.shl(1).wrapping_add(&U1536::ONE));
        let q = Exponent(Zeroizing::new(Q));
        assert_eq!(Element::GENERATOR.form().pow(&*q.0).retrieve(), U1536::ONE);
    }

    #[test]
    fn exponents_are_reduced() {
        assert_eq!(*Exponent::reduced(Q).0, U1536::ZERO);
        assert_eq!(*Exponent::reduced(Q.wrapping_add(&U1536::ONE)).0, U1536::ONE);
        assert_eq!(*Exponent::reduced(U1536::ONE).0, U1536::ONE);
        let (a, c) = (Exponent::from_hash(&[3; 32]), Exponent::from_hash(&[5; 32]));
        let r = Exponent::from_hash(&[9; 32]);
        let d = r.minus_product(&a, &c);
        // g^(r − a·c) · (g^a)^c = g^r
        let g = Element::GENERATOR;
        assert!(g.pow_public(&d).times(&g.pow_public(&a).pow_public(&c)) == g.pow_public(&r));
    }
}
