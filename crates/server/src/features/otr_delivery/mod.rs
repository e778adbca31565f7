//! XEP-0364: Current Off-the-Record Messaging Usage.
//!
//! Brings messages of OTR to the one device that can read them. Spec: §4.2 one device (here also
//! for what is sent to the bare address, as Pidgin does); §4.3 no archive, no copies (here for
//! whatever body shows OTR, not only for clients that ask); §4.4 with XEP-0380 for the note to the
//! other devices; §5.2 the end of a session.
//!
//! [`kind`] tells OTR from words, [`way`] decides, [`talks`] remembers which device has a session.
//! A full address of a connected device is followed as for any message.
//!
//! State: [`talks::Talks`], in memory, of all accounts; `MadeUp`, per session.
//! Invariants: what OTR encrypted is never stored, archived, copied or sent to two devices; a
//! body is passed on byte for byte, white-space tags included.

pub mod kind;
pub mod talks;
pub mod way;

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::stanza::{Kind as StanzaKind, MessageType, Stanza};

use self::kind::Kind;
use self::way::{Devices, Way};
use super::{Cx, Feature, Spec};
use crate::effect::Handled;
use crate::registry::{Bound, SessionId};

/// See the module.
pub const FEATURE: Feature = Feature {
    outgoing: Some(outgoing),
    available: Some(available),
    closed: Some(closed),
    removed: Some(removed),
    ..Feature::new("otr_delivery", Spec::Xep { number: 364, version: "0.3.2" })
};

/// What the other devices read instead of what they cannot. A client that knows XEP-0380 has its
/// own words.
const NOTE: &str = "A private conversation (OTR) goes on at another device.";

/// The session's resource is of the server's making.
#[derive(Debug)]
pub struct MadeUp;

/// Where a message of OTR goes within the account that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// As any message.
    Usual,
    /// To this session and no other.
    Session(SessionId),
    /// Nowhere; the sender is told where it matters.
    Nowhere,
}

/// §4.2: learns which device speaks OTR with whom.
#[allow(clippy::unnecessary_wraps, reason = "the shape of an outgoing hook")]
fn outgoing(cx: &mut Cx<'_>, stanza: &mut Stanza) -> Handled {
    let (Some(to), true) = (stanza.to(), is_talk(stanza)) else { return Ok(()) };
    let session = match kind::of(stanza) {
        Some(Kind::Error) => return Ok(()),
        Some(_) => true,
        None if kind::is_tagged(stanza) => false,
        None => return Ok(()),
    };
    let device = cx.session.and_then(|id| cx.account.session(id)).and_then(|s| s.jid.resource());
    if let Some(resource) = device {
        let talks = &cx.daemon.registry.talks;
        talks.spoke(&cx.account.jid, &to.to_bare(), (resource, session), cx.now);
    }
    Ok(())
}

/// OTR is between two people: rooms and headlines have none.
fn is_talk(stanza: &Stanza) -> bool {
    stanza.kind() == StanzaKind::Message
        && matches!(stanza.message_type(), Some(MessageType::Chat | MessageType::Normal))
}

/// Decides about a message that names no connected device of the account.
pub fn place(cx: &mut Cx<'_>, message: &Stanza) -> Place {
    let (true, Some(kind)) = (is_talk(message), kind::of(message)) else { return Place::Usual };
    let Some(peer) = message.from().map(xmpp::jid::Jid::to_bare) else { return Place::Usual };
    let owner = cx.daemon.registry.talks.device(&cx.account.jid, &peer, cx.now);
    let connected = owner.as_deref().and_then(|r| cx.account.resource(r)).map(|s| s.id);
    let most = most_available(&cx.account.sessions);
    let devices = match (connected, most) {
        (Some(_), _) => Devices::Owner,
        (None, Some(_)) if owner.is_some() => Devices::OwnerAway,
        (None, Some(_)) => Devices::Some,
        (None, None) => Devices::None,
    };
    let to = |id: Option<SessionId>| id.map_or(Place::Usual, Place::Session);
    match way::decide(kind, devices) {
        Way::Usual => Place::Usual,
        Way::Owner => to(connected),
        Way::One => to(most),
        Way::Wait => {
            cx.daemon.registry.talks.wait(&cx.account.jid, &peer, message.clone(), cx.now);
            Place::Nowhere
        }
        Way::Ignore => Place::Nowhere,
        Way::Back(words) => {
            let error = StanzaError::new(StanzaCondition::RecipientUnavailable).with_text(words);
            cx.refuse(message, &error);
            Place::Nowhere
        }
    }
}

