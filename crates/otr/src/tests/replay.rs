//! Every captured conversation replays: what our side must send is sent byte for byte, but for
//! the random part of signatures, and what the other side sent is read as the real engine read
//! it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::vectors::{self, Capture, hex};
use crate::ake::{Ake, AwaitingRevealSig, Established, SentCommit};
use crate::crypto::seeded::Seeded;
use crate::crypto::zkp::{LogProof, SameLogProof};
use crate::encoding;
use crate::fragment::{Assembler, Fragment};
use crate::messages::{self, Body, Header, Version};
use crate::ratchet::{Ratchet, Refused};
use crate::text::{self, MessageKind, Text, Versions};
use crate::{PrivateKey, Time, files, tlv};

/// One libotr side of a capture, rebuilt from its key and its secret exponents.
struct Rebuilt<'a> {
    capture: &'a Capture,
    key: std::sync::Arc<PrivateKey>,
    rng: Seeded,
    commit: Option<SentCommit>,
    ake: Ake,
    ratchet: Option<Ratchet>,
    ssid: [u8; 8],
    seen: Vec<String>,
    counts: BTreeMap<&'static str, usize>,
}

const NOW: Time = Time::from_millis(0);

fn version(decoded: &Value) -> Version {
    if decoded["version"] == 3 { Version::V3 } else { Version::V2 }
}

fn whole(text: &str) -> Vec<u8> {
    let at = text.find("?OTR:").unwrap();
    encoding::unwrap(&text.as_bytes()[at..], false).unwrap()
}

/// The bytes that were encrypted: text and records.
fn plain(decoded: &Value) -> Vec<u8> {
    let mut plain = decoded["plaintext"].as_str().unwrap().as_bytes().to_vec();
    let tlvs = decoded["tlvs"].as_array().unwrap();
    // libotr ends the text with a NUL even if no record follows.
    plain.push(0);
    for record in tlvs {
        let value = hex(&record["value"]);
        encoding::put_u16(&mut plain, record["type"].as_u64().unwrap() as u16);
        encoding::put_u16(&mut plain, value.len() as u16);
        plain.extend(value);
    }
    plain
}

