//! Limits, and the nodes against a simple model.

use store::{Batch, Span, Store};
use xmpp::jid::BareJid;

use super::book::{Entry, ITEMS, NODES, Nodes, PAYLOADS};
use super::*;
use crate::features::presence::home::{Home, stanza};
use crate::limits::*;
use crate::registry::SessionId;

const ANN: &str = "ann@home.example";

fn ann() -> BareJid {
    BareJid::parse(ANN).unwrap()
}

/// Sends a request of that namespace; gives the answer.
fn asks(home: &Home, id: SessionId, ty: &str, ns: &str, operations: &str) -> Stanza {
    home.says(
        id,
        &format!("<iq type='{ty}' id='1'><pubsub xmlns='{ns}'>{operations}</pubsub></iq>"),
    );
    let heard = home.hears(id);
    let answer = heard.iter().map(|xml| stanza(xml)).find(|stanza| stanza.id() == Some("1"));
    answer.expect("an answer")
}

/// Does that and gives the condition and application condition of the refusal, if it is one.
fn does(home: &Home, id: SessionId, operations: &str) -> Option<(String, String)> {
    refusal(&asks(home, id, "set", ns::PUBSUB, operations))
}

fn refusal(answer: &Stanza) -> Option<(String, String)> {
    let error = answer.stanza_error()?;
    let app = error.app.as_ref().map(|app| app.name().to_owned()).unwrap_or_default();
    Some((error.condition.as_str().to_owned(), app))
}

fn refused(condition: &str, app: &str) -> Option<(String, String)> {
    Some((condition.to_owned(), app.to_owned()))
}

fn publish(node: &str, id: &str, text: &str) -> String {
    format!("<publish node='{node}'><item id='{id}'><a xmlns='u'>{text}</a></item></publish>")
}

fn many(node: &str) -> String {
    format!(
        "<create node='{node}'/><configure><x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE'><value>{}</value></field>\
         <field var='pubsub#max_items'><value>max</value></field></x></configure>",
        ns::PUBSUB_NODE_CONFIG
    )
}

fn stored(home: &Home) -> [u64; 3] {
    let store = &home.daemon.store;
    [
        store.count(&NODES, &Span::<(String, String)>::under(ANN)).unwrap(),
        store.count(&ITEMS, &Span::<(String, String, u64)>::under(ANN)).unwrap(),
        store.count(&PAYLOADS, &Span::<(String, String, u64)>::under(ANN)).unwrap(),
    ]
}

#[test]
fn ten_thousand_nodes_are_tried_and_few_are_made() {
    let home = Home::new();
    let pc = home.bind("ann@home.example/pc");
    let mut made = 0;
    for n in 0..10_000 {
        match does(&home, pc, &format!("<create node='n{n}'/>")) {
            None => made += 1,
            error => assert_eq!(error, refused("resource-constraint", "max-nodes-exceeded")),
        }
    }
    assert_eq!(made, PEP_NODES_MAX);
    let by_publishing = does(&home, pc, &publish("more", "1", ""));
    assert_eq!(by_publishing, refused("resource-constraint", "max-nodes-exceeded"));
    assert_eq!(stored(&home), [PEP_NODES_MAX as u64, 0, 0]);
    // What is there works on, and one that goes makes room.
    assert_eq!(does(&home, pc, &publish("n0", "1", "x")), None);
    let delete = asks(&home, pc, "set", ns::PUBSUB_OWNER, "<delete node='n1'/>");
    assert_eq!(refusal(&delete), None);
    assert_eq!(does(&home, pc, &publish("more", "1", "x")), None);
    home.removes(ANN);
    assert_eq!(stored(&home), [0, 0, 0]);
}

#[test]
fn a_node_keeps_the_newest() {
    let home = Home::new();
    let pc = home.bind("ann@home.example/pc");
    assert_eq!(does(&home, pc, &many("n")), None);
    for n in 0..PEP_ITEMS_MAX + 3 {
        assert_eq!(does(&home, pc, &publish("n", &format!("i{n}"), "x")), None);
    }
    assert_eq!(stored(&home), [1, PEP_ITEMS_MAX as u64, PEP_ITEMS_MAX as u64]);
    home.with(&ann(), None, |cx| {
        let all = items(cx, "n").unwrap();
        let ends = [all.first(), all.last()].map(|item| item.unwrap().id.clone());
        assert_eq!(ends, ["i3".to_owned(), format!("i{}", PEP_ITEMS_MAX + 2)]);
    });
}

