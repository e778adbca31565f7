//! What is learned of clients, what is remembered, and that nobody can make it up.

use super::*;
use crate::features::presence::home::{Home, stanza};
use crate::registry;
use xmpp::jid::BareJid;

const NICK: &str = "http://jabber.org/protocol/nick";
const AVATAR: &str = "urn:xmpp:avatar:metadata";

fn query(features: &str) -> String {
    format!(
        "<query xmlns='http://jabber.org/protocol/disco#info'>\
         <identity category='client' type='pc' name='Talk'/>{features}</query>"
    )
}

fn feature(var: &str) -> String {
    format!("<feature var='{var}'/>")
}

fn hash(query: &str) -> String {
    caps::verification(&Element::parse(query).unwrap())
}

fn presence_with(ver: &str, hash: &str) -> String {
    format!(
        "<presence><c xmlns='http://jabber.org/protocol/caps' node='urn:talk' ver='{ver}' \
         {hash}/></presence>"
    )
}

fn says_it_is(home: &Home, id: SessionId, ver: &str) {
    home.says(id, &presence_with(ver, "hash='sha-1'"));
}

/// The name of the question that `id` was asked last, and about what.
fn asked(home: &Home, id: SessionId) -> Option<(String, String)> {
    let heard = home.hears(id);
    let mut questions = heard.iter().filter(|xml| xml.contains("type='get'"));
    assert!(questions.clone().count() <= 1, "one question at a time");
    let question = stanza(questions.next_back()?);
    assert_eq!(question.from().unwrap().as_str(), "ann@home.example");
    let node = question.payload().unwrap().attr("node").unwrap().to_owned();
    Some((question.id().unwrap().to_owned(), node))
}

fn answers(home: &Home, id: SessionId, question: &str, query: &str) {
    home.says(id, &format!("<iq type='result' id='{question}'>{query}</iq>"));
}

fn wanted(home: &Home, id: SessionId, node: &str) -> bool {
    let entry = home.daemon.registry.find(&BareJid::parse("ann@home.example").unwrap()).unwrap();
    let account = registry::lock(&entry);
    wants(account.session(id).unwrap(), node)
}

#[test]
fn a_client_is_asked_once_for_all_of_its_kind() {
    let home = Home::new();
    let (phone, tablet) = (home.bind("ann@home.example/phone"), home.bind("ann@home.example/tab"));
    let query = query(&(feature(&format!("{NICK}+notify")) + &feature(AVATAR)));
    let ver = hash(&query);
    says_it_is(&home, phone, &ver);
    let (question, node) = asked(&home, phone).unwrap();
    assert_eq!(node, format!("urn:talk#{ver}"));
    assert!(!wanted(&home, phone, NICK));
    // Somebody else's answer, or to no question.
    answers(&home, tablet, &question, &query);
    answers(&home, phone, "no such question", &query);
    assert!(!wanted(&home, phone, NICK));
    answers(&home, phone, &question, &query);
    assert!(wanted(&home, phone, NICK) && !wanted(&home, phone, AVATAR));
    says_it_is(&home, tablet, &ver);
    assert!(asked(&home, tablet).is_none());
    assert!(wanted(&home, tablet, NICK));
    // §8.4
    home.says(phone, "<presence><show>away</show></presence>");
    assert!(asked(&home, phone).is_none());
    assert!(wanted(&home, phone, NICK));
}

#[test]
fn what_does_not_fit_its_hash_is_used_for_nobody_else() {
    let home = Home::new();
    let (good, bad) = (home.bind("ann@home.example/good"), home.bind("ann@home.example/bad"));
    let honest = query(&feature(&format!("{NICK}+notify")));
    let ver = hash(&honest);
    says_it_is(&home, bad, &ver);
    let (question, _) = asked(&home, bad).unwrap();
    answers(&home, bad, &question, &query(&feature(&format!("{AVATAR}+notify"))));
    assert!(wanted(&home, bad, AVATAR), "it knows best what it wants itself");
    says_it_is(&home, good, &ver);
    let (question, _) = asked(&home, good).unwrap();
    answers(&home, good, &question, &honest);
    assert!(wanted(&home, good, NICK) && !wanted(&home, good, AVATAR));
    // Without a hash, and by an unknown one: asked, and never remembered.
    for (n, algorithm) in ["", "hash='md5'"].into_iter().enumerate() {
        for device in ["one", "other"] {
            let id = home.bind(&format!("ann@home.example/{device}{n}"));
            home.says(id, &presence_with("1.0", algorithm));
            let (question, _) = asked(&home, id).unwrap();
            answers(&home, id, &question, &honest);
            assert!(wanted(&home, id, NICK));
        }
    }
}