impl<'a> Rebuilt<'a> {
    fn new(capture: &'a Capture, party: &str) -> Self {
        let exponents = capture.exponents(party);
        let openings = capture.wire().filter(|w| w["from"] == party);
        let openings = openings.filter(|w| w["decoded"]["kind"] == "reveal-sig");
        let r = openings.map(|w| hex(&w["decoded"]["r"]));
        Self {
            capture,
            key: super::key(party),
            rng: Seeded::scripted(r.chain(exponents).collect::<Vec<_>>()),
            commit: None,
            ake: Ake::None,
            ratchet: None,
            ssid: [0; 8],
            seen: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn establish(&mut self, new: &Established) {
        self.ratchet = Some(Ratchet::new(new, self.ratchet.as_ref(), &mut self.rng));
        self.ssid = new.ssid;
        self.ake = Ake::None;
        self.count("established");
    }

    /// Our side sent this: do the same and compare.
    fn sends(&mut self, decoded: &Value, bytes: &[u8]) {
        let (header, body) = messages::read(bytes).unwrap();
        let place = format!("{} {decoded}", self.capture.name);
        match body {
            Body::DhCommit { .. } => {
                let commit = SentCommit::new(version(decoded), NOW, &mut self.rng);
                let mut ours = header.start(messages::DH_COMMIT);
                ours.extend(commit.fields());
                assert_eq!(ours, bytes, "{place}");
                self.commit = Some(commit);
                self.count("commits");
            }
            Body::DhKey { .. } => {
                let Ake::AwaitingRevealSig(state) = &self.ake else { panic!("{place}") };
                let mut ours = header.start(messages::DH_KEY);
                ours.extend(state.fields());
                assert_eq!(ours, bytes, "{place}");
                self.count("keys");
            }
            Body::RevealSignature { r, .. } => {
                let Ake::AwaitingSig(state) = &self.ake else { panic!("{place}") };
                let mut ours = header.start(messages::REVEAL_SIGNATURE);
                ours.extend(state.fields());
                // Behind it stand the signature with its random nonce, and the MAC.
                same_but_for(&ours, bytes, 60);
                assert_eq!(r.to_vec(), hex(&decoded["r"]), "{place}");
                self.count("reveals");
            }
            Body::Signature(_) => {}
            Body::Data(data) => {
                let sealed = self.ratchet.as_mut().unwrap();
                let sealed = sealed.seal(header, data.flags, &plain(decoded)).unwrap();
                assert_eq!(hex(&decoded["extra_key"]), sealed.1.to_vec(), "{place}");
                assert!(sealed.0 == bytes, "{place}: {} for {}", sealed.0.len(), bytes.len());
                self.count("sent");
            }
        }
    }

    /// The other side sent this.
    fn receives(&mut self, wire: &Value, bytes: &[u8]) {
        let decoded = &wire["decoded"];
        let Ok((header, body)) = messages::read(bytes) else {
            panic!("{}: {decoded}", self.capture.name)
        };
        let place = format!("{} {}", self.capture.name, wire["n"]);
        match body {
            Body::DhCommit { encrypted_gx, hash } => {
                let state = AwaitingRevealSig::new(
                    header.version,
                    (encrypted_gx, &hash),
                    NOW,
                    &mut self.rng,
                );
                self.ake = Ake::AwaitingRevealSig(Box::new(state));
            }
            Body::DhKey { gy } => {
                let state = self.commit.take().unwrap().answered(&gy, &self.key, NOW).unwrap();
                self.ake = Ake::AwaitingSig(Box::new(state));
            }
            Body::RevealSignature { r, sealed } => {
                let Ake::AwaitingRevealSig(state) = &self.ake else { panic!("{place}") };
                let (new, fields) = state.revealed(&r, &sealed, &self.key).unwrap();
                assert_eq!(new.their_key.to_bytes(), hex(&decoded["pubkey"]), "{place}");
                assert_eq!(new.their_key.fingerprint().to_hex(), decoded["fingerprint"], "{place}");
                assert_eq!(new.ssid.to_vec(), hex(&decoded["ssid"]), "{place}");
                self.compare_signature(header, &fields);
                self.establish(&new);
            }
            Body::Signature(sealed) => {
                let Ake::AwaitingSig(state) = &self.ake else { panic!("{place}") };
                let new = state.signed(&sealed).unwrap();
                assert_eq!(new.their_key.fingerprint().to_hex(), decoded["fingerprint"], "{place}");
                self.establish(&new);
            }
            Body::Data(data) => {
                let opened = self.ratchet.as_mut().unwrap().open(&data, &mut self.rng);
                let msg = wire["msg"].as_str().unwrap().to_owned();
                if self.seen.contains(&msg) {
                    let refused = opened.err();
                    let stale = [Some(Refused::Replayed), Some(Refused::UnknownKeys)];
                    assert!(stale.contains(&refused), "{place}: {refused:?}");
                    self.count("stale");
                } else if wire["delivered"].is_string() {
                    assert_eq!(opened.err(), Some(Refused::BadMac), "{place}");
                    self.count("damaged");
                } else {
                    let (opened, extra) = opened.unwrap_or_else(|e| panic!("{place}: {e:?}"));
                    let (text, tlvs) = tlv::split(&opened);
                    assert_eq!(text, decoded["plaintext"].as_str().unwrap().as_bytes(), "{place}");
                    assert_eq!(tlvs.len(), decoded["tlvs"].as_array().unwrap().len(), "{place}");
                    assert_eq!(extra.to_vec(), hex(&decoded["extra_key"]), "{place}");
                    self.seen.push(msg);
                    self.count("read");
                }
            }
        }
    }

    /// The captured Signature message is the next one of our side.
    fn compare_signature(&self, header: Header, fields: &[u8]) {
        let party_sent = self.capture.wire().filter(|w| w["decoded"]["kind"] == "signature");
        let found = party_sent.filter(|w| {
            let bytes = whole(w["msg"].as_str().unwrap());
            let start = bytes.len() - fields.len().min(bytes.len());
            bytes.len() > fields.len()
                && bytes[start..bytes.len() - 60] == fields[..fields.len() - 60]
        });
        // All but signature and MAC agree with exactly one message.
        assert_eq!(found.count(), 1, "{} {header:?}", self.capture.name);
    }
}

fn same_but_for(ours: &[u8], theirs: &[u8], end: usize) {
    assert_eq!(ours.len(), theirs.len());
    let fixed = ours.len() - end;
    assert_eq!(ours[..fixed], theirs[..fixed]);
}

#[test]
fn libotr_sides_are_rebuilt_byte_for_byte() {
    let mut sides = 0;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for capture in vectors::all() {
        // Fragments and the race have tests of their own.
        if ["v3-libotr-libotr-fragmented", "v3-commit-race"].contains(&capture.name) {
            continue;
        }
        for (party, _) in capture.parties() {
            if capture.exponents(party).is_empty() {
                continue;
            }
            let mut side = Rebuilt::new(&capture, party);
            for wire in capture.wire() {
                let text = wire["delivered"].as_str().unwrap_or(wire["msg"].as_str().unwrap());
                if !matches!(text::classify(text.as_bytes()), Text::Encoded { .. }) {
                    continue;
                }
                if wire["from"] == party {
                    let sent = wire["msg"].as_str().unwrap();
                    // A message delivered twice was sent once.
                    if !side.seen.contains(&sent.to_owned()) {
                        side.seen.push(sent.to_owned());
                        side.sends(&wire["decoded"], &whole(sent));
                    }
                } else {
                    side.receives(wire, &whole(text));
                }
            }
            for (what, n) in side.counts {
                *counts.entry(what).or_default() += n;
            }
            sides += 1;
        }
    }
    assert!(sides >= 30, "{sides} {counts:?}");
    let at_least =
        [("established", 30), ("sent", 120), ("read", 160), ("damaged", 1), ("stale", 2)];
    for (what, n) in at_least {
        assert!(counts.get(what).is_some_and(|c| *c >= n), "{what}: {counts:?}");
    }
}

/// Two libotr that commit at once answer each other's commits and end without a session. In
/// the place of the side with the lower hash we send the same messages, up to the point where
/// libotr goes wrong; there we keep to the rule, and the other libotr gets what it waits for.
#[test]
fn where_two_libotr_are_stuck_we_get_through() {
    let capture = vectors::all().find(|c| c.name == "v3-commit-race").unwrap();
    let wire: Vec<&Value> = capture.wire().collect();
    let text = |n: u64| {
        let found = wire.iter().find(|w| w["n"] == n).unwrap();
        found["msg"].as_str().unwrap().as_bytes().to_vec()
    };
    let mut alice = super::Side::new("alice", 0x657f_d674, crate::Policy::manual());
    let opening = wire.iter().find(|w| w["n"] == 7).unwrap();
    let script = std::iter::once(hex(&opening["decoded"]["r"]));
    alice.rng = Seeded::scripted(script.chain(capture.exponents("alice")));
    alice.receive(&text(1));
    assert_eq!(alice.sent.remove(0), text(3), "our commit");
    alice.receive(&text(4));
    assert_eq!(alice.sent.remove(0), text(6), "our D-H key");
    alice.receive(&text(5));
    assert!(alice.sent.is_empty(), "we have given way");
    alice.receive(&text(8));
    assert_eq!(alice.sent.len(), 1, "our signature");
    let session = alice.talk.session().unwrap();
    assert_eq!(session.fingerprint, super::key("bob").fingerprint());
}

#[test]
fn fragments_are_cut_and_joined_as_libotr_does() {
    let capture = vectors::all().find(|c| c.name == "v3-libotr-libotr-fragmented").unwrap();
    let mut assemblers = BTreeMap::new();
    let (mut wholes, mut pieces) = (0, BTreeMap::<String, Vec<Vec<u8>>>::new());
    for wire in capture.wire().filter(|w| w["decoded"]["kind"] == "fragment") {
        let (from, msg) = (wire["from"].as_str().unwrap(), wire["msg"].as_str().unwrap());
        let fragment = Fragment::parse(msg.as_bytes()).unwrap();
        assert_eq!(fragment.number, wire["decoded"]["k"].as_u64().unwrap() as u16);
        assert_eq!(fragment.total, wire["decoded"]["n"].as_u64().unwrap() as u16);
        let group = pieces.entry(from.to_owned()).or_default();
        group.push(msg.as_bytes().to_vec());
        let assembler: &mut Assembler = assemblers.entry(from.to_owned()).or_default();
        if let Some(whole) = assembler.push(&fragment) {
            // libotr counts a character or two more for the header than there are.
            let max = group.iter().map(Vec::len).max().unwrap();
            let asked = if from == "alice" { 250 } else { 140 };
            assert!((asked - 2..=asked).contains(&max), "{max}");
            let cut = crate::cut(whole.clone(), fragment.instances, max);
            assert_eq!(cut, std::mem::take(group), "{from}");
            let kind = text::classify(&whole);
            assert!(matches!(kind, Text::Encoded { version: 3, .. }), "{kind:?}");
            wholes += 1;
        }
    }
    assert!(wholes >= 10, "{wholes}");
}

#[test]
fn every_captured_message_is_classified_and_read() {
    let mut read = 0;
    for capture in vectors::all() {
        let tags: Vec<u32> = capture.parties().iter().filter_map(|(_, tag)| *tag).collect();
        for wire in capture.wire() {
            let msg = wire["msg"].as_str().unwrap().as_bytes();
            let kind = wire["decoded"]["kind"].as_str().unwrap_or("");
            let text = text::classify(msg);
            let expected = match &text {
                Text::Plain => "plaintext",
                Text::Tagged { .. } => "tagged-plaintext",
                Text::Query { .. } => "query",
                Text::Error { .. } => "error",
                Text::Fragment { .. } => "fragment",
                Text::Encoded { kind, .. } => match kind {
                    MessageKind::DhCommit => "dh-commit",
                    MessageKind::DhKey => "dh-key",
                    MessageKind::RevealSignature => "reveal-sig",
                    MessageKind::Signature => "signature",
                    MessageKind::Data => "data",
                    other => panic!("{other:?}"),
                },
                Text::Unknown => panic!("{}", wire["msg"]),
            };
            assert!(kind == expected || capture.name == "v3-two-instances", "{kind} {expected}");
            if let Text::Encoded { version, .. } = text {
                let bytes = whole(wire["msg"].as_str().unwrap());
                assert!(messages::read(&bytes).is_ok(), "{} {}", capture.name, wire["n"]);
                let instances = text::instances(msg);
                assert_eq!(instances.is_some(), version == 3);
                if let Some((sender, _)) = instances.filter(|_| !capture.name.contains("pidgin")) {
                    assert!(tags.contains(&sender), "{} {sender:x}", capture.name);
                }
                read += 1;
            }
        }
    }
    assert!(read > 300, "{read}");
}

#[test]
fn texts_are_what_libotr_says() {
    let json: Value =
        serde_json::from_str(include_str!("../../tests/vectors/libotr-text-classification.json"))
            .unwrap();
    let cases = json["cases"].as_array().unwrap();
    assert!(cases.len() >= 50);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let (kind, version) = match text::classify(text.as_bytes()) {
            Text::Plain => ("NOTOTR", 0),
            Text::Tagged { offered, span } => {
                let ours = [("v2", false, true), ("v3", true, false), ("v23", true, true)];
                for (name, v3, v2) in ours {
                    let best = offered.and(Versions { v1: false, v2, v3 }).best();
                    assert_eq!(case["tag_best"][name], best, "{text:?}");
                }
                assert_eq!(case["tag_span"][0], span.start, "{text:?}");
                assert_eq!(case["tag_span"][1], span.end, "{text:?}");
                ("TAGGEDPLAINTEXT", 0)
            }
            Text::Query { offered } => {
                for (name, v1, v2, v3) in [
                    ("v2", false, true, false),
                    ("v3", false, false, true),
                    ("v23", false, true, true),
                    ("v123", true, true, true),
                ] {
                    let best = offered.and(Versions { v1, v2, v3 }).best();
                    assert_eq!(case["query_best"][name], best, "{text:?} {name}");
                }
                ("QUERY", 0)
            }
            Text::Error { .. } => ("ERROR", 0),
            Text::Encoded { version, kind, .. } => {
                let kind = match kind {
                    MessageKind::DhCommit => "DH_COMMIT",
                    MessageKind::DhKey => "DH_KEY",
                    MessageKind::RevealSignature => "REVEALSIG",
                    MessageKind::Signature => "SIGNATURE",
                    MessageKind::Data => "DATA",
                    MessageKind::OldKeyExchange => "V1_KEYEXCH",
                    MessageKind::Unknown => "UNKNOWN",
                };
                (kind, version)
            }
            // libotr sorts pieces out before it asks for the type.
            Text::Fragment { .. } | Text::Unknown => ("UNKNOWN", 0),
        };
        assert_eq!(case["type"], kind, "{text:?}");
        assert_eq!(case["message_version"], version, "{text:?}");
    }
}

#[test]
fn proofs_of_verifications_hold_as_far_as_an_onlooker_can_tell() {
    let mut proofs = 0;
    for capture in vectors::all() {
        let mut run: Vec<Vec<crate::crypto::group::Element>> = Vec::new();
        for wire in capture.wire() {
            for record in wire["decoded"]["tlvs"].as_array().unwrap_or(&vec![]) {
                let value = hex(&record["value"]);
                proofs += check_record(&mut run, record["type"].as_u64().unwrap() as u16, &value);
            }
        }
    }
    assert!(proofs >= 100, "{proofs}");
}

/// Checks one record against the run so far; counts the proofs that were checked.
fn check_record(
    run: &mut Vec<Vec<crate::crypto::group::Element>>,
    kind: u16,
    value: &[u8],
) -> usize {
    use crate::crypto::group::{Element, Exponent};
    let start = if kind == tlv::SMP_1_QUESTION {
        value.iter().position(|b| *b == 0).unwrap() + 1
    } else {
        0
    };
    if !(tlv::SMP_1..=tlv::SMP_1_QUESTION).contains(&kind) || kind == tlv::SMP_ABORT {
        return 0;
    }
    let mut reader = encoding::Reader::new(&value[start..]);
    let count = reader.u32().unwrap();
    let numbers: Vec<&[u8]> = (0..count).map(|_| reader.data(192).unwrap()).collect();
    assert!(reader.is_empty());
    let element = |i: usize| Element::from_bytes(numbers[i]).unwrap();
    let exponent = |i: usize| Exponent::from_bytes(numbers[i]).unwrap();
    let hash = |i: usize| {
        let mut hash = [0; 32];
        hash[32 - numbers[i].len()..].copy_from_slice(numbers[i]);
        hash
    };
    let log = |i: usize, version| {
        let proof = LogProof { c: hash(i + 1), d: exponent(i + 2) };
        assert!(proof.holds(version, &element(i)));
        1
    };
    match kind {
        tlv::SMP_1 | tlv::SMP_1_QUESTION => {
            *run = vec![vec![element(0), element(3)]];
            log(0, 1) + log(3, 2)
        }
        tlv::SMP_2 => {
            run.push(vec![element(0), element(3), element(6), element(7)]);
            log(0, 3) + log(3, 4)
        }
        tlv::SMP_3 => {
            let ratio = element(1).over(&run[1][3]).unwrap();
            let proof = SameLogProof { c: hash(6), d: exponent(7) };
            assert!(proof.holds(7, &ratio, (&run[0][1], &element(5))));
            run.push(vec![ratio]);
            1
        }
        _ => {
            let proof = SameLogProof { c: hash(1), d: exponent(2) };
            assert!(proof.holds(8, &run[2][0], (&run[1][1], &element(0))));
            1
        }
    }
}

#[test]
fn key_files_of_real_clients_are_read_and_written_back() {
    let vectors = [
        (include_str!("../../tests/vectors/keys/alice/otr.private_key"), true),
        (include_str!("../../tests/vectors/keys/bob/otr.private_key"), true),
        (include_str!("../../tests/vectors/keys/frank-pidgin/otr.private_key"), true),
        (include_str!("../../tests/vectors/keys/bob-profanity/keys.txt"), true),
        (include_str!("../../tests/vectors/keys/gina-mcabber/gina@home.test.key"), true),
        (include_str!("../../tests/vectors/keys/dave/otr.private_key"), false),
    ];
    for (text, libotr) in vectors {
        let keys = files::keys::read(text).unwrap();
        let written = files::keys::write(&keys);
        if libotr {
            assert_eq!(written.as_str(), text);
        }
        let again = files::keys::read(&written).unwrap();
        assert_eq!(keys.len(), again.len());
        for (a, b) in keys.iter().zip(&again) {
            assert_eq!(a.key.fingerprint(), b.key.fingerprint());
            assert_eq!((&a.account, &a.protocol), (&b.account, &b.protocol));
        }
    }
    for text in [
        include_str!("../../tests/vectors/keys/alice/otr.fingerprints"),
        include_str!("../../tests/vectors/keys/bob-profanity/fingerprints.txt"),
        include_str!("../../tests/vectors/keys/gina-mcabber/gina@home.test.fpr"),
    ] {
        let known = files::fingerprints::read(text).unwrap();
        assert!(!known.is_empty());
        assert_eq!(files::fingerprints::write(&known), text);
    }
    for text in [
        include_str!("../../tests/vectors/keys/frank-pidgin/otr.instance_tags"),
        include_str!("../../tests/vectors/keys/gina-mcabber/gina@home.test.tag"),
    ] {
        let tags = files::instance_tags::read(text).unwrap();
        assert!(!tags.is_empty());
        assert_eq!(files::instance_tags::write(&tags), text);
    }
}

#[test]
fn parties_have_the_fingerprints_of_their_keys() {
    let json: Value =
        serde_json::from_str(include_str!("../../tests/vectors/v3-libotr-libotr-full.json"))
            .unwrap();
    for party in json["parties"].as_array().unwrap() {
        let key = super::key(party["name"].as_str().unwrap());
        assert_eq!(key.fingerprint().to_hex(), party["fp"]);
        assert_eq!(key.fingerprint().to_string(), party["human_fp"]);
    }
}
