//! One conversation with one peer, over all of the peer's devices.
//!
//! Feed one input, take outputs until there are none, only then feed again. Three machines per
//! device stay apart: key exchange ([`crate::ake`]), message state ([`Message`]) and
//! verification ([`crate::smp`]). A failure in one leaves the others as they are.

mod data;
mod exchange;
mod incoming;
mod verification;

use std::collections::VecDeque;
use std::sync::Arc;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::ake::{Ake, CommitHash, SentCommit};
use crate::fragment::{self, Assembler};
use crate::limits::{
    AKE_WAIT, HELD_BYTES_MAX, HELD_MESSAGES_MAX, INSTANCE_TAG_MIN, INSTANCES_MAX, RATE_WINDOW,
    RESEND_WAIT, RESTART_JITTER, RESTART_WAIT, START_TRIES_MAX, TEXT_BYTES_MAX,
};
use crate::messages::{Header, Version};
use crate::output::{Error, Event, Input, Output};
use crate::ratchet::Ratchet;
use crate::smp::Smp;
use crate::text::{self, Text};
use crate::{Fingerprint, Policy, PrivateKey, SessionInfo, Time};

/// What a conversation is made from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Our long-term key.
    pub key: Arc<PrivateKey>,
    /// Our instance tag, lasting per account and client: see [`crate::files::instance_tags`].
    pub instance: u32,
    /// What happens of its own accord.
    pub policy: Policy,
    /// Longest message body that the network takes, in characters, if it is short.
    pub fragment: Option<usize>,
    /// Words behind a query, for people whose client knows no OTR.
    pub invitation: String,
}

/// A conversation with one peer.
#[cfg_attr(test, derive(Clone))]
pub struct Conversation {
    setup: Setup,
    /// Our commit, for whichever device answers.
    commit: Option<SentCommit>,
    instances: Vec<Instance>,
    assemblers: Vec<(u32, Assembler)>,
    /// The device that we talk to: the last one that proved itself.
    active: Option<u32>,
    starting: Option<Starting>,
    held: Vec<Zeroizing<Vec<u8>>>,
    last_sent: Option<LastSent>,
    resend: bool,
    peer_ignores_tags: bool,
    exchanges: Rate,
    verifications: Rate,
    errors: Rate,
    wake: Option<Time>,
    out: VecDeque<Output>,
}

/// One device of the peer.
#[cfg_attr(test, derive(Clone))]
struct Instance {
    tag: u32,
    ake: Ake,
    message: Message,
    seen: Time,
    /// The commit of ours with which this device has finished an exchange. One commit makes one
    /// session a device: its key and signature played once more would begin the same session
    /// anew, and its messages could be shown a second time.
    spent: Option<CommitHash>,
}

/// Whether texts are encrypted. Each state holds only what is legal there.
#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
enum Message {
    #[default]
    Plaintext,
    Encrypted(Box<Session>),
    Finished,
}

#[cfg_attr(test, derive(Clone))]
struct Session {
    header: Header,
    ratchet: Ratchet,
    smp: Smp,
    info: SessionInfo,
    last_sent: Time,
}

/// A start that waits for its session.
#[cfg_attr(test, derive(Clone))]
struct Starting {
    again: Time,
    tries: u8,
}

/// The last text, in case that the peer cannot read it.
#[cfg_attr(test, derive(Clone))]
struct LastSent {
    at: Time,
    to: Fingerprint,
    text: Zeroizing<Vec<u8>>,
}

/// How often something happened since a moment.
#[derive(Clone, Copy, Default)]
struct Rate {
    since: Time,
    count: u16,
}

impl Rate {
    fn allow(&mut self, now: Time, max: u16) -> bool {
        if now.since(self.since) >= RATE_WINDOW {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= max
    }
}

/// What each step has at hand.
struct Step<'a> {
    now: Time,
    rng: &'a mut dyn CryptoRng,
}

impl Session {
    fn peer(&self) -> Fingerprint {
        self.info.fingerprint
    }
}

impl Instance {
    fn session(&mut self) -> Option<&mut Session> {
        match &mut self.message {
            Message::Encrypted(session) => Some(session),
            _ => None,
        }
    }

    fn is_encrypted(&self) -> bool {
        matches!(self.message, Message::Encrypted(_))
    }
}

