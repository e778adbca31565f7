//! One person's conversation with the concierge: OTR in and out, and what it means.
//!
//! Pure but for randomness: (state, message, now) to [`Act`]s; what the directory knows comes in by
//! [`super::desk::Desk`]. Invariants: in the clear nothing is said but the invitation; only the
//! holder of the session's key is answered.

use otr::rand_core::UnwrapErr;
use otr::{Conversation, Event, Input, Output, Policy, Setup, Trust, Verification, Version};
use otr::{SessionInfo, Time};

use super::command::{self, Command, Verb};
use super::desk::Desk;
use super::keys::Identity;
use super::words::{self, Words, fill};
use crate::daemon::Now;

/// Steps of one message: a peer's client cannot make us answer ourselves for ever.
const STEPS_MAX: usize = 64;

/// A conversation.
pub(super) struct Talk {
    conversation: Conversation,
    words: &'static Words,
    /// When something came last.
    pub(super) used: Now,
}

impl Talk {
    /// One that has not begun. `None` only if the instance tag is damaged.
    pub(super) fn new(identity: &Identity, words: &'static Words, now: Now) -> Option<Self> {
        let setup = Setup {
            key: identity.key.clone(),
            instance: identity.instance,
            policy: Policy::manual(),
            fragment: None,
            invitation: words.says.invitation.to_owned(),
        };
        Conversation::new(setup).map(|conversation| Self { conversation, words, used: now })
    }

    /// The person's client sent `body`. Returns the bodies to send back.
    pub(super) fn heard(&mut self, desk: &mut Desk<'_>, body: &str) -> Vec<String> {
        self.used = desk.now;
        let mut sent = Vec::new();
        self.feed(desk, Input::Received(body.as_bytes()));
        for _ in 0..STEPS_MAX {
            let Some(output) = self.conversation.poll() else { break };
            match output {
                Output::Transmit(body) => sent.extend(String::from_utf8(body)),
                Output::Show { text, trust } => self.shown(desk, &text, trust),
                Output::Event(event) => self.happened(desk, event),
                Output::WakeAt(_) => {}
            }
        }
        sent
    }

    fn feed(&mut self, desk: &Desk<'_>, input: Input<'_>) {
        let mut rng = UnwrapErr(getrandom::SysRng);
        let since = desk.now.monotonic.saturating_duration_since(desk.daemon.started.monotonic);
        let now = Time::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        // What cannot be done now (the session has just ended) needs no answer.
        if let Err(e) = self.conversation.feed(now, &mut rng, input) {
            tracing::debug!(error = %e, "the concierge could not do what it wanted");
        }
    }

    fn say(&mut self, desk: &Desk<'_>, text: &str) {
        self.feed(desk, Input::Send(command::harmless(text).as_bytes()));
    }

    fn shown(&mut self, desk: &mut Desk<'_>, text: &[u8], trust: Trust) {
        match (trust, self.conversation.session()) {
            (Trust::Private(_), Some(session)) => {
                let answer = match command::read(text) {
                    Some(command) => self.obey(desk, &command, session),
                    None => Some(self.words.says.unknown.to_owned()),
                };
                if let Some(answer) = answer {
                    self.say(desk, &answer);
                }
            }
            // Whoever writes in the clear gets the invitation, which starts OTR where there is any.
            _ => self.feed(desk, Input::Start),
        }
    }

    fn obey(
        &mut self,
        desk: &mut Desk<'_>,
        command: &Command,
        session: SessionInfo,
    ) -> Option<String> {
        self.words = command.words;
        let says = self.words.says;
        let hex = session.fingerprint.to_hex();
        let rest = command.rest.as_str();
        Some(match command.verb {
            Verb::Help => says.help.to_owned(),
            Verb::Key => desk.your_key(says, &hex),
            Verb::Compare => {
                let (key, mine) = (session.fingerprint.to_string(), desk.mine.to_string());
                fill(says.compare, &[("key", &key), ("mine", &mine)])
            }
            Verb::Name => desk.name(says, &hex, rest),
            Verb::List => desk.list(says, rest),
            Verb::History => desk.history(says),
            Verb::Revoke => desk.revoke(says, rest),
            Verb::Count => desk.count(says, rest),
            Verb::Verify => match desk.phrase() {
                None => says.no_phrase.to_owned(),
                Some(secret) => {
                    self.say(desk, says.verifying);
                    self.feed(desk, Input::Verify { secret: &secret, question: None });
                    return None;
                }
            },
        })
    }

    fn happened(&mut self, desk: &mut Desk<'_>, event: Event) {
        let says = self.words.says;
        match event {
            Event::Private { session, .. } => {
                let hello = desk.attest(self.words, session.fingerprint, &device(desk, session));
                self.say(desk, &hello);
            }
            // Otherwise nothing could be said any more, not even the invitation.
            Event::PeerEnded => self.feed(desk, Input::End),
            Event::Verification(Verification::Asked { .. }) => match desk.phrase() {
                Some(secret) => self.feed(desk, Input::Answer(&secret)),
                None => {
                    self.feed(desk, Input::CancelVerification);
                    self.say(desk, says.no_phrase);
                }
            },
            Event::Verification(Verification::Same { .. }) => self.say(desk, says.verified),
            Event::Verification(Verification::Different) => self.say(desk, says.different),
            _ => {}
        }
    }
}

/// What is known of the device: its resource, and how it speaks.
fn device(desk: &Desk<'_>, session: SessionInfo) -> String {
    let resource: String = desk.resource.chars().filter(|c| !c.is_control()).take(60).collect();
    match session.version {
        Version::V2 => format!("{resource} (OTR 2)"),
        Version::V3 => format!("{resource} (OTR 3, {:08x})", session.instance),
    }
}

/// The language of a message, by its `xml:lang`.
pub(super) fn language(lang: Option<&str>) -> &'static Words {
    let first = words::ALL.first().copied();
    lang.and_then(words::by_code).or(first).unwrap_or(words::ALL[0])
}
