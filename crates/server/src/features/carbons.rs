//! XEP-0280: Message Carbons.
//!
//! Copies what a person says and hears on one device to those of the others that asked for it.
//! Spec: §4 and §5 asking, §6.1 which messages, §7 what is heard, §8 what is said, §9 messages
//! that want no copy, §10.3 errors.
//!
//! The rules of §6.1 are kept with one exception, which is why `urn:xmpp:carbons:rules:0` (§6.2)
//! is not announced: messages of OTR's machinery are not copied; the others get a note that the
//! conversation goes on elsewhere (see `otr_delivery`).
//!
//! State: `Enabled` and `Copied`, per session. Invariants: a session gets a message once, as
//! itself or as a copy, also when the device it was to goes away; a copy is never copied, answered
//! or kept, and brings the message itself elsewhere only if nobody else has it; what a
//! device writes to the account's own address is copied once, not in both directions.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use xmpp::element::Element;
use xmpp::jid::Jid;
use xmpp::ns;
use xmpp::stanza::{IqType, Kind, MessageType, Stanza};

use super::otr_delivery::{self, kind};
use super::{Cx, Feature, Inline, IqRoute, Pick, Spec, Target, archive, csi, hints};
use crate::effect::Handled;
use crate::limits::COPIED_REMEMBERED_MAX;
use crate::registry::{Bound, SessionId};
use crate::wire::Wire;

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::CARBONS],
    iq: &[route("enable", enable), route("disable", disable)],
    inline: Some(Inline { ns: ns::CARBONS, begin }),
    outgoing: Some(outgoing),
    delivered: Some(delivered),
    ..Feature::new("carbons", Spec::Xep { number: 280, version: "1.0.1" })
};

const fn route(name: &'static str, run: fn(&mut Cx<'_>, &Stanza) -> Handled) -> IqRoute {
    IqRoute { ty: IqType::Set, target: Target::Account, ns: ns::CARBONS, name, run }
}

/// The session wants copies.
#[derive(Debug)]
struct Enabled;

fn is_enabled(session: &Bound) -> bool {
    session.slots.get::<Enabled>().is_some()
}

/// §4; again is no error (§10.1).
#[allow(clippy::unnecessary_wraps, reason = "the shape of an IQ handler")]
fn enable(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    if let Some(session) = cx.session.and_then(|id| cx.account.session_mut(id)) {
        session.slots.put(Enabled);
    }
    cx.reply(iq, None);
    Ok(())
}

/// XEP-0386 §3.2: without an answer.
fn begin(cx: &mut Cx<'_>, id: SessionId, request: &Element) -> Option<Element> {
    if request.name() == "enable" {
        cx.account.session_mut(id)?.slots.put(Enabled);
    }
    None
}

/// §5; again is no error (§10.1).
#[allow(clippy::unnecessary_wraps, reason = "the shape of an IQ handler")]
fn disable(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    if let Some(session) = cx.session.and_then(|id| cx.account.session_mut(id)) {
        session.slots.take::<Enabled>();
    }
    cx.reply(iq, None);
    Ok(())
}

/// On which side of the conversation the account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Sent,
    Received,
}

/// §8: a session says something; it goes to the others as well.
#[allow(clippy::unnecessary_wraps, reason = "the shape of an outgoing hook")]
fn outgoing(cx: &mut Cx<'_>, stanza: &mut Stanza) -> Handled {
    let (Kind::Message, Some(sender), Some(to)) = (stanza.kind(), cx.session, stanza.to()) else {
        return Ok(());
    };
    // What is said to oneself arrives here again, and is copied as heard.
    if to.bare_str() == cx.account.jid.as_str() {
        return Ok(());
    }
    let wants = |s: &Bound| s.id != sender && is_enabled(s);
    if !cx.account.sessions.iter().any(wants) {
        return Ok(());
    }
    if is_eligible(stanza, Side::Sent) {
        copy(cx, stanza, Side::Sent, &wants);
        remember(cx, stanza);
    } else if let Some(note) = otr_delivery::note(cx, stanza, &to.to_bare()) {
        copy(cx, &note, Side::Sent, &wants);
    }
    Ok(())
}

