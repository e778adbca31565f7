//! Members with the OTR engine as their client, over a real daemon.

use std::sync::Arc;

use admin_api::accounts::{Add, Role};
use admin_api::fingerprints::{Action, State, check};
use otr::rand_core::UnwrapErr;
use otr::{Conversation, Event, Input, Output, Policy, PrivateKey, Secret, Setup, Time};
use otr::{Trust, Verification};
use xmpp::element::Element;
use xmpp::jid::BareJid;
use xmpp::ns;

use super::*;
use crate::directory;
use crate::registry::About;
use crate::session::Session;
use crate::settle;
use crate::testing::Home;

/// A member's client.
struct Client<'a> {
    home: &'a Home,
    session: Session,
    talk: Conversation,
    key: Arc<PrivateKey>,
    /// Bodies sent, and what was shown with how it came.
    wire: Vec<String>,
    shown: Vec<(String, Trust)>,
    events: Vec<Event>,
    /// Stanzas that are no messages.
    other: Vec<Element>,
}

fn jid(name: &str) -> BareJid {
    BareJid::from_parts(name, "home.example").unwrap()
}

impl<'a> Client<'a> {
    fn new(home: &'a Home, name: &str, resource: &str) -> Self {
        let about = About {
            address: ([127, 0, 0, 1], 1).into(),
            tls: "TLSv1.3",
            mechanism: "SCRAM-SHA-256",
            since: 0,
        };
        let mut session = Session::bind(home.daemon(), &jid(name), Some(resource), about).unwrap();
        session.handle(Now::read(), Element::new("presence", ns::CLIENT)).unwrap();
        let mut rng = UnwrapErr(getrandom::SysRng);
        let key = Arc::new(PrivateKey::generate(&mut rng).unwrap());
        let setup = Setup {
            key: Arc::clone(&key),
            instance: otr::files::instance_tags::random(&mut rng),
            policy: Policy::manual(),
            fragment: None,
            invitation: String::new(),
        };
        let talk = Conversation::new(setup).unwrap();
        let (wire, shown, events, other) = Default::default();
        Self { home, session, talk, key, wire, shown, events, other }
    }

    fn sends(&mut self, xml: Element) {
        self.session.handle(Now::read(), xml).unwrap();
    }

    fn message(&mut self, body: String) {
        let message = Element::new("message", ns::CLIENT)
            .with_attr("to", "concierge@home.example")
            .with_attr("type", "chat")
            .with_child(Element::new("body", ns::CLIENT).with_text(body));
        self.sends(message);
    }

    fn engine(&mut self, input: Input<'_>) {
        let mut rng = UnwrapErr(getrandom::SysRng);
        self.talk.feed(Time::default(), &mut rng, input).unwrap();
        while let Some(output) = self.talk.poll() {
            match output {
                Output::Transmit(body) => {
                    let body = String::from_utf8(body).unwrap();
                    self.wire.push(body.clone());
                    self.message(body);
                }
                Output::Show { text, trust } => {
                    self.shown.push((String::from_utf8(text).unwrap(), trust));
                }
                Output::Event(event) => self.events.push(event),
                Output::WakeAt(_) => {}
            }
        }
    }

    /// Hears all that is said, until nothing more comes.
    async fn listens(&mut self) {
        let daemon = self.home.daemon();
        let mut quiet = 0;
        while quiet < 3 {
            settle::finish(daemon).await;
            let mut out = String::new();
            self.session.outbox.drain(&daemon.durability, &mut out);
            if out.is_empty() {
                // The key may be on its way, or an answer.
                let idle = {
                    let state = daemon.concierge.lock();
                    state.visitors.are_idle() && !matches!(state.key, Key::Making(_))
                };
                quiet = if idle { quiet + 1 } else { 0 };
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                continue;
            }
            quiet = 0;
            let all = Element::parse(&format!("<x xmlns='jabber:client'>{out}</x>")).unwrap();
            for stanza in all.children() {
                let from = stanza.attr("from").unwrap_or_default();
                match stanza.child("body", ns::CLIENT) {
                    Some(body) if from.starts_with("concierge@home.example/") => {
                        let body = body.text().into_owned();
                        self.wire.push(body.clone());
                        self.engine(Input::Received(body.as_bytes()));
                    }
                    _ => self.other.push(stanza.clone()),
                }
            }
        }
    }

    async fn says(&mut self, text: &str) -> String {
        self.shown.clear();
        self.engine(Input::Send(text.as_bytes()));
        self.listens().await;
        let shown: Vec<String> = self.shown.drain(..).map(|(text, _)| text).collect();
        shown.join("\n")
    }

