//! What a conversation does of its own accord, rule by rule.

use std::time::Duration;

use super::{Side, private_pair, settle, setup};
use crate::limits::{
    AKE_STEPS_PER_WINDOW, ERRORS_PER_WINDOW, INSTANCES_MAX, SMP_RECORDS_PER_WINDOW, START_TRIES_MAX,
};
use crate::text::{self, Text, Versions};
use crate::{
    Conversation, Error, Event, Input, Policy, Secret, Trust, Unreadable, Verification, Version,
    encoding, messages,
};

const MANUAL: Policy = Policy::manual();

fn only(v2: bool, v3: bool) -> Policy {
    Policy { versions: Versions { v1: false, v2, v3 }, ..MANUAL }
}

fn later(side: &mut Side, seconds: u64) {
    side.now = side.now + Duration::from_secs(seconds);
}

#[test]
fn the_best_common_version_is_spoken() {
    for (a, b, expected) in [
        (MANUAL, MANUAL, Some(Version::V3)),
        (only(true, false), MANUAL, Some(Version::V2)),
        (MANUAL, only(true, false), Some(Version::V2)),
        (only(false, true), only(false, true), Some(Version::V3)),
        (only(false, true), only(true, false), None),
    ] {
        let (mut a, mut b) = (Side::new("alice", 0x1001, a), Side::new("bob", 0x2002, b));
        a.feed(Input::Start).unwrap();
        settle(&mut a, &mut b);
        assert_eq!(a.talk.session().map(|s| s.version), expected);
        assert_eq!(b.talk.session().map(|s| s.version), expected);
        if expected.is_some() {
            assert_eq!(a.talk.session().unwrap().fingerprint, super::key("bob").fingerprint());
            a.feed(Input::Send("Grüße".as_bytes())).unwrap();
            settle(&mut a, &mut b);
            let trust = Trust::Private(super::key("alice").fingerprint());
            assert_eq!(b.shown, [("Grüße".to_owned(), trust)]);
        }
    }
    let mut none = Side::new("alice", 0x1001, only(false, false));
    assert_eq!(none.feed(Input::Start), Err(Error::NoVersion));
    assert!(Conversation::new(setup("alice", 0xff, MANUAL)).is_none());
}

#[test]
fn opportunists_find_each_other_by_the_tag() {
    let mut a = Side::new("alice", 0x1001, Policy::opportunistic());
    let mut b = Side::new("bob", 0x2002, Policy::opportunistic());
    a.feed(Input::Send(b"hello")).unwrap();
    assert!(matches!(text::classify(&a.sent[0]), Text::Tagged { span, .. } if span.start == 5));
    settle(&mut a, &mut b);
    assert_eq!(b.shown, [("hello".to_owned(), Trust::Plain)]);
    assert!(a.is_private() && b.is_private());
    // An untagged answer stops the tags.
    let mut a = Side::new("alice", 0x1001, Policy::opportunistic());
    a.receive(b"who is this?");
    a.feed(Input::Send(b"hello")).unwrap();
    assert_eq!(a.sent, [b"hello"]);
}

#[test]
fn tags_and_manual_people_leave_each_other_alone() {
    let mut a = Side::new("alice", 0x1001, MANUAL);
    a.receive(b"hi \t  \t\t\t\t \t \t \t    \t\t  \t\tthere");
    assert_eq!(a.shown, [("hithere".to_owned(), Trust::Plain)]);
    assert!(a.sent.is_empty());
    a.receive(b" \t  \t\t\t\t \t \t \t  ");
    assert_eq!(a.shown.len(), 1);
}

#[test]
fn required_holds_until_private() {
    let mut a = Side::new("alice", 0x1001, Policy::required());
    let mut b = Side::new("bob", 0x2002, MANUAL);
    a.feed(Input::Send(b"one")).unwrap();
    a.feed(Input::Send(b"two")).unwrap();
    assert_eq!(a.sent, [b"?OTRv23?"]);
    assert!(a.has(&Event::Held));
    settle(&mut a, &mut b);
    assert_eq!(b.texts(), ["one", "two"]);
    a.receive(b"in the clear");
    assert_eq!(a.shown, [("in the clear".to_owned(), Trust::PlainUnexpected)]);
}

