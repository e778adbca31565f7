//! XEP-0049: Private XML Storage.
//!
//! Keeps what clients want to find on the person's other devices, such as notes on contacts, one
//! element per name and namespace. Spec: §2.3 with its examples, §3 errors.
//!
//! Bookmarks are kept by [`bookmarks`](super::bookmarks), which finds them for newer clients as well.
//!
//! State: none. Invariants: only the account's own sessions read or change it (§4); an element
//! without content takes no place, since nothing stored is answered as just that.

use store::{Batch, Raw, Span, StoreError, Table};
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::stanza::{IqType, Stanza};

use super::moves::{Exported, Kind, Moves, Piece};
use super::{Cx, Feature, IqRoute, Spec, Target, bookmarks, not_yours};
use crate::daemon::Daemon;
use crate::effect::Handled;
use crate::limits::{PRIVATE_XML_BYTES_MAX, PRIVATE_XML_ELEMENTS_MAX};

/// Owner, namespace and name.
const PRIVATE: Table<(String, String, String), Raw> = Table::new("private_xml");
/// Tables of this feature.
pub const TABLES: &[&str] = &[PRIVATE.name()];

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::PRIVATE],
    iq: &[
        route(IqType::Get, Target::Account, get),
        route(IqType::Set, Target::Account, set),
        route(IqType::Get, Target::Contact, not_yours),
        route(IqType::Set, Target::Contact, not_yours),
    ],
    removed: Some(removed),
    moves: Some(Moves {
        kinds: &[Kind { name: "query", ns: ns::PRIVATE, cuts: 1 }],
        export,
        import,
    }),
    ..Feature::new("private_xml", Spec::Xep { number: 49, version: "1.2" })
};

