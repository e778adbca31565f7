//! The key exchange: who is there, and which keys a session starts with.
//!
//! Spec: OTR version 3, "Authenticated Key Exchange (AKE)". The first of three machines; a
//! failed exchange leaves the session as it is.
//!
//! A commit may be answered by several devices, so it lives in [`SentCommit`] beside the
//! machines of the devices. Invariants: each state holds only what is legal there and wipes it
//! when it ends; whatever fails, fails silently, as the specification demands.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::crypto::dh::Pair;
use crate::crypto::digest::{AkeKeys, MAC_BYTES, SignatureKeys, hmac_sha256, sha256};
use crate::crypto::dsa::{PrivateKey, PublicKey, SIGNATURE_BYTES};
use crate::crypto::group::Element;
use crate::crypto::{aes_ctr, same};
use crate::encoding::{self, Reader};
use crate::messages::{Sealed, Version};
use crate::time::Time;

/// Identifier of our key in the exchange; libotr starts with 1 as well, 0 is invalid.
const FIRST_KEYID: u32 = 1;

/// SHA-256 of the g^x of a commit: what tells one commit from another.
pub(crate) type CommitHash = [u8; 32];

/// Our commit, waiting for D-H keys.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct SentCommit {
    pub(crate) version: Version,
    pub(crate) since: Time,
    r: Zeroizing<[u8; 16]>,
    pair: Pair,
    encrypted_gx: Vec<u8>,
    pub(crate) hash: CommitHash,
}

impl SentCommit {
    pub(crate) fn new(version: Version, now: Time, rng: &mut dyn CryptoRng) -> Self {
        let mut r = Zeroizing::new([0; 16]);
        rng.fill_bytes(r.as_mut_slice());
        let pair = Pair::generate(rng);
        let mut encrypted_gx = Vec::new();
        encoding::put_mpi(&mut encrypted_gx, &pair.public().to_bytes());
        let hash = sha256(&[&encrypted_gx]);
        aes_ctr(&r, [0; 8], &mut encrypted_gx);
        Self { version, since: now, r, pair, encrypted_gx, hash }
    }

    /// Fields of the D-H Commit message.
    pub(crate) fn fields(&self) -> Vec<u8> {
        let mut out = Vec::new();
        encoding::put_data(&mut out, &self.encrypted_gx);
        encoding::put_data(&mut out, &self.hash);
        out
    }

    /// Does ours win over a commit of theirs sent at the same moment? The higher hash does.
    pub(crate) fn wins_over(&self, their_hash: &[u8; 32]) -> bool {
        self.hash > *their_hash
    }

    /// A D-H key has come: the answer is a Reveal Signature message.
    pub(crate) fn answered(
        &self,
        gy: &Element,
        key: &PrivateKey,
        now: Time,
    ) -> Option<AwaitingSig> {
        let keys = AkeKeys::derive(&self.pair.shared(gy)?);
        let sealed = seal(&keys.revealer, key, self.pair.public(), gy)?;
        let mut reveal = Vec::new();
        encoding::put_data(&mut reveal, self.r.as_slice());
        reveal.extend_from_slice(&sealed);
        Some(AwaitingSig {
            version: self.version,
            since: now,
            pair: self.pair.clone(),
            gy: *gy,
            keys,
            commit: self.hash,
            reveal,
        })
    }
}

/// The exchange with one device.
#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
pub(crate) enum Ake {
    #[default]
    None,
    AwaitingRevealSig(Box<AwaitingRevealSig>),
    AwaitingSig(Box<AwaitingSig>),
}

impl Ake {
    /// When the state began, if there is one to forget.
    pub(crate) fn since(&self) -> Option<Time> {
        match self {
            Self::None => None,
            Self::AwaitingRevealSig(s) => Some(s.since),
            Self::AwaitingSig(s) => Some(s.since),
        }
    }
}

/// We have answered a commit and wait for its opening.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct AwaitingRevealSig {
    pub(crate) version: Version,
    since: Time,
    pair: Pair,
    encrypted_gx: Vec<u8>,
    hash: [u8; 32],
}

impl AwaitingRevealSig {
    pub(crate) fn new(
        version: Version,
        commit: (&[u8], &[u8; 32]),
        now: Time,
        rng: &mut dyn CryptoRng,
    ) -> Self {
        let (encrypted_gx, hash) = (commit.0.to_vec(), *commit.1);
        Self { version, since: now, pair: Pair::generate(rng), encrypted_gx, hash }
    }

    /// A newer commit takes the place of the old one; our key stays (AWAITING_REVEALSIG).
    pub(crate) fn replace(&mut self, version: Version, commit: (&[u8], &[u8; 32]), now: Time) {
        self.version = version;
        self.encrypted_gx = commit.0.to_vec();
        self.hash = *commit.1;
        self.since = now;
    }

    /// Fields of the D-H Key message.
    pub(crate) fn fields(&self) -> Vec<u8> {
        let mut out = Vec::new();
        encoding::put_mpi(&mut out, &self.pair.public().to_bytes());
        out
    }

