//! Nodes on their way to and from other servers.
//!
//! Spec: XEP-0227 §4.11. First all configurations go, then the lists of people, then the items, so
//! that no item is ever without what says whom it is for. State: none. Invariants: a place in an
//! export is a key of [`Unit`]s in their order; what cannot be kept is named, and the rest is kept;
//! nothing that is imported is open to more people than before.

use std::collections::BTreeSet;

use store::StoreError;
use xmpp::element::Element;
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;

use super::access::{Access, Affiliation};
use super::book::{self, Entry, Head, Node, Nodes, Subscriber};
use super::config::{Config, Refusal};
use super::form::{self, Field, Submitted};
use super::lists;
use crate::daemon::Daemon;
use crate::features::Cx;
use crate::features::moves::{Exported, Kind, Moves, Piece};
use crate::limits::{PEP_ITEM_BYTES_MAX, PEP_LIST_MAX, PEP_NAME_BYTES_MAX, PIECE_BYTES_MAX};
use crate::random;

/// See the module.
pub(super) const MOVES: Moves = Moves {
    kinds: &[
        Kind { name: "pubsub", ns: ns::PUBSUB_OWNER, cuts: 2 },
        Kind { name: "pubsub", ns: ns::PUBSUB, cuts: 2 },
    ],
    export,
    import,
};

/// Room for what stands around the parts of a piece.
const WRAPPING_BYTES: usize = 16 * 1024;

/// Characters of the names that other servers did without.
const MADE_UP_CHARACTERS: usize = 24;

/// What is told of a node, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Configuration,
    Affiliations,
    Subscriptions,
    Item,
}

impl Part {
    const ALL: [Self; 4] =
        [Self::Configuration, Self::Affiliations, Self::Subscriptions, Self::Item];

    const fn ns(self) -> &'static str {
        match self {
            Self::Item => ns::PUBSUB,
            _ => ns::PUBSUB_OWNER,
        }
    }
}

/// The smallest that moves: a part, the node, and the place of an item in it.
type Unit<'a> = (Part, &'a str, u64);

/// All there is, in order.
fn units(nodes: &Nodes) -> impl Iterator<Item = Unit<'_>> {
    Part::ALL.into_iter().flat_map(move |part| {
        nodes.all().flat_map(move |(name, node)| {
            let places: Vec<u64> = match part {
                Part::Configuration => vec![0],
                Part::Affiliations if !node.head.affiliations.is_empty() => vec![0],
                Part::Subscriptions if !node.head.subscribers.is_empty() => vec![0],
                Part::Item => node.items().iter().map(|(place, _)| *place).collect(),
                Part::Affiliations | Part::Subscriptions => Vec::new(),
            };
            places.into_iter().map(move |place| (part, name, place))
        })
    })
}

/// `part place node`, as the name of a node may hold anything.
fn written((part, name, place): Unit<'_>) -> String {
    format!("{} {place} {name}", part as u8)
}

fn read(at: &str) -> Option<Unit<'_>> {
    let mut words = at.splitn(3, ' ');
    let (part, place, name) = (words.next()?, words.next()?, words.next()?);
    let part = Part::ALL.get(part.parse::<usize>().ok()?)?;
    Some((*part, name, place.parse().ok()?))
}

/// As many units as fit a piece.
fn export(daemon: &Daemon, owner: &BareJid, after: Option<&str>) -> Exported {
    let nodes = Nodes::load(&daemon.store, owner)?;
    let after = after.and_then(read);
    let mut rest = units(&nodes).filter(|unit| after.is_none_or(|after| *unit > after)).peekable();
    let Some((first, ..)) = rest.peek().copied() else { return Ok(None) };
    let mut piece = Element::new("pubsub", first.ns());
    let (mut bytes, mut at) = (0, String::new());
    for unit in rest.take_while(|(part, ..)| part.ns() == first.ns()) {
        let Some(node) = nodes.get(unit.1) else { continue };
        if let Some(element) = element(daemon, owner, unit, node)? {
            let size = element.to_xml(piece.ns()).len();
            if bytes > 0 && bytes + size > PIECE_BYTES_MAX - WRAPPING_BYTES {
                break;
            }
            bytes += size;
            add(&mut piece, unit, element);
        }
        at = written(unit);
    }
    Ok(Some(Piece { element: piece, at }))
}

