//! A home for tests: a daemon over a store of its own, people with devices, and what each
//! device hears.
//!
//! Stanzas go as in the daemon, but one after another on the test's thread: effects are carried
//! out at once, writes are durable before anything of theirs is said. Invariant: nothing is
//! said to a device but through effects.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use config::Config;
use store::Store;
use tokio::sync::watch;
use xmpp::element::Element;
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza::{IqType, Kind, PresenceType, Stanza};

use crate::daemon::{Daemon, Now};
use crate::effect::Effects;
use crate::features::{
    Cx, Dispatch, Target, on_answer, on_closed, on_removed, pep, presence, subscription,
};
use crate::outbox::Outbox;
use crate::protection::Protection;
use crate::registry::{self, About, Bound, Registry, SessionId, Slots};
use crate::testing::TempDir;

/// Stanzas that one input may cause; a loop causes more.
const ROUTED_MAX: usize = 10_000;

/// See the module.
pub(in crate::features) struct Home {
    pub(in crate::features) daemon: Daemon,
    heard: Mutex<BTreeMap<SessionId, Vec<String>>>,
    _dir: TempDir,
}

impl Home {
    /// The home `home.example`, where nobody is yet.
    pub(in crate::features) fn new() -> Self {
        let dir = TempDir::new();
        let mut config = Config::default();
        config.server.data_dir = dir.path().to_owned();
        let store = Store::open(dir.path(), &crate::schema::schema()).unwrap();
        let daemon = Daemon {
            durability: crate::durability::Durability::new(store.clone()),
            registry: Registry::default(),
            accounts: crate::accounts::Accounts::open(&store).unwrap(),
            auth: crate::auth::Auth::open(&store).unwrap(),
            directory: crate::directory::Directory::default(),
            concierge: crate::concierge::Concierge::default(),
            omemo: crate::omemo::Memory::default(),
            protection: Protection::open(&store).unwrap(),
            tls: crate::tls::Tls::open(&config, Some("home.example")).unwrap(),
            components: crate::component::Components::default(),
            dispatch: Dispatch::new(),
            pushing: crate::features::push::Pushing::default(),
            registrations: crate::features::registration::Waiting::default(),
            settle: crate::settle::Settle::default(),
            keeping: crate::features::archive::keeping::Keeping::new(
                admin_api::archive::Keep::DEFAULT,
            ),
            counters: crate::counters::Counters::default(),
            stopping: watch::Sender::new(false),
            started: Now::read(),
            listening: RwLock::default(),
            domain: RwLock::new(Some("home.example".into())),
            negotiation: Mutex::default(),
            next_session: AtomicU64::new(1),
            config,
            store,
        };
        Self { daemon, heard: Mutex::default(), _dir: dir }
    }

    /// Binds the device `full` of somebody who has met the concierge and removed it: most tests are
    /// about other contacts.
    pub(in crate::features) fn bind(&self, full: &str) -> SessionId {
        let jid = Jid::parse(full).unwrap();
        crate::features::roster::have_met(&self.daemon.store, &jid.to_bare());
        let entry = self.daemon.registry.entry(&jid.to_bare());
        let id = self.daemon.fresh_session();
        registry::lock(&entry).sessions.push(Bound {
            id,
            jid,
            outbox: Arc::new(Outbox::default()),
            presence: None,
            priority: None,
            about: About {
                address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
                tls: "TLSv1.3",
                mechanism: "SCRAM-SHA-256",
                since: 0,
            },
            slots: Slots::default(),
        });
        id
    }

