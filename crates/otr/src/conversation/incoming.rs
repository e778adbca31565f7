//! Messages of the peer: what they are, and who deals with them.

use super::{Conversation, Message, Step};
use crate::encoding;
use crate::fragment::{Assembler, Fragment};
use crate::limits::{ERRORS_PER_WINDOW, INSTANCE_TAG_MIN, INSTANCES_MAX, MESSAGE_BYTES_MAX};
use crate::messages::{self, Body, Header, Malformed, Version};
use crate::output::{Event, Output, Trust, Unreadable};
use crate::text::{self, MessageKind, Text, Versions};

impl Conversation {
    pub(super) fn received(&mut self, step: &mut Step<'_>, body: &[u8]) {
        if body.len() > MESSAGE_BYTES_MAX {
            // A long text is still a text; nothing of ours is that long.
            return match text::classify(body) {
                Text::Plain => self.plain(body),
                _ => self.unreadable(Unreadable::TooLong),
            };
        }
        match text::classify(body) {
            Text::Fragment { .. } => self.fragment(step, body),
            text => {
                self.reset_assembler(body);
                self.whole(step, body, text);
            }
        }
    }

    fn whole(&mut self, step: &mut Step<'_>, body: &[u8], text: Text) {
        match text {
            Text::Plain => self.plain(body),
            Text::Tagged { offered, span } => {
                let rest = [body.get(..span.start), body.get(span.end..)];
                self.show_plain(rest.map(Option::unwrap_or_default).concat());
                self.offered_by_tag(step, offered);
            }
            Text::Query { offered } => self.begin(step, offered),
            Text::Error { words } => {
                self.peer_error(step, body.get(words..).unwrap_or_default());
            }
            Text::Encoded { version: 2 | 3, kind, at } => {
                let dot_needed = kind != MessageKind::Data;
                let bytes = body.get(at..).and_then(|b| encoding::unwrap(b, dot_needed));
                match bytes {
                    Some(bytes) => self.encoded(step, &bytes),
                    None if dot_needed => self.unreadable(Unreadable::Malformed),
                    None => self.cannot_read(step, Unreadable::Malformed, false),
                }
            }
            // A piece cannot hold a piece, and nobody speaks version 1.
            Text::Encoded { .. } | Text::Fragment { .. } | Text::Unknown => {
                self.unreadable(Unreadable::Malformed);
            }
        }
    }

    fn plain(&mut self, body: &[u8]) {
        self.peer_ignores_tags = true;
        self.show_plain(body.to_vec());
    }

    fn show_plain(&mut self, text: Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let open = self.instances.iter().all(|i| matches!(i.message, Message::Plaintext));
        let expected = open && !self.setup.policy.require;
        let trust = if expected { Trust::Plain } else { Trust::PlainUnexpected };
        self.out.push_back(Output::Show { text, trust });
    }

    fn offered_by_tag(&mut self, step: &mut Step<'_>, offered: Versions) {
        // A tag inside a session starts nothing, as in libotr.
        let private = self.instances.iter().any(super::Instance::is_encrypted);
        if self.setup.policy.start_on_tag && !private {
            self.begin(step, offered);
        }
    }

    fn peer_error(&mut self, step: &mut Step<'_>, words: &[u8]) {
        self.event(Event::PeerError(words.trim_ascii_start().to_vec()));
        self.resend = self.last_sent.is_some();
        // Never answer an error with an error; and with a query only so often.
        if self.setup.policy.start_on_error && self.errors.allow(step.now, ERRORS_PER_WINDOW) {
            // Without a version there is nothing to start.
            let _ = self.query();
        }
    }

    pub(super) fn unreadable(&mut self, why: Unreadable) {
        self.event(Event::Unreadable(why));
    }

    /// A data message failed: tell both sides, unless its flag says that nobody needs to know.
    pub(super) fn cannot_read(&mut self, step: &mut Step<'_>, why: Unreadable, quiet: bool) {
        if quiet {
            return;
        }
        self.unreadable(why);
        if self.errors.allow(step.now, ERRORS_PER_WINDOW) {
            let words = match why {
                Unreadable::NoSession => {
                    "?OTR Error: An encrypted message came outside of a private conversation."
                }
                _ => "?OTR Error: An encrypted message could not be read.",
            };
            self.out.push_back(Output::Transmit(words.into()));
        }
    }

