//! Which messages are archived.
//!
//! Spec: XEP-0313 §5.1.1 (what a person says and hears, with content), XEP-0334 (hints), and the
//! specifications of what is content beside a body. OTR's machinery never is, whatever a hint
//! says: the keys are gone before anybody could read it again. State: none.

use xmpp::element::Element;
use xmpp::ns;
use xmpp::stanza::{MessageType, Stanza};

use crate::features::hints;
use crate::features::otr_delivery::kind;

/// Is `message` part of a conversation that a person may want to find again?
#[must_use]
pub(super) fn is_worth_archiving(message: &Stanza) -> bool {
    let talk = matches!(message.message_type(), Some(MessageType::Chat | MessageType::Normal));
    talk && hints::may_archive(message)
        && (hints::worth_keeping(message) || message.element().children().any(is_content))
        && kind::of(message).is_none()
}

/// Does it say something, or change what was said?
fn is_content(child: &Element) -> bool {
    match child.ns() {
        ns::CLIENT => child.name() == "body",
        // XEP-0184 §5.3: a request is not worth keeping, an answer is.
        ns::RECEIPTS => child.name() == "received",
        // XEP-0333 §4
        ns::CHAT_MARKERS => child.name() != "markable",
        ns::CORRECT => child.name() == "replace",
        ns::RETRACT | ns::REACTIONS => true,
        // Both kinds of OMEMO; also what only renews keys, since a device that was away needs it.
        ns::OMEMO | ns::OMEMO_LEGACY => child.name() == "encrypted",
        ns::CONFERENCE => child.name() == "x",
        // XEP-0045 §7.8.2
        ns::MUC_USER => child.child("invite", ns::MUC_USER).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::home::stanza;

    fn archived(ty: &str, content: &str) -> bool {
        is_worth_archiving(&stanza(&format!("<message type='{ty}'>{content}</message>")))
    }

    const BODY: &str = "<body>hi</body>";
    const STATE: &str = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";

    #[test]
    fn types() {
        assert!(archived("chat", BODY) && archived("normal", BODY) && archived("odd", BODY));
        for ty in ["headline", "groupchat", "error"] {
            assert!(!archived(ty, BODY), "{ty}");
            assert!(!archived(ty, "<store xmlns='urn:xmpp:hints'/>"), "{ty}");
        }
    }

    #[test]
    fn content() {
        let content = [
            "<body/>",
            "<received xmlns='urn:xmpp:receipts' id='1'/>",
            "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>",
            "<replace xmlns='urn:xmpp:message-correct:0' id='1'/>",
            "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>",
            "<reactions xmlns='urn:xmpp:reactions:0' id='1'/>",
            "<encrypted xmlns='eu.siacs.conversations.axolotl'/>",
            "<encrypted xmlns='urn:xmpp:omemo:2'/>",
            "<x xmlns='jabber:x:conference' jid='room@x'/>",
            "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='b@y'/></x>",
        ];
        for content in content {
            assert!(archived("normal", content), "{content}");
            assert!(archived("chat", &format!("{STATE}{content}")), "{content}");
        }
        let none = [
            "",
            STATE,
            "<subject>s</subject>",
            "<thread>t</thread>",
            "<request xmlns='urn:xmpp:receipts'/>",
            "<markable xmlns='urn:xmpp:chat-markers:0'/>",
            "<x xmlns='http://jabber.org/protocol/muc#user'/>",
            "<body xmlns='urn:other'>x</body>",
            "<event xmlns='http://jabber.org/protocol/pubsub#event'/>",
            "<received xmlns='urn:xmpp:carbons:2'/>",
        ];
        for none in none {
            assert!(!archived("chat", none), "{none}");
        }
    }

    #[test]
    fn hints_decide() {
        let hint = |hint: &str| format!("<{hint} xmlns='urn:xmpp:hints'/>");
        assert!(archived("chat", &hint("store")));
        assert!(archived("chat", &format!("{BODY}{}", hint("no-copy"))));
        for no in ["no-store", "no-permanent-store"] {
            assert!(!archived("chat", &format!("{BODY}{}{}", hint(no), hint("store"))), "{no}");
        }
    }

    #[test]
    fn otr_machinery_never() {
        assert!(!archived("chat", "<body>?OTR:AAMD.</body><store xmlns='urn:xmpp:hints'/>"));
        assert!(archived("chat", "<body>hello \t  \t\t\t\t \t \t \t  </body>"));
    }
}