#[test]
fn a_start_without_answer_is_repeated_and_given_up() {
    let mut a = Side::new("alice", 0x1001, Policy::required());
    a.feed(Input::Send(b"secret")).unwrap();
    let mut queries = a.sent.len();
    for _ in 0..START_TRIES_MAX {
        a.now = a.wake.unwrap();
        a.sent.clear();
        a.feed(Input::Deadline).unwrap();
        queries += a.sent.len();
    }
    assert_eq!(queries, usize::from(START_TRIES_MAX));
    assert!(a.has(&Event::NoAnswer));
    assert!(a.has(&Event::NotSent(b"secret".to_vec())));
    a.events.clear();
    later(&mut a, 100);
    a.feed(Input::Deadline).unwrap();
    assert!(a.sent.is_empty() && a.events.is_empty());
}

#[test]
fn a_finished_session_sends_nothing() {
    let (mut a, mut b) = private_pair(MANUAL, MANUAL);
    b.feed(Input::End).unwrap();
    assert!(b.has(&Event::Ended));
    settle(&mut a, &mut b);
    assert!(a.has(&Event::PeerEnded) && a.talk.is_finished());
    assert_eq!(a.feed(Input::Send(b"careless")), Err(Error::PeerEnded));
    assert!(a.sent.is_empty());
    a.feed(Input::End).unwrap();
    a.feed(Input::Send(b"clear")).unwrap();
    assert_eq!(a.sent, [b"clear"]);
    assert_eq!(a.feed(Input::End), Err(Error::NotPrivate));
}

#[test]
fn a_renewed_session_has_new_keys() {
    let (mut a, mut b) = private_pair(MANUAL, MANUAL);
    let before = a.talk.session().unwrap().session_id;
    b.feed(Input::Start).unwrap();
    settle(&mut a, &mut b);
    let after = a.talk.session().unwrap();
    assert_ne!(before, after.session_id);
    assert!(a.has(&Event::Private { session: after, renewed: true }));
}

#[test]
fn a_listener_sends_heartbeats() {
    let (mut a, mut b) = private_pair(MANUAL, MANUAL);
    a.feed(Input::Send(b"one")).unwrap();
    settle(&mut a, &mut b);
    let mut counts = Vec::new();
    for _ in 0..3 {
        later(&mut b, 61);
        a.feed(Input::Send(b"more")).unwrap();
        b.receive(&a.sent.remove(0));
        counts.push(b.sent.len());
        let beat = encoding::unwrap(&b.sent[0], true).unwrap();
        assert_eq!(beat[11], messages::IGNORE_UNREADABLE);
        settle(&mut a, &mut b);
    }
    assert_eq!(counts, [1, 1, 1]);
    assert!(a.shown.is_empty(), "a heartbeat shows nothing");
}

#[test]
fn an_unreadable_text_is_sent_again() {
    let (mut a, mut b) = private_pair(MANUAL, Policy::opportunistic());
    // Bob's program starts anew and knows nothing.
    b = Side { rng: b.rng.clone(), ..Side::new("bob", 0x2002, Policy::opportunistic()) };
    a.feed(Input::Send(b"important")).unwrap();
    settle(&mut a, &mut b);
    assert!(b.has(&Event::Unreadable(Unreadable::NoSession)));
    b.feed(Input::Start).unwrap();
    settle(&mut a, &mut b);
    assert_eq!(b.texts(), ["[resent] important"]);
    assert!(a.has(&Event::Resent));
}