    /// The opening has come: the session's keys, and the fields of the Signature message.
    pub(crate) fn revealed(
        &self,
        r: &[u8; 16],
        sealed: &Sealed<'_>,
        key: &PrivateKey,
    ) -> Option<(Established, Vec<u8>)> {
        let mut opened = self.encrypted_gx.clone();
        aes_ctr(r, [0; 8], &mut opened);
        if !same(&sha256(&[&opened]), &self.hash) {
            return None;
        }
        let mut reader = Reader::new(&opened);
        let gx = Element::from_bytes(reader.data(opened.len())?)?;
        if !reader.is_empty() {
            return None;
        }
        let keys = AkeKeys::derive(&self.pair.shared(&gx)?);
        let ours = self.pair.public();
        let (their_key, their_keyid) = unseal(&keys.revealer, sealed, &gx, ours)?;
        let signature = seal(&keys.signer, key, ours, &gx)?;
        let established = Established {
            version: self.version,
            pair: self.pair.clone(),
            keyid: FIRST_KEYID,
            their_public: gx,
            their_keyid,
            their_key,
            ssid: keys.ssid,
            initiator: false,
        };
        Some((established, signature))
    }
}

/// We have opened our commit and wait for the other signature.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct AwaitingSig {
    pub(crate) version: Version,
    since: Time,
    pair: Pair,
    gy: Element,
    keys: AkeKeys,
    pub(crate) commit: CommitHash,
    reveal: Vec<u8>,
}

impl AwaitingSig {
    /// Fields of the Reveal Signature message.
    pub(crate) fn fields(&self) -> &[u8] {
        &self.reveal
    }

    /// Is `gy` the key that we have answered already?
    pub(crate) fn has_answered(&self, gy: &Element) -> bool {
        self.gy == *gy
    }

    /// Does this exchange come from `commit`?
    pub(crate) fn is_from(&self, commit: &SentCommit) -> bool {
        self.commit == commit.hash
    }

    pub(crate) fn signed(&self, sealed: &Sealed<'_>) -> Option<Established> {
        let (their_key, their_keyid) =
            unseal(&self.keys.signer, sealed, &self.gy, self.pair.public())?;
        Some(Established {
            version: self.version,
            pair: self.pair.clone(),
            keyid: FIRST_KEYID,
            their_public: self.gy,
            their_keyid,
            their_key,
            ssid: self.keys.ssid,
            initiator: true,
        })
    }
}

/// What a finished exchange hands to the session.
pub(crate) struct Established {
    pub(crate) version: Version,
    pub(crate) pair: Pair,
    pub(crate) keyid: u32,
    pub(crate) their_public: Element,
    pub(crate) their_keyid: u32,
    pub(crate) their_key: PublicKey,
    pub(crate) ssid: [u8; 8],
    /// We sent the Reveal Signature message.
    pub(crate) initiator: bool,
}

/// M: what is signed. The signer's own public number goes first.
fn m(keys: &SignatureKeys, own: &Element, other: &Element, signer: &[u8]) -> [u8; 32] {
    let mut numbers = Vec::new();
    encoding::put_mpi(&mut numbers, &own.to_bytes());
    encoding::put_mpi(&mut numbers, &other.to_bytes());
    hmac_sha256(&keys.inner_mac, &[&numbers, signer])
}

fn outer_mac(keys: &SignatureKeys, data: &[u8]) -> [u8; MAC_BYTES] {
    let long = hmac_sha256(&keys.outer_mac, &[data]);
    let mut mac = [0; MAC_BYTES];
    mac.copy_from_slice(&long[..MAC_BYTES]);
    mac
}

/// Our public key, key identifier and signature, encrypted, with its MAC.
fn seal(
    keys: &SignatureKeys,
    key: &PrivateKey,
    ours: &Element,
    theirs: &Element,
) -> Option<Vec<u8>> {
    let mut x = key.public().to_bytes().to_vec();
    encoding::put_u32(&mut x, FIRST_KEYID);
    let signature = key.sign(&m(keys, ours, theirs, &x))?;
    x.extend_from_slice(&signature);
    aes_ctr(&keys.cipher, [0; 8], &mut x);
    let mut out = Vec::new();
    encoding::put_data(&mut out, &x);
    let mac = outer_mac(keys, &out);
    out.extend_from_slice(&mac);
    Some(out)
}

/// The other side of [`seal`]: MAC first, then everything else.
fn unseal(
    keys: &SignatureKeys,
    sealed: &Sealed<'_>,
    theirs: &Element,
    ours: &Element,
) -> Option<(PublicKey, u32)> {
    let mut data = Vec::new();
    encoding::put_data(&mut data, sealed.encrypted);
    if !same(&outer_mac(keys, &data), &sealed.mac) {
        return None;
    }
    let mut x = sealed.encrypted.to_vec();
    aes_ctr(&keys.cipher, [0; 8], &mut x);
    let mut reader = Reader::new(&x);
    let public = PublicKey::read(&mut reader)?;
    let keyid = reader.u32().filter(|id| *id != 0)?;
    let signed = x.get(..x.len() - reader.rest().len())?;
    let signature: [u8; SIGNATURE_BYTES] = reader.array()?;
    if !reader.is_empty() || !public.verify(&m(keys, theirs, ours, signed), &signature) {
        return None;
    }
    Some((public, keyid))
}
