//! XEP-0364: Current Off-the-Record Messaging Usage.
//!
//! Asks for encryption as the home's rule says: §7 of the specification warns that people forget
//! to turn it on. OMEMO (XEP-0384) does as well. The decision is `protection::rule`'s.
//!
//! State: none here; `protection` has the rules and the counts. Invariants: what is refused reaches
//! nobody, neither by copy nor by archive, so this comes before they are asked; the sender always
//! hears of it.

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::Jid;
use xmpp::ns;
use xmpp::stanza::{Kind, MessageType, Stanza};

use super::{Cx, Feature, Spec};
use crate::concierge::NAME as CONCIERGE;
use crate::effect::Handled;
use crate::protection::rule::{self, Content, To, Verdict};

/// See the module.
pub const FEATURE: Feature = Feature {
    outgoing: Some(outgoing),
    ..Feature::new("otr_policy", Spec::Xep { number: 364, version: "0.3.2" })
};

/// To whom words came back.
const REFUSED: &str = "Not sent: this home asks for encrypted conversations. Start a private one \
    (OTR) or turn on OMEMO in your chat app, then send this again.";

/// Once a month, where encryption is encouraged.
const HINT: &str = "A hint from home, once a month: what you write is encrypted on the way, but \
    whoever looks after the server could read it. With OTR (“Start private conversation”) or OMEMO \
    in your chat app only the two of you can.";

fn outgoing(cx: &mut Cx<'_>, stanza: &mut Stanza) -> Handled {
    let (Kind::Message, Some(to)) = (stanza.kind(), stanza.to()) else { return Ok(()) };
    let (to, content) = (addressee(cx, to, stanza), rule::content(stanza));
    let local = cx.account.jid.local().unwrap_or_default();
    let protection = &cx.daemon.protection;
    match rule::decide(protection.mode(local), protection.household().rooms, to, content) {
        Verdict::Pass => {}
        Verdict::Hint => hint(cx),
        Verdict::Refuse => {
            return Err(StanzaError::new(StanzaCondition::PolicyViolation).with_text(REFUSED));
        }
    }
    if to == To::Person && content != Content::Nothing {
        let local = cx.account.jid.local().unwrap_or_default();
        protection.sent(local, content == Content::Protected);
    }
    Ok(())
}

fn addressee(cx: &Cx<'_>, to: &Jid, stanza: &Stanza) -> To {
    if stanza.message_type() == Some(MessageType::Groupchat) {
        return To::Room;
    }
    match to.local() {
        _ if to.bare_str() == cx.account.jid.as_str() => To::Oneself,
        None => To::TheHome,
        Some(CONCIERGE) if cx.daemon.is_local(to.domain()) => To::TheHome,
        Some(_) => To::Person,
    }
}

fn hint(cx: &mut Cx<'_>) {
    let local = cx.account.jid.local().unwrap_or_default();
    let protection = &cx.daemon.protection;
    match protection.hint_is_due(cx.daemon, &mut cx.effects.writes, local, cx.now) {
        Ok(false) => {}
        Ok(true) => {
            let Some(session) = cx.session.and_then(|id| cx.account.session(id)) else { return };
            let message = Element::new("message", ns::CLIENT)
                .with_attr("from", format!("{CONCIERGE}@{}", cx.account.jid.domain()))
                .with_attr("to", session.jid.as_str())
                .with_attr("type", "chat")
                .with_child(Element::new("body", ns::CLIENT).with_text(HINT));
            if let Ok(message) = Stanza::from_element(message) {
                cx.effects.own.push((session.id, message));
            }
        }
        Err(e) => tracing::error!(error = %e, "the time of a hint cannot be read"),
    }
}