    fn fragment(&mut self, step: &mut Step<'_>, body: &[u8]) {
        let Some(fragment) = Fragment::parse(body) else {
            return self.unreadable(Unreadable::Malformed);
        };
        let sender = match fragment.instances {
            None if self.setup.policy.spoken().v2 => 0,
            Some((sender, receiver)) if self.setup.policy.spoken().v3 => {
                if sender < INSTANCE_TAG_MIN || sender == self.setup.instance {
                    return self.unreadable(Unreadable::Malformed);
                }
                if receiver != 0 && receiver != self.setup.instance {
                    return self.unreadable(Unreadable::OtherInstance);
                }
                sender
            }
            _ => return self.unreadable(Unreadable::Malformed),
        };
        let whole = self.assembler(sender).push(&fragment);
        if let Some(whole) = whole {
            let text = text::classify(&whole);
            self.whole(step, &whole, text);
        }
    }

    /// The pieces of one instance; the least recently used gives way.
    fn assembler(&mut self, sender: u32) -> &mut Assembler {
        let at = self.assemblers.iter().position(|(tag, _)| *tag == sender);
        let used = match at {
            Some(at) => self.assemblers.remove(at),
            None => {
                self.assemblers.truncate(INSTANCES_MAX - 1);
                (sender, Assembler::default())
            }
        };
        self.assemblers.insert(0, used);
        &mut self.assemblers[0].1
    }

    /// A message in one piece ends an unfinished one of the same sender.
    fn reset_assembler(&mut self, body: &[u8]) {
        if self.assemblers.is_empty() {
            return;
        }
        match text::instances(body) {
            Some((sender, _)) => self.assemblers.retain(|(tag, _)| *tag != sender),
            None => self.assemblers.clear(),
        }
    }

    fn encoded(&mut self, step: &mut Step<'_>, bytes: &[u8]) {
        let (header, body) = match messages::read(bytes) {
            Ok(read) => read,
            Err(Malformed { header, quiet }) => {
                return match header.map(|h| self.check_header(h, false)) {
                    Some(Err(why)) => self.unreadable(why),
                    _ => self.cannot_read(step, Unreadable::Malformed, quiet),
                };
            }
        };
        let commit = matches!(body, Body::DhCommit { .. });
        if let Err(why) = self.check_header(header, commit) {
            return self.unreadable(why);
        }
        if let Some(instance) = self.instance(header.sender) {
            instance.seen = step.now;
        }
        match body {
            Body::DhCommit { encrypted_gx, hash } => {
                self.dh_commit(step, header, (encrypted_gx, &hash));
            }
            Body::DhKey { gy } => self.dh_key(step, header, &gy),
            Body::RevealSignature { r, sealed } => self.reveal_signature(step, header, &r, &sealed),
            Body::Signature(sealed) => self.signature(step, header, &sealed),
            Body::Data(data) => self.data(step, header, &data),
        }
    }

    /// OTR version 3, "Instance Tags": sender valid, receiver us; 0 only for a commit.
    fn check_header(&self, header: Header, commit: bool) -> Result<(), Unreadable> {
        let spoken = self.setup.policy.spoken();
        match header.version {
            Version::V2 if spoken.v2 => return Ok(()),
            Version::V3 if spoken.v3 => {}
            _ => return Err(Unreadable::Malformed),
        }
        // Our own message thrown back at us.
        if header.sender < INSTANCE_TAG_MIN || header.sender == self.setup.instance {
            return Err(Unreadable::Malformed);
        }
        match header.receiver {
            to if to == self.setup.instance => Ok(()),
            0 if commit => Ok(()),
            1..INSTANCE_TAG_MIN | 0 => Err(Unreadable::Malformed),
            _ => Err(Unreadable::OtherInstance),
        }
    }
}
