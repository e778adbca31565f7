//! Messages on the wire: what a device says, and what it finds in what comes.

use xmpp::element::Element;
use xmpp::ns;

use super::history::{Seen, Way};
use crate::harness::home::DOMAIN;

/// XEP-0313.
pub(crate) const MAM: &str = "urn:xmpp:mam:2";
/// XEP-0059.
pub(crate) const RSM: &str = "http://jabber.org/protocol/rsm";

/// The `origin-id` of the message number `n` of the device `full` (`ann/phone`).
pub(crate) fn origin(full: &str, n: usize) -> String {
    format!("{full} {n}")
}

/// The message called `origin` to `to`, a name or a name and a resource.
pub(crate) fn chat(to: &str, origin: &str) -> String {
    let to = match to.split_once('/') {
        Some((name, resource)) => format!("{name}@{DOMAIN}/{resource}"),
        None => format!("{to}@{DOMAIN}"),
    };
    format!(
        "<message to='{to}' type='chat' id='{origin}'><body>{origin}</body>\
         <origin-id xmlns='urn:xmpp:sid:0' id='{origin}'/></message>"
    )
}

/// The message in `stanza`, as itself, as a copy or from the archive of `owner`.
///
/// # Panics
/// If it is an error, or not from whom it says.
pub(crate) fn seen(stanza: &Element, owner: &str) -> Option<Seen> {
    let own = format!("{owner}@{DOMAIN}");
    if let Some(result) = stanza.child("result", MAM) {
        assert!(stanza.attr("from").is_none_or(|from| from == own), "whose archive: {stanza:?}");
        let name = result.attr("id").map(str::to_owned);
        assert!(name.is_some(), "a name in the archive: {stanza:?}");
        return read(forwarded(result), name, Way::Page);
    }
    let copy = ["received", "sent"].iter().find_map(|side| stanza.child(side, ns::CARBONS));
    if copy.is_some() {
        assert_eq!(stanza.attr("from"), Some(own.as_str()), "a copy from elsewhere: {stanza:?}");
    }
    let message = copy.map_or(stanza, forwarded);
    read(message, name_by(message, &own), Way::Live)
}

fn read(message: &Element, name: Option<String>, way: Way) -> Option<Seen> {
    let origin = message.child("body", ns::CLIENT)?.text().into_owned();
    assert_ne!(message.attr("type"), Some("error"), "{message:?}");
    let sender = message.attr("from").map(|from| from.replacen(&format!("@{DOMAIN}"), "", 1));
    let (said_by, _) = origin.split_once(' ').expect("words of a device");
    assert_eq!(sender.as_deref(), Some(said_by), "{message:?}");
    let given = message.child("origin-id", ns::STANZA_ID).and_then(|id| id.attr("id"));
    assert_eq!(given, Some(origin.as_str()), "{message:?}");
    Some(Seen { origin, name, way })
}

fn forwarded(wrapper: &Element) -> &Element {
    let forwarded = wrapper.child("forwarded", ns::FORWARD).expect("something forwarded");
    forwarded.child("message", ns::CLIENT).expect("a message")
}

/// XEP-0359: the name that the account `own` gave it.
fn name_by(message: &Element, own: &str) -> Option<String> {
    let mut names = message
        .children()
        .filter(|child| child.is("stanza-id", ns::STANZA_ID) && child.attr("by") == Some(own));
    let name = names.next()?.attr("id").map(str::to_owned);
    assert!(names.next().is_none(), "one name by the account: {message:?}");
    name
}

/// Asks for the next page of the own archive, after the message called `after`.
pub(crate) fn page(query: &str, after: Option<&str>) -> String {
    let after = after.map(|after| format!("<after>{after}</after>")).unwrap_or_default();
    format!(
        "<iq type='set' id='{query}'><query xmlns='{MAM}' queryid='{query}'>\
         <set xmlns='{RSM}'><max>40</max>{after}</set></query></iq>"
    )
}
