//! Rosters and subscription requests.
//!
//! Spec: XEP-0227 §4.4 and §4.9, RFC 6121 §2.1.2. Invariant: each contact once; a request of
//! somebody who is no contact is an item with `pending_in` and nothing else.

use std::collections::BTreeMap;

use admin_api::transfer::RosterItem;
use xmpp::jid::{BareJid, Jid};
use xmpp::{Element, ns};

use super::notes::Notes;

/// A roster in the making, by address.
#[derive(Debug, Default)]
pub(super) struct Roster(BTreeMap<String, RosterItem>);

impl Roster {
    /// The items of a roster query.
    pub(super) fn items(&mut self, query: &Element, notes: &mut Notes) {
        for child in query.children() {
            match item(child) {
                Some(item) => {
                    let pending_in = self.0.get(&item.jid).is_some_and(|i| i.pending_in);
                    self.0.insert(item.jid.clone(), RosterItem { pending_in, ..item });
                }
                None => notes.add("contacts with an address or a subscription of no known form"),
            }
        }
    }

    /// A subscription request that waits for the owner's answer.
    pub(super) fn request(&mut self, presence: &Element, notes: &mut Notes) {
        let Some(from) = presence.attr("from").and_then(|from| Jid::parse(from).ok()) else {
            notes.add("subscription requests without a usable address");
            return;
        };
        let jid = from.bare_str().to_owned();
        let item = self.0.entry(jid.clone()).or_insert_with(|| request_only(jid));
        // Who is subscribed already has no request waiting (RFC 6121 §3.1.3).
        item.pending_in = matches!(item.subscription.as_str(), "none" | "to");
    }

    /// The items, by address.
    pub(super) fn finish(self) -> Vec<RosterItem> {
        self.0.into_values().collect()
    }
}

fn request_only(jid: String) -> RosterItem {
    RosterItem {
        jid,
        name: String::new(),
        subscription: "none".to_owned(),
        ask: false,
        approved: false,
        pending_in: true,
        groups: Vec::new(),
    }
}

fn item(element: &Element) -> Option<RosterItem> {
    if !element.is("item", ns::ROSTER) {
        return None;
    }
    let jid = Jid::parse(element.attr("jid")?).ok()?.to_bare();
    let subscription = element.attr("subscription").unwrap_or("none");
    if !["none", "to", "from", "both"].contains(&subscription) {
        return None;
    }
    let mut groups: Vec<String> = Vec::new();
    for group in element.children().filter(|c| c.is("group", ns::ROSTER)) {
        let group = group.text().trim().to_owned();
        if !group.is_empty() && !groups.contains(&group) {
            groups.push(group);
        }
    }
    Some(RosterItem {
        jid: jid.as_str().to_owned(),
        name: element.attr("name").unwrap_or_default().to_owned(),
        subscription: subscription.to_owned(),
        ask: element.attr("ask") == Some("subscribe"),
        approved: matches!(element.attr("approved"), Some("true" | "1")),
        pending_in: false,
        groups,
    })
}

/// The query and the requests that stand for `roster`; the inverse of reading.
pub(super) fn elements(roster: &[RosterItem], owner: &BareJid) -> (Element, Vec<Element>) {
    let mut query = Element::new("query", ns::ROSTER);
    let mut requests = Vec::new();
    for item in roster {
        if item.pending_in {
            let request = Element::new("presence", ns::CLIENT)
                .with_attr("from", item.jid.as_str())
                .with_attr("to", owner.as_str())
                .with_attr("type", "subscribe");
            requests.push(request);
        }
        if *item != request_only(item.jid.clone()) {
            query.push(to_element(item));
        }
    }
    (query, requests)
}

fn to_element(item: &RosterItem) -> Element {
    let mut element = Element::new("item", ns::ROSTER).with_attr("jid", item.jid.as_str());
    if !item.name.is_empty() {
        element.set_attr("name", item.name.as_str());
    }
    element.set_attr("subscription", item.subscription.as_str());
    if item.ask {
        element.set_attr("ask", "subscribe");
    }
    if item.approved {
        element.set_attr("approved", "true");
    }
    for group in &item.groups {
        element.push(Element::new("group", ns::ROSTER).with_text(group.as_str()));
    }
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str) -> (Vec<RosterItem>, Notes) {
        let (mut roster, mut notes) = (Roster::default(), Notes::default());
        for element in Element::parse(&format!("<user>{xml}</user>")).unwrap().children() {
            match element.name() {
                "query" => roster.items(element, &mut notes),
                _ => roster.request(element, &mut notes),
            }
        }
        (roster.finish(), notes)
    }

    #[test]
    fn reads_every_state() {
        let (items, notes) = read(
            "<presence xmlns='jabber:client' type='subscribe' from='new@h/x'/>\
             <query xmlns='jabber:iq:roster'>\
             <item jid='Tim@H' name='Tim' subscription='both'><group> Family </group>\
             <group>Family</group><group/></item>\
             <item jid='a@h' ask='subscribe' approved='1'/>\
             <item jid='b@h' subscription='to'/>\
             <item jid='@h' subscription='to'/>\
             <item jid='gone@h' subscription='remove'/>\
             </query>\
             <presence xmlns='jabber:client' type='subscribe' from='b@h'/>\
             <presence xmlns='jabber:client' type='subscribe' from='tim@h'/>\
             <presence xmlns='jabber:client' type='subscribe'/>",
        );
        let by = |jid: &str| items.iter().find(|i| i.jid == jid).unwrap().clone();
        assert_eq!(items.len(), 4);
        assert_eq!(by("new@h"), request_only("new@h".to_owned()));
        assert_eq!(by("tim@h").groups, ["Family"]);
        assert!(!by("tim@h").pending_in, "a subscriber does not ask again");
        assert!(by("a@h").ask && by("a@h").approved && by("a@h").subscription == "none");
        assert!(by("b@h").pending_in && by("b@h").subscription == "to");
        assert_eq!(notes.lines().count(), 2);
    }

    #[test]
    fn writes_what_it_reads() {
        let owner = BareJid::parse("ann@h").unwrap();
        let full = RosterItem {
            name: "T & <m>".to_owned(),
            ask: true,
            approved: true,
            groups: vec!["Family".to_owned(), "Work".to_owned()],
            ..request_only("tim@h".to_owned())
        };
        let known = RosterItem { name: "Kim".to_owned(), ..request_only("kim@h".to_owned()) };
        let both = RosterItem {
            subscription: "both".to_owned(),
            pending_in: false,
            ..request_only("both@h".to_owned())
        };
        let mut roster = vec![full, known, both, request_only("new@h".to_owned())];
        roster.sort_by(|a, b| a.jid.cmp(&b.jid));
        let (query, requests) = elements(&roster, &owner);
        assert_eq!(query.children().count(), 3, "a request alone is no contact");
        let mut xml = query.to_xml("");
        requests.iter().for_each(|r| r.write(&mut xml, ""));
        assert_eq!(read(&xml).0, roster);
    }
}
