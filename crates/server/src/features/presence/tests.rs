//! Presence as people see it: who hears what of whom.

use super::home::{Home, stanza};
use super::*;
use crate::registry;

const ANN: &str = "ann@home.example";
const BOB: &str = "bob@home.example";

fn priority(xml: &str) -> Option<i8> {
    priority_of(stanza(xml).element()).ok()
}

#[test]
fn priorities() {
    let of = |text: &str| priority(&format!("<presence><priority>{text}</priority></presence>"));
    assert_eq!(priority("<presence/>"), Some(0));
    assert_eq!([of("5"), of(" -1 "), of("+3")], [Some(5), Some(-1), Some(3)]);
    assert_eq!([of("-128"), of("127")], [Some(-128), Some(127)]);
    for bad in ["128", "-129", "", "1.5", "high", "<x/>1"] {
        assert_eq!(of(bad), None, "{bad}");
    }
    let twice = "<presence><priority>1</priority><priority>1</priority></presence>";
    assert_eq!(priority(twice), None);
    // An element of the same name that is not the RFC's.
    assert_eq!(priority("<presence><priority xmlns='x'>no</priority></presence>"), Some(0));
}

#[test]
fn a_bad_priority_changes_nothing() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (ann, bob) = (home.bind("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.says(ann, "<presence id='p'><priority>200</priority></presence>");
    let heard = home.hears(ann);
    assert_eq!(heard.len(), 1);
    let answer = stanza(&heard[0]);
    assert_eq!(answer.presence_type(), Some(PresenceType::Error));
    assert_eq!(answer.id(), Some("p"));
    assert_eq!(answer.stanza_error().unwrap().condition, StanzaCondition::BadRequest);
    assert!(home.hears(bob).is_empty());
    let entry = home.daemon.registry.find(&BareJid::parse(ANN).unwrap()).unwrap();
    assert_eq!(registry::lock(&entry).session(ann).unwrap().priority, None);
}

/// §4.2.2: subscribers, the own sessions and the sender itself hear of it.
#[test]
fn initial_presence() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let phone = home.online("ann@home.example/phone");
    let (bob, cid) = (home.online("bob@home.example/tv"), home.online("cid@home.example/pc"));
    home.quiet();
    let pc = home.bind("ann@home.example/pc");
    home.says(pc, "<presence id='1'><show>away</show></presence>");
    let own = "available ann@home.example/pc away";
    assert_eq!(
        home.hears_briefly(pc),
        [own, "available ann@home.example/phone", "available bob@home.example/tv"]
    );
    assert_eq!(home.hears_briefly(phone), [own]);
    assert_eq!(
        home.hears(bob),
        ["<presence id='1' from='ann@home.example/pc' to='bob@home.example'>\
          <show>away</show></presence>"]
    );
    assert!(home.hears(cid).is_empty());
}

/// §4.3: the new device learns of a contact who is away; its other devices are not bothered.
#[test]
fn contacts_are_asked_for_the_new_device_only() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let phone = home.online("ann@home.example/phone");
    let pc = home.bind("ann@home.example/pc");
    home.says(pc, "<presence/>");
    assert_eq!(home.hears_briefly(pc)[2..], ["unavailable bob@home.example"]);
    assert_eq!(home.hears_briefly(phone), ["available ann@home.example/pc"]);
}

/// §4.4.2: an update asks nobody anything.
#[test]
fn updates() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.quiet();
    home.says(ann, "<presence><show>dnd</show></presence>");
    let away = "available ann@home.example/pc dnd";
    assert_eq!(home.hears_briefly(ann), [away]);
    assert_eq!(home.hears_briefly(bob), [away]);
}

/// §4.5.2: the client's own words, to everybody, once.
#[test]
fn goodbye_is_said_once() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    let phone = home.online("ann@home.example/phone");
    home.quiet();
    home.says(ann, "<presence type='unavailable'><status>tea</status></presence>");
    let gone = "unavailable ann@home.example/pc tea";
    for id in [ann, bob, phone] {
        assert_eq!(home.hears_briefly(id), [gone]);
    }
    home.says(ann, "<presence type='unavailable'/>");
    home.ends(ann);
    for id in [ann, bob, phone] {
        assert!(home.hears(id).is_empty());
    }
}

#[test]
fn a_lost_connection_is_a_goodbye() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    let phone = home.online("ann@home.example/phone");
    home.quiet();
    home.ends(ann);
    assert!(home.hears(ann).is_empty());
    assert_eq!(home.hears_briefly(bob), ["unavailable ann@home.example/pc"]);
    assert_eq!(home.hears_briefly(phone), ["unavailable ann@home.example/pc"]);
}

/// §4.5.2, implementation note: what comes after a goodbye is a new beginning.
#[test]
fn after_a_goodbye_comes_a_beginning() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.says(ann, "<presence type='unavailable'/>");
    home.quiet();
    home.says(ann, "<presence/>");
    assert_eq!(home.hears_briefly(bob), ["available ann@home.example/pc"]);
    assert_eq!(
        home.hears_briefly(ann),
        ["available ann@home.example/pc", "available bob@home.example/tv"]
    );
}