#[test]
fn a_text_is_not_sent_again_to_another_key() {
    let (mut a, _) = private_pair(MANUAL, MANUAL);
    a.feed(Input::Send(b"for bob alone")).unwrap();
    a.sent.clear();
    // Somebody in between reports an error and starts with a key of their own.
    let mut other = Side::new("bob2", 0x2002, MANUAL);
    a.receive(b"?OTR Error: cannot read");
    other.feed(Input::Start).unwrap();
    settle(&mut a, &mut other);
    assert!(a.is_private() && other.is_private());
    assert!(other.texts().is_empty());
    assert!(!a.has(&Event::Resent));
}

#[test]
fn endless_verifications_are_cut_short() {
    let (mut a, mut b) = private_pair(MANUAL, MANUAL);
    let secret = Secret::new(b"linden").unwrap();
    for _ in 0..30 {
        a.feed(Input::Verify { secret: &secret, question: None }).unwrap();
        settle(&mut a, &mut b);
    }
    let asked = Event::Verification(Verification::Asked { question: None });
    let asked = b.events.iter().filter(|e| **e == asked).count();
    assert!(asked <= usize::from(SMP_RECORDS_PER_WINDOW), "{asked}");
    later(&mut a, 61);
    later(&mut b, 61);
    b.events.clear();
    a.feed(Input::Verify { secret: &secret, question: None }).unwrap();
    settle(&mut a, &mut b);
    b.feed(Input::Answer(&secret)).unwrap();
    settle(&mut a, &mut b);
    assert!(b.has(&Event::Verification(Verification::Same { proves_peer: true })));
}

#[test]
fn error_loops_end() {
    let mut a = Side::new("alice", 0x1001, Policy::opportunistic());
    for _ in 0..100 {
        a.receive(b"?OTR Error: what?");
    }
    assert_eq!(a.sent.len(), usize::from(ERRORS_PER_WINDOW));
    assert!(a.sent.iter().all(|m| m == b"?OTRv23?"));
    let mut b = Side::new("bob", 0x2002, MANUAL);
    let (mut sender, _) = private_pair(MANUAL, MANUAL);
    for _ in 0..100 {
        sender.feed(Input::Send(b"x")).unwrap();
        b.receive(&sender.sent.remove(0));
    }
    assert_eq!(b.sent.len(), usize::from(ERRORS_PER_WINDOW));
}

#[test]
fn extra_keys_agree() {
    let (mut a, mut b) = private_pair(MANUAL, MANUAL);
    a.feed(Input::ExtraKey { usage: 1, data: b"file.zip" }).unwrap();
    settle(&mut a, &mut b);
    let key = |side: &Side, mine: bool| {
        side.events.iter().find_map(|e| match e {
            Event::ExtraKey { usage: 1, data, key, ours } if *ours == mine => {
                assert_eq!(data, b"file.zip");
                Some(*key.as_bytes())
            }
            _ => None,
        })
    };
    assert!(key(&a, true).is_some());
    assert_eq!(key(&a, true), key(&b, false));
    let long = vec![0; 2_000];
    assert_eq!(a.feed(Input::ExtraKey { usage: 1, data: &long }), Err(Error::TooLong));
}

fn verify(question: Option<&str>, left: &[u8], right: &[u8], policy: Policy) -> (Side, Side) {
    let (mut a, mut b) = private_pair(policy, MANUAL);
    a.feed(Input::Verify { secret: &Secret::new(left).unwrap(), question }).unwrap();
    settle(&mut a, &mut b);
    let question = question.map(|q| q.as_bytes().to_vec());
    assert!(b.has(&Event::Verification(Verification::Asked { question })));
    b.feed(Input::Answer(&Secret::new(right).unwrap())).unwrap();
    settle(&mut a, &mut b);
    (a, b)
}

#[test]
fn verification_tells_same_from_different() {
    for policy in [only(true, false), only(false, true)] {
        for question in [None, Some("Where did we first meet?")] {
            let same = |proves_peer| Event::Verification(Verification::Same { proves_peer });
            let (a, b) = verify(question, b"linden", b"linden", policy);
            assert!(a.has(&same(true)));
            assert!(b.has(&same(question.is_none())));
            let (a, b) = verify(question, b"linden", b"elm", policy);
            for side in [a, b] {
                assert!(side.has(&Event::Verification(Verification::Different)));
            }
        }
    }
}