/// §7: a message goes to those that `picked` names, and to the others as a copy.
fn delivered(cx: &mut Cx<'_>, message: &Stanza, picked: &Pick<'_>) {
    // Who said it to oneself knows it.
    let wants = |s: &Bound| is_enabled(s) && !picked(s) && Some(&s.jid) != message.from();
    if !cx.account.sessions.iter().any(wants) {
        return;
    }
    if is_eligible(message, Side::Received) || answers_copied(cx, message) {
        copy(cx, message, Side::Received, &wants);
    } else if let Some(peer) = message.from().map(Jid::to_bare)
        && let Some(note) = otr_delivery::note(cx, message, &peer)
    {
        copy(cx, &note, Side::Received, &wants);
    }
}

fn copy(cx: &mut Cx<'_>, message: &Stanza, side: Side, wants: &Pick<'_>) {
    let name = match side {
        Side::Sent => "sent",
        Side::Received => "received",
    };
    let mut original = message.element().clone();
    if side == Side::Sent {
        // XEP-0313 §3.1: for the account's own devices only; what was heard has it already.
        archive::name_of(cx).into_iter().for_each(|name| original.push(name));
    }
    let forwarded = Element::new("forwarded", ns::FORWARD).with_child(original);
    let mut copy = Element::new("message", ns::CLIENT).with_attr("from", cx.account.jid.as_str());
    if let Some(ty) = message.element().attr("type") {
        copy.set_attr("type", ty);
    }
    copy.push(Element::new(name, ns::CARBONS).with_child(forwarded));
    let letter = cx.letter.as_ref().filter(|letter| std::ptr::eq(letter.stanza(), message));
    let subject = csi::subject_of(message);
    for session in cx.account.sessions.iter().filter(|s| wants(s)) {
        copy.set_attr("to", session.jid.as_str());
        let mut wire = Wire::copy(&copy, subject.clone());
        // Should nobody else get it, it would go to this one: it has it then.
        wire.letter = letter.filter(|_| session.priority >= Some(0)).cloned();
        if !session.outbox.push(wire) {
            cx.daemon.counters.add("carbons", "refused");
        }
    }
}

/// §6.1
fn is_eligible(message: &Stanza, side: Side) -> bool {
    use MessageType as M;
    let has = |name: &str, ns: &str| message.child(name, ns).is_some();
    // §9: either of the two is enough.
    if has("private", ns::CARBONS) || hints::has(message, "no-copy") {
        return false;
    }
    // Made by a server these are copies already; from anybody else they are a trick.
    if has("sent", ns::CARBONS) || has("received", ns::CARBONS) {
        return false;
    }
    let ty = message.message_type();
    if matches!(ty, None | Some(M::Groupchat | M::Error)) || kind::of(message).is_some() {
        return false;
    }
    if let Some(room) = message.child("x", ns::MUC_USER) {
        let invitation = room.child("invite", ns::MUC_USER).is_some();
        let from_occupant = side == Side::Received && message.from().is_some_and(Jid::is_full);
        if invitation || from_occupant {
            // A private message from an occupant was sent to each device that is in the room.
            return invitation;
        }
    }
    // XEP-0249: an invitation to a room.
    has("x", ns::CONFERENCE)
        || ty == Some(M::Chat)
        || (ty == Some(M::Normal) && has("body", ns::CLIENT))
        || message.element().children().any(is_talk)
}

/// Receipts, chat states and markers.
fn is_talk(payload: &Element) -> bool {
    matches!(payload.ns(), ns::RECEIPTS | ns::CHAT_STATES | ns::CHAT_MARKERS)
}

/// Messages of a session that the others have a copy of, the latest: an error that answers one
/// of them is for the others, too.
#[derive(Debug, Default)]
struct Copied(VecDeque<u64>);

