//! Subscriptions as both sides see them.

use xmpp::error::StanzaCondition;

use super::*;
use crate::features::presence::home::{Home, stanza};
use crate::features::roster;

const ANN: &str = "ann@home.example";
const BOB: &str = "bob@home.example";

/// What the roster of `owner` has of `contact`, as it is stored: subscription, ask, approved,
/// and whether the contact waits.
fn stored(home: &Home, owner: &str, contact: &str) -> Option<String> {
    let items = roster::items(&home.daemon, &BareJid::parse(owner).unwrap()).unwrap();
    let item = items.into_iter().find(|item| item.jid.as_str() == contact)?;
    let mut shown = item.state.subscription().to_owned();
    for (is, word) in [
        (item.state.ask(), " ask"),
        (item.approved, " approved"),
        (item.state.pending_in(), " waits"),
    ] {
        if is {
            shown.push_str(word);
        }
    }
    Some(shown)
}

/// §3.1, the whole way, with what each device hears and in which order.
#[test]
fn a_subscription_from_request_to_presence() {
    let home = Home::new();
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.says(bob, "<presence><status>here</status></presence>");
    home.quiet();
    home.says(ann, "<presence type='subscribe' to='bob@home.example/tv' id='s1'/>");
    assert_eq!(home.hears_briefly(ann), ["push bob@home.example none subscribe"]);
    // From the bare JID to the bare JID, with the id of the client; no roster item yet.
    assert_eq!(
        home.hears(bob),
        ["<presence type='subscribe' to='bob@home.example' id='s1' from='ann@home.example'/>"]
    );
    assert_eq!(stored(&home, BOB, ANN).as_deref(), Some("none waits"));
    home.says(bob, "<presence type='subscribed' to='ann@home.example' id='s2'/>");
    assert_eq!(home.hears_briefly(bob), ["push ann@home.example from"]);
    assert_eq!(
        home.hears_briefly(ann),
        [
            "subscribed bob@home.example",
            "push bob@home.example to",
            "available bob@home.example/tv here"
        ]
    );
    assert_eq!(stored(&home, ANN, BOB).as_deref(), Some("to"));
    assert_eq!(stored(&home, BOB, ANN).as_deref(), Some("from"));
}

/// §3.1.3: kept complete, shown to each device that becomes available, until answered.
#[test]
fn a_request_waits_for_somebody_to_come_home() {
    let home = Home::new();
    let ann = home.online("ann@home.example/pc");
    home.says(
        ann,
        "<presence type='subscribe' to='bob@home.example'><status>It's me</status>\
         <nick xmlns='http://jabber.org/protocol/nick'>Ann</nick></presence>",
    );
    // Again: the first one counts.
    home.says(ann, "<presence type='subscribe' to='bob@home.example'/>");
    let request = "subscribe ann@home.example It's me Ann";
    let tv = home.bind("bob@home.example/tv");
    home.says(tv, "<presence><priority>-5</priority></presence>");
    assert_eq!(home.hears_briefly(tv)[1..], [request]);
    home.says(tv, "<presence/>");
    assert_eq!(home.hears(tv).len(), 1);
    let pc = home.bind("bob@home.example/pc");
    home.says(pc, "<presence/>");
    assert_eq!(home.hears_briefly(pc)[2..], [request]);
    home.says(pc, "<presence type='unsubscribed' to='ann@home.example'/>");
    assert_eq!(stored(&home, BOB, ANN), None);
    home.says(tv, "<presence type='unavailable'/>");
    home.quiet();
    home.says(tv, "<presence/>");
    assert!(!home.hears_briefly(tv).contains(&request.to_owned()));
}

/// §3.2.2 and §3.2.3: refusing tells of no resource.
#[test]
fn a_refusal() {
    let home = Home::new();
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.says(ann, "<presence type='subscribe' to='bob@home.example'/>");
    home.quiet();
    home.says(bob, "<presence type='unsubscribed' to='ann@home.example'/>");
    assert_eq!(
        home.hears_briefly(ann),
        ["unsubscribed bob@home.example", "push bob@home.example none"]
    );
    assert!(home.hears(bob).is_empty());
    assert_eq!(stored(&home, BOB, ANN), None);
}