#[test]
fn verification_out_of_turn_is_given_up() {
    let (mut a, mut b) = private_pair(MANUAL, MANUAL);
    let secret = Secret::new(b"linden").unwrap();
    assert_eq!(a.feed(Input::Answer(&secret)), Err(Error::NothingAsked));
    assert_eq!(a.feed(Input::CancelVerification), Err(Error::NothingAsked));
    // Both ask at once.
    a.feed(Input::Verify { secret: &secret, question: None }).unwrap();
    b.feed(Input::Verify { secret: &secret, question: None }).unwrap();
    settle(&mut a, &mut b);
    let aborted = Event::Verification(Verification::Aborted);
    assert!(a.has(&aborted) && b.has(&aborted));
    // Asking again gives the first run up; cancelling tells the other side.
    (a.events, b.events) = (Vec::new(), Vec::new());
    a.feed(Input::Verify { secret: &secret, question: None }).unwrap();
    a.feed(Input::Verify { secret: &secret, question: Some("Which tree?") }).unwrap();
    settle(&mut a, &mut b);
    assert!(b.has(&aborted));
    a.feed(Input::CancelVerification).unwrap();
    b.events.clear();
    settle(&mut a, &mut b);
    assert!(b.has(&aborted));
    assert_eq!(b.feed(Input::Answer(&secret)), Err(Error::NothingAsked));
    // And a later run is not harmed.
    a.feed(Input::Verify { secret: &secret, question: None }).unwrap();
    settle(&mut a, &mut b);
    b.feed(Input::Answer(&secret)).unwrap();
    settle(&mut a, &mut b);
    assert!(a.has(&Event::Verification(Verification::Same { proves_peer: true })));
}

#[test]
fn wishes_are_checked() {
    let mut a = Side::new("alice", 0x1001, MANUAL);
    let secret = Secret::new(b"x").unwrap();
    let ask = Input::Verify { secret: &secret, question: None };
    assert_eq!(a.feed(ask), Err(Error::NotPrivate));
    assert_eq!(a.feed(Input::Send(b"")), Err(Error::BadText));
    assert_eq!(a.feed(Input::Send(b"a\0b")), Err(Error::BadText));
    assert_eq!(a.feed(Input::Send(&vec![b'x'; 40_000])), Err(Error::TooLong));
    assert!(Secret::new(b"").is_none() && Secret::new(&[0; 2_000]).is_none());
    assert!(a.sent.is_empty() && a.events.is_empty());
}

#[test]
fn two_devices_of_a_peer_both_get_a_session() {
    let mut a = Side::new("alice", 0x1001, MANUAL);
    let mut one = Side::new("bob", 0x2002, MANUAL);
    let mut two = Side::new("bob2", 0x3003, MANUAL);
    // Alice answers a query with one commit for all devices.
    a.receive(b"?OTRv3?");
    for _ in 0..4 {
        for m in std::mem::take(&mut a.sent) {
            one.receive(&m);
            two.receive(&m);
        }
        for m in one.sent.drain(..).chain(two.sent.drain(..)).collect::<Vec<_>>() {
            a.receive(&m);
        }
    }
    assert!(one.is_private() && two.is_private());
    assert_eq!(a.talk.devices(), 2);
    one.feed(Input::Send(b"from one")).unwrap();
    a.receive(&one.sent.remove(0));
    assert_eq!(a.shown[0].1, Trust::Private(super::key("bob").fingerprint()));
    a.feed(Input::Send(b"to one")).unwrap();
    let answer = a.sent.remove(0);
    two.receive(&answer);
    one.receive(&answer);
    assert!(two.has(&Event::Unreadable(Unreadable::OtherInstance)));
    assert_eq!((one.texts(), two.texts()), (vec!["to one".to_owned()], vec![]));
}

