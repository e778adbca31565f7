//! The roster as its owner's devices see it.

use super::*;
use crate::features::presence::home::{Home, stanza};
use crate::features::subscription::state::{Half, SubState};
use crate::limits::ROSTER_CHANGES_KEPT;

const ANN: &str = "ann@home.example";
const BOB: &str = "bob@home.example";

fn set(item: &str) -> String {
    format!("<iq type='set' id='s'><query xmlns='jabber:iq:roster'>{item}</query></iq>")
}

fn get(ver: &str) -> String {
    format!("<iq type='get' id='g'><query xmlns='jabber:iq:roster' ver='{ver}'/></iq>")
}

/// The version that the last roster or push among `heard` has.
fn version(heard: &[String]) -> String {
    let version_of = |xml: &String| {
        let stanza = stanza(xml);
        stanza.payload().and_then(|query| query.attr("ver")).map(str::to_owned)
    };
    heard.iter().rev().find_map(version_of).unwrap()
}

fn condition(heard: &[String]) -> StanzaCondition {
    assert_eq!(heard.len(), 1);
    stanza(&heard[0]).stanza_error().unwrap().condition
}

#[test]
fn an_empty_roster_is_an_empty_list() {
    let home = Home::new();
    let pc = home.bind("ann@home.example/pc");
    home.says(pc, "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>");
    assert_eq!(
        home.hears(pc),
        ["<iq type='result' to='ann@home.example/pc' id='g'>\
          <query xmlns='jabber:iq:roster' ver='0-0000000000000000'/></iq>"]
    );
}

/// §2.3.2: the result and the push, to each device that asked for the roster.
#[test]
fn adding_and_updating() {
    let home = Home::new();
    let (pc, tv) = (home.online("ann@home.example/pc"), home.online("ann@home.example/tv"));
    let deaf = home.bind("ann@home.example/deaf");
    home.quiet();
    home.says(pc, &set("<item jid='bob@home.example' name='Bob'><group>Family</group></item>"));
    let heard = home.hears(pc);
    let ver = version(&heard);
    let push = format!(
        "<iq type='set' id='roster-{ver}' to='ann@home.example/pc'>\
         <query xmlns='jabber:iq:roster' ver='{ver}'>\
         <item jid='bob@home.example' subscription='none' name='Bob'>\
         <group>Family</group></item></query></iq>"
    );
    assert_eq!(heard, [&push, "<iq type='result' to='ann@home.example/pc' id='s'/>"]);
    assert_eq!(home.hears_briefly(tv), ["push bob@home.example none"]);
    assert!(home.hears(deaf).is_empty());
    // §2.4: what is left out is taken away.
    home.says(tv, &set("<item jid='bob@home.example'/>"));
    let heard = home.hears(pc);
    assert!(heard[0].contains("<item jid='bob@home.example' subscription='none'/>"), "{heard:?}");
    assert_ne!(version(&heard), ver);
}

/// An update keeps what is agreed.
#[test]
fn a_name_changes_no_subscription() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let pc = home.online("ann@home.example/pc");
    home.says(pc, &set("<item jid='bob@home.example' name='B' subscription='none'/>"));
    assert_eq!(home.hears_briefly(pc)[0], "push bob@home.example both");
}

/// §2.5.2: the removed contact sees the owner no longer, and hears that all is over.
#[test]
fn removing() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (pc, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.quiet();
    home.says(pc, &set("<item jid='bob@home.example' subscription='remove'/>"));
    let heard = home.hears_briefly(pc);
    assert_eq!(heard[..2], ["push bob@home.example remove", "result"]);
    assert_eq!(
        home.hears_briefly(bob),
        [
            "unsubscribe ann@home.example",
            "push ann@home.example to",
            "unavailable ann@home.example/pc",
            "unsubscribed ann@home.example",
            "push ann@home.example none"
        ]
    );
    home.says(pc, "<presence/>");
    assert!(home.hears(bob).is_empty());
    home.quiet();
    home.says(pc, &set("<item jid='bob@home.example' subscription='remove'/>"));
    assert_eq!(condition(&home.hears(pc)), StanzaCondition::ItemNotFound);
}