/// The device that came last of those that RFC 6121 §8.5.2.1.1 would choose.
fn most_available(sessions: &[Bound]) -> Option<SessionId> {
    let able = sessions.iter().filter(|s| s.priority >= Some(0));
    able.max_by_key(|s| (s.priority, s.id)).map(|s| s.id)
}

/// What the account's other devices get instead of a copy of `message`, which is OTR's: `None` if
/// they know already, or there is nothing to know.
#[must_use]
pub fn note(cx: &Cx<'_>, message: &Stanza, peer: &BareJid) -> Option<Stanza> {
    let talk = kind::of(message).is_some_and(Kind::is_talk);
    if !talk || !cx.daemon.registry.talks.mark(&cx.account.jid, peer, cx.now) {
        return None;
    }
    let mut note = Element::new("message", ns::CLIENT);
    for name in ["from", "to", "type"] {
        if let Some(value) = message.element().attr(name) {
            note.set_attr(name, value);
        }
    }
    // XEP-0380 §4
    let encryption = Element::new("encryption", ns::EME)
        .with_attr("namespace", ns::OTR)
        .with_attr("name", "OTR");
    let body = Element::new("body", ns::CLIENT).with_text(NOTE);
    let no_store = Element::new("no-store", ns::HINTS);
    let note = note.with_child(body).with_child(encryption).with_child(no_store);
    Stanza::from_element(note).ok()
}

/// What waited for this very device.
fn available(cx: &mut Cx<'_>, session: SessionId) {
    let Some(bound) = cx.account.session(session) else { return };
    let resource = bound.jid.resource().unwrap_or_default();
    for end in cx.daemon.registry.talks.waited(&cx.account.jid, resource) {
        cx.effects.own.push((session, end));
    }
}

/// A client that asks for no name would have another one the next time, and its session be lost.
fn closed(cx: &mut Cx<'_>, session: SessionId) {
    let Some(bound) = cx.account.session(session) else { return };
    if let (Some(resource), Some(MadeUp)) = (bound.jid.resource(), bound.slots.get::<MadeUp>()) {
        let address = bound.about.address.ip();
        cx.daemon.registry.talks.lost(&cx.account.jid, resource, address, cx.now);
    }
}

fn removed(cx: &mut Cx<'_>) {
    cx.daemon.registry.talks.forget(&cx.account.jid);
}

#[cfg(test)]
mod tests {
    use crate::daemon::Now;
    use crate::registry::About;
    use crate::session::Session;
    use crate::testing::Home;
    use xmpp::element::Element;
    use xmpp::jid::BareJid;

    /// A client without a name of its own keeps its session over a lost connection.
    #[tokio::test]
    async fn the_name_before_comes_back() {
        let (home, _) = Home::set_up().await;
        let ann = BareJid::parse("ann@home.example").unwrap();
        let bind = |wish: Option<&str>| {
            let about = About {
                address: ([127, 0, 0, 1], 1).into(),
                tls: "TLSv1.3",
                mechanism: "SCRAM-SHA-256",
                since: 0,
            };
            Session::bind(home.daemon(), &ann, wish, about).unwrap()
        };
        let words = Element::parse(
            "<message xmlns='jabber:client' to='bob@home.example' type='chat'>\
             <body>?OTR:AAMDTinmgmV/1nQAAAAA.</body></message>",
        )
        .unwrap();
        let mut talks = bind(None);
        let quiet = bind(None);
        let name = talks.jid.clone();
        assert_ne!(quiet.jid, name);
        talks.handle(Now::read(), words).unwrap();
        let (_other, after) = (bind(Some("desk")), bind(None));
        assert_ne!(after.jid, name, "the session is still there");
        drop((quiet, talks));
        assert_eq!(bind(None).jid, name);
    }
}
