//! What nobody honest sends: numbers that force a secret, proofs that do not hold, pieces without
//! end. Each time the session, or the ability to have one, is there afterwards.

use super::{Side, private_pair, settle};
use crate::crypto::aes_ctr;
use crate::crypto::digest::sha256;
use crate::crypto::group::Exponent;
use crate::crypto::memo;
use crate::crypto::seeded::Seeded;
use crate::encoding::{self, Reader};
use crate::messages::{self, Header, Version};
use crate::smp::{Smp, Step};
use crate::{Input, Policy, fragment, limits};

const MANUAL: Policy = Policy::manual();

/// p of the group, big-endian, with `less` taken off its last byte.
fn p_minus(less: u8) -> Vec<u8> {
    const P: &str = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22\
                     514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6\
                     F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3D\
                     C2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB\
                     9ED529077096966D670C354E4ABC9804F1746C08CA237327FFFFFFFFFFFFFFFF";
    let pair = |at| u8::from_str_radix(&P[at..at + 2], 16).unwrap();
    let mut bytes: Vec<u8> = (0..P.len()).step_by(2).map(pair).collect();
    *bytes.last_mut().unwrap() -= less;
    bytes
}

/// 0, 1, p - 1, p and what is beyond.
fn bad_elements() -> Vec<Vec<u8>> {
    vec![vec![], vec![0], vec![1], p_minus(1), p_minus(0), vec![0xff; 192], vec![1; 193]]
}

fn header(sender: u32, receiver: u32) -> Header {
    Header { version: Version::V3, sender, receiver }
}

/// A number as it is sent, also one that no honest side would write.
fn mpi(number: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encoding::put_data(&mut out, number);
    out
}

/// Once the unfinished exchange is forgotten: until then its instance has given an answer.
fn can_still_start(a: &mut Side) {
    a.now = a.now + limits::AKE_WAIT;
    let mut b = Side::new("bob", 0x2002, MANUAL);
    a.sent.clear();
    a.feed(Input::Start).unwrap();
    settle(a, &mut b);
    assert!(a.is_private() && b.is_private());
}

#[test]
fn elements_that_force_the_secret_lead_to_no_session() {
    for bad in bad_elements() {
        // As an answer to our commit.
        let mut a = Side::new("alice", 0x1001, MANUAL);
        a.receive(b"?OTRv3?");
        a.sent.clear();
        let mut key = header(0x2002, 0x1001).start(messages::DH_KEY);
        key.extend(mpi(&bad));
        a.receive(&encoding::wrap(&key));
        assert!(a.sent.is_empty(), "{bad:?} is answered");
        can_still_start(&mut a);

        // Hidden in a commit, and opened.
        let mut a = Side::new("alice", 0x1001, MANUAL);
        let (r, mut hidden) = ([7; 16], mpi(&bad));
        let hash = sha256(&[&hidden]);
        aes_ctr(&r, [0; 8], &mut hidden);
        let mut commit = header(0x2002, 0).start(messages::DH_COMMIT);
        encoding::put_data(&mut commit, &hidden);
        encoding::put_data(&mut commit, &hash);
        a.receive(&encoding::wrap(&commit));
        a.sent.clear();
        let mut reveal = header(0x2002, 0x1001).start(messages::REVEAL_SIGNATURE);
        encoding::put_data(&mut reveal, &r);
        encoding::put_data(&mut reveal, &[9; 400]);
        reveal.extend([8; 20]);
        a.receive(&encoding::wrap(&reveal));
        assert!(a.sent.is_empty() && !a.is_private(), "{bad:?} is answered");
        can_still_start(&mut a);
    }
}

/// Exponents of 1, 2 and 3 make elements that are allowed; without a signature they are worth
/// nothing.
#[test]
fn short_exponents_prove_nothing() {
    for gx in [2, 4, 8] {
        let mut a = Side::new("alice", 0x1001, MANUAL);
        a.receive(b"?OTRv3?");
        a.sent.clear();
        let mut key = header(0x2002, 0x1001).start(messages::DH_KEY);
        key.extend(mpi(&[gx]));
        a.receive(&encoding::wrap(&key));
        let mut signature = header(0x2002, 0x1001).start(messages::SIGNATURE);
        encoding::put_data(&mut signature, &[9; 400]);
        signature.extend([8; 20]);
        a.receive(&encoding::wrap(&signature));
        assert!(!a.is_private());
        can_still_start(&mut a);
    }
}

/// The next key of a data message is the peer's to choose; it is looked at before all else.
#[test]
fn a_next_key_that_forces_the_secret_is_refused() {
    let (mut a, mut b) = private_pair(MANUAL, MANUAL);
    a.feed(Input::Send(b"one")).unwrap();
    let true_one = a.sent.remove(0);
    let raw = encoding::unwrap(&true_one, true).unwrap();
    // Version, type, two instances, flag, two key ids.
    let (front, rest) = raw.split_at(3 + 8 + 1 + 8);
    let mut reader = Reader::new(rest);
    reader.data(limits::GROUP_BYTES).unwrap();
    for bad in bad_elements() {
        let forged = [front, &mpi(&bad), reader.rest()].concat();
        assert!(messages::read(&forged).is_err(), "{bad:?}");
        b.receive(&encoding::wrap(&forged));
    }
    assert!(b.texts().is_empty());
    b.sent.clear();
    b.receive(&true_one);
    assert_eq!(b.texts(), ["one"]);
}

