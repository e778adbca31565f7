//! Torn and altered messages: no panic, no harm to the session.

use super::vectors;
use super::{Side, settle};
use crate::encoding;
use crate::messages;
use crate::{Input, Policy, Secret};

/// Every truncation and every change of one byte.
fn alterations(message: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let cut = (0..message.len()).map(|n| message[..n].to_vec());
    let changed = (0..message.len()).map(|at| {
        let mut copy = message.to_vec();
        copy[at] ^= 1 << (at % 8);
        copy
    });
    cut.chain(changed)
}

#[test]
fn every_alteration_of_every_capture_is_survived() {
    let (mut fed, mut side) = (0, Side::new("alice", 0x657f_d674, Policy::opportunistic()));
    for capture in vectors::all() {
        for wire in capture.wire() {
            let message = wire["msg"].as_str().unwrap().as_bytes();
            // Below the base64, where most fields are.
            let bytes = encoding::unwrap(message, false).unwrap_or_default();
            for altered in alterations(&bytes) {
                let _ = messages::read(&altered);
            }
            // A minute later, so that no rate keeps the altered ones from being looked at.
            side.now = side.now + crate::limits::RATE_WINDOW;
            for altered in alterations(message) {
                side.receive(&altered);
                fed += 1;
            }
            assert!(side.talk.devices() <= crate::limits::INSTANCES_MAX);
            side.sent.clear();
            side.events.clear();
            side.shown.clear();
        }
    }
    assert!(fed > 300_000, "{fed}");
}

/// Alters each message of a running conversation, on copies of the receiving side, and checks
/// that the true message still does its work afterwards.
#[test]
fn altered_messages_leave_the_session_usable() {
    let mut a = Side::new("alice", 0x1001, Policy::manual());
    let mut b = Side::new("bob", 0x2002, Policy::manual());
    let secret = Secret::new(b"linden").unwrap();
    a.feed(Input::Start).unwrap();
    settle(&mut a, &mut b);
    a.feed(Input::Send(b"one")).unwrap();
    let data = a.sent.remove(0);
    let raw = encoding::unwrap(&data, true).unwrap();
    for altered in alterations(&raw) {
        b.receive(&encoding::wrap(&altered));
    }
    assert!(b.texts().is_empty());
    b.sent.clear();
    b.receive(&data);
    assert_eq!(b.texts(), ["one"]);
    // The same for a verification: the record is inside, so the MAC guards it whole.
    a.feed(Input::Verify { secret: &secret, question: None }).unwrap();
    let ask = a.sent.remove(0);
    let raw = encoding::unwrap(&ask, true).unwrap();
    for altered in alterations(&raw) {
        b.receive(&encoding::wrap(&altered));
    }
    b.sent.clear();
    b.receive(&ask);
    b.feed(Input::Answer(&secret)).unwrap();
    settle(&mut a, &mut b);
    let same = |proves_peer| crate::Event::Verification(crate::Verification::Same { proves_peer });
    assert!(a.has(&same(true)) && b.has(&same(true)));
}

/// In the key exchange an altered message may well be another valid one (nothing is signed
/// yet), so each goes to a copy; the copy must neither be private nor lose the ability to be.
#[test]
fn altered_key_exchanges_never_succeed() {
    let mut a = Side::new("alice", 0x1001, Policy::manual());
    let mut b = Side::new("bob", 0x2002, Policy::manual());
    a.feed(Input::Start).unwrap();
    for round in 0..5 {
        let (from, to) = if round % 2 == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
        let message = from.sent.remove(0);
        let altered: Vec<Vec<u8>> = match encoding::unwrap(&message, true) {
            Some(raw) => alterations(&raw).map(|m| encoding::wrap(&m)).collect(),
            None => alterations(&message).collect(),
        };
        for altered in altered {
            let mut copy = to.clone();
            copy.receive(&altered);
            assert!(!copy.is_private(), "round {round}");
        }
        to.receive(&message);
    }
    assert!(a.is_private() && b.is_private());
}

#[test]
fn reflected_and_repeated_messages_do_nothing() {
    let mut a = Side::new("alice", 0x1001, Policy::manual());
    let mut b = Side::new("bob", 0x2002, Policy::manual());
    a.feed(Input::Start).unwrap();
    let mut all = Vec::new();
    for turn in 0..16 {
        let (from, to) = if turn % 2 == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
        {
            for message in std::mem::take(&mut from.sent) {
                to.receive(&message);
                from.receive(&message);
                // A query is an invitation whoever sends it.
                if message.starts_with(b"?OTR:") {
                    to.receive(&message);
                    all.push(message);
                }
            }
        }
    }
    settle(&mut a, &mut b);
    assert!(a.is_private() && b.is_private());
    assert_eq!(a.talk.session().unwrap().session_id, b.talk.session().unwrap().session_id);
    a.feed(Input::Send(b"still here")).unwrap();
    settle(&mut a, &mut b);
    assert_eq!(b.texts(), ["still here"]);
    assert!(all.len() >= 4);
}