const fn route(ty: IqType, target: Target, run: fn(&mut Cx<'_>, &Stanza) -> Handled) -> IqRoute {
    IqRoute { ty, target, ns: ns::PRIVATE, name: "query", run }
}

fn all_of(owner: &BareJid) -> Span<(String, String, String)> {
    Span::<(String, String, String)>::under(owner.as_str())
}

fn unreadable(e: StoreError) -> StanzaError {
    tracing::error!(error = %e, "private XML cannot be read");
    StanzaError::new(StanzaCondition::InternalServerError)
}

/// The elements that a query names. At least one, each with a namespace of its own.
fn named(iq: &Stanza) -> Result<Vec<&Element>, StanzaError> {
    let named: Vec<&Element> = iq.payload().into_iter().flat_map(Element::children).collect();
    // §2.3
    if named.is_empty() || named.iter().any(|e| e.ns().is_empty() || e.ns() == ns::PRIVATE) {
        return Err(StanzaError::new(StanzaCondition::NotAcceptable));
    }
    Ok(named)
}

fn get(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let named = named(iq)?;
    // §2.3: not more than one namespace at a time.
    let [asked] = named[..] else {
        return Err(StanzaError::new(StanzaCondition::NotAcceptable));
    };
    if bookmarks::is_storage(asked) {
        let storage = bookmarks::storage(cx)?;
        cx.reply(iq, Some(Element::new("query", ns::PRIVATE).with_child(storage)));
        return Ok(());
    }
    let key = (cx.account.jid.as_str(), asked.ns(), asked.name());
    let row = cx.daemon.store.get(&PRIVATE, &key).map_err(unreadable)?;
    let found = match row {
        None => Element::new(asked.name().to_owned(), asked.ns().to_owned()),
        Some(Raw(bytes)) => {
            let parsed = std::str::from_utf8(&bytes).ok().and_then(|xml| Element::parse(xml).ok());
            parsed.ok_or_else(|| {
                tracing::error!("a private element is damaged");
                cx.daemon.counters.add("private-xml", "damaged");
                StanzaError::new(StanzaCondition::InternalServerError)
            })?
        }
    };
    cx.reply(iq, Some(Element::new("query", ns::PRIVATE).with_child(found)));
    Ok(())
}

fn set(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    keep(cx, &named(iq)?)?;
    cx.reply(iq, None);
    Ok(())
}

/// Keeps `elements`, all or none.
fn keep(cx: &mut Cx<'_>, elements: &[&Element]) -> Handled {
    let owner = cx.account.jid.as_str();
    let stored = cx.daemon.store.keys(&PRIVATE, &all_of(&cx.account.jid), PRIVATE_XML_ELEMENTS_MAX);
    let stored = stored.map_err(unreadable)?;
    let mut keys: std::collections::BTreeSet<(String, String, String)> =
        stored.into_iter().collect();
    let mut writes = Batch::new();
    let (bookmarked, elements): (Vec<&Element>, Vec<&Element>) =
        elements.iter().partition(|element| bookmarks::is_storage(element));
    for element in elements {
        let key = (owner, element.ns(), element.name());
        let owned = (owner.to_owned(), element.ns().to_owned(), element.name().to_owned());
        if element.nodes().is_empty() && element.attrs().is_empty() {
            keys.remove(&owned);
            writes.delete(&PRIVATE, &key);
            continue;
        }
        let xml = element.to_xml("");
        keys.insert(owned);
        if xml.len() > PRIVATE_XML_BYTES_MAX || keys.len() > PRIVATE_XML_ELEMENTS_MAX {
            return Err(StanzaError::new(StanzaCondition::ResourceConstraint)
                .with_text("This is more than the server keeps for a client."));
        }
        writes.put(&PRIVATE, &key, &Raw(xml.into_bytes()));
    }
    if let Some(storage) = bookmarked.last() {
        bookmarks::set_storage(cx, storage)?;
    }
    cx.effects.writes.append(writes);
    Ok(())
}

/// One element after another; a place is the namespace and the name of one.
fn export(daemon: &Daemon, owner: &BareJid, after: Option<&str>) -> Exported {
    let mut rows = daemon.store.keys(&PRIVATE, &all_of(owner), PRIVATE_XML_ELEMENTS_MAX)?;
    if let Some((ns, name)) = after.and_then(|at| at.rsplit_once(' ')) {
        rows.retain(|key| (key.1.as_str(), key.2.as_str()) > (ns, name));
    }
    for (owner, ns, name) in rows {
        let key = (owner.as_str(), ns.as_str(), name.as_str());
        let Some(Raw(bytes)) = daemon.store.get(&PRIVATE, &key)? else { continue };
        let parsed = std::str::from_utf8(&bytes).ok().and_then(|xml| Element::parse(xml).ok());
        let Some(element) = parsed else {
            tracing::error!("a private element is damaged; it is not exported");
            daemon.counters.add("private-xml", "damaged");
            continue;
        };
        let element = Element::new("query", ns::PRIVATE).with_child(element);
        return Ok(Some(Piece { element, at: format!("{ns} {name}") }));
    }
    Ok(None)
}

fn import(cx: &mut Cx<'_>, query: &Element) -> Result<(), String> {
    let elements: Vec<&Element> = query.children().collect();
    if elements.iter().any(|e| e.ns().is_empty() || e.ns() == ns::PRIVATE) {
        return Err("an element has no namespace of its own".to_owned());
    }
    keep(cx, &elements)
        .map_err(|e| e.text.map_or_else(|| e.condition.to_string(), |t| t.to_string()))
}

fn removed(cx: &mut Cx<'_>) {
    cx.effects.writes.delete_span(&PRIVATE, &all_of(&cx.account.jid));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::home::{Home, stanza};

    const ANN: &str = "ann@home.example";

    fn set(home: &Home, id: u64, elements: &str) -> Stanza {
        home.says(
            id,
            &format!(
                "<iq type='set' id='1'><query xmlns='jabber:iq:private'>{elements}</query></iq>"
            ),
        );
        stanza(home.hears(id).last().unwrap())
    }

    fn kept(home: &Home) -> u64 {
        home.daemon.store.count(&PRIVATE, &all_of(&BareJid::parse(ANN).unwrap())).unwrap()
    }

    #[test]
    fn limits() {
        let home = Home::new();
        let ann = home.bind("ann@home.example/pc");
        for n in 0..PRIVATE_XML_ELEMENTS_MAX {
            let answer = set(&home, ann, &format!("<a xmlns='urn:{n}'>x</a>"));
            assert_eq!(answer.iq_type(), Some(IqType::Result));
        }
        let more = "<a xmlns='urn:0'>y</a><b xmlns='urn:0'>y</b>";
        let refused = set(&home, ann, more).stanza_error().unwrap();
        assert_eq!(refused.condition, StanzaCondition::ResourceConstraint);
        let row = home.daemon.store.get(&PRIVATE, &(ANN, "urn:0", "a")).unwrap().unwrap();
        assert_eq!(row.0, b"<a xmlns='urn:0'>x</a>", "all or nothing");
        // One that goes makes room, and one that is there may change.
        let exchange = "<a xmlns='urn:1'/><a xmlns='urn:0'>y</a><b xmlns='urn:0'>y</b>";
        assert_eq!(set(&home, ann, exchange).iq_type(), Some(IqType::Result));
        assert_eq!(kept(&home), PRIVATE_XML_ELEMENTS_MAX as u64);
        let large = format!("<a xmlns='urn:0'>{}</a>", "x".repeat(PRIVATE_XML_BYTES_MAX));
        assert!(set(&home, ann, &large).is_error());
        home.removes(ANN);
        assert_eq!(kept(&home), 0);
    }
}