/// A unit as it is written; `None` if it is damaged, which was logged.
fn element(
    daemon: &Daemon,
    owner: &BareJid,
    (part, name, place): Unit<'_>,
    node: &Node,
) -> Result<Option<Element>, StoreError> {
    Ok(match part {
        Part::Configuration => {
            let configure = Element::new("configure", ns::PUBSUB_OWNER).with_attr("node", name);
            Some(configure.with_child(node.head.config.values("form")))
        }
        Part::Affiliations => Some(lists::affiliations_of(name, &node.head)),
        Part::Subscriptions => Some(lists::subscriptions_of(name, &node.head)),
        Part::Item => {
            let payload = book::stored(daemon, (owner, name, place))?;
            let meta = node.items().iter().find(|(at, _)| *at == place).map(|(_, meta)| meta);
            payload.zip(meta).map(|(payload, meta)| {
                let item = Element::new("item", ns::PUBSUB).with_attr("id", meta.id.as_str());
                item.with_child(payload)
            })
        }
    })
}

/// Items of one node stand together.
fn add(piece: &mut Element, (part, name, _): Unit<'_>, element: Element) {
    if part != Part::Item {
        piece.push(element);
        return;
    }
    let last = piece.children_mut().last().filter(|items| items.attr("node") == Some(name));
    match last {
        Some(items) => items.push(element),
        None => {
            let items = Element::new("items", ns::PUBSUB).with_attr("node", name);
            piece.push(items.with_child(element));
        }
    }
}

/// What could not be kept, each kind once.
#[derive(Default)]
struct Notes(BTreeSet<&'static str>);

impl Notes {
    fn result(self) -> Result<(), String> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(self.0.into_iter().collect::<Vec<_>>().join("; "))
    }
}

fn import(cx: &mut Cx<'_>, piece: &Element) -> Result<(), String> {
    let mut notes = Notes::default();
    let mut done = Ok(());
    for part in piece.children().filter(|part| part.ns() == piece.ns()) {
        let name = part.attr("node").unwrap_or_default();
        if name.is_empty() || name.len() > PEP_NAME_BYTES_MAX {
            notes.0.insert("a node has no name that can be kept");
            continue;
        }
        done = done.and(take(cx, part, name, &mut notes));
    }
    // Whatever memory had of it before, what is written now counts.
    done.and(notes.result())
}

fn take(cx: &mut Cx<'_>, part: &Element, name: &str, notes: &mut Notes) -> Result<(), String> {
    match (part.name(), part.ns()) {
        ("configure", ns::PUBSUB_OWNER) => configuration(cx, part, name, notes),
        ("affiliations", ns::PUBSUB_OWNER) => {
            let affiliations = affiliations(cx, part);
            change(cx, name, notes, |head| {
                head.affiliations.extend(affiliations);
                head.affiliations.len() <= PEP_LIST_MAX
            })
        }
        ("subscriptions", ns::PUBSUB_OWNER) => {
            let subscribers = subscribers(part);
            change(cx, name, notes, |head| {
                head.subscribers.extend(subscribers);
                head.subscribers.len() <= PEP_LIST_MAX
            })
        }
        ("items", ns::PUBSUB) => items(cx, part, name, notes),
        _ => {
            notes.0.insert("something in it is not known");
            Ok(())
        }
    }
}

fn nodes<'a>(cx: &'a mut Cx<'_>) -> Result<&'a mut Nodes, String> {
    Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)
        .map_err(|_| "the store cannot be read".to_owned())
}

/// A form says what it can; what is not known here is left, but not whom the node is for.
fn configuration(
    cx: &mut Cx<'_>,
    part: &Element,
    name: &str,
    notes: &mut Notes,
) -> Result<(), String> {
    let fields = fields(part);
    let mut config = Config::default();
    for field in fields {
        match config.with(std::slice::from_ref(&field)) {
            Ok(more) => config = more,
            Err(Refusal::AccessModel) => {
                config.access = Access::Whitelist;
                notes.0.insert("a node has an access model that is not kept; it is private now");
            }
            Err(Refusal::Unknown | Refusal::Value) => {}
        }
    }
    let now = cx.now.unix;
    let mut writes = std::mem::take(&mut cx.effects.writes);
    let nodes = nodes(cx)?;
    if nodes.get(name).is_some() {
        nodes.change(&mut writes, name, now, |head| head.config = config);
    } else if nodes.create(&mut writes, name, config, now).is_err() {
        notes.0.insert("there are more nodes than an account may have");
    }
    cx.effects.writes = writes;
    Ok(())
}