/// §3.2.2: a contact that is in the roster is pushed, although it looks as before.
#[test]
fn a_refusal_of_a_contact_is_pushed() {
    let home = Home::new();
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.says(
        bob,
        "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='ann@home.example'/>\
         </query></iq>",
    );
    home.says(ann, "<presence type='subscribe' to='bob@home.example'/>");
    home.quiet();
    home.says(bob, "<presence type='unsubscribed' to='ann@home.example'/>");
    assert_eq!(home.hears_briefly(bob), ["push ann@home.example none"]);
}

/// §3.2: the contact sees every resource go, then hears why.
#[test]
fn a_cancellation() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.online("bob@home.example/pc");
    home.quiet();
    home.says(bob, "<presence type='unsubscribed' to='ann@home.example'/>");
    assert_eq!(
        home.hears_briefly(ann),
        [
            "unavailable bob@home.example/tv",
            "unavailable bob@home.example/pc",
            "unsubscribed bob@home.example",
            "push bob@home.example from"
        ]
    );
    assert_eq!(home.hears_briefly(bob), ["push ann@home.example to"]);
    // And nothing more from then on.
    home.says(bob, "<presence/>");
    assert!(home.hears(ann).is_empty());
}

/// §3.3: the contact's side ends it and answers.
#[test]
fn an_unsubscription() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.quiet();
    home.says(ann, "<presence type='unsubscribe' to='bob@home.example'/>");
    assert_eq!(
        home.hears_briefly(bob),
        ["unsubscribe ann@home.example", "push ann@home.example to"]
    );
    // The answer changes nothing any more, so it is not delivered.
    assert_eq!(
        home.hears_briefly(ann),
        ["push bob@home.example from", "unavailable bob@home.example/tv"]
    );
    assert_eq!(stored(&home, ANN, BOB).as_deref(), Some("from"));
    assert_eq!(stored(&home, BOB, ANN).as_deref(), Some("to"));
}

/// §3.3.3: a request that is taken back.
#[test]
fn a_request_taken_back() {
    let home = Home::new();
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.says(ann, "<presence type='subscribe' to='bob@home.example'/>");
    home.quiet();
    home.says(ann, "<presence type='unsubscribe' to='bob@home.example'/>");
    assert_eq!(home.hears_briefly(bob), ["unsubscribe ann@home.example"]);
    assert_eq!(home.hears_briefly(ann), ["push bob@home.example none"]);
    assert_eq!(stored(&home, BOB, ANN), None);
}

/// §3.4: approved before asked for.
#[test]
fn an_approval_in_advance() {
    let home = Home::new();
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.says(bob, "<presence type='subscribed' to='ann@home.example'/>");
    assert_eq!(home.hears_briefly(bob), ["push ann@home.example none approved"]);
    assert!(home.hears(ann).is_empty());
    home.says(bob, "<presence type='subscribed' to='ann@home.example'/>");
    assert!(home.hears(bob).is_empty());
    home.says(ann, "<presence type='subscribe' to='bob@home.example'/>");
    assert_eq!(home.hears_briefly(bob), ["push ann@home.example from"]);
    assert_eq!(
        home.hears_briefly(ann),
        [
            "push bob@home.example none subscribe",
            "subscribed bob@home.example",
            "push bob@home.example to",
            "available bob@home.example/tv"
        ]
    );
}

/// §3.2.2 rule 2.
#[test]
fn an_approval_taken_back() {
    let home = Home::new();
    let (ann, bob) = (home.online("ann@home.example/pc"), home.online("bob@home.example/tv"));
    home.says(bob, "<presence type='subscribed' to='ann@home.example'/>");
    home.quiet();
    home.says(bob, "<presence type='unsubscribed' to='ann@home.example'/>");
    assert_eq!(home.hears_briefly(bob), ["push ann@home.example none"]);
    home.says(ann, "<presence type='subscribe' to='bob@home.example'/>");
    assert_eq!(home.hears_briefly(bob), ["subscribe ann@home.example"]);
}

/// §3.1.3 rule 2: who is subscribed already is told so, and what it should see.
#[test]
fn asking_again_is_answered_by_the_server() {
    let home = Home::new();
    let bob = home.online("bob@home.example/tv");
    home.says(bob, "<presence type='subscribed' to='ann@away.example'/>");
    home.comes("<presence type='subscribe' from='ann@away.example' to='bob@home.example'/>");
    home.quiet();
    home.comes("<presence type='subscribe' from='ann@away.example/x' to='bob@home.example/no'/>");
    assert_eq!(
        home.hears_briefly(0),
        ["subscribed bob@home.example", "available bob@home.example/tv"]
    );
    assert!(home.hears(bob).is_empty());
}

