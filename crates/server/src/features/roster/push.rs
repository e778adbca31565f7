//! Roster pushes: each change of the roster goes to the sessions that asked for it.
//!
//! Spec: RFC 6121 §2.1.6 and §2.2. State: `Interested`, one per session, once it has asked for
//! the roster. Invariant: one item and one version per push; a session that did not ask gets
//! none.

use xmpp::element::Element;
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::stanza::Stanza;

use super::contact::Contact;
use super::version::Version;
use crate::registry::{Bound, SessionId};

/// The session has asked for the roster (RFC 6121 §2.2).
#[derive(Debug)]
struct Interested;

/// Notes that `session` has asked for the roster.
pub(super) fn note_interest(session: &mut Bound) {
    session.slots.put(Interested);
}

/// Has `session` asked for the roster?
pub(in crate::features) fn is_interested(session: &Bound) -> bool {
    session.slots.get::<Interested>().is_some()
}

/// One change of the roster, to be told.
#[derive(Clone, Debug)]
pub(in crate::features) struct Push {
    iq: Stanza,
}

impl Push {
    /// That `jid` has become `contact` with `version`; `None` = was removed.
    pub(super) fn new(version: Version, jid: &BareJid, contact: Option<&Contact>) -> Self {
        let version = version.to_string();
        let item = match contact {
            Some(contact) => contact.to_element(jid),
            // RFC 6121 §2.5.2
            None => Element::new("item", ns::ROSTER)
                .with_attr("jid", jid.as_str())
                .with_attr("subscription", "remove"),
        };
        let query = Element::new("query", ns::ROSTER).with_attr("ver", &*version).with_child(item);
        // The version is unique to the push (§2.6.3), so it can name the request as well. No
        // `from`: it comes from the account itself (§2.1.6).
        Self { iq: Stanza::set(format!("roster-{version}"), None, query) }
    }

    /// Tells it to the interested ones of `sessions`.
    pub(in crate::features) fn send(&self, sessions: &[Bound], own: &mut Vec<(SessionId, Stanza)>) {
        for session in sessions.iter().filter(|s| is_interested(s)) {
            self.send_to(session, own);
        }
    }

    /// Tells it to `session`.
    pub(super) fn send_to(&self, session: &Bound, own: &mut Vec<(SessionId, Stanza)>) {
        let mut iq = self.iq.clone();
        iq.set_to(Some(session.jid.clone()));
        own.push((session.id, iq));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_xml() {
        let bob = BareJid::parse("bob@home.example").unwrap();
        let contact = Contact { name: "Bob".into(), ..Contact::default() };
        let version = Version::default().next(&bob, Some(&contact));
        let expected = Element::parse(&format!(
            "<iq xmlns='jabber:client' type='set' id='roster-{version}'>\
             <query xmlns='jabber:iq:roster' ver='{version}'>\
             <item jid='bob@home.example' name='Bob' subscription='none'/></query></iq>"
        ));
        assert_eq!(Push::new(version, &bob, Some(&contact)).iq.into_element(), expected.unwrap());
        let expected = Element::parse(&format!(
            "<iq xmlns='jabber:client' type='set' id='roster-{version}'>\
             <query xmlns='jabber:iq:roster' ver='{version}'>\
             <item jid='bob@home.example' subscription='remove'/></query></iq>"
        ));
        assert_eq!(Push::new(version, &bob, None).iq.into_element(), expected.unwrap());
    }
}