/// XEP-0227's example has a form to be filled in, others have one that is.
fn fields(part: &Element) -> Vec<Field> {
    let mut part = part.clone();
    if let Some(form) = part.child_mut("x", ns::DATA) {
        form.set_attr("type", "submit");
    }
    match form::read(&part, ns::PUBSUB_NODE_CONFIG) {
        Ok(Some(Submitted::Fields(fields))) => fields,
        _ => Vec::new(),
    }
}

fn affiliations(cx: &Cx<'_>, part: &Element) -> Vec<(String, Affiliation)> {
    let one = |entry: &Element| {
        let jid = Jid::parse(entry.attr("jid")?).ok()?.to_bare();
        let affiliation = match entry.attr("affiliation")? {
            "outcast" => Affiliation::Outcast,
            // Who might publish elsewhere may read here.
            "member" | "publisher" | "owner" => Affiliation::Member,
            _ => return None,
        };
        (jid != cx.account.jid).then(|| (jid.as_str().to_owned(), affiliation))
    };
    part.children().filter_map(one).collect()
}

fn subscribers(part: &Element) -> Vec<(String, Subscriber)> {
    let one = |entry: &Element| {
        let jid = Jid::parse(entry.attr("jid")?).ok()?;
        let subid = entry.attr("subid").filter(|subid| subid.len() <= PEP_NAME_BYTES_MAX);
        let subid = subid.map_or_else(|| random::text(MADE_UP_CHARACTERS), str::to_owned);
        let subscribed = entry.attr("subscription") == Some("subscribed");
        let subscriber = Subscriber { jid: jid.as_str().to_owned(), subid };
        subscribed.then(|| (jid.bare_str().to_owned(), subscriber))
    };
    part.children().filter_map(one).collect()
}

/// Changes the lists of a node that is there, unless they grow too long.
fn change(
    cx: &mut Cx<'_>,
    name: &str,
    notes: &mut Notes,
    change: impl FnOnce(&mut Head) -> bool,
) -> Result<(), String> {
    let now = cx.now.unix;
    let mut writes = std::mem::take(&mut cx.effects.writes);
    let nodes = nodes(cx)?;
    let Some(mut head) = nodes.get(name).map(|node| node.head.clone()) else {
        cx.effects.writes = writes;
        notes.0.insert("a list is of a node that is not there");
        return Ok(());
    };
    if change(&mut head) {
        nodes.change(&mut writes, name, now, |old| *old = head);
    } else {
        notes.0.insert("a list of people is too long");
    }
    cx.effects.writes = writes;
    Ok(())
}

