//! The key exchange inside a conversation: which machine a message goes to, and what follows.
//!
//! Spec: OTR version 3, "The protocol state machine" (receiving AKE messages).

use super::{Conversation, Instance, LastSent, Message, Session, Step};
use crate::SessionInfo;
use crate::ake::{Ake, AwaitingRevealSig, Established, SentCommit};
use crate::crypto::group::Element;
use crate::limits::AKE_STEPS_PER_WINDOW;
use crate::messages::{DH_COMMIT, DH_KEY, Header, REVEAL_SIGNATURE, SIGNATURE, Sealed, Version};
use crate::output::{Event, Unreadable};
use crate::ratchet::Ratchet;
use crate::smp::Smp;
use crate::text::Versions;

/// In front of a text that is sent a second time.
const RESENT: &[u8] = b"[resent] ";

impl Conversation {
    /// The peer offers to start: commit to a key.
    pub(super) fn begin(&mut self, step: &mut Step<'_>, offered: Versions) {
        let version = match self.setup.policy.spoken().and(offered).best() {
            3 => Version::V3,
            2 => Version::V2,
            _ => return,
        };
        if !self.exchanges.allow(step.now, AKE_STEPS_PER_WINDOW) {
            return;
        }
        // Asked twice, the same commit is sent twice: a new one would outdate the answer that
        // is on its way. One that made a session would not make another.
        if self.commit.as_ref().is_none_or(|c| c.version != version || self.is_spent(c)) {
            self.commit = Some(SentCommit::new(version, step.now, step.rng));
        }
        self.send_commit(0);
    }

    /// Has any device finished an exchange with this commit?
    fn is_spent(&self, commit: &SentCommit) -> bool {
        self.instances.iter().any(|i| i.spent == Some(commit.hash))
    }

    /// Has this device?
    fn is_spent_with(&mut self, device: u32, commit: &SentCommit) -> bool {
        self.instance(device).is_some_and(|i| i.spent == Some(commit.hash))
    }

    fn send_commit(&mut self, receiver: u32) {
        let Some(commit) = &self.commit else { return };
        let header = self.header(commit.version, receiver);
        let mut message = header.start(DH_COMMIT);
        message.extend(commit.fields());
        self.transmit(header, &message);
    }

    pub(super) fn dh_commit(
        &mut self,
        step: &mut Step<'_>,
        from: Header,
        commit: (&[u8], &[u8; 32]),
    ) {
        if !self.exchanges.allow(step.now, AKE_STEPS_PER_WINDOW) {
            return;
        }
        if let Some(ours) = self.commit.take() {
            let competes = ours.version == from.version && !self.is_spent_with(from.sender, &ours);
            let wins = competes && ours.wins_over(commit.1);
            // Both committed at once: the higher hash goes on, the lower gives way.
            self.commit = (wins || !competes).then_some(ours);
            if wins {
                // Ours may have been lost.
                return self.send_commit(from.sender);
            }
        }
        let Some(instance) = self.instance_or_new(from.sender, step.now) else { return };
        if let Ake::AwaitingRevealSig(state) = &mut instance.ake {
            state.replace(from.version, commit, step.now);
        } else {
            let state = AwaitingRevealSig::new(from.version, commit, step.now, step.rng);
            instance.ake = Ake::AwaitingRevealSig(Box::new(state));
        }
        let Ake::AwaitingRevealSig(state) = &instance.ake else { return };
        let fields = state.fields();
        let header = self.header(from.version, from.sender);
        let mut message = header.start(DH_KEY);
        message.extend(fields);
        self.transmit(header, &message);
    }

    pub(super) fn dh_key(&mut self, step: &mut Step<'_>, from: Header, gy: &Element) {
        let key = std::sync::Arc::clone(&self.setup.key);
        let commit = self.commit.take().filter(|c| c.version == from.version);
        let fields = self.answer_dh_key(step, from, gy, (commit.as_ref(), &key));
        // Version 2 has one device; in version 3 others may answer the same commit.
        if from.version == Version::V3 || fields.is_none() {
            self.commit = commit;
        }
        let Some(fields) = fields else { return };
        let header = self.header(from.version, from.sender);
        let mut message = header.start(REVEAL_SIGNATURE);
        message.extend(fields);
        self.transmit(header, &message);
    }

