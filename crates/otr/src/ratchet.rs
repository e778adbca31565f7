//! The keys of data messages: rotation, counters, and MAC keys to reveal.
//!
//! Spec: OTR version 3, "Exchanging data" and "Revealing MAC keys".
//!
//! Invariants: nothing changes before a MAC is verified; a counter never repeats under one key;
//! only MAC keys that have verified a message are revealed, and only after they are forgotten.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::ake::Established;
use crate::crypto::dh::Pair;
use crate::crypto::digest::{DirectionKeys, MAC_BYTES, extra_key, hmac_sha1};
use crate::crypto::group::Element;
use crate::crypto::{aes_ctr, same};
use crate::encoding;
use crate::limits::REVEALED_WAITING_MAX;
use crate::messages::{DATA, Data, Header};

/// Index of a side's newest key, and of the one before it.
const CURRENT: usize = 0;
const PREVIOUS: usize = 1;

/// The extra symmetric key that belongs to one message.
pub(crate) type ExtraKey = Zeroizing<[u8; 32]>;

#[cfg_attr(test, derive(Clone))]
pub(crate) struct Ratchet {
    /// Identifier of our current key.
    our_keyid: u32,
    ours: [Pair; 2],
    /// Identifier of their current key.
    their_keyid: u32,
    theirs: [Option<Element>; 2],
    /// By our key and their key, as far as they were needed.
    links: [[Option<Box<Link>>; 2]; 2],
    /// MAC keys for the next message to reveal. Public from the moment they get here.
    forgotten: Vec<[u8; MAC_BYTES]>,
    /// MAC keys of the session before. They become public with the first message that proves
    /// that the peer has left that session as well; until then they could serve a forger.
    retired: Vec<Zeroizing<[u8; MAC_BYTES]>>,
}

/// Keys and counters between one of our D-H keys and one of theirs.
#[cfg_attr(test, derive(Clone))]
struct Link {
    sending: DirectionKeys,
    receiving: DirectionKeys,
    extra: ExtraKey,
    sent: u64,
    received: u64,
    verified: bool,
}

/// Why a data message was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// For keys that we do not have (any more).
    UnknownKeys,
    /// The MAC does not fit.
    BadMac,
    /// The counter was seen before.
    Replayed,
}

impl Ratchet {
    /// Keys after an exchange. `before` hands over MAC keys that nobody revealed yet.
    pub(crate) fn new(
        established: &Established,
        before: Option<&Self>,
        rng: &mut dyn CryptoRng,
    ) -> Self {
        let forgotten = before.map(|b| b.forgotten.clone()).unwrap_or_default();
        let retired = before.map(Self::verified_macs).unwrap_or_default();
        Self {
            our_keyid: established.keyid.saturating_add(1),
            ours: [Pair::generate(rng), established.pair.clone()],
            their_keyid: established.their_keyid,
            theirs: [Some(established.their_public), None],
            links: Default::default(),
            forgotten,
            retired,
        }
    }

    fn verified_macs(&self) -> Vec<Zeroizing<[u8; MAC_BYTES]>> {
        let links = self.links.iter().flatten().flatten().filter(|l| l.verified);
        let all = self.retired.iter().cloned().chain(links.map(|l| l.receiving.mac.clone()));
        all.take(REVEALED_WAITING_MAX).collect()
    }

    /// A whole data message with `plain` in it, and the extra key that belongs to it.
    pub(crate) fn seal(
        &mut self,
        header: Header,
        flags: u8,
        plain: &[u8],
    ) -> Option<(Vec<u8>, ExtraKey)> {
        let next_y = self.ours[CURRENT].public().to_bytes();
        let (our_keyid, their_keyid) = (self.our_keyid.checked_sub(1)?, self.their_keyid);
        // Only with a link is there a message that takes the forgotten keys along.
        self.link(PREVIOUS, CURRENT)?;
        let forgotten = std::mem::take(&mut self.forgotten);
        let link = self.link(PREVIOUS, CURRENT)?;
        link.sent = link.sent.checked_add(1)?;
        let counter = link.sent.to_be_bytes();
        let mut out = header.start(DATA);
        out.push(flags);
        encoding::put_u32(&mut out, our_keyid);
        encoding::put_u32(&mut out, their_keyid);
        encoding::put_mpi(&mut out, &next_y);
        out.extend_from_slice(&counter);
        let mut encrypted = plain.to_vec();
        aes_ctr(&link.sending.cipher, counter, &mut encrypted);
        encoding::put_data(&mut out, &encrypted);
        let mac = hmac_sha1(&link.sending.mac, &out);
        out.extend_from_slice(&mac);
        encoding::put_data(&mut out, &forgotten.concat());
        Some((out, link.extra.clone()))
    }

