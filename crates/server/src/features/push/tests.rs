//! Registering for push: limits, malformed requests, what is kept and what is shown.

use xmpp::error::StanzaCondition;
use xmpp::jid::BareJid;
use xmpp::stanza::IqType;

use super::publish::begin_again;
use super::registered::Registered;
use super::{Mine, Preview, list, set_preview};
use crate::daemon::Now;
use crate::features::offline;
use crate::features::presence::home::{Home, stanza};
use crate::limits::{
    PUSH_DEVICES_MAX, PUSH_NODE_BYTES_MAX, PUSH_OPTIONS_BYTES_MAX, PUSH_READ_WAIT,
};
use crate::registry::{self, SessionId};

const ANN: &str = "ann@home.example";

fn ann() -> BareJid {
    BareJid::parse(ANN).unwrap()
}

/// What `id` is answered to a request with this payload; `None` = a result.
fn asks(home: &Home, id: SessionId, payload: &str) -> Option<StanzaCondition> {
    home.says(id, &format!("<iq type='set' id='1'>{payload}</iq>"));
    let answer = stanza(home.hears(id).last().unwrap());
    match answer.iq_type() {
        Some(IqType::Result) => None,
        _ => Some(answer.stanza_error().unwrap().condition),
    }
}

fn enable(attributes: &str, inside: &str) -> String {
    format!("<enable xmlns='urn:xmpp:push:0' {attributes}>{inside}</enable>")
}

fn nodes(home: &Home) -> Vec<String> {
    list(&home.daemon, Some(&ann())).unwrap().into_iter().map(|s| s.registration.node).collect()
}

#[test]
fn a_thousand_registrations_are_the_newest_few() {
    let home = Home::new();
    let id = home.bind("ann@home.example/phone");
    for n in 0..1_000 {
        let request = enable(&format!("jid='push.example' node='{n}'"), "");
        assert_eq!(asks(&home, id, &request), None);
    }
    let kept = nodes(&home);
    assert_eq!(kept.len(), PUSH_DEVICES_MAX);
    assert!(kept.contains(&"999".to_owned()));
    let stored = list(&home.daemon, None).unwrap();
    assert_eq!(stored.len(), PUSH_DEVICES_MAX, "in the store, too");
    home.with(&ann(), None, |cx| {
        let mine = cx.account.session(id).unwrap().slots.get::<Mine>().unwrap();
        assert_eq!(mine.0.len(), PUSH_DEVICES_MAX);
    });
}

#[test]
fn the_last_request_for_a_node_counts_and_both_ways_of_disabling_work() {
    let home = Home::new();
    let (phone, tablet) = (home.bind("ann@home.example/phone"), home.bind("ann@home.example/tab"));
    for (id, node) in [(phone, "a"), (tablet, "a"), (phone, "b"), (phone, "c")] {
        let request = enable(&format!("jid='Push.Example' node='{node}'"), "");
        assert_eq!(asks(&home, id, &request), None);
    }
    assert_eq!(nodes(&home), ["a", "b", "c"]);
    let shown = list(&home.daemon, Some(&ann())).unwrap();
    assert_eq!(shown[0].registration.resource, "tab");
    assert_eq!(shown[0].registration.service, "push.example");
    let off = |more: &str| format!("<disable xmlns='urn:xmpp:push:0' jid='push.example' {more}/>");
    assert_eq!(asks(&home, phone, &off("node='b'")), None);
    assert_eq!(nodes(&home), ["a", "c"]);
    assert_eq!(asks(&home, phone, &off("node='b'")), None, "again is no error");
    assert_eq!(asks(&home, phone, &off("")), None);
    assert!(nodes(&home).is_empty());
    assert!(list(&home.daemon, None).unwrap().is_empty());
}