impl Conversation {
    /// A conversation that has not begun. `None` if the instance tag is below 256.
    #[must_use]
    pub fn new(setup: Setup) -> Option<Self> {
        (setup.instance >= INSTANCE_TAG_MIN).then(|| Self {
            setup,
            commit: None,
            instances: Vec::new(),
            assemblers: Vec::new(),
            active: None,
            starting: None,
            held: Vec::new(),
            last_sent: None,
            resend: false,
            peer_ignores_tags: false,
            exchanges: Rate::default(),
            verifications: Rate::default(),
            errors: Rate::default(),
            wake: None,
            out: VecDeque::new(),
        })
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// The session that [`Input::Send`] would use.
    #[must_use]
    pub fn session(&self) -> Option<SessionInfo> {
        self.target().and_then(|i| match &i.message {
            Message::Encrypted(session) => Some(session.info),
            _ => None,
        })
    }

    /// Has the peer ended the session, so that nothing can be sent?
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.target().is_some_and(|i| matches!(i.message, Message::Finished))
    }

    /// Takes one input. Whatever a peer sends is no error: look at the events.
    ///
    /// # Errors
    /// [`Error`] says why our own side's wish cannot be done; nothing has changed then.
    pub fn feed(
        &mut self,
        now: Time,
        rng: &mut dyn CryptoRng,
        input: Input<'_>,
    ) -> Result<(), Error> {
        let mut step = Step { now, rng };
        self.expire(&mut step);
        let done = match input {
            Input::Received(text) => {
                self.received(&mut step, text);
                Ok(())
            }
            Input::Send(text) => self.send(&mut step, text),
            Input::Start => self.start(&mut step),
            Input::End => self.end(&mut step),
            Input::Verify { secret, question } => self.verify(&mut step, secret, question),
            Input::Answer(secret) => self.answer(&mut step, secret),
            Input::CancelVerification => self.cancel_verification(&mut step),
            Input::ExtraKey { usage, data } => self.extra_key(&mut step, usage, data),
            Input::Deadline => Ok(()),
        };
        self.set_alarm();
        done
    }