    /// The plain text of a data message, and the extra key that belongs to it. Rotates keys.
    pub(crate) fn open(
        &mut self,
        data: &Data<'_>,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Zeroizing<Vec<u8>>, ExtraKey), Refused> {
        let age = |ours: u32, named: u32| match ours.checked_sub(named) {
            Some(0) => Some(CURRENT),
            Some(1) => Some(PREVIOUS),
            _ => None,
        };
        let ours = age(self.our_keyid, data.recipient_keyid).ok_or(Refused::UnknownKeys)?;
        let theirs = age(self.their_keyid, data.sender_keyid).ok_or(Refused::UnknownKeys)?;
        let next = (self.our_keyid.checked_add(1), self.their_keyid.checked_add(1));
        let (Some(our_next), Some(their_next)) = next else { return Err(Refused::UnknownKeys) };
        let link = self.link(ours, theirs).ok_or(Refused::UnknownKeys)?;
        if !same(&hmac_sha1(&link.receiving.mac, data.covered), &data.mac) {
            return Err(Refused::BadMac);
        }
        let counter = u64::from_be_bytes(data.counter);
        if counter <= link.received {
            return Err(Refused::Replayed);
        }
        link.received = counter;
        link.verified = true;
        let mut plain = Zeroizing::new(data.encrypted.to_vec());
        aes_ctr(&link.receiving.cipher, data.counter, &mut plain);
        let extra = link.extra.clone();
        for mac in std::mem::take(&mut self.retired) {
            self.reveal_later(&mac);
        }
        if ours == CURRENT {
            self.rotate_ours(our_next, rng);
        }
        if theirs == CURRENT {
            self.rotate_theirs(their_next, data.next_y);
        }
        Ok((plain, extra))
    }

    /// They use our current key, so the one before it will not be needed again.
    fn rotate_ours(&mut self, next: u32, rng: &mut dyn CryptoRng) {
        let [current, previous] = std::mem::take(&mut self.links);
        previous.into_iter().flatten().for_each(|l| self.forget(&l));
        self.links = [[None, None], current];
        self.ours.swap(CURRENT, PREVIOUS);
        self.ours[CURRENT] = Pair::generate(rng);
        self.our_keyid = next;
    }

    /// They announce their next key.
    fn rotate_theirs(&mut self, next: u32, next_y: Element) {
        for at in [CURRENT, PREVIOUS] {
            let [current, previous] = std::mem::take(&mut self.links[at]);
            if let Some(link) = previous {
                self.forget(&link);
            }
            self.links[at] = [None, current];
        }
        self.theirs = [Some(next_y), self.theirs[CURRENT]];
        self.their_keyid = next;
    }

    fn forget(&mut self, link: &Link) {
        if link.verified {
            self.reveal_later(&link.receiving.mac);
        }
    }

    fn reveal_later(&mut self, mac: &[u8; MAC_BYTES]) {
        if self.forgotten.len() < REVEALED_WAITING_MAX {
            self.forgotten.push(*mac);
        }
    }

    fn link(&mut self, ours: usize, theirs: usize) -> Option<&mut Link> {
        let slot = self.links.get_mut(ours)?.get_mut(theirs)?;
        if slot.is_none() {
            let pair = self.ours.get(ours)?;
            let their_public = self.theirs.get(theirs)?.as_ref()?;
            let secret = pair.shared(their_public)?;
            // The side with the higher public number sends with direction 1.
            let high = pair.public() > their_public;
            let direction = |first: bool| DirectionKeys::derive(&secret, if first { 1 } else { 2 });
            *slot = Some(Box::new(Link {
                sending: direction(high),
                receiving: direction(!high),
                extra: extra_key(&secret),
                sent: 0,
                received: 0,
                verified: false,
            }));
        }
        slot.as_deref_mut()
    }
}

#[cfg(test)]
impl Ratchet {
    pub(crate) fn heap_bytes(&self) -> usize {
        let links = self.links.iter().flatten().flatten().count() * size_of::<Link>();
        links + self.forgotten.capacity() * MAC_BYTES
    }
}