/// A contact that waits for an answer is refused by its removal.
#[test]
fn removing_answers_a_request() {
    let home = Home::new();
    let (pc, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.says(pc, &set("<item jid='bob@home.example'/>"));
    home.says(bob, "<presence type='subscribe' to='ann@home.example'/>");
    home.quiet();
    home.says(pc, &set("<item jid='bob@home.example' subscription='remove'/>"));
    assert_eq!(
        home.hears_briefly(bob),
        ["unsubscribed ann@home.example", "push ann@home.example none"]
    );
    assert!(items(&home.daemon, &BareJid::parse(ANN).unwrap()).unwrap().is_empty());
}

#[test]
fn bad_requests_change_nothing() {
    let home = Home::new();
    let pc = home.online("ann@home.example/pc");
    home.says(pc, &set("<item jid='bob@home.example'><group/></item>"));
    assert_eq!(condition(&home.hears(pc)), StanzaCondition::NotAcceptable);
    home.says(pc, "<iq type='get' id='g'><query xmlns='jabber:iq:roster'><item/></query></iq>");
    assert_eq!(condition(&home.hears(pc)), StanzaCondition::BadRequest);
    assert!(items(&home.daemon, &BareJid::parse(ANN).unwrap()).unwrap().is_empty());
}

/// §2.3.3: nobody else reads or writes it.
#[test]
fn a_roster_is_its_owners() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let bob = home.online("bob@home.example/tv");
    let to_ann = |xml: &str| xml.replacen("id=", "to='ann@home.example' id=", 1);
    home.says(bob, &to_ann(&set("<item jid='eve@home.example'/>")));
    assert_eq!(condition(&home.hears(bob)), StanzaCondition::Forbidden);
    home.says(bob, &to_ann(&get("")));
    assert_eq!(condition(&home.hears(bob)), StanzaCondition::ServiceUnavailable);
    assert_eq!(items(&home.daemon, &BareJid::parse(ANN).unwrap()).unwrap().len(), 1);
}

/// §2.6: nothing if nothing changed, the changes if they are known, else everything.
#[test]
fn versions() {
    let home = Home::new();
    let pc = home.online("ann@home.example/pc");
    for name in ["a", "b", "c", "d"] {
        home.says(pc, &set(&format!("<item jid='{name}@away.example'/>")));
    }
    let cached = version(&home.hears(pc));
    let tv = home.bind("ann@home.example/tv");
    home.says(tv, &get(&cached));
    assert_eq!(home.hears(tv), ["<iq type='result' to='ann@home.example/tv' id='g'/>"]);
    home.says(pc, &set("<item jid='a@away.example' name='A'/>"));
    home.says(pc, &set("<item jid='b@away.example' subscription='remove'/>"));
    home.says(pc, &set("<item jid='a@away.example' name='AA'/>"));
    let live = home.hears(tv);
    assert_eq!(live.len(), 3, "the tv is interested");
    home.ends(tv);
    let tv = home.bind("ann@home.example/tv");
    home.says(tv, &get(&cached));
    let heard = home.hears(tv);
    // As live, without what was overtaken.
    assert_eq!(heard, ["<iq type='result' to='ann@home.example/tv' id='g'/>", &live[1], &live[2]]);
    // Of a version that never was, and without one, everything.
    for unknown in ["", "3-0123456789abcdef", "999-0", "nonsense"] {
        home.says(tv, &get(unknown));
        let whole = stanza(&home.hears(tv)[0]);
        assert_eq!(whole.payload().unwrap().children().count(), 3, "{unknown}");
        assert_eq!(whole.payload().unwrap().attr("ver"), Some(&*version(&live)));
    }
}

/// §2.6.3: many changes are told as the whole roster.
#[test]
fn many_changes_are_the_whole_roster() {
    let home = Home::new();
    let pc = home.online("ann@home.example/pc");
    home.says(pc, &set("<item jid='a@away.example'/>"));
    let cached = version(&home.hears(pc));
    home.says(pc, &set("<item jid='b@away.example'/>"));
    home.says(pc, &set("<item jid='a@away.example' name='A'/>"));
    home.quiet();
    home.says(pc, &get(&cached));
    let heard = home.hears(pc);
    assert_eq!(heard.len(), 1);
    assert_eq!(stanza(&heard[0]).payload().unwrap().children().count(), 2);
}