/// §3.1.2: what was not answered is asked again by the first device that comes online.
#[test]
fn a_lost_request_is_made_again() {
    let home = Home::new();
    let pc = home.online("ann@home.example/pc");
    home.says(
        pc,
        "<presence type='subscribe' to='cid@away.example'><status>Hi</status></presence>",
    );
    home.quiet();
    let phone = home.bind("ann@home.example/phone");
    home.says(phone, "<presence/>");
    assert!(home.hears(0).is_empty(), "the pc is there already");
    home.ends(pc);
    home.ends(phone);
    let pc = home.bind("ann@home.example/pc");
    home.says(pc, "<presence/>");
    assert_eq!(
        home.hears(0),
        ["<presence type='subscribe' to='cid@away.example' from='ann@home.example'/>"]
    );
}

/// §8.5.3.2.2: for a resource that is not there only a request counts.
#[test]
fn words_for_a_resource_that_is_not_there() {
    let home = Home::new();
    home.befriend(ANN, BOB);
    for ty in ["subscribed", "unsubscribe", "unsubscribed"] {
        home.comes(&format!("<presence type='{ty}' from='{BOB}' to='{ANN}/none'/>"));
        assert_eq!(stored(&home, ANN, BOB).as_deref(), Some("both"), "{ty}");
    }
    home.comes("<presence type='subscribe' from='cid@away.example/x' to='ann@home.example/none'/>");
    assert_eq!(stored(&home, ANN, "cid@away.example").as_deref(), Some("none waits"));
}

/// A.3.3: nobody gets into a roster by approving what was not asked.
#[test]
fn an_approval_nobody_asked_for() {
    let home = Home::new();
    let ann = home.online("ann@home.example/pc");
    for ty in ["subscribed", "unsubscribe", "unsubscribed"] {
        home.comes(&format!("<presence type='{ty}' from='eve@away.example' to='{ANN}'/>"));
    }
    assert!(home.hears(ann).is_empty() && home.hears(0).is_empty());
    assert_eq!(stored(&home, ANN, "eve@away.example"), None);
}

#[test]
fn oneself_is_no_contact() {
    let home = Home::new();
    let ann = home.online("ann@home.example/pc");
    for ty in ["subscribe", "subscribed", "unsubscribe", "unsubscribed"] {
        home.says(ann, &format!("<presence type='{ty}' to='{ANN}'/>"));
        home.comes(&format!("<presence type='{ty}' from='{ANN}' to='{ANN}'/>"));
    }
    assert!(home.hears(ann).is_empty());
    assert_eq!(stored(&home, ANN, ANN), None);
}

#[test]
fn what_the_server_says_needs_no_roster() {
    // A session that did not ask for the roster gets requests, but no news of agreements.
    let home = Home::new();
    let (ann, bob) = (home.online("ann@home.example/pc"), home.bind("bob@home.example/tv"));
    home.says(bob, "<presence/>");
    home.says(bob, "<presence type='subscribe' to='ann@home.example'/>");
    home.says(ann, "<presence type='subscribe' to='bob@home.example'/>");
    home.quiet();
    home.says(ann, "<presence type='subscribed' to='bob@home.example'/>");
    assert_eq!(home.hears_briefly(bob), ["available ann@home.example/pc"]);
}

#[test]
fn a_full_roster_refuses_a_request() {
    let home = Home::new();
    let ann = home.online("ann@home.example/pc");
    let item = |n| roster::Item {
        jid: BareJid::parse(&format!("c{n}@away.example")).unwrap(),
        name: String::new(),
        groups: Vec::new(),
        state: SubState::default(),
        approved: false,
    };
    let items: Vec<_> = (0..crate::limits::ROSTER_ITEMS_MAX).map(item).collect();
    let mut batch = store::Batch::new();
    let owner = BareJid::parse(ANN).unwrap();
    roster::import(&mut batch, &owner, &items);
    home.daemon.store.commit_blocking(batch).unwrap();
    home.with(&owner, None, |cx| cx.account.slots = crate::registry::Slots::default());
    home.says(ann, "<presence type='subscribe' to='bob@home.example' id='s'/>");
    let heard = home.hears(ann);
    let error = stanza(&heard[0]).stanza_error().unwrap();
    assert_eq!(error.condition, StanzaCondition::ResourceConstraint);
    assert_eq!(heard.len(), 1);
    assert_eq!(stored(&home, BOB, ANN), None);
}