#[test]
fn an_exchange_played_again_shows_nothing_twice() {
    let (mut a, mut b) = (Side::new("alice", 0x1001, MANUAL), Side::new("bob", 0x2002, MANUAL));
    a.receive(b"?OTRv3?");
    let mut from_b = Vec::new();
    for _ in 0..3 {
        std::mem::take(&mut a.sent).iter().for_each(|m| b.receive(m));
        for m in std::mem::take(&mut b.sent) {
            a.receive(&m);
            from_b.push(m);
        }
    }
    b.feed(Input::Send(b"once")).unwrap();
    from_b.append(&mut b.sent);
    a.receive(from_b.last().unwrap());
    assert_eq!(a.texts(), ["once"]);
    let session = a.talk.session().map(|s| s.session_id);
    // The D-H key, the signature, the text: while the commit lasts, and after an end.
    for _ in 0..2 {
        from_b.iter().for_each(|m| a.receive(m));
        assert!(a.sent.is_empty() && a.texts().is_empty());
        assert_eq!(a.talk.session().map(|s| s.session_id), session);
    }
    a.feed(Input::End).unwrap();
    a.sent.clear();
    from_b.iter().for_each(|m| a.receive(m));
    assert!(!a.is_private() && a.texts().is_empty());
    // Whoever asks again gets a commit of its own.
    b.feed(Input::Start).unwrap();
    settle(&mut a, &mut b);
    assert!(a.is_private() && a.talk.session().map(|s| s.session_id) != session);
}

#[test]
fn invented_devices_cost_little() {
    let (mut a, _) = private_pair(MANUAL, MANUAL);
    let fake = Side::new("bob2", 0x9009, MANUAL);
    for tag in 0x1_0000..0x1_07d0_u32 {
        let header = messages::Header { version: Version::V3, sender: tag, receiver: 0 };
        let mut commit = header.start(messages::DH_COMMIT);
        encoding::put_data(&mut commit, &[7; 196]);
        encoding::put_data(&mut commit, &[8; 32]);
        a.receive(&encoding::wrap(&commit));
    }
    assert_eq!(a.talk.devices(), INSTANCES_MAX);
    assert!(a.sent.len() <= usize::from(AKE_STEPS_PER_WINDOW));
    assert!(a.is_private(), "a session outlives them");
    assert!(fake.sent.is_empty());
}

#[test]
fn unfinished_exchanges_are_forgotten() {
    let mut a = Side::new("alice", 0x1001, MANUAL);
    let mut b = Side::new("bob", 0x2002, MANUAL);
    a.receive(b"?OTRv3?");
    let commit = a.sent.remove(0);
    b.receive(&commit);
    let key = b.sent.remove(0);
    let wake = a.wake.unwrap();
    a.now = wake;
    a.feed(Input::Deadline).unwrap();
    a.receive(&key);
    assert!(a.sent.is_empty(), "the commit is gone");
    assert_eq!(wake.since(crate::Time::from_millis(1_000_000)), crate::limits::AKE_WAIT);
}

#[test]
fn oversized_messages_are_named() {
    let mut a = Side::new("alice", 0x1001, MANUAL);
    let long = "x".repeat(100_000);
    a.receive(long.as_bytes());
    assert_eq!(a.texts(), std::slice::from_ref(&long));
    a.receive(format!("?OTR:AAMD{long}.").as_bytes());
    assert!(a.has(&Event::Unreadable(Unreadable::TooLong)));
    // libotr takes 3 MB of encrypted g^x.
    let header = messages::Header { version: Version::V3, sender: 0x5005, receiver: 0 };
    let mut commit = header.start(messages::DH_COMMIT);
    encoding::put_data(&mut commit, &[7; 197]);
    encoding::put_data(&mut commit, &[8; 32]);
    a.receive(&encoding::wrap(&commit));
    assert!(a.sent.is_empty());
}