    fn event(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    /// Our header towards an instance.
    fn header(&self, version: Version, receiver: u32) -> Header {
        match version {
            Version::V2 => Header { version, sender: 0, receiver: 0 },
            Version::V3 => Header { version, sender: self.setup.instance, receiver },
        }
    }

    /// Sends an encoded message, in pieces where the network is short.
    fn transmit(&mut self, header: Header, bytes: &[u8]) {
        let whole = crate::encoding::wrap(bytes);
        let instances = (header.version == Version::V3).then_some((header.sender, header.receiver));
        let pieces = match self.setup.fragment {
            Some(max) => fragment::cut(whole, instances, max),
            None => vec![whole],
        };
        self.out.extend(pieces.into_iter().map(Output::Transmit));
    }

    fn instance(&mut self, tag: u32) -> Option<&mut Instance> {
        self.instances.iter_mut().find(|i| i.tag == tag)
    }

    /// The device with this tag; a new one takes the place of the one that matters least.
    fn instance_or_new(&mut self, tag: u32, now: Time) -> Option<&mut Instance> {
        if self.instance(tag).is_none() {
            if self.instances.len() >= INSTANCES_MAX {
                let least = (0..self.instances.len())
                    .min_by_key(|i| self.instances.get(*i).map(|i| (i.is_encrypted(), i.seen)));
                self.instances.swap_remove(least?);
            }
            let (ake, message) = (Ake::None, Message::Plaintext);
            self.instances.push(Instance { tag, ake, message, seen: now, spent: None });
        }
        self.instance(tag)
    }

    /// Where [`Input::Send`] goes: the active device, or else the last seen with a session.
    fn target(&self) -> Option<&Instance> {
        let active = self.instances.iter().find(|i| Some(i.tag) == self.active);
        active
            .filter(|i| !matches!(i.message, Message::Plaintext))
            .or_else(|| self.instances.iter().filter(|i| i.is_encrypted()).max_by_key(|i| i.seen))
    }

    fn start(&mut self, step: &mut Step<'_>) -> Result<(), Error> {
        self.query()?;
        self.starting = Some(Starting { again: restart_time(step), tries: 1 });
        Ok(())
    }

    fn query(&mut self) -> Result<(), Error> {
        let versions = self.setup.policy.spoken();
        if versions.best() == 0 {
            return Err(Error::NoVersion);
        }
        let mut query = versions.query();
        if !self.setup.invitation.is_empty() {
            query.push('\n');
            query.push_str(&self.setup.invitation);
        }
        self.out.push_back(Output::Transmit(query.into_bytes()));
        Ok(())
    }

    fn send(&mut self, step: &mut Step<'_>, text: &[u8]) -> Result<(), Error> {
        if text.is_empty() || text.contains(&0) {
            return Err(Error::BadText);
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(Error::TooLong);
        }
        match self.target().map(|i| (i.tag, &i.message)) {
            Some((_, Message::Finished)) => Err(Error::PeerEnded),
            Some((tag, Message::Encrypted(_))) => {
                self.send_data(step, tag, 0, text)?;
                let peer = self.instance(tag).and_then(|i| i.session()).map(|s| s.peer());
                let text = Zeroizing::new(text.to_vec());
                self.last_sent = peer.map(|to| LastSent { at: step.now, to, text });
                Ok(())
            }
            _ if self.setup.policy.require => self.hold(step, text),
            _ => {
                self.send_plain(text);
                Ok(())
            }
        }
    }

    fn send_plain(&mut self, text: &[u8]) {
        let versions = self.setup.policy.spoken();
        let tag = self.setup.policy.send_tag
            && !self.peer_ignores_tags
            && versions.best() > 0
            && text::classify(text) == Text::Plain;
        let mut body = text.to_vec();
        if tag {
            body.extend(versions.tag());
        }
        self.out.push_back(Output::Transmit(body));
    }

    fn hold(&mut self, step: &mut Step<'_>, text: &[u8]) -> Result<(), Error> {
        let bytes: usize = self.held.iter().map(|h| h.len()).sum();
        if self.held.len() >= HELD_MESSAGES_MAX || bytes + text.len() > HELD_BYTES_MAX {
            return Err(Error::TooLong);
        }
        if self.starting.is_none() {
            self.start(step)?;
        }
        self.held.push(Zeroizing::new(text.to_vec()));
        self.event(Event::Held);
        Ok(())
    }

    /// Forgets what has waited too long, and tries again what may be tried again.
    fn expire(&mut self, step: &mut Step<'_>) {
        let now = step.now;
        let over = |since: Option<Time>| since.is_some_and(|s| now.since(s) >= AKE_WAIT);
        if over(self.commit.as_ref().map(|c| c.since)) {
            self.commit = None;
        }
        for instance in &mut self.instances {
            if over(instance.ake.since()) {
                instance.ake = Ake::None;
            }
        }
        if self.last_sent.as_ref().is_some_and(|l| now.since(l.at) >= RESEND_WAIT) {
            self.last_sent = None;
            self.resend = false;
        }
        let Some(starting) = &self.starting else { return };
        if now < starting.again {
            return;
        }
        let tries = starting.tries + 1;
        if tries <= START_TRIES_MAX && self.query().is_ok() {
            self.starting = Some(Starting { again: restart_time(step), tries });
            return;
        }
        self.starting = None;
        self.event(Event::NoAnswer);
        for held in std::mem::take(&mut self.held) {
            self.event(Event::NotSent(held.to_vec()));
        }
    }

    /// Asks to be woken when the next of these is due.
    fn set_alarm(&mut self) {
        let exchanges = self.instances.iter().filter_map(|i| i.ake.since());
        let exchanges = exchanges.chain(self.commit.as_ref().map(|c| c.since));
        let next = exchanges
            .map(|since| since + AKE_WAIT)
            .chain(self.last_sent.as_ref().map(|l| l.at + RESEND_WAIT))
            .chain(self.starting.as_ref().map(|s| s.again))
            .min();
        if next != self.wake {
            self.wake = next;
            self.out.extend(next.map(Output::WakeAt));
        }
    }
}

fn restart_time(step: &mut Step<'_>) -> Time {
    let mut bytes = [0; 4];
    step.rng.fill_bytes(&mut bytes);
    let part = RESTART_JITTER.mul_f64(f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX));
    step.now + RESTART_WAIT + part
}

#[cfg(test)]
impl Conversation {
    pub(crate) fn set_fragment(&mut self, max: Option<usize>) {
        self.setup.fragment = max;
    }

    pub(crate) fn devices(&self) -> usize {
        self.instances.len()
    }

    /// Bytes of pieces that wait for the rest of their message.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.assemblers.iter().map(|(_, assembler)| assembler.waiting_bytes()).sum()
    }

    /// Memory behind pointers, without the shared key.
    pub(crate) fn heap_bytes(&self) -> usize {
        let devices = self.instances.capacity() * size_of::<Instance>();
        let sessions = self.instances.iter().map(|i| match &i.message {
            Message::Encrypted(s) => size_of::<Session>() + s.ratchet.heap_bytes(),
            _ => 0,
        });
        let queue = self.out.capacity() * size_of::<Output>();
        let kept = self.last_sent.as_ref().map_or(0, |l| l.text.capacity());
        devices + sessions.sum::<usize>() + queue + kept
    }
}