    async fn starts(&mut self) -> String {
        self.engine(Input::Start);
        self.listens().await;
        assert!(self.talk.session().is_some(), "{:?}", self.events);
        let shown: Vec<String> = self.shown.drain(..).map(|(text, _)| text).collect();
        shown.join("\n")
    }

    fn fingerprint(&self) -> String {
        self.key.fingerprint().to_hex()
    }
}

async fn add(home: &Home, name: &str) {
    let password = Some(admin_api::Secret::new("battery staple"));
    let display_name = String::new();
    let add = Add { name: name.to_owned(), display_name, password, role: Role::Member };
    home.operator().call(add).await.unwrap();
}

fn entries(home: &Home, name: &str) -> Vec<admin_api::fingerprints::Entry> {
    directory::list(&home.daemon().store, "home.example", Some(name)).unwrap()
}

#[tokio::test]
async fn a_private_conversation_is_attested_and_private() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob").await;
    let mut bob = Client::new(&home, "bob", "laptop");
    // In the clear there is nothing but the invitation, which starts OTR.
    bob.message("help".to_owned());
    bob.listens().await;
    let invited: Vec<&String> = bob.wire.iter().filter(|b| !b.starts_with("?OTR:")).collect();
    assert!(matches!(&invited[..], [one] if one.starts_with("?OTRv23?")), "{invited:?}");
    assert!(bob.talk.session().is_some());
    let hello = bob.shown.iter().map(|(text, _)| text.as_str()).collect::<String>();
    assert!(hello.contains(&bob.key.fingerprint().to_string()), "{hello}");
    let session = bob.talk.session().unwrap();
    let concierge = home.daemon().concierge.fingerprint(&home.daemon().store).unwrap();
    assert_eq!(Some(session.fingerprint), concierge);

    let [entry] = &entries(&home, "bob")[..] else { panic!("one key") };
    assert_eq!(
        (entry.state, entry.changed_by.as_str()),
        (State::Attested, "concierge@home.example")
    );
    assert_eq!(entry.fingerprint, bob.fingerprint());
    assert!(entry.device.starts_with("laptop (OTR 3, ") && entry.last_seen.is_some());
    let history = directory::history(&home.daemon().store, &jid("bob"), None, 10).unwrap();
    assert!(matches!(&history[..], [one] if one.action == Action::Added));
    assert_eq!(check("bob@home.example", &history), Ok(()));

    assert!(bob.says("<b>name</b> the blue one").await.contains("the blue one"));
    assert!(bob.says("list").await.contains("the blue one"));
    assert!(bob.says("history").await.contains("line 2"), "the name is in the history");
    assert!(bob.says("key").await.contains("attested by the server"));
    assert!(bob.says("compare").await.contains(&concierge.unwrap().to_string()));
    assert!(bob.says("hilfe").await.contains("Du kannst schreiben"));
    assert!(bob.says("nonsense").await.contains("nicht verstanden"));
    assert!(bob.says("list ann").await.contains("no keys"), "and back");
    let prefix = bob.fingerprint()[..8].to_owned();
    assert!(bob.says("revoke 12").await.contains("first eight digits"));
    assert!(bob.says(&format!("revoke {prefix}")).await.contains("is revoked"));
    assert_eq!(entries(&home, "bob")[0].state, State::Revoked);
    assert!(bob.says("count off").await.contains("nothing any more"));
    assert!(home.daemon().protection.personal("bob").uncounted);
    let clear: Vec<&String> = bob.wire.iter().filter(|b| !b.starts_with("?OTR")).collect();
    assert!(clear.is_empty(), "{clear:?}");
}

/// Arithmetic of keys is for threads of its own: whoever carries the message is done before.
#[tokio::test]
async fn a_key_exchange_holds_nobody_up_and_answers_keep_their_order() {
    let (home, _) = Home::set_up().await;
    let mut ann = Client::new(&home, "ann", "desk");
    ann.engine(Input::Start);
    // On this test's only thread nothing else has run since.
    assert!(!home.daemon().concierge.lock().visitors.are_idle());
    let mut out = String::new();
    ann.session.outbox.drain(&home.daemon().durability, &mut out);
    assert!(!out.contains("?OTR:"), "answered on the spot: {out}");
    ann.listens().await;
    assert!(ann.talk.session().is_some());
    ann.shown.clear();
    let questions = ["key", "list nobody", "hilfe", "nonsense", "help"];
    questions.iter().for_each(|q| ann.engine(Input::Send(q.as_bytes())));
    ann.listens().await;
    let answers: Vec<&str> = ann.shown.iter().map(|(text, _)| text.as_str()).collect();
    let wanted = ["attested by", "no keys", "Du kannst", "nicht verstanden", "You can"];
    assert_eq!(answers.len(), wanted.len(), "{answers:?}");
    for (answer, wanted) in answers.iter().zip(wanted) {
        assert!(answer.contains(wanted), "{answers:?}");
    }
}