/// Names a message by whom it is to and its `id`. Two that share a name only cost a copy.
fn name_of(to: &Jid, id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (to.as_str(), id).hash(&mut hasher);
    hasher.finish()
}

fn remember(cx: &mut Cx<'_>, message: &Stanza) {
    let (Some(to), Some(id)) = (message.to(), message.id()) else { return };
    let name = name_of(to, id);
    let Some(session) = cx.session.and_then(|id| cx.account.session_mut(id)) else { return };
    let mut copied = session.slots.take::<Copied>().unwrap_or_default();
    copied.0.truncate(COPIED_REMEMBERED_MAX - 1);
    copied.0.push_front(name);
    session.slots.put(copied);
}

/// §6.1: is `error` about a message that was copied?
fn answers_copied(cx: &Cx<'_>, error: &Stanza) -> bool {
    let (true, Some(to), Some(from)) = (error.is_error(), error.to(), error.from()) else {
        return false;
    };
    let session = to.resource().and_then(|resource| cx.account.resource(resource));
    let copied = session.and_then(|session| session.slots.get::<Copied>());
    let name = error.id().map(|id| name_of(from, id));
    copied.is_some_and(|copied| name.is_some_and(|name| copied.0.contains(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::home::stanza;

    fn eligible(xml: &str) -> (bool, bool) {
        let message = stanza(xml);
        (is_eligible(&message, Side::Sent), is_eligible(&message, Side::Received))
    }

    fn message(ty: &str, content: &str) -> (bool, bool) {
        eligible(&format!("<message from='a@x/1' to='b@y/2' type='{ty}'>{content}</message>"))
    }

    const BOTH: (bool, bool) = (true, true);
    const NONE: (bool, bool) = (false, false);

    /// §6.1, line by line.
    #[test]
    fn the_rules() {
        let body = "<body>hi</body>";
        let talk = [
            "<received xmlns='urn:xmpp:receipts' id='1'/>",
            "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
            "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>",
        ];
        assert_eq!([message("chat", body), message("chat", "")], [BOTH, BOTH]);
        assert_eq!([message("normal", body), message("unheard-of", body)], [BOTH, BOTH]);
        assert_eq!(message("normal", "<x xmlns='urn:any'/>"), NONE);
        assert_eq!([message("headline", body), message("groupchat", body)], [NONE, NONE]);
        assert_eq!(message("error", body), NONE);
        for talk in talk {
            assert_eq!([message("normal", talk), message("headline", talk)], [BOTH, BOTH]);
            assert_eq!(message("groupchat", talk), NONE);
        }
    }

    #[test]
    fn rooms() {
        let direct = "<x xmlns='jabber:x:conference' jid='room@x'/>";
        let mediated = "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='b@y'/></x>";
        let occupant = "<body>hi</body><x xmlns='http://jabber.org/protocol/muc#user'/>";
        assert_eq!([message("normal", direct), message("normal", mediated)], [BOTH, BOTH]);
        assert_eq!(message("chat", occupant), (true, false));
    }

    /// §9, and copies of copies.
    #[test]
    fn no_copies_wanted() {
        let signs = [
            "<private xmlns='urn:xmpp:carbons:2'/>",
            "<no-copy xmlns='urn:xmpp:hints'/>",
            "<sent xmlns='urn:xmpp:carbons:2'/>",
            "<received xmlns='urn:xmpp:carbons:2'/>",
        ];
        for sign in signs {
            assert_eq!(message("chat", &format!("<body>hi</body>{sign}")), NONE, "{sign}");
        }
        assert_eq!(message("chat", "<body>hi</body><private xmlns='urn:other'/>"), BOTH);
    }

    #[test]
    fn otr() {
        assert_eq!(message("chat", "<body>?OTR:AAMDTinmgmV/1nQAAAAA.</body>"), NONE);
        assert_eq!(message("chat", "<body>What does ?OTR mean</body>"), BOTH);
    }
}