#[test]
fn an_account_holds_so_many_items_and_bytes() {
    let home = Home::new();
    let pc = home.bind("ann@home.example/pc");
    let items = |from: usize| -> String {
        let ids = from..from + PEP_REQUEST_ITEMS_MAX;
        ids.map(|n| format!("<item id='i{n}'><a xmlns='u'/></item>")).collect()
    };
    let nodes = PEP_ACCOUNT_ITEMS_MAX / PEP_ITEMS_MAX;
    for node in 0..nodes {
        assert_eq!(does(&home, pc, &many(&format!("n{node}"))), None);
        for from in (0..PEP_ITEMS_MAX).step_by(PEP_REQUEST_ITEMS_MAX) {
            let all = items(from);
            assert_eq!(does(&home, pc, &format!("<publish node='n{node}'>{all}</publish>")), None);
        }
    }
    let full = refused("resource-constraint", "max-items-exceeded");
    assert_eq!(does(&home, pc, &publish("other", "1", "x")), full);
    assert_eq!(
        stored(&home),
        [nodes as u64, PEP_ACCOUNT_ITEMS_MAX as u64, PEP_ACCOUNT_ITEMS_MAX as u64]
    );
    // Replacing is not more.
    assert_eq!(does(&home, pc, &publish("n0", "new", "x")), None);
    // Nor do bytes go past their limit.
    home.removes(ANN);
    let large = "x".repeat(PEP_ITEM_BYTES_MAX - 100);
    let mut published = 0;
    while does(&home, pc, &publish(&format!("b{published}"), "1", &large)).is_none() {
        published += 1;
    }
    assert_eq!(published, PEP_ACCOUNT_BYTES_MAX / PEP_ITEM_BYTES_MAX);
    assert_eq!(does(&home, pc, &publish("b0", "1", "small")), None);
    assert_eq!(does(&home, pc, &publish("b0", "1", &large)), None);
    assert_eq!(
        does(&home, pc, &publish("b0", "1", &format!("{large}{large}"))),
        refused("not-acceptable", "payload-too-big")
    );
}

#[test]
fn requests_have_limits() {
    let home = Home::new();
    let pc = home.bind("ann@home.example/pc");
    let long = "n".repeat(PEP_NAME_BYTES_MAX + 1);
    let items = "<item><a xmlns='u'/></item>".repeat(PEP_REQUEST_ITEMS_MAX + 1);
    let table = [
        (publish(&long, "1", ""), ("not-acceptable", "")),
        (publish("n", &long, ""), ("not-acceptable", "")),
        (format!("<create node='{long}'/>"), ("not-acceptable", "")),
        (format!("<publish node='n'>{items}</publish>"), ("resource-constraint", "max-items-exceeded")),
        ("<publish node='n'/>".to_owned(), ("bad-request", "item-required")),
        ("<publish node='n'><item/></publish>".to_owned(), ("bad-request", "payload-required")),
        (
            "<publish node='n'><item><a xmlns='u'/><a xmlns='u'/></item></publish>".to_owned(),
            ("bad-request", "invalid-payload"),
        ),
        (
            "<publish node='n'><item id='1'><a xmlns='u'/></item><item id='1'><a xmlns='u'/></item></publish>".to_owned(),
            ("bad-request", ""),
        ),
        (publish("", "1", ""), ("bad-request", "nodeid-required")),
        ("<publish><item><a xmlns='u'/></item></publish>".to_owned(), ("bad-request", "nodeid-required")),
        ("<unheard-of/>".to_owned(), ("bad-request", "")),
        (String::new(), ("bad-request", "")),
        ("<options node='n' jid='ann@home.example'/>".to_owned(), ("feature-not-implemented", "unsupported")),
    ];
    for (operation, (condition, app)) in table {
        assert_eq!(does(&home, pc, &operation), refused(condition, app), "{operation}");
    }
    assert_eq!(stored(&home), [0, 0, 0]);
}

/// What a node should be.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    room: usize,
    items: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
enum Act {
    Publish(u8, Vec<(u8, u8)>),
    Retract(u8, u8),
    Purge(u8),
    Delete(u8),
    Room(u8, u8),
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    /// One of the first `sides` numbers (xorshift).
    fn throw(&mut self, sides: u8) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % u64::from(sides)) as u8
    }

    fn act(&mut self) -> Act {
        let node = self.throw(3);
        match self.throw(10) {
            0..4 => {
                let items = (0..=self.throw(3)).map(|_| (self.throw(6), self.throw(3))).collect();
                Act::Publish(node, items)
            }
            4..6 => Act::Retract(node, self.throw(6)),
            6 => Act::Purge(node),
            7 => Act::Delete(node),
            _ => Act::Room(node, 1 + self.throw(4)),
        }
    }
}