/// §9.3: the same hashed text can be had with features written as forms, or as an identity.
#[test]
fn the_known_attack_on_the_hash_changes_nothing() {
    let home = Home::new();
    let (good, bad) = (home.bind("ann@home.example/good"), home.bind("ann@home.example/bad"));
    let honest = query(&feature(&format!("{NICK}+notify")));
    let as_form = query(&format!(
        "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'>\
         <value>{NICK}+notify</value></field></x>"
    ));
    assert_eq!(hash(&honest), hash(&as_form));
    says_it_is(&home, bad, &hash(&honest));
    let (question, _) = asked(&home, bad).unwrap();
    answers(&home, bad, &question, &as_form);
    says_it_is(&home, good, &hash(&honest));
    assert!(wanted(&home, good, NICK));
}

#[test]
fn other_algorithms() {
    let home = Home::new();
    let text = caps::hashed_text(&Element::parse(&query(&feature("x+notify"))).unwrap());
    let cases = [
        ("sha-256", STANDARD.encode(sha2::Sha256::digest(text.as_bytes()))),
        ("sha-512", STANDARD.encode(sha2::Sha512::digest(text.as_bytes()))),
    ];
    for (n, (name, value)) in cases.into_iter().enumerate() {
        let one = home.bind(&format!("ann@home.example/{n}"));
        let other = home.bind(&format!("ann@home.example/{n}b"));
        let presence = presence_with(&value, &format!("hash='{name}'"));
        home.says(one, &presence);
        let (question, _) = asked(&home, one).unwrap();
        answers(&home, one, &question, &query(&feature("x+notify")));
        home.says(other, &presence);
        assert!(asked(&home, other).is_none() && wanted(&home, other, "x"));
    }
}

#[test]
fn a_changed_client_is_asked_again_one_question_at_a_time() {
    let home = Home::new();
    let phone = home.bind("ann@home.example/phone");
    let (old, new) = (query(&feature("old+notify")), query(&feature("new+notify")));
    says_it_is(&home, phone, &hash(&old));
    let (question, _) = asked(&home, phone).unwrap();
    says_it_is(&home, phone, "something");
    says_it_is(&home, phone, &hash(&new));
    assert!(asked(&home, phone).is_none());
    // Right, but not what it is any more.
    answers(&home, phone, &question, &old);
    assert!(!wanted(&home, phone, "old"));
    let (question, node) = asked(&home, phone).unwrap();
    assert_eq!(node, format!("urn:talk#{}", hash(&new)));
    answers(&home, phone, &question, &new);
    assert!(wanted(&home, phone, "new"));
    says_it_is(&home, phone, &hash(&old));
    assert!(asked(&home, phone).is_none());
    assert!(wanted(&home, phone, "old") && !wanted(&home, phone, "new"));
}

#[test]
fn a_client_that_does_not_answer_is_asked_again_later() {
    let home = Home::new();
    let ann = BareJid::parse("ann@home.example").unwrap();
    let phone = home.bind("ann@home.example/phone");
    let ver = hash(&query(&feature("x+notify")));
    says_it_is(&home, phone, &ver);
    let (first, _) = asked(&home, phone).unwrap();
    says_it_is(&home, phone, &ver);
    assert!(asked(&home, phone).is_none());
    home.with(&ann, Some(phone), |cx| {
        cx.now.monotonic += CLIENT_ANSWER_TIME_MAX;
        super::presence(cx, phone, false);
    });
    let (second, _) = asked(&home, phone).unwrap();
    answers(&home, phone, &first, &query(&feature("x+notify")));
    assert!(!wanted(&home, phone, "x"), "too late");
    home.says(phone, &format!("<iq type='error' id='{second}'><error type='cancel'/></iq>"));
    says_it_is(&home, phone, &ver);
    assert!(asked(&home, phone).is_none(), "it said no");
}

#[test]
fn what_is_too_much_is_left_alone() {
    let home = Home::new();
    let phone = home.bind("ann@home.example/phone");
    let many: String = (0..=CLIENT_NODES_MAX).map(|n| feature(&format!("{n}+notify"))).collect();
    let long = feature(&format!("{}+notify", "x".repeat(CLIENT_NODES_BYTES_MAX + 1)));
    let huge = feature("0+notify") + &feature(&"x".repeat(CLIENT_INFO_BYTES_MAX));
    for features in [many, long, huge] {
        let query = query(&features);
        says_it_is(&home, phone, &hash(&query));
        let (question, _) = asked(&home, phone).unwrap();
        answers(&home, phone, &question, &query);
        assert!(!wanted(&home, phone, "0"));
    }
    says_it_is(&home, phone, &"x".repeat(CLIENT_NAME_BYTES_MAX));
    assert!(asked(&home, phone).is_none());
}

#[test]
fn the_memory_keeps_what_was_used_last() {
    let verified = Verified::default();
    let hash = |n: usize| Hash { algorithm: Algorithm::Sha1, value: n.to_string() };
    for n in 0..CLIENTS_VERIFIED_MAX {
        verified.remember(hash(n), Nodes::default());
    }
    assert!(verified.find(&hash(0)).is_some());
    verified.remember(hash(CLIENTS_VERIFIED_MAX), Nodes::default());
    assert!(verified.find(&hash(1)).is_none());
    assert!(verified.find(&hash(0)).is_some());
    assert_eq!(verified.0.lock().unwrap().known.len(), CLIENTS_VERIFIED_MAX);
}