    /// Binds `full`, asks for the roster, becomes available and forgets what it heard of that.
    pub(in crate::features) fn online(&self, full: &str) -> SessionId {
        let id = self.bind(full);
        self.says(id, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
        self.says(id, "<presence/>");
        self.quiet();
        id
    }

    /// Makes two people see each other, and everybody forget what they heard of that.
    pub(in crate::features) fn befriend(&self, one: &str, other: &str) {
        let (a, b) =
            (self.bind(&format!("{one}/befriend")), self.bind(&format!("{other}/befriend")));
        for (asks, asked, from, to) in [(a, b, one, other), (b, a, other, one)] {
            self.says(asks, &format!("<presence type='subscribe' to='{to}'/>"));
            self.says(asked, &format!("<presence type='subscribed' to='{from}'/>"));
        }
        self.ends(a);
        self.ends(b);
        self.quiet();
    }

    /// The device `id` sends `xml`.
    pub(in crate::features) fn says(&self, id: SessionId, xml: &str) {
        let full = self.jid_of(id);
        let mut stanza = stanza(xml);
        stanza.set_from(full.clone());
        let to = stanza.to().cloned();
        let request = matches!(stanza.iq_type(), Some(IqType::Get | IqType::Set));
        self.with(&full.to_bare(), Some(id), |cx| match (stanza.kind(), to) {
            (Kind::Iq, None) if !request => on_answer(cx, id, &stanza),
            (Kind::Iq, None) => cx.daemon.dispatch.run(cx, Target::Account, &stanza),
            (Kind::Presence, None) => presence::broadcast(cx, id, stanza),
            (Kind::Presence, Some(to)) => match stanza.presence_type() {
                Some(PresenceType::Available | PresenceType::Unavailable) => {
                    presence::directed(cx, id, &to, stanza);
                }
                _ => subscription::outbound(cx, &to.to_bare(), &stanza),
            },
            (_, _) => cx.effects.routed.push(stanza),
        });
    }

    /// `xml`, with `from` and `to`, comes from elsewhere.
    pub(in crate::features) fn comes(&self, xml: &str) {
        self.route(vec![stanza(xml)]);
    }

    /// The connection of `id` breaks.
    pub(in crate::features) fn ends(&self, id: SessionId) {
        let bare = self.jid_of(id).to_bare();
        self.with(&bare, None, |cx| {
            on_closed(cx, id);
            cx.account.sessions.retain(|s| s.id != id);
        });
    }

    /// The account is removed for good.
    pub(in crate::features) fn removes(&self, bare: &str) {
        self.with(&BareJid::parse(bare).unwrap(), None, on_removed);
    }

    /// Runs `handler` under the lock of `bare` and carries out what it wants done.
    pub(in crate::features) fn with(
        &self,
        bare: &BareJid,
        session: Option<SessionId>,
        handler: impl FnOnce(&mut Cx<'_>),
    ) {
        let entry = self.daemon.registry.entry(bare);
        let effects = {
            let mut account = registry::lock(&entry);
            let mut cx = Cx::new(&self.daemon, Now::read(), &mut account, session);
            handler(&mut cx);
            cx.effects
        };
        let routed = self.carry_out(effects);
        self.route(routed);
    }

    fn carry_out(&self, effects: Effects) -> Vec<Stanza> {
        if !effects.writes.is_empty() {
            self.daemon.store.commit_blocking(effects.writes).unwrap();
        }
        let mut heard = self.heard.lock().unwrap();
        for (id, wire) in effects.told {
            heard.entry(id).or_default().push(wire.xml.to_string());
        }
        for (id, stanza) in effects.own {
            heard.entry(id).or_default().push(stanza.element().to_xml(ns::CLIENT));
        }
        effects.at_once.into_iter().chain(effects.routed).collect()
    }

    fn route(&self, stanzas: Vec<Stanza>) {
        let mut queue = VecDeque::from(stanzas);
        for _ in 0..ROUTED_MAX {
            let Some(stanza) = queue.pop_front() else { return };
            let to = stanza.to().expect("a routed stanza has an addressee").clone();
            assert!(stanza.from().is_some(), "a routed stanza has a sender");
            if to.domain() != "home.example" {
                self.heard_elsewhere(&stanza);
                continue;
            }
            let entry = self.daemon.registry.entry(&to.to_bare());
            let effects = {
                let mut account = registry::lock(&entry);
                let mut cx = Cx::new(&self.daemon, Now::read(), &mut account, None);
                match stanza.kind() {
                    Kind::Presence => presence::inbound(&mut cx, &stanza),
                    Kind::Message if pep::is_event(&stanza) => pep::deliver(&mut cx, &stanza),
                    Kind::Iq if matches!(stanza.iq_type(), Some(IqType::Get | IqType::Set)) => {
                        cx.daemon.dispatch.run(&mut cx, Target::Contact, &stanza);
                    }
                    _ => {
                        let session = to.resource().and_then(|r| cx.account.resource(r));
                        let id = session.map(|s| s.id);
                        cx.effects.own.extend(id.map(|id| (id, stanza.clone())));
                    }
                }
                cx.effects
            };
            queue.extend(self.carry_out(effects));
        }
        panic!("stanzas go round in circles");
    }

    /// Session 0 is everybody who is not of this home.
    fn heard_elsewhere(&self, stanza: &Stanza) {
        let xml = stanza.element().to_xml(ns::CLIENT);
        self.heard.lock().unwrap().entry(0).or_default().push(xml);
    }

    /// What `id` heard since it was last asked; 0 = those who are not of this home.
    pub(in crate::features) fn hears(&self, id: SessionId) -> Vec<String> {
        self.heard.lock().unwrap().remove(&id).unwrap_or_default()
    }

    /// What `id` heard, one line each: kind or type, who, and what is in it.
    pub(in crate::features) fn hears_briefly(&self, id: SessionId) -> Vec<String> {
        self.hears(id).iter().map(|xml| brief(xml)).collect()
    }

    /// Everybody forgets what they heard.
    pub(in crate::features) fn quiet(&self) {
        self.heard.lock().unwrap().clear();
    }

    fn jid_of(&self, id: SessionId) -> Jid {
        for entry in self.daemon.registry.all() {
            if let Some(session) = registry::lock(&entry).session(id) {
                return session.jid.clone();
            }
        }
        panic!("no such session");
    }
}

/// `xml` in the namespace of clients.
pub(crate) fn stanza(xml: &str) -> Stanza {
    let end = xml.find([' ', '/', '>']).unwrap();
    let xml = format!("{} xmlns='jabber:client'{}", &xml[..end], &xml[end..]);
    Stanza::from_element(Element::parse(&xml).unwrap()).unwrap()
}

/// `type from`, for IQs with what they carry, for presence with its texts.
fn brief(xml: &str) -> String {
    let stanza = stanza(xml);
    let from = stanza.from().map_or("server", Jid::as_str);
    if stanza.kind() != Kind::Presence {
        let payload = stanza.payload().map(|p| p.to_xml(ns::ROSTER)).unwrap_or_default();
        let ty = stanza.element().attr("type").unwrap_or_default();
        return match stanza.payload().and_then(|q| q.child("item", ns::ROSTER)) {
            Some(item) if ty == "set" => format!("push {}", shown(item)),
            _ => format!("{ty} {payload}").trim_end().to_owned(),
        };
    }
    let ty = stanza.element().attr("type").unwrap_or("available");
    let texts: Vec<_> = stanza.element().children().map(|c| c.text().into_owned()).collect();
    format!("{ty} {from} {}", texts.join(" ")).trim_end().to_owned()
}

/// A roster item as `jid subscription [ask] [approved]`.
fn shown(item: &Element) -> String {
    let attrs = ["jid", "subscription", "ask", "approved"];
    let values: Vec<&str> = attrs.iter().filter_map(|name| item.attr(name)).collect();
    values.join(" ").replace("true", "approved")
}