impl Model {
    fn publish(&mut self, items: &[(String, String)]) {
        for (id, text) in items {
            self.items.retain(|(other, _)| other != id);
            self.items.push((id.clone(), text.clone()));
        }
        self.trim();
    }

    fn trim(&mut self) {
        let over = self.items.len().saturating_sub(self.room);
        self.items.drain(..over);
    }
}

type World = std::collections::BTreeMap<String, Model>;

fn step(nodes: &mut Nodes, writes: &mut Batch, world: &mut World, act: &Act) {
    let name = |node: &u8| format!("n{node}");
    match act {
        Act::Publish(node, items) => {
            let items: Vec<(String, String)> = items
                .iter()
                .map(|(id, text)| (format!("i{id}"), format!("<a>{text}</a>")))
                .collect();
            let entry = |(id, xml): &(String, String)| Entry { id: id.clone(), xml: xml.clone() };
            let entries: Vec<Entry> = items.iter().map(entry).collect();
            let config = Config { max_items: Some(2), ..Config::default() };
            nodes.publish(writes, &name(node), &config, (&entries, 1)).unwrap();
            let fresh = Model { room: 2, items: Vec::new() };
            world.entry(name(node)).or_insert(fresh).publish(&items);
        }
        Act::Retract(node, id) => {
            let id = format!("i{id}");
            let model = world.get_mut(&name(node));
            let there = model.is_some_and(|model| {
                let before = model.items.len();
                model.items.retain(|(other, _)| *other != id);
                model.items.len() < before
            });
            assert_eq!(nodes.retract(writes, &name(node), &id), there);
        }
        Act::Purge(node) => {
            nodes.purge(writes, &name(node));
            if let Some(model) = world.get_mut(&name(node)) {
                model.items.clear();
            }
        }
        Act::Delete(node) => {
            nodes.delete(writes, &name(node));
            world.remove(&name(node));
        }
        Act::Room(node, room) => {
            let many = Some(u32::from(*room));
            nodes.change(writes, &name(node), 1, |head| head.config.max_items = many);
            if let Some(model) = world.get_mut(&name(node)) {
                model.room = usize::from(*room);
                model.trim();
            }
        }
    }
}

/// The nodes as a model, with what their items hold.
fn seen(nodes: &Nodes, store: &Store) -> World {
    let model = |(name, node): (&str, &book::Node)| {
        let items = node.items().iter().map(|(place, meta)| {
            let raw = store.get(&PAYLOADS, &(ANN, name, *place)).unwrap().unwrap();
            (meta.id.clone(), String::from_utf8(raw.0).unwrap())
        });
        (name.to_owned(), Model { room: node.head.config.room(), items: items.collect() })
    };
    nodes.all().map(model).collect()
}

/// Whatever is done, memory, store and model say the same, and no payload is left behind.
#[test]
fn nodes_are_as_their_model() {
    let home = Home::new();
    let store = &home.daemon.store;
    let mut dice = Dice(0x5eed);
    let mut nodes = Nodes::load(store, &ann()).unwrap();
    let mut world = World::new();
    for round in 0..1_000 {
        let act = dice.act();
        let mut writes = Batch::new();
        step(&mut nodes, &mut writes, &mut world, &act);
        store.commit(writes, |done| done.unwrap());
        assert_eq!(seen(&nodes, store), world, "round {round}, after {act:?}");
        let kept = world.values().map(|model| model.items.len() as u64).sum();
        assert_eq!(stored(&home), [world.len() as u64, kept, kept], "round {round}");
        if round % 10 == 0 {
            nodes = Nodes::load(store, &ann()).unwrap();
        }
    }
}

#[test]
fn what_features_publish_is_seen_at_once() {
    let home = Home::new();
    let payload = || Element::new("a", "urn:a").with_text("x");
    home.with(&ann(), None, |cx| {
        let private = Config { access: Access::Whitelist, max_items: None, ..Config::default() };
        publish_item(cx, "n", ("1", payload()), &private).unwrap();
        publish_item(cx, "n", ("2", payload()), &Config::default()).unwrap();
        let all: Vec<String> = items(cx, "n").unwrap().into_iter().map(|item| item.id).collect();
        assert_eq!(all, ["1", "2"], "before anything is written, by the first configuration");
        retract_item(cx, "n", "1").unwrap();
        retract_item(cx, "n", "1").unwrap();
        retract_item(cx, "other", "1").unwrap();
        let last = latest(cx, "n").unwrap().unwrap();
        assert_eq!((last.id.as_str(), &last.payload), ("2", &payload()));
    });
    assert_eq!(stored(&home), [1, 1, 1]);
    home.with(&ann(), None, |cx| {
        assert_eq!(latest(cx, "n").unwrap().unwrap().payload, payload());
        delete_node(cx, "n").unwrap();
        assert!(latest(cx, "n").unwrap().is_none() && items(cx, "n").unwrap().is_empty());
    });
    assert_eq!(stored(&home), [0, 0, 0]);
}

