//! Data messages inside a conversation: sending, receiving, ending, extra keys, heartbeats.
//!
//! Spec: OTR version 3, "Exchanging data"; libotr for the flag and the heartbeat.

use super::{Conversation, Message, Step};
use crate::limits::{EXTRA_KEY_DATA_BYTES_MAX, HEARTBEAT_WAIT};
use crate::messages::{Data, Header, IGNORE_UNREADABLE};
use crate::output::{Error, Event, Output, SymmetricKey, Trust, Unreadable};
use crate::ratchet::{ExtraKey, Refused};
use crate::tlv::{self, Tlv};

impl Conversation {
    /// Encrypts `plain` (text, or text and records) to one device and sends it.
    pub(super) fn send_data(
        &mut self,
        step: &mut Step<'_>,
        tag: u32,
        flags: u8,
        plain: &[u8],
    ) -> Result<ExtraKey, Error> {
        let session = self.instance(tag).and_then(|i| i.session()).ok_or(Error::NotPrivate)?;
        let header = session.header;
        let (message, extra) =
            session.ratchet.seal(header, flags, plain).ok_or(Error::Exhausted)?;
        session.last_sent = step.now;
        self.transmit(header, &message);
        Ok(extra)
    }

    /// Sends one record without text.
    pub(super) fn send_tlv(
        &mut self,
        step: &mut Step<'_>,
        tag: u32,
        kind: u16,
        value: &[u8],
    ) -> Result<ExtraKey, Error> {
        let plain = tlv::join(b"", kind, value).ok_or(Error::TooLong)?;
        self.send_data(step, tag, IGNORE_UNREADABLE, &plain)
    }

    /// The device with a session that our person's wishes go to.
    pub(super) fn private_tag(&self) -> Result<u32, Error> {
        match self.target() {
            Some(i) if i.is_encrypted() => Ok(i.tag),
            Some(_) => Err(Error::PeerEnded),
            None => Err(Error::NotPrivate),
        }
    }

    /// Ends all sessions; the peer is told.
    pub(super) fn end(&mut self, step: &mut Step<'_>) -> Result<(), Error> {
        let open: Vec<(u32, bool)> = self
            .instances
            .iter()
            .filter(|i| !matches!(i.message, Message::Plaintext))
            .map(|i| (i.tag, i.is_encrypted()))
            .collect();
        if open.is_empty() && self.starting.is_none() && self.commit.is_none() {
            return Err(Error::NotPrivate);
        }
        for (tag, encrypted) in open {
            if encrypted {
                // Used-up keys cannot say goodbye, and need not.
                let _ = self.send_tlv(step, tag, tlv::DISCONNECTED, b"");
            }
        }
        self.instances.clear();
        self.commit = None;
        self.starting = None;
        self.active = None;
        self.last_sent = None;
        self.event(Event::Ended);
        for held in std::mem::take(&mut self.held) {
            self.event(Event::NotSent(held.to_vec()));
        }
        Ok(())
    }

    pub(super) fn extra_key(
        &mut self,
        step: &mut Step<'_>,
        usage: u32,
        data: &[u8],
    ) -> Result<(), Error> {
        if data.len() > EXTRA_KEY_DATA_BYTES_MAX {
            return Err(Error::TooLong);
        }
        let tag = self.private_tag()?;
        let value = [&usage.to_be_bytes(), data].concat();
        let key = SymmetricKey(self.send_tlv(step, tag, tlv::EXTRA_KEY, &value)?);
        self.event(Event::ExtraKey { usage, data: data.to_vec(), key, ours: true });
        Ok(())
    }

    pub(super) fn data(&mut self, step: &mut Step<'_>, from: Header, data: &Data<'_>) {
        let quiet = data.flags & IGNORE_UNREADABLE != 0;
        let rng = &mut *step.rng;
        let session = self.instance(from.sender).and_then(|i| i.session());
        let Some(session) = session.filter(|s| s.header.version == from.version) else {
            return self.cannot_read(step, Unreadable::NoSession, quiet);
        };
        let peer = session.peer();
        let (plain, extra) = match session.ratchet.open(data, rng) {
            Ok(opened) => opened,
            Err(Refused::BadMac) => {
                return self.cannot_read(step, Unreadable::Malformed, quiet);
            }
            Err(Refused::UnknownKeys) => return self.cannot_read(step, Unreadable::Stale, quiet),
            // A copy is no news to the sender: it was read before.
            Err(Refused::Replayed) if quiet => return,
            Err(Refused::Replayed) => return self.unreadable(Unreadable::Stale),
        };
        self.active = Some(from.sender);
        let (text, tlvs) = tlv::split(&plain);
        if !text.is_empty() {
            self.out.push_back(Output::Show { text: text.to_vec(), trust: Trust::Private(peer) });
        }
        for tlv in &tlvs {
            self.record(step, from.sender, tlv, &extra);
        }
        if !text.is_empty() {
            self.heartbeat(step, from.sender);
        }
    }

    fn record(&mut self, step: &mut Step<'_>, tag: u32, tlv: &Tlv<'_>, extra: &ExtraKey) {
        match tlv.kind {
            tlv::DISCONNECTED => {
                let Some(instance) = self.instance(tag) else { return };
                // A second one in the same message changes nothing.
                if std::mem::replace(&mut instance.message, Message::Finished).is_encrypted() {
                    self.event(Event::PeerEnded);
                }
            }
            tlv::SMP_1..=tlv::SMP_1_QUESTION => self.verification(step, tag, tlv),
            tlv::EXTRA_KEY => {
                let Some((usage, data)) = tlv.value.split_first_chunk::<4>() else { return };
                let usage = u32::from_be_bytes(*usage);
                let data = data.get(..EXTRA_KEY_DATA_BYTES_MAX).unwrap_or(data).to_vec();
                let key = SymmetricKey(extra.clone());
                self.event(Event::ExtraKey { usage, data, key, ours: false });
            }
            _ => {}
        }
    }

    /// A side that only listens sends something now and then, so that keys rotate.
    fn heartbeat(&mut self, step: &mut Step<'_>, tag: u32) {
        let Some(session) = self.instance(tag).and_then(|i| i.session()) else { return };
        if step.now.since(session.last_sent) >= HEARTBEAT_WAIT {
            // Used-up keys show with the next text of a person.
            let _ = self.send_data(step, tag, IGNORE_UNREADABLE, b"");
        }
    }
}

impl Message {
    fn is_encrypted(&self) -> bool {
        matches!(self, Self::Encrypted(_))
    }
}
