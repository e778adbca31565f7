//! What features keep of a person, on its way to or from another server.
//!
//! Spec: XEP-0227 §4: each kind is an element below `<user/>`. A feature cuts what it keeps into
//! pieces, so that nobody needs to hold all of it at once, and takes pieces in again, also those
//! of other servers. Invariants: what is exported is imported again as the same (tested for every
//! feature that has something to move); what cannot be kept is left out and named, and everything
//! else is kept.

use store::StoreError;
use xmpp::element::Element;
use xmpp::jid::BareJid;

use super::{ALL, Cx};
use crate::daemon::Daemon;

/// The next piece, if there is one.
pub(crate) type Exported = Result<Option<Piece>, StoreError>;

/// How what a feature keeps moves.
#[derive(Clone, Copy)]
pub struct Moves {
    /// The elements that are its.
    pub kinds: &'static [Kind],
    /// The first piece that the feature keeps of an account, after a place if one is given; `None`
    /// = there is no more. Pieces of one kind follow each other. At most
    /// [`PIECE_BYTES_MAX`](crate::limits::PIECE_BYTES_MAX) bytes of XML.
    pub(crate) export: fn(&Daemon, &BareJid, Option<&str>) -> Exported,
    /// Takes a piece in, beside or in place of what is there, by leaving the writes as effects; or
    /// says in a clause what of it is left out and why. State in slots is dropped afterwards.
    pub(crate) import: fn(&mut Cx<'_>, &Element) -> Result<(), String>,
}

/// An element below `<user/>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// Its namespace.
    pub ns: &'static str,
    /// In how many levels below it the element may be cut into several of its kind.
    pub cuts: u8,
}

/// A piece of what a feature keeps.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Of one of the feature's kinds.
    pub(crate) element: Element,
    /// The place after it: the feature's own words.
    pub(crate) at: String,
}

impl Piece {
    /// The first and last one.
    pub(crate) fn only(element: Element) -> Self {
        Self { element, at: String::new() }
    }
}

/// The features that have something to move, in order.
pub fn all() -> impl Iterator<Item = (&'static str, Moves)> {
    ALL.iter().filter_map(|feature| Some((feature.name, feature.moves?)))
}

/// Who keeps `element`?
#[must_use]
pub fn keeper(element: &Element) -> Option<Moves> {
    let keeps = |moves: &Moves| moves.kinds.iter().any(|kind| element.is(kind.name, kind.ns));
    all().map(|(_, moves)| moves).find(keeps)
}

#[cfg(test)]
mod tests {
    use xmpp::ns;

    use super::*;
    use crate::features::presence::home::Home;
    use crate::limits::PIECE_BYTES_MAX;