/// The log is bounded, and what fell out of it is answered with everything.
#[test]
fn a_version_too_old_to_know() {
    let home = Home::new();
    let pc = home.online("ann@home.example/pc");
    for n in 0..10 {
        home.says(pc, &set(&format!("<item jid='c{n}@away.example'/>")));
    }
    let cached = version(&home.hears(pc));
    for n in 0..ROSTER_CHANGES_KEPT {
        if n == ROSTER_CHANGES_KEPT - 1 {
            home.quiet();
            home.says(pc, &get(&cached));
            assert_eq!(home.hears(pc).len(), 2, "an empty result and one push");
        }
        home.says(pc, &set(&format!("<item jid='c1@away.example' name='{n}'/>")));
    }
    home.quiet();
    home.says(pc, &get(&cached));
    let heard = home.hears(pc);
    assert_eq!(heard.len(), 1);
    assert_eq!(stanza(&heard[0]).payload().unwrap().children().count(), 10);
    let owner = BareJid::parse(ANN).unwrap();
    let kept = home
        .daemon
        .store
        .count(&version::CHANGES, &Span::<(String, u64)>::under(owner.as_str()))
        .unwrap();
    assert_eq!(kept, ROSTER_CHANGES_KEPT as u64);
}

fn sample() -> Vec<Item> {
    let item = |jid: &str, name: &str, state| Item {
        jid: BareJid::parse(jid).unwrap(),
        name: name.into(),
        groups: vec!["Family".into()],
        state,
        approved: false,
    };
    let state = |to, from| SubState { to, from };
    let stranger = state(Half::No, Half::Pending);
    vec![
        item(BOB, "Bob", state(Half::Yes, Half::Yes)),
        Item { approved: true, ..item("cid@home.example", "Cid", state(Half::Pending, Half::No)) },
        item("dan@home.example", "Dan", state(Half::Yes, Half::Pending)),
        Item { groups: Vec::new(), ..item("eve@away.example", "", stranger) },
    ]
}

#[test]
fn import_and_export() {
    let home = Home::new();
    let owner = BareJid::parse(ANN).unwrap();
    let pc = home.online("ann@home.example/pc");
    home.says(pc, &set("<item jid='old@away.example'/>"));
    let cached = version(&home.hears(pc));
    home.ends(pc);
    let mut batch = Batch::new();
    let mut with_self = sample();
    with_self.push(Item { jid: owner.clone(), ..with_self[0].clone() });
    import(&mut batch, &owner, &with_self);
    home.daemon.store.commit_blocking(batch).unwrap();
    home.with(&owner, None, |cx| cx.account.slots = crate::registry::Slots::default());
    assert_eq!(items(&home.daemon, &owner).unwrap(), sample());
    let pc = home.bind("ann@home.example/pc");
    home.says(pc, &get(&cached));
    let heard = home.hears(pc);
    let whole = stanza(&heard[0]).payload().unwrap().clone();
    let jids: Vec<_> = whole.children().filter_map(|item| item.attr("jid")).collect();
    // Who only asked is not in the roster, but is shown.
    assert_eq!(jids, ["bob@home.example", "cid@home.example", "dan@home.example"]);
    home.says(pc, &get(&version(&heard)));
    assert_eq!(home.hears(pc).len(), 1);
    home.says(pc, "<presence/>");
    let heard = home.hears_briefly(pc);
    assert!(heard.contains(&"subscribe dan@home.example".to_owned()), "{heard:?}");
    assert!(heard.contains(&"subscribe eve@away.example".to_owned()), "{heard:?}");
}

#[test]
fn limits_of_an_import() {
    assert!(fits(&sample()));
    let item = sample().remove(0);
    assert!(!fits(&vec![item.clone(); ROSTER_ITEMS_MAX + 1]));
    assert!(!fits(&[Item { name: "x".repeat(ROSTER_BYTES_MAX), ..item }]));
}

/// Whoever had to do with a removed account has not any more.
#[test]
fn a_removed_account() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    let cid = home.online("cid@home.example/pc");
    home.says(cid, "<presence type='subscribe' to='ann@home.example'/>");
    home.quiet();
    home.removes(ANN);
    assert_eq!(
        home.hears_briefly(bob)[2..],
        [
            "unavailable ann@home.example/pc",
            "unsubscribed ann@home.example",
            "push ann@home.example none"
        ]
    );
    assert_eq!(
        home.hears_briefly(cid),
        ["unsubscribed ann@home.example", "push ann@home.example none"]
    );
    home.ends(ann);
    assert!(home.hears(bob).is_empty());
    let owner = BareJid::parse(ANN).unwrap();
    assert!(items(&home.daemon, &owner).unwrap().is_empty());
    let under = Span::<(String, u64)>::under(owner.as_str());
    assert_eq!(home.daemon.store.count(&version::CHANGES, &under).unwrap(), 0);
}