#[tokio::test]
async fn a_new_key_raises_the_alarm_and_a_known_one_does_not() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob").await;
    let mut ann = Client::new(&home, "ann", "desk");
    let mut bob = Client::new(&home, "bob", "laptop");
    assert!(bob.starts().await.contains("attested"));
    bob.engine(Input::End);
    bob.listens().await;
    assert!(bob.starts().await.contains("Hello again"));
    bob.listens().await;
    ann.listens().await;
    let alarms = |client: &Client<'_>| {
        let bodies = client.other.iter().filter_map(|m| m.child("body", ns::CLIENT));
        bodies.filter(|b| b.text().contains("did not know")).count()
    };
    assert_eq!((alarms(&ann), alarms(&bob)), (0, 0));
    assert_eq!(entries(&home, "bob").len(), 1);

    // Somebody else with bob's password, or bob's new device.
    let mut other = Client::new(&home, "bob", "elsewhere");
    let hello = other.starts().await;
    assert!(hello.contains("attested"), "{hello}");
    // The alarm comes from the concierge as well, in the clear.
    let told = |client: &Client<'_>| {
        let clear = client.wire.iter().filter(|b| b.contains("did not know")).count();
        clear + alarms(client)
    };
    bob.listens().await;
    other.listens().await;
    ann.listens().await;
    assert_eq!(told(&ann), 1, "the administrator");
    assert!(told(&bob) + told(&other) >= 1, "the person");
    let key = other.key.fingerprint().to_string();
    assert!(ann.wire.iter().any(|b| b.contains(&key) && b.contains("elsewhere")));
    assert_eq!(entries(&home, "bob").len(), 2);
    let since = Now::read().unix - 60;
    assert_eq!(directory::joined_since(&home.daemon().store, "home.example", since).unwrap(), 2);
}

#[tokio::test]
async fn member_and_concierge_check_each_other_by_the_phrase() {
    let (home, _) = Home::set_up().await;
    let mut ann = Client::new(&home, "ann", "desk");
    ann.starts().await;
    assert!(ann.says("verify").await.contains("no phrase"));
    for right in [true, false] {
        let (phrase, _) = home.daemon().concierge.phrase(&jid("ann"), Now::read());
        ann.events.clear();
        assert!(ann.says("verify").await.contains("asks you for the phrase"));
        assert!(ann.events.contains(&Event::Verification(Verification::Asked { question: None })));
        let words = if right { phrase.as_str() } else { "something else" };
        let secret = Secret::new(words.as_bytes()).unwrap();
        ann.engine(Input::Answer(&secret));
        ann.listens().await;
        let same = Event::Verification(Verification::Same { proves_peer: true });
        assert_eq!(ann.events.contains(&same), right);
        let said: String = ann.shown.drain(..).map(|(text, _)| text).collect();
        assert!(said.contains(if right { "same phrase" } else { "not the same" }), "{said}");
    }
    // The member may begin as well.
    let (phrase, _) = home.daemon().concierge.phrase(&jid("ann"), Now::read());
    let secret = Secret::new(phrase.as_bytes()).unwrap();
    ann.events.clear();
    ann.engine(Input::Verify { secret: &secret, question: None });
    ann.listens().await;
    let same = Event::Verification(Verification::Same { proves_peer: true });
    assert!(ann.events.contains(&same), "{:?}", ann.events);
}

#[tokio::test]
async fn the_key_outlives_a_restart_and_strangers_hear_nothing() {
    let (home, _) = Home::set_up().await;
    let before = {
        let mut ann = Client::new(&home, "ann", "desk");
        ann.starts().await;
        ann.talk.session().unwrap().fingerprint
    };
    let home = home.restart().await;
    let mut ann = Client::new(&home, "ann", "desk");
    ann.starts().await;
    assert_eq!(ann.talk.session().unwrap().fingerprint, before);

    let daemon = home.daemon();
    let stranger = |from: &str| {
        let xml = format!(
            "<message xmlns='jabber:client' from='{from}' to='concierge@home.example' \
             type='chat' id='1'><body>help</body></message>"
        );
        let stanza = Stanza::from_element(Element::parse(&xml).unwrap()).unwrap();
        let mut list = VecDeque::new();
        take(daemon, stanza, &mut list);
        list
    };
    for from in ["eve@elsewhere.example/x", "nobody@home.example/x"] {
        let answers = stranger(from);
        assert!(answers.len() == 1 && answers[0].is_error(), "{answers:?}");
    }
    let late = "<message xmlns='jabber:client' from='ann@home.example/x' \
                to='concierge@home.example' type='chat'><body>?OTRv23?</body>\
                <delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/></message>";
    let late = Stanza::from_element(Element::parse(late).unwrap()).unwrap();
    let mut list = VecDeque::new();
    take(daemon, late, &mut list);
    assert!(list.is_empty());
}