#[test]
fn items_end() {
    let home = Home::new();
    let item = |text: &str| ("1", Element::new("a", "urn:a").with_text(text));
    home.with(&ann(), None, |cx| {
        let brief = Config { expire: Some(60), ..Config::default() };
        publish_item(cx, "n", item("x"), &brief).unwrap();
        let published = cx.now.unix;
        cx.now.unix = published + 59;
        assert!(latest(cx, "n").unwrap().is_some());
        // Said again, it lasts longer.
        publish_item(cx, "n", item("x"), &brief).unwrap();
        cx.now.unix = published + 60;
        assert!(latest(cx, "n").unwrap().is_some());
        cx.now.unix = published + 59 + 60;
        assert!(latest(cx, "n").unwrap().is_none() && items(cx, "n").unwrap().is_empty());
    });
}

/// Devices publish the same at each log-in.
#[test]
fn the_same_again_writes_nothing() {
    let home = Home::new();
    home.with(&ann(), None, |cx| {
        let item = || ("1", Element::new("a", "urn:a").with_text("x"));
        let config = Config { max_items: None, ..Config::default() };
        publish_item(cx, "n", item(), &config).unwrap();
        let once = cx.effects.writes.len();
        publish_item(cx, "n", item(), &config).unwrap();
        assert_eq!(cx.effects.writes.len(), once);
        publish_item(cx, "n", ("2", Element::new("a", "urn:a")), &config).unwrap();
        publish_item(cx, "n", item(), &config).unwrap();
        let ids: Vec<String> = items(cx, "n").unwrap().into_iter().map(|item| item.id).collect();
        assert_eq!(ids, ["2", "1"], "it is the newest again");
    });
}

/// A client that does not read loses pictures of its contacts, but not its session.
#[test]
fn large_events_do_not_fill_an_outbox() {
    let home = Home::new();
    let pc = home.bind("ann@home.example/pc");
    home.says(pc, "<presence/>");
    let event = |bytes: usize| {
        stanza(&format!(
            "<message type='headline' from='bob@home.example' to='ann@home.example'>\
             <event xmlns='{}'><items node='n'><item id='1'><a xmlns='u'>{}</a></item></items>\
             </event><headers xmlns='{}'><header name='SubID'>1</header></headers></message>",
            ns::PUBSUB_EVENT,
            "x".repeat(bytes),
            ns::SHIM
        ))
    };
    let (small, large) = (event(PEP_SMALL_EVENT_BYTES / 2), event(PEP_ITEM_BYTES_MAX));
    home.with(&ann(), None, |cx| {
        let given = |cx: &mut Cx<'_>, event: &Stanza| {
            deliver(cx, event);
            std::mem::take(&mut cx.effects.own).len()
        };
        assert_eq!([given(cx, &small), given(cx, &large)], [1, 1]);
        let fill = Stanza::message(xmpp::stanza::MessageType::Chat, None)
            .with_child(Element::new("a", "u").with_text("x".repeat(OUTBOX_BYTES_MAX / 2)));
        let outbox = &cx.account.session(pc).unwrap().outbox;
        assert!(outbox.push(crate::wire::Wire::of(fill)));
        assert_eq!([given(cx, &small), given(cx, &large)], [1, 0]);
    });
}

/// Only what a server says for an account is an event: clients speak from full addresses.
#[test]
fn events() {
    let message = |ty: &str, from: &str, child: &str| {
        let xml =
            format!("<message type='{ty}' from='{from}' to='ann@home.example'>{child}</message>");
        is_event(&stanza(&xml))
    };
    let event = format!("<event xmlns='{}'><items node='n'/></event>", ns::PUBSUB_EVENT);
    assert!(message("headline", "bob@home.example", &event));
    assert!(!message("headline", "bob@home.example/pc", &event));
    assert!(!message("headline", "home.example", &event));
    assert!(!message("chat", "bob@home.example", &event));
    assert!(!message("headline", "bob@home.example", "<body>x</body>"));
}
