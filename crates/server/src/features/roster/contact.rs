//! One contact of a roster: as the rest of the daemon sees it, as it is stored, and as XML.
//!
//! Spec: RFC 6121 §2.1.2. Invariant: what is shown to clients is a function of [`Contact`]
//! alone; whether a request of the contact's is waiting shows nowhere in it.

use serde::{Deserialize, Serialize};
use store::JsonValue;
use xmpp::element::Element;
use xmpp::jid::BareJid;
use xmpp::ns;

use crate::features::subscription::state::{Half, Standing, SubState};

/// A contact with all that the server knows of it; what import and export work with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The contact.
    pub jid: BareJid,
    /// The owner's name for it; may be empty.
    pub name: String,
    /// Groups, without duplicates.
    pub groups: Vec<String>,
    /// The subscription. A contact that only asked for one and is not in the roster has
    /// `pending_in`, no name and no groups.
    pub state: SubState,
    /// RFC 6121 §3.4: approved before it asked.
    pub approved: bool,
}

impl Item {
    /// Does it stand for a waiting request alone, which is no part of the roster
    /// (RFC 6121 §3.1.3)?
    pub(super) fn is_request_only(&self) -> bool {
        let only_asked = SubState { to: Half::No, from: Half::Pending };
        self.state == only_asked && self.name.is_empty() && self.groups.is_empty() && !self.approved
    }

    /// As it is stored.
    pub(super) fn to_contact(&self) -> Contact {
        let seen = self.state.is_seen();
        // The standing's invariant: an approval is for somebody who has not asked.
        let approved = self.approved && self.state.from == Half::No;
        Contact {
            name: self.name.clone(),
            groups: self.groups.clone(),
            to: self.state.to,
            seen,
            approved,
        }
    }
}

/// A roster item as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::features) struct Contact {
    /// The owner's name for the contact; empty = none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    /// Groups, without duplicates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<String>,
    /// May the owner see the contact?
    pub(super) to: Half,
    /// May the contact see the owner? Whether it has asked to is kept beside the roster.
    pub(super) seen: bool,
    /// RFC 6121 §3.4: approved before it asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) approved: bool,
}

impl JsonValue for Contact {}

impl Contact {
    /// With what is known of a waiting request.
    pub(super) fn standing(&self, pending_in: bool) -> Standing {
        let from = match (self.seen, pending_in) {
            (true, _) => Half::Yes,
            (false, true) => Half::Pending,
            (false, false) => Half::No,
        };
        Standing { state: SubState { to: self.to, from }, approved: self.approved }
    }

    /// Takes over what of `standing` belongs into the roster.
    pub(super) fn agree(&mut self, standing: Standing) {
        self.to = standing.state.to;
        self.seen = standing.state.is_seen();
        self.approved = standing.approved;
    }

    /// RFC 6121 §2.1.2: the item as clients see it.
    pub(super) fn to_element(&self, jid: &BareJid) -> Element {
        let state = self.standing(false).state;
        let mut item = Element::new("item", ns::ROSTER)
            .with_attr("jid", jid.as_str())
            .with_attr("subscription", state.subscription());
        if !self.name.is_empty() {
            item.set_attr("name", self.name.as_str());
        }
        if state.ask() {
            item.set_attr("ask", "subscribe");
        }
        if self.approved {
            item.set_attr("approved", "true");
        }
        for group in &self.groups {
            item.push(Element::new("group", ns::ROSTER).with_text(group.as_str()));
        }
        item
    }

    /// Bytes that the item takes at most in a roster result.
    pub(super) fn weight(&self, jid: &BareJid) -> usize {
        /// `<item jid='' name='' subscription='none' ask='subscribe' approved='true'></item>`.
        const ITEM: usize = 90;
        /// `<group></group>`.
        const GROUP: usize = 15;
        let groups: usize = self.groups.iter().map(|g| GROUP + escaped(g)).sum();
        ITEM + escaped(jid.as_str()) + escaped(&self.name) + groups
    }
}

/// Bytes of `text` at most once it is written as XML: `&quot;` takes six.
fn escaped(text: &str) -> usize {
    text.bytes().map(|b| if b"<>&'\"".contains(&b) || b < b' ' { 6 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact() -> Contact {
        Contact {
            name: "Bob \"<&>'".into(),
            groups: vec!["Family & friends".into(), "Neighbours".into()],
            to: Half::Pending,
            seen: true,
            approved: false,
        }
    }

    fn bob() -> BareJid {
        BareJid::parse("bob@home.example").unwrap()
    }

    #[test]
    fn as_xml() {
        let expected = Element::parse(
            "<item xmlns='jabber:iq:roster' jid='bob@home.example' subscription='from' \
             name='Bob &quot;&lt;&amp;&gt;&apos;' ask='subscribe'>\
             <group>Family &amp; friends</group><group>Neighbours</group></item>",
        );
        assert_eq!(Ok(contact().to_element(&bob())), expected);
        let approved = Contact { approved: true, ..Contact::default() }.to_element(&bob());
        assert_eq!(approved.attr("approved"), Some("true"));
        assert_eq!(approved.attr("subscription"), Some("none"));
        assert_eq!(approved.attr("name"), None);
    }

    #[test]
    fn weight_is_never_below_what_is_written() {
        let all = Contact { approved: true, seen: false, ..contact() };
        for contact in [contact(), all, Contact::default()] {
            let written = contact.to_element(&bob()).to_xml(ns::ROSTER).len();
            assert!(contact.weight(&bob()) >= written, "{contact:?}");
        }
    }

    #[test]
    fn stored_form_comes_back() {
        for contact in [contact(), Contact::default()] {
            let json = serde_json::to_string(&contact).unwrap();
            assert_eq!(serde_json::from_str::<Contact>(&json).unwrap(), contact);
        }
        let json = serde_json::to_string(&contact()).unwrap();
        assert!(json.contains(r#""to":"pending","seen":true"#), "{json}");
    }

    #[test]
    fn a_waiting_request_is_no_item() {
        let only = SubState { to: Half::No, from: Half::Pending };
        let item = Item {
            jid: bob(),
            name: String::new(),
            groups: Vec::new(),
            state: only,
            approved: false,
        };
        assert!(item.is_request_only());
        assert!(!Item { name: "Bob".into(), ..item.clone() }.is_request_only());
        let to = SubState { to: Half::Yes, from: Half::Pending };
        assert!(!Item { state: to, ..item }.is_request_only());
    }

    #[test]
    fn an_approval_beside_a_request_is_dropped() {
        let state = SubState { to: Half::No, from: Half::Yes };
        let item =
            Item { jid: bob(), name: "Bob".into(), groups: Vec::new(), state, approved: true };
        assert!(!item.to_contact().approved);
        let item = Item { state: SubState::default(), ..item };
        assert!(item.to_contact().approved);
    }
}