/// §4.3.2: rule 4, the whole presence of each resource.
#[test]
fn a_probe_by_a_subscriber() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (pc, tv) = (home.online("ann@home.example/pc"), home.online("ann@home.example/tv"));
    home.says(tv, "<presence id='x'><status>films</status></presence>");
    let bob = home.online("bob@home.example/pc");
    home.comes("<presence type='probe' from='bob@home.example' to='ann@home.example' id='p'/>");
    assert_eq!(
        home.hears(bob),
        [
            "<presence from='ann@home.example/pc' to='bob@home.example'/>",
            "<presence id='x' from='ann@home.example/tv' to='bob@home.example'>\
             <status>films</status></presence>"
        ]
    );
    // Of one resource only that it is there, and of another one only that it is not.
    home.comes("<presence type='probe' from='bob@home.example' to='ann@home.example/tv'/>");
    home.comes("<presence type='probe' from='bob@home.example' to='ann@home.example/x' id='q'/>");
    assert_eq!(
        home.hears(bob),
        [
            "<presence to='bob@home.example' from='ann@home.example/tv'/>",
            "<presence type='unavailable' to='bob@home.example' from='ann@home.example/x' id='q'/>"
        ]
    );
    home.ends(pc);
    home.ends(tv);
    home.quiet();
    home.comes("<presence type='probe' from='bob@home.example' to='ann@home.example' id='p'/>");
    assert_eq!(
        home.hears(bob),
        ["<presence type='unavailable' to='bob@home.example' from='ann@home.example' id='p'/>"]
    );
}

/// §4.3.2 rule 1: a stranger learns nothing of resources.
#[test]
fn a_probe_by_a_stranger() {
    let home = Home::new();
    home.online("ann@home.example/pc");
    for to in ["ann@home.example", "ann@home.example/pc", "ann@home.example/none"] {
        home.comes(&format!("<presence type='probe' from='eve@away.example/x' to='{to}' id='7'/>"));
        assert_eq!(
            home.hears(0),
            [
                "<presence type='unsubscribed' to='eve@away.example' from='ann@home.example' id='7'/>"
            ]
        );
    }
}

/// §4.3.2: the refusal of a probe takes no approval back.
#[test]
fn a_refused_probe_leaves_an_approval() {
    let home = Home::new();
    let ann = home.online("ann@home.example/pc");
    home.says(ann, "<presence type='subscribed' to='eve@away.example'/>");
    home.comes("<presence type='probe' from='eve@away.example' to='ann@home.example'/>");
    home.quiet();
    home.comes("<presence type='subscribe' from='eve@away.example' to='ann@home.example'/>");
    assert_eq!(home.hears_briefly(0)[0], "subscribed ann@home.example");
}

/// §4.6.3 rule 2, and that a stranger who was told may ask (§4.6.6).
#[test]
fn directed_presence() {
    let home = Home::new();
    let ann = home.online("ann@home.example/pc");
    let tv = home.online("ann@home.example/tv");
    home.says(ann, "<presence to='room@away.example/ann'><show>chat</show></presence>");
    assert_eq!(
        home.hears(0),
        ["<presence to='room@away.example/ann' from='ann@home.example/pc'>\
          <show>chat</show></presence>"]
    );
    // Not of updates, but when asked, and nothing but that the resource is there.
    home.says(ann, "<presence><show>away</show></presence>");
    assert!(home.hears(0).is_empty());
    home.comes("<presence type='probe' from='room@away.example/ann' to='ann@home.example/pc'/>");
    assert_eq!(
        home.hears(0),
        ["<presence to='room@away.example/ann' from='ann@home.example/pc'/>"]
    );
    home.comes("<presence type='probe' from='room@away.example/ann' to='ann@home.example/tv'/>");
    assert_eq!(home.hears_briefly(0), ["unsubscribed ann@home.example"]);
    home.ends(tv);
    assert!(home.hears(0).is_empty());
    home.says(ann, "<presence type='unavailable'><status>bye</status></presence>");
    assert_eq!(home.hears_briefly(0), ["unavailable ann@home.example/pc bye"]);
    home.ends(ann);
    assert!(home.hears(0).is_empty());
}

/// §4.6.1: who was told of the end, or told of its own, is not told again.
#[test]
fn directed_presence_ends_early() {
    let home = Home::new();
    let ann = home.online("ann@home.example/pc");
    home.says(ann, "<presence to='a@away.example/x'/>");
    home.says(ann, "<presence to='b@away.example/x'/>");
    home.says(ann, "<presence to='c@away.example/x'/>");
    home.says(ann, "<presence type='unavailable' to='a@away.example/x'/>");
    home.comes("<presence type='unavailable' from='b@away.example/x' to='ann@home.example'/>");
    home.comes("<presence type='unavailable' from='c@away.example/x' to='ann@home.example/tv'/>");
    home.quiet();
    home.ends(ann);
    assert_eq!(
        home.hears(0),
        ["<presence type='unavailable' from='ann@home.example/pc' to='c@away.example/x'/>"]
    );
}