/// A verification, step by step: each number of each record is replaced in turn, and each time the
/// run is over; the true record goes on from where it was.
#[test]
fn no_number_of_a_verification_can_be_replaced() {
    memo::keep(true);
    let (mut ours, mut theirs) = (Seeded::new(1), Seeded::new(2));
    let (mut a, mut b) = (Smp::default(), Smp::default());
    let secret = |n| Exponent::from_hash(&[n; 32]);
    let mut record = a.start(secret(5), None, &mut ours).unwrap();
    let mut replaced = 0;
    for step in 0..4 {
        let (to, rng) = if step % 2 == 0 { (&mut b, &mut theirs) } else { (&mut a, &mut ours) };
        for forged in forgeries(&record.1) {
            let mut copy = to.clone();
            let done = copy.receive(record.0, &forged, &mut rng.clone());
            assert_eq!(done, Step::Fail, "record {step}");
            assert!(copy.is_idle());
            replaced += 1;
        }
        record = match to.receive(record.0, &record.1, rng) {
            Step::Ask { .. } => to.answer(&secret(5), rng).unwrap(),
            Step::Send(kind, value) => (kind, value),
            Step::SendAndEnd { kind, value, same, .. } => {
                assert!(same);
                (kind, value)
            }
            Step::End { same } => {
                assert!(same && step == 3);
                break;
            }
            other => panic!("{other:?}"),
        };
    }
    memo::keep(false);
    // 6, 11, 8 and 3 numbers, each in several ways.
    assert!(replaced > 28 * 5, "{replaced}");
}

/// The record with each number in turn replaced by one that is out of range, or by another one; with
/// one too many and one too few.
fn forgeries(value: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Reader::new(value);
    let count = reader.u32().unwrap();
    let numbers: Vec<&[u8]> = (0..count).map(|_| reader.data(400).unwrap()).collect();
    let write = |count: u32, numbers: &[&[u8]]| {
        let mut out = count.to_be_bytes().to_vec();
        numbers.iter().for_each(|n| encoding::put_data(&mut out, n));
        out
    };
    let mut all = vec![write(count - 1, &numbers), write(count + 1, &numbers)];
    all.push(write(count - 1, &numbers[1..]));
    for at in 0..numbers.len() {
        let mut other = numbers[at].to_vec();
        *other.last_mut().unwrap() ^= 1;
        let mut bad = bad_elements();
        bad.push(other);
        for bad in &bad {
            let mut forged = numbers.clone();
            forged[at] = bad;
            all.push(write(count, &forged));
        }
    }
    all
}

#[test]
fn pieces_without_end_cost_little_and_do_no_harm() {
    let (mut a, mut b) = private_pair(MANUAL, MANUAL);
    for total in [u16::MAX, limits::FRAGMENTS_MAX, 3] {
        for number in 1..=u16::MAX {
            if number > total {
                break;
            }
            let piece = format!("?OTR|00001001|00002002,{number:05},{total:05},?OTR:AAMD,");
            b.receive(piece.as_bytes());
            assert!(b.talk.waiting_bytes() <= limits::ASSEMBLED_BYTES_MAX * limits::INSTANCES_MAX);
        }
    }
    // Totals that change on the way, numbers that do not follow each other, twice the same.
    for (number, total) in [(1, 3), (2, 4), (3, 3), (1, 3), (3, 3), (2, 3), (1, 2), (1, 2), (9, 2)]
    {
        b.receive(format!("?OTR|00001001|00002002,{number},{total},?OTR:AAMD,").as_bytes());
    }
    b.sent.clear();
    b.texts();
    a.feed(Input::Send(b"still here")).unwrap();
    settle(&mut a, &mut b);
    assert_eq!(b.texts(), ["still here"]);
}

/// Two devices of one person cut their messages; the pieces come by turns.
#[test]
fn pieces_of_two_devices_by_turns_are_put_together() {
    let mut a = Side::new("alice", 0x1001, MANUAL);
    let mut devices = [Side::new("bob", 0x2002, MANUAL), Side::new("bob2", 0x3003, MANUAL)];
    for device in &mut devices {
        device.feed(Input::Start).unwrap();
        settle(device, &mut a);
        assert!(device.is_private());
        device.talk.set_fragment(Some(100));
    }
    let words = ["from the desk", "from the phone"];
    for (device, words) in devices.iter_mut().zip(words) {
        device.feed(Input::Send(words.as_bytes())).unwrap();
    }
    let [one, other] = devices.each_ref().map(|d| d.sent.clone());
    assert!(one.len() > 3 && one.len() == other.len());
    for (left, right) in one.iter().zip(&other) {
        a.receive(left);
        a.receive(right);
    }
    assert_eq!(a.texts(), words);
    assert!(fragment::Fragment::parse(&one[0]).is_some());
}