    /// Something of each kind, in its pieces.
    const SAMPLES: &[&[&str]] = &[
        &["<blocklist xmlns='urn:xmpp:blocking'><item jid='a@b'/><item jid='c'/></blocklist>"],
        &[
            "<query xmlns='jabber:iq:private'><a xmlns='urn:a'>1</a></query>",
            "<query xmlns='jabber:iq:private'><b xmlns='urn:a'>2</b></query>",
            "<query xmlns='jabber:iq:private'><a xmlns='urn:b' c='3'/></query>",
        ],
        &[
            "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>\
             <configure node='a b'><x xmlns='jabber:x:data' type='form'>\
             <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#node_config</value></field>\
             <field var='pubsub#title'><value>Notes</value></field>\
             <field var='pubsub#description'><value/></field>\
             <field var='pubsub#type'><value>urn:note</value></field>\
             <field var='pubsub#access_model'><value>whitelist</value></field>\
             <field var='pubsub#roster_groups_allowed'><value>Family</value><value>Friends</value></field>\
             <field var='pubsub#max_items'><value>max</value></field>\
             <field var='pubsub#item_expire'><value>max</value></field>\
             <field var='pubsub#persist_items'><value>1</value></field>\
             <field var='pubsub#send_last_published_item'><value>never</value></field>\
             <field var='pubsub#deliver_notifications'><value>1</value></field>\
             <field var='pubsub#deliver_payloads'><value>1</value></field>\
             <field var='pubsub#notify_retract'><value>1</value></field>\
             <field var='pubsub#notify_delete'><value>1</value></field>\
             <field var='pubsub#notify_config'><value>0</value></field>\
             <field var='pubsub#publish_model'><value>publishers</value></field>\
             <field var='pubsub#notification_type'><value>headline</value></field>\
             <field var='pubsub#node_type'><value>leaf</value></field>\
             <field var='pubsub#publish_node_full'><value>discard-oldest</value></field>\
             <field var='pubsub#itemreply'><value>publisher</value></field>\
             </x></configure>\
             <affiliations node='a b'><affiliation jid='bob@x' affiliation='member'/></affiliations>\
             <subscriptions node='a b'>\
             <subscription jid='bob@x/pc' subscription='subscribed' subid='1'/></subscriptions>\
             </pubsub>",
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='a b'>\
             <item id='2'><a xmlns='urn:a'>x</a></item><item id='1'><b xmlns='urn:b' c='1'/></item>\
             </items></pubsub>",
        ],
        &[
            "<archive xmlns='urn:xmpp:pie:0#mam'><result xmlns='urn:xmpp:mam:2' \
             id='AAYKJBgeQAAAAAAB'><forwarded xmlns='urn:xmpp:forward:0'>\
             <delay xmlns='urn:xmpp:delay' stamp='2023-11-14T22:13:20.000000Z'/>\
             <message xmlns='jabber:client' from='tim@x/1'><body>hi</body></message>\
             </forwarded></result></archive>",
            "<prefs xmlns='urn:xmpp:mam:2' default='roster'><always/>\
             <never><jid>a@b</jid></never></prefs>",
        ],
        &["<vCard xmlns='vcard-temp'><FN>Ann</FN><N><GIVEN>Ann</GIVEN></N></vCard>"],
    ];

    fn exported(home: &Home, moves: Moves, owner: &BareJid) -> Vec<Element> {
        let mut pieces = Vec::new();
        let mut after: Option<String> = None;
        while let Some(piece) = (moves.export)(&home.daemon, owner, after.as_deref()).unwrap() {
            after = Some(piece.at);
            pieces.push(piece.element);
            assert!(pieces.len() < 100, "an export has an end");
        }
        pieces
    }

    fn imports(home: &Home, owner: &BareJid, pieces: &[Element]) {
        for piece in pieces {
            let moves = keeper(piece).unwrap();
            home.with(owner, None, |cx| (moves.import)(cx, piece).unwrap());
        }
    }

    #[test]
    fn what_is_exported_is_imported_as_the_same() {
        let home = Home::new();
        let [ann, bob] = ["ann", "bob"].map(|n| BareJid::from_parts(n, "home.example").unwrap());
        for (name, moves) in all() {
            let kept: Vec<Element> = SAMPLES
                .iter()
                .flat_map(|pieces| pieces.iter().map(|xml| Element::parse(xml).unwrap()))
                .filter(|e| moves.kinds.iter().any(|k| e.is(k.name, k.ns)))
                .collect();
            assert!(!kept.is_empty(), "{name} needs a sample of what it keeps");
            assert!(exported(&home, moves, &ann).is_empty());
            imports(&home, &ann, &kept);
            let pieces = exported(&home, moves, &ann);
            assert_eq!(pieces, kept, "{name}");
            assert!(pieces.iter().all(|p| p.to_xml(ns::CLIENT).len() <= PIECE_BYTES_MAX));
            imports(&home, &bob, &pieces);
            assert_eq!(exported(&home, moves, &bob), kept, "{name}");
        }
    }

    #[test]
    fn every_kind_has_one_keeper() {
        let kinds: Vec<Kind> = all().flat_map(|(_, moves)| moves.kinds).copied().collect();
        for kind in &kinds {
            let same = kinds.iter().filter(|k| (k.name, k.ns) == (kind.name, kind.ns));
            assert_eq!(same.count(), 1, "{kind:?}");
        }
    }
}