fn items(cx: &mut Cx<'_>, part: &Element, name: &str, notes: &mut Notes) -> Result<(), String> {
    let mut entries: Vec<Entry> = Vec::new();
    for item in part.children().filter(|item| item.is("item", ns::PUBSUB)) {
        let id = item.attr("id").filter(|id| !id.is_empty());
        let id = id.map_or_else(|| random::text(MADE_UP_CHARACTERS), str::to_owned);
        let xml = item.children().next().map(|payload| payload.to_xml(""));
        match xml.filter(|xml| xml.len() <= PEP_ITEM_BYTES_MAX && id.len() <= PEP_NAME_BYTES_MAX) {
            Some(xml) => entries.push(Entry { id, xml }),
            None => {
                notes.0.insert("an item is empty, or larger than it may be");
            }
        }
    }
    // Whom it is for, somebody forgot to say.
    let private = Config { access: Access::Whitelist, max_items: None, ..Config::default() };
    let now = cx.now.unix;
    let mut writes = std::mem::take(&mut cx.effects.writes);
    let published = nodes(cx)?.publish(&mut writes, name, &private, (&entries, now));
    cx.effects.writes = writes;
    if published.is_err() {
        notes.0.insert("there is more than an account may publish");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::pep::{Item, latest};
    use crate::features::presence::home::Home;

    fn ann() -> BareJid {
        BareJid::parse("ann@home.example").unwrap()
    }

    fn imports(home: &Home, ns: &str, parts: &str) -> Result<(), String> {
        let piece = Element::parse(&format!("<pubsub xmlns='{ns}'>{parts}</pubsub>")).unwrap();
        let mut done = Ok(());
        home.with(&ann(), None, |cx| done = import(cx, &piece));
        done
    }

    fn pieces(home: &Home) -> Vec<Element> {
        let mut pieces = Vec::new();
        let mut after: Option<String> = None;
        while let Some(piece) = export(&home.daemon, &ann(), after.as_deref()).unwrap() {
            after = Some(piece.at);
            pieces.push(piece.element);
        }
        pieces
    }

    #[test]
    fn much_goes_in_many_pieces_and_nothing_twice() {
        let home = Home::new();
        let large = "x".repeat(PEP_ITEM_BYTES_MAX - 1_000);
        for node in ["a", "b c", "d"] {
            let configure = format!(
                "<configure node='{node}'><x xmlns='jabber:x:data' type='form'>\
                 <field var='FORM_TYPE'><value>{}</value></field>\
                 <field var='pubsub#max_items'><value>max</value></field></x></configure>",
                ns::PUBSUB_NODE_CONFIG
            );
            imports(&home, ns::PUBSUB_OWNER, &configure).unwrap();
            for n in 0..3 {
                let item = format!("<item id='{n}'><a xmlns='urn:a'>{large}</a></item>");
                imports(&home, ns::PUBSUB, &format!("<items node='{node}'>{item}</items>"))
                    .unwrap();
            }
        }
        let pieces = pieces(&home);
        assert!(pieces.iter().all(|piece| piece.to_xml("").len() <= PIECE_BYTES_MAX));
        assert_eq!(pieces.iter().filter(|piece| piece.ns() == ns::PUBSUB_OWNER).count(), 1);
        let items = pieces.iter().filter(|piece| piece.ns() == ns::PUBSUB);
        let items = items.flat_map(Element::children).flat_map(|items| {
            let node = items.attr("node").unwrap().to_owned();
            items.children().map(move |item| format!("{node} {}", item.attr("id").unwrap()))
        });
        let expected = ["a", "b c", "d"].map(|node| (0..3).map(move |n| format!("{node} {n}")));
        let expected: Vec<String> = expected.into_iter().flatten().collect();
        assert_eq!(items.collect::<Vec<_>>(), expected);
    }

    /// What is not understood makes nothing more open than it was.
    #[test]
    fn from_other_servers() {
        let home = Home::new();
        let configure = |access: &str| {
            format!(
                "<configure node='n'><x xmlns='jabber:x:data' type='submit'>\
                 <field var='FORM_TYPE'><value>{}</value></field>\
                 <field var='pubsub#access_model'><value>{access}</value></field>\
                 <field var='their#own'><value>1</value></field>\
                 <field var='pubsub#publish_model'><value>open</value></field></x></configure>",
                ns::PUBSUB_NODE_CONFIG
            )
        };
        let access = |name: &str| {
            let nodes = Nodes::load(&home.daemon.store, &ann()).unwrap();
            nodes.get(name).map(|node| node.head.config.access)
        };
        assert_eq!(imports(&home, ns::PUBSUB_OWNER, &configure("open")), Ok(()));
        assert_eq!(access("n"), Some(Access::Open));
        let why = imports(&home, ns::PUBSUB_OWNER, &configure("authorize")).unwrap_err();
        assert!(why.contains("private"), "{why}");
        assert_eq!(access("n"), Some(Access::Whitelist));
        let item =
            |id: &str, text: &str| format!("<item id='{id}'><a xmlns='urn:a'>{text}</a></item>");
        let large = item("large", &"x".repeat(PEP_ITEM_BYTES_MAX));
        let kept = item("kept", "x");
        let items = format!("<items node='other'>{large}<item id='empty'/>{kept}</items>");
        let why = imports(&home, ns::PUBSUB, &items).unwrap_err();
        assert!(why.contains("larger"), "{why}");
        assert_eq!(access("other"), Some(Access::Whitelist), "nobody said whom it is for");
        home.with(&ann(), None, |cx| {
            let Item { id, .. } = latest(cx, "other").unwrap().unwrap();
            assert_eq!(id, "kept");
        });
        let lists = "<affiliations node='n'><affiliation jid='bob@x/pc' affiliation='publisher'/>\
                     <affiliation jid='eve@x' affiliation='outcast'/>\
                     <affiliation jid='ann@home.example' affiliation='owner'/></affiliations>\
                     <subscriptions node='no such'/><items node='n'/>";
        assert!(imports(&home, ns::PUBSUB_OWNER, lists).is_err());
        let nodes = Nodes::load(&home.daemon.store, &ann()).unwrap();
        let affiliations: Vec<_> =
            nodes.get("n").unwrap().head.affiliations.clone().into_iter().collect();
        let expected = [("bob@x", Affiliation::Member), ("eve@x", Affiliation::Outcast)];
        assert_eq!(affiliations, expected.map(|(jid, what)| (jid.to_owned(), what)));
    }
}
