//! Moving records to another domain.
//!
//! When a household's accounts move to a home with another name, its people stay each other's
//! contacts: addresses at the old domain become addresses at the new one.
//!
//! Invariant: addresses at any third domain stay as they are.

use admin_api::transfer::Record;
use xmpp::{Element, Jid, ns};

use super::Person;

/// Moves `person` from the domain `old` to `new` (both prepared).
pub(crate) fn relocate(person: &mut Person, old: &str, new: &str) {
    record(&mut person.record, old, new);
    let lists = person.data.iter_mut().filter(|e| e.is("blocklist", ns::BLOCKING));
    for item in lists.flat_map(Element::children_mut) {
        readdress(item, "jid", old, new);
    }
    // XEP-0227 §4.11: members and subscribers of nodes.
    let nodes = person.data.iter_mut().filter(|e| e.is("pubsub", ns::PUBSUB_OWNER));
    for entry in nodes.flat_map(Element::children_mut).flat_map(Element::children_mut) {
        readdress(entry, "jid", old, new);
    }
    let archives = person.data.iter_mut().filter(|e| e.is("archive", ns::PIE_MAM));
    let forwarded = archives.flat_map(Element::children_mut).flat_map(Element::children_mut);
    for message in forwarded.flat_map(Element::children_mut) {
        for name in ["from", "to"] {
            readdress(message, name, old, new);
        }
    }
    let preferences = person.data.iter_mut().filter(|e| e.is("prefs", ns::MAM));
    for jid in preferences.flat_map(Element::children_mut).flat_map(Element::children_mut) {
        if let Some(moved) = moved(&jid.text(), old, new) {
            jid.retain(|_| false);
            jid.push_text(moved);
        }
    }
}

fn record(record: &mut Record, old: &str, new: &str) {
    for item in &mut record.roster {
        if let Some(moved) = moved(&item.jid, old, new) {
            item.jid = moved;
        }
    }
    for message in &mut record.offline {
        // Written by this program a moment ago, so it parses.
        let Ok(mut element) = Element::parse(message) else { continue };
        for name in ["from", "to"] {
            readdress(&mut element, name, old, new);
        }
        *message = element.to_xml("");
    }
}

fn readdress(element: &mut Element, attr: &'static str, old: &str, new: &str) {
    if let Some(moved) = element.attr(attr).and_then(|jid| moved(jid, old, new)) {
        element.set_attr(attr, moved);
    }
}

/// The address at the new domain, if it is at the old one.
fn moved(jid: &str, old: &str, new: &str) -> Option<String> {
    let jid = Jid::parse(jid).ok()?;
    if jid.domain() != old {
        return None;
    }
    let local = jid.local().map(|l| format!("{l}@")).unwrap_or_default();
    let resource = jid.resource().map(|r| format!("/{r}")).unwrap_or_default();
    Some(format!("{local}{new}{resource}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (jid, wanted) in [
            ("tim@old.example/a@b", Some("tim@new.example/a@b")),
            ("old.example", Some("new.example")),
            ("tim@other.example", None),
            ("tim@sub.old.example", None),
            ("@", None),
        ] {
            assert_eq!(moved(jid, "old.example", "new.example").as_deref(), wanted, "{jid}");
        }
    }

    #[test]
    fn rosters_and_messages() {
        let record: Record = serde_json::from_value(serde_json::json!({
            "name": "ann",
            "credentials": { "plain": "x" },
            "roster": [
                { "jid": "tim@old", "subscription": "both" },
                { "jid": "zoe@else", "subscription": "to" },
            ],
            "offline": ["<message xmlns='jabber:client' from='tim@old/a' to='ann@old'><body>x@old</body></message>"],
        }))
        .unwrap();
        let blocked =
            "<blocklist xmlns='urn:xmpp:blocking'><item jid='eve@old'/><item jid='x'/></blocklist>";
        let member = "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><affiliations node='n'>\
                      <affiliation jid='tim@old' affiliation='member'/></affiliations></pubsub>";
        let data = [blocked, member].map(|xml| Element::parse(xml).unwrap());
        let mut person = Person { record, data: data.into() };
        relocate(&mut person, "old", "new");
        let Person { record, data } = person;
        let jids: Vec<_> = data[0].children().filter_map(|item| item.attr("jid")).collect();
        assert_eq!(jids, ["eve@new", "x"]);
        assert!(data[1].to_xml("").contains("jid='tim@new'"));
        assert_eq!(record.roster[0].jid, "tim@new");
        assert_eq!(record.roster[1].jid, "zoe@else");
        let message = Element::parse(&record.offline[0]).unwrap();
        assert_eq!(message.attr("from"), Some("tim@new/a"));
        assert_eq!(message.attr("to"), Some("ann@new"));
        assert!(record.offline[0].contains("x@old"), "what people wrote stays");
    }
}