/// §4.6.3 rule 3: a session may tell somebody of itself without being available to all.
#[test]
fn directed_presence_of_a_hidden_session() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (ann, bob) = (home.bind("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.says(ann, "<presence to='bob@home.example'/>");
    assert_eq!(home.hears_briefly(bob), ["available ann@home.example/pc"]);
    home.ends(ann);
    assert_eq!(home.hears_briefly(bob), ["unavailable ann@home.example/pc"]);
}

/// §4.6.3 rule 1: a subscriber hears of the end once.
#[test]
fn directed_presence_to_a_subscriber() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.quiet();
    home.says(ann, "<presence to='bob@home.example/tv'/>");
    home.quiet();
    home.ends(ann);
    assert_eq!(home.hears_briefly(bob), ["unavailable ann@home.example/pc"]);
}

#[test]
fn too_much_directed_presence_is_refused() {
    let home = Home::new();
    let ann = home.online("ann@home.example/pc");
    for n in 0..crate::limits::DIRECTED_PRESENCE_MAX {
        home.says(ann, &format!("<presence to='c{n}@away.example'/>"));
    }
    home.quiet();
    home.says(ann, "<presence to='one@too-many.example'/>");
    assert!(home.hears(0).is_empty());
    let error = stanza(&home.hears(ann)[0]).stanza_error().unwrap();
    assert_eq!(error.condition, StanzaCondition::ResourceConstraint);
}

/// RFC 6121 §8.5.2.1.2 and §8.5.3: who gets presence that comes.
#[test]
fn presence_that_comes() {
    let home = Home::new();
    let (pc, tv) = (home.online("ann@home.example/pc"), home.online("ann@home.example/tv"));
    let hidden = home.bind("ann@home.example/hidden");
    home.quiet();
    home.comes("<presence from='bob@away.example/x' to='ann@home.example'/>");
    assert_eq!(home.hears(pc), ["<presence from='bob@away.example/x' to='ann@home.example'/>"]);
    assert_eq!(home.hears(tv).len(), 1);
    assert!(home.hears(hidden).is_empty());
    home.comes("<presence from='bob@away.example/x' to='ann@home.example/hidden'/>");
    assert_eq!(home.hears(hidden).len(), 1);
    home.comes("<presence from='bob@away.example/x' to='ann@home.example/none'/>");
    let error = "<presence type='error' from='bob@away.example' to='ann@home.example/pc'>\
                 <error type='cancel'/></presence>";
    home.comes(error);
    assert_eq!(home.hears(pc).len(), 1);
    assert!(home.hears(tv).is_empty() && home.hears(hidden).is_empty());
}

#[test]
fn presence_without_a_meaning() {
    let home = Home::new();
    let ann = home.online("ann@home.example/pc");
    home.says(ann, "<presence type='subscribe'/>");
    let error = stanza(&home.hears(ann)[0]).stanza_error().unwrap();
    assert_eq!(error.condition, StanzaCondition::BadRequest);
}

/// While the roster cannot be read nothing is said that could be wrong.
#[test]
fn an_unreadable_roster() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (pc, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    let damaged: store::Table<(String, String), store::Raw> = store::Table::new("roster");
    let mut batch = store::Batch::new();
    batch.put(&damaged, &(ANN, BOB), &store::Raw(b"?".to_vec()));
    home.daemon.store.commit_blocking(batch).unwrap();
    let ann = BareJid::parse(ANN).unwrap();
    home.with(&ann, None, |cx| cx.account.slots = registry::Slots::default());
    home.quiet();
    home.says(pc, "<presence><show>away</show></presence>");
    home.says(pc, "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>");
    home.says(pc, "<presence type='subscribe' to='cid@home.example'/>");
    home.says(pc, "<presence to='room@away.example/ann'/>");
    home.says(pc, "<presence type='unavailable'/>");
    let errors: Vec<_> =
        home.hears(pc).iter().map(|xml| stanza(xml).stanza_error().unwrap().condition).collect();
    assert_eq!(errors, [StanzaCondition::InternalServerError; 5]);
    home.comes("<presence type='probe' from='bob@home.example' to='ann@home.example'/>");
    home.comes("<presence type='unsubscribed' from='bob@home.example' to='ann@home.example'/>");
    home.ends(pc);
    assert!(home.hears(bob).is_empty() && home.hears(0).is_empty());
}

/// The end of a session is told even while the disk is busy with the time of it.
#[test]
fn presence_waits_for_no_write() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.says(ann, "<presence to='room@away.example/ann'/>");
    home.quiet();
    home.with(&BareJid::parse(ANN).unwrap(), None, |cx| {
        crate::features::on_closed(cx, ann);
        assert!(!cx.effects.writes.is_empty());
        assert!(cx.effects.routed.is_empty());
        assert_eq!(cx.effects.at_once.len(), 2);
    });
    assert_eq!(home.hears_briefly(bob), ["unavailable ann@home.example/pc"]);
}