#[tokio::test]
async fn it_can_be_a_contact() {
    let (home, _) = Home::set_up().await;
    let mut ann = Client::new(&home, "ann", "desk");
    let subscribe = Element::new("presence", ns::CLIENT)
        .with_attr("type", "subscribe")
        .with_attr("to", "concierge@home.example");
    ann.sends(subscribe);
    ann.listens().await;
    let here = |p: &Element| {
        p.name() == "presence"
            && p.attr("from") == Some("concierge@home.example/home")
            && p.attr("type").is_none()
    };
    assert!(ann.other.iter().any(here), "{:?}", ann.other);
    let again = Client::new(&home, "ann", "phone");
    let mut again = again;
    again.listens().await;
    assert!(again.other.iter().any(here), "it answers probes: {:?}", again.other);
}

/// The contacts that a fresh client gets, as address and subscription.
async fn contacts(client: &mut Client<'_>) -> Vec<(String, String)> {
    client.other.clear();
    let query = Element::new("query", ns::ROSTER);
    let get = Element::new("iq", ns::CLIENT).with_attr("type", "get").with_attr("id", "r");
    client.sends(get.with_child(query));
    client.listens().await;
    let result = client.other.iter().find(|e| e.attr("id") == Some("r")).expect("an answer");
    let query = result.child("query", ns::ROSTER).expect("a roster");
    let attr = |item: &Element, name| item.attr(name).unwrap_or_default().to_owned();
    query.children().map(|item| (attr(item, "jid"), attr(item, "subscription"))).collect()
}

#[tokio::test]
async fn everybody_has_it_until_they_remove_it() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob").await;
    let both = [("concierge@home.example".to_owned(), "both".to_owned())];
    let mut phone = Client::new(&home, "bob", "phone");
    assert_eq!(contacts(&mut phone).await, both);
    // It was available before it asked.
    let here = |p: &Element| p.attr("from") == Some("concierge@home.example/home");
    assert!(phone.other.iter().any(here), "{:?}", phone.other);
    let mut laptop = Client::new(&home, "bob", "laptop");
    laptop.listens().await;
    assert!(laptop.other.iter().any(here), "{:?}", laptop.other);
    assert_eq!(contacts(&mut laptop).await, both);

    let item = Element::new("item", ns::ROSTER)
        .with_attr("jid", "concierge@home.example")
        .with_attr("subscription", "remove");
    let set = Element::new("iq", ns::CLIENT).with_attr("type", "set").with_attr("id", "x");
    laptop.sends(set.with_child(Element::new("query", ns::ROSTER).with_child(item)));
    phone.other.clear();
    phone.listens().await;
    let removed = |p: &Element| p.attr("type") == Some("set");
    assert!(phone.other.iter().any(removed), "the other device hears of it: {:?}", phone.other);
    assert_eq!(contacts(&mut laptop).await, []);
    drop((phone, laptop));
    let home = home.restart().await;
    let mut phone = Client::new(&home, "bob", "phone");
    assert_eq!(contacts(&mut phone).await, [], "it does not come back");
    let mut ann = Client::new(&home, "ann", "desk");
    assert_eq!(contacts(&mut ann).await, both, "others keep it");
}

#[tokio::test]
async fn the_key_is_there_from_set_up() {
    let home = Home::bare().await;
    let daemon = home.daemon();
    let known = async || {
        for _ in 0..6_000 {
            if let Ok(Some(key)) = daemon.concierge.fingerprint(&daemon.store) {
                return key;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no key within a minute");
    };
    let key = known().await;
    assert!(directory::list(&daemon.store, "home.example", None).unwrap().is_empty());
    let code = home.operator().call(admin_api::setup::NewCode {}).await.unwrap().code;
    home.panel().call(home.finish(code)).await.unwrap();
    for _ in 0..6_000 {
        if let [entry] = &directory::list(&daemon.store, "home.example", None).unwrap()[..] {
            assert_eq!(
                (entry.jid.as_str(), entry.state),
                ("concierge@home.example", State::Attested)
            );
            assert_eq!(entry.fingerprint, key.to_hex());
            let history = directory::history(&daemon.store, &jid("concierge"), None, 9).unwrap();
            assert_eq!(check("concierge@home.example", &history), Ok(()));
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("not in the directory within a minute");
}