#[test]
fn malformed_requests_change_nothing() {
    use StanzaCondition as C;
    let home = Home::new();
    let id = home.bind("ann@home.example/phone");
    let service = "jid='push.example' node='n'";
    let form = |ty: &str, kind: &str, more: &str| {
        format!(
            "<x xmlns='jabber:x:data' {ty}><field var='FORM_TYPE'><value>{kind}</value></field>\
             {more}</x>"
        )
    };
    let options = "http://jabber.org/protocol/pubsub#publish-options";
    let large =
        format!("<field var='s'><value>{}</value></field>", "x".repeat(PUSH_OPTIONS_BYTES_MAX));
    let long_node = format!("jid='push.example' node='{}'", "n".repeat(PUSH_NODE_BYTES_MAX + 1));
    for (attributes, inside, condition) in [
        ("", String::new(), C::BadRequest),
        ("jid='@'", String::new(), C::JidMalformed),
        ("jid='home.example'", String::new(), C::ItemNotFound),
        ("jid='bob@home.example/phone'", String::new(), C::ItemNotFound),
        (&long_node, String::new(), C::NotAcceptable),
        (service, "<x/>".to_owned(), C::BadRequest),
        (service, "<x xmlns='jabber:x:data'/>".to_owned(), C::BadRequest),
        (service, form("", "urn:other", ""), C::BadRequest),
        (service, form("type='cancel'", options, ""), C::BadRequest),
        (service, form("", options, "") + &form("", options, ""), C::BadRequest),
        (service, form("type='submit'", options, &large), C::NotAcceptable),
    ] {
        let request = enable(attributes, &inside);
        assert_eq!(asks(&home, id, &request), Some(condition), "{request}");
    }
    let disable = |attributes: &str| format!("<disable xmlns='urn:xmpp:push:0' {attributes}/>");
    assert_eq!(asks(&home, id, &disable("")), Some(C::BadRequest));
    assert_eq!(asks(&home, id, &disable("jid='@'")), Some(C::JidMalformed));
    assert!(nodes(&home).is_empty());
    assert_eq!(asks(&home, id, &enable(service, &form("", options, ""))), None);
    assert_eq!(nodes(&home), ["n"]);
}

#[test]
fn what_a_service_wants_to_be_told_is_kept_and_not_shown() {
    let home = Home::new();
    let id = home.bind("ann@home.example/phone");
    let form = "<x xmlns='jabber:x:data'><field var='FORM_TYPE'><value>\
                http://jabber.org/protocol/pubsub#publish-options</value></field>\
                <field var='secret'><value>eruio234</value></field></x>";
    assert_eq!(asks(&home, id, &enable("jid='push.example'", form)), None);
    // Read again from the store.
    registry::lock(&home.daemon.registry.entry(&ann())).slots.take::<Registered>();
    let kept = list(&home.daemon, Some(&ann())).unwrap();
    let options = kept[0].registration.options.as_ref().unwrap();
    assert!(options.expose().contains("eruio234"));
    assert!(!format!("{kept:?}").contains("eruio234"));
}

#[test]
fn nothing_stays_of_a_removed_account() {
    let home = Home::new();
    let (id, bob) = (home.bind("ann@home.example/phone"), home.bind("bob@home.example/phone"));
    for id in [id, bob] {
        assert_eq!(asks(&home, id, &enable("jid='push.example' node='n'", "")), None);
    }
    set_preview(&home.daemon, &ann(), Preview::Text);
    home.daemon.store.flush().unwrap();
    assert_eq!(super::preview(&home.daemon, &ann()).unwrap(), Preview::Text);
    home.removes(ANN);
    let left = list(&home.daemon, None).unwrap();
    assert_eq!(left.iter().map(|s| s.owner.as_str()).collect::<Vec<_>>(), ["bob@home.example"]);
    assert_eq!(super::preview(&home.daemon, &ann()).unwrap(), Preview::Nothing);
}

/// What waits is not forgotten with the schedule, which a restart empties.
#[test]
fn after_a_restart_those_for_whom_messages_wait_are_woken() {
    let home = Home::new();
    for owner in ["ann", "bob"] {
        let id = home.bind(&format!("{owner}@home.example/phone"));
        assert_eq!(asks(&home, id, &enable("jid='push.example' node='n'", "")), None);
        home.with(&BareJid::parse(&format!("{owner}@home.example")).unwrap(), None, |cx| {
            cx.account.sessions.clear();
        });
    }
    let pushing = &home.daemon.pushing;
    let now = Now::read();
    begin_again(&home.daemon, now).unwrap();
    assert_eq!(pushing.next(now.monotonic), None, "nothing waits");
    for number in 0..3 {
        let message = stanza(&format!(
            "<message from='bob@home.example/phone' to='{ANN}' type='chat'>\
             <body>{number}</body></message>"
        ));
        home.with(&ann(), None, |cx| offline::keep(cx, &message).unwrap());
    }
    pushing.forget_all_of(&ann());
    assert_eq!(pushing.next(now.monotonic), None);
    begin_again(&home.daemon, now).unwrap();
    assert_eq!(pushing.next(now.monotonic), Some(now.monotonic + PUSH_READ_WAIT));
    // Hers and nobody else's.
    pushing.forget_all_of(&BareJid::parse("bob@home.example").unwrap());
    assert!(pushing.next(now.monotonic).is_some());
    pushing.forget_all_of(&ann());
    assert_eq!(pushing.next(now.monotonic), None);
}
