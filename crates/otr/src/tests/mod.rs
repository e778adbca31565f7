//! Tests of the whole engine: captured conversations, altered messages, pairs of engines.

mod altered;
mod behaviour;
mod figures;
mod hostile;
mod pair;
mod replay;
mod vectors;

use std::sync::{Arc, OnceLock};

use crate::crypto::seeded::Seeded;
use crate::files;
use crate::{Conversation, Error, Event, Input, Output, Policy, PrivateKey, Setup, Time, Trust};

/// A side of a conversation, with its own clock and randomness.
#[derive(Clone)]
struct Side {
    talk: Conversation,
    rng: Seeded,
    now: Time,
    sent: Vec<Vec<u8>>,
    shown: Vec<(String, Trust)>,
    events: Vec<Event>,
    wake: Option<Time>,
}

/// Throw-away keys of the captures, each read once.
fn key(name: &str) -> Arc<PrivateKey> {
    static READ: [OnceLock<Arc<PrivateKey>>; 3] = [const { OnceLock::new() }; 3];
    let (at, text) = match name {
        "alice" => (0, include_str!("../../tests/vectors/keys/alice/otr.private_key")),
        "bob" => (1, include_str!("../../tests/vectors/keys/bob/otr.private_key")),
        "bob2" => (2, include_str!("../../tests/vectors/keys/bob-second-device/otr.private_key")),
        _ => panic!("no key of {name}"),
    };
    let read = || Arc::new(files::keys::read(text).unwrap().remove(0).key);
    Arc::clone(READ[at].get_or_init(read))
}

fn setup(name: &str, instance: u32, policy: Policy) -> Setup {
    let invitation = String::new();
    Setup { key: key(name), instance, policy, fragment: None, invitation }
}

impl Side {
    fn new(name: &str, instance: u32, policy: Policy) -> Self {
        Self::from(setup(name, instance, policy), u64::from(instance))
    }

    fn from(setup: Setup, seed: u64) -> Self {
        Self {
            talk: Conversation::new(setup).unwrap(),
            rng: Seeded::new(seed),
            now: Time::from_millis(1_000_000),
            sent: Vec::new(),
            shown: Vec::new(),
            events: Vec::new(),
            wake: None,
        }
    }

    fn feed(&mut self, input: Input<'_>) -> Result<(), Error> {
        let done = self.talk.feed(self.now, &mut self.rng, input);
        while let Some(output) = self.talk.poll() {
            match output {
                Output::Transmit(body) => self.sent.push(body),
                Output::Show { text, trust } => {
                    self.shown.push((String::from_utf8(text).unwrap_or_default(), trust));
                }
                Output::Event(event) => self.events.push(event),
                Output::WakeAt(time) => self.wake = Some(time),
            }
        }
        done
    }

    fn receive(&mut self, body: &[u8]) {
        self.feed(Input::Received(body)).unwrap();
    }

    fn is_private(&self) -> bool {
        self.talk.session().is_some()
    }

    fn texts(&mut self) -> Vec<String> {
        self.shown.drain(..).map(|(text, _)| text).collect()
    }

    fn has(&self, wanted: &Event) -> bool {
        self.events.contains(wanted)
    }
}

/// Delivers everything until nobody has anything to say.
fn settle(a: &mut Side, b: &mut Side) {
    for _ in 0..100 {
        let (from_a, from_b) = (std::mem::take(&mut a.sent), std::mem::take(&mut b.sent));
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        from_a.iter().for_each(|m| b.receive(m));
        from_b.iter().for_each(|m| a.receive(m));
    }
    panic!("they never stop talking");
}

/// Two sides with a session.
fn private_pair(a: Policy, b: Policy) -> (Side, Side) {
    let (mut a, mut b) = (Side::new("alice", 0x1001, a), Side::new("bob", 0x2002, b));
    a.feed(Input::Start).unwrap();
    settle(&mut a, &mut b);
    assert!(a.is_private() && b.is_private());
    (a, b)
}