    fn answer_dh_key(
        &mut self,
        step: &mut Step<'_>,
        from: Header,
        gy: &Element,
        (commit, key): (Option<&SentCommit>, &crate::PrivateKey),
    ) -> Option<Vec<u8>> {
        if let Some(Instance { ake, .. }) = self.instance(from.sender) {
            match ake {
                // Ours was lost, or theirs came twice.
                Ake::AwaitingSig(s) if s.version == from.version && s.has_answered(gy) => {
                    return Some(s.fields().to_vec());
                }
                // Another key for a commit that was answered already, or we gave way to theirs.
                Ake::AwaitingSig(s) if commit.is_none_or(|c| s.is_from(c)) => return None,
                Ake::AwaitingRevealSig(_) => return None,
                _ => {}
            }
        }
        let commit = commit.filter(|c| !self.is_spent_with(from.sender, c))?;
        if !self.exchanges.allow(step.now, AKE_STEPS_PER_WINDOW) {
            return None;
        }
        let state = commit.answered(gy, key, step.now)?;
        let fields = state.fields().to_vec();
        self.instance_or_new(from.sender, step.now)?.ake = Ake::AwaitingSig(Box::new(state));
        Some(fields)
    }

    pub(super) fn reveal_signature(
        &mut self,
        step: &mut Step<'_>,
        from: Header,
        r: &[u8; 16],
        sealed: &Sealed<'_>,
    ) {
        let key = std::sync::Arc::clone(&self.setup.key);
        let now = step.now;
        let mut rate = self.exchanges;
        let Some(instance) = self.instance(from.sender) else { return };
        let Ake::AwaitingRevealSig(state) = &instance.ake else { return };
        if state.version != from.version || !rate.allow(now, AKE_STEPS_PER_WINDOW) {
            return;
        }
        let revealed = state.revealed(r, sealed, &key);
        self.exchanges = rate;
        let Some((established, fields)) = revealed else {
            return self.unreadable(Unreadable::Malformed);
        };
        let header = self.header(from.version, from.sender);
        let mut message = header.start(SIGNATURE);
        message.extend(fields);
        self.transmit(header, &message);
        self.established(step, header, &established);
    }

    pub(super) fn signature(&mut self, step: &mut Step<'_>, from: Header, sealed: &Sealed<'_>) {
        let Some(instance) = self.instance(from.sender) else { return };
        let Ake::AwaitingSig(state) = &instance.ake else { return };
        if state.version != from.version {
            return;
        }
        let Some(established) = state.signed(sealed) else {
            return self.unreadable(Unreadable::Malformed);
        };
        instance.spent = Some(state.commit);
        let header = self.header(from.version, from.sender);
        self.established(step, header, &established);
    }

    /// The exchange is over: the message state follows, and a verification of before ends.
    fn established(&mut self, step: &mut Step<'_>, header: Header, new: &Established) {
        let info = SessionInfo {
            fingerprint: new.their_key.fingerprint(),
            version: new.version,
            instance: header.receiver,
            session_id: new.ssid,
            first_half_bold: new.initiator,
        };
        let Some(instance) = self.instance(header.receiver) else { return };
        instance.ake = Ake::None;
        let before = instance.session();
        let renewed = before.is_some();
        let ratchet = Ratchet::new(new, before.map(|s| &s.ratchet), step.rng);
        let last_sent = step.now;
        instance.message = Message::Encrypted(Box::new(Session {
            header,
            ratchet,
            smp: Smp::Idle,
            info,
            last_sent,
        }));
        self.active = Some(header.receiver);
        self.starting = None;
        self.event(Event::Private { session: info, renewed });
        self.send_waiting(step, header.receiver);
    }

    /// Texts that waited for the session, and the last one if the peer could not read it.
    fn send_waiting(&mut self, step: &mut Step<'_>, tag: u32) {
        let peer = self.instance(tag).and_then(|i| i.session()).map(|s| s.peer());
        // Only to the key that it was meant for: anybody can send an error and start anew.
        if std::mem::take(&mut self.resend)
            && let Some(last) = self.last_sent.take()
            && Some(last.to) == peer
        {
            let again = zeroize::Zeroizing::new([RESENT, &last.text].concat());
            if self.send_data(step, tag, 0, &again).is_ok() {
                self.event(Event::Resent);
            }
        }
        for text in std::mem::take(&mut self.held) {
            if self.send_data(step, tag, 0, &text).is_ok() {
                self.last_sent = peer.map(|to| LastSent { at: step.now, to, text });
            } else {
                self.event(Event::NotSent(text.to_vec()));
            }
        }
    }
}
