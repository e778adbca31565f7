//! Which messages are worth waking a device for, and what may be told of them.
//!
//! Pure. Spec: XEP-0357 §7; XEP-0353 §3.1 for calls. Invariant: of a message that is encrypted
//! from end to end nothing is told but who sent it; OTR (which one device can read, and which is
//! machinery as often as words) wakes nobody.

use xmpp::element::Element;
use xmpp::ns;
use xmpp::stanza::{MessageType, Stanza};

use super::device::Latest;
use crate::features::otr_delivery::kind;
use crate::limits::PUSH_BODY_BYTES_MAX;

/// Is `message` something that a person wants to be woken for?
pub(super) fn is_worth(message: &Stanza) -> bool {
    let ty = match message.message_type() {
        Some(ty @ (MessageType::Chat | MessageType::Normal | MessageType::Groupchat)) => ty,
        _ => return false,
    };
    // History of a room is no news.
    let late = ty == MessageType::Groupchat && message.child("delay", ns::DELAY).is_some();
    let copy = message.element().children().any(|c| c.ns() == ns::CARBONS && c.name() != "private");
    if late || copy || kind::of(message).is_some() {
        return false;
    }
    has_words(message) || is_encrypted(message) || is_call(message)
}

fn has_words(message: &Stanza) -> bool {
    message.element().children().any(|c| c.is("body", ns::CLIENT) && !c.text().is_empty())
}

/// XEP-0384 in both namespaces. Without a payload it only carries keys.
fn is_encrypted(message: &Stanza) -> bool {
    let omemo =
        |c: &Element| c.name() == "encrypted" && matches!(c.ns(), ns::OMEMO | ns::OMEMO_LEGACY);
    let has_payload = |c: &Element| c.children().any(|part| part.name() == "payload");
    message.element().children().any(|c| omemo(c) && has_payload(c))
}

fn is_call(message: &Stanza) -> bool {
    message.child("propose", ns::JINGLE_MESSAGE).is_some()
}

/// What may be told of `message`.
pub(super) fn latest(message: &Stanza) -> Latest {
    let sender = message.from().map(|from| from.bare_str().to_owned()).unwrap_or_default();
    // The body of an encrypted message is a note for those who cannot read it.
    let secret = message
        .element()
        .children()
        .any(|c| c.name() == "encrypted" || c.is("encryption", ns::EME));
    let body = message.child("body", ns::CLIENT).filter(|_| !secret);
    Latest { sender, body: body.map(|body| cut(&body.text()).to_owned()) }
}

/// The beginning of `text`, whole characters only.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(PUSH_BODY_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::home::stanza;

    fn message(ty: &str, content: &str) -> Stanza {
        stanza(&format!("<message type='{ty}' from='ann@x/1' to='bob@y'>{content}</message>"))
    }

    #[test]
    fn what_wakes() {
        let body = "<body>hi</body>";
        let omemo = "<encrypted xmlns='eu.siacs.conversations.axolotl'><header/><payload>x</payload></encrypted>";
        let keys = "<encrypted xmlns='eu.siacs.conversations.axolotl'><header/></encrypted>";
        let omemo2 =
            "<encrypted xmlns='urn:xmpp:omemo:2'><header/><payload>x</payload></encrypted>";
        let call = "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>";
        let delay = "<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>";
        for (ty, content, wakes) in [
            ("chat", body, true),
            ("normal", body, true),
            ("groupchat", body, true),
            ("chat", omemo, true),
            ("chat", omemo2, true),
            ("chat", call, true),
            ("chat", &format!("{body}{delay}"), true),
            ("groupchat", &format!("{body}{delay}"), false),
            ("chat", keys, false),
            ("headline", body, false),
            ("error", body, false),
            ("chat", "", false),
            ("chat", "<body/>", false),
            ("chat", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", false),
            ("chat", "<received xmlns='urn:xmpp:receipts' id='1'/>", false),
            ("chat", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", false),
            ("chat", "<retract xmlns='urn:xmpp:jingle-message:0' id='1'/>", false),
            ("chat", "<body>x</body><sent xmlns='urn:xmpp:carbons:2'/>", false),
            ("chat", "<body>x</body><private xmlns='urn:xmpp:carbons:2'/>", true),
            ("chat", "<body>?OTR:AAMD.</body>", false),
            ("chat", "<body>?OTRv23?</body>", false),
        ] {
            assert_eq!(is_worth(&message(ty, content)), wakes, "{ty} {content}");
        }
    }

    #[test]
    fn nothing_secret_is_told() {
        let plain = latest(&message("chat", "<body>hi</body>"));
        assert_eq!(plain, Latest { sender: "ann@x".into(), body: Some("hi".into()) });
        for secret in [
            "<encrypted xmlns='urn:xmpp:omemo:2'/>",
            "<encrypted xmlns='eu.siacs.conversations.axolotl'/>",
            "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:otr:0'/>",
        ] {
            let told = latest(&message("chat", &format!("<body>I sent you …</body>{secret}")));
            assert_eq!(told.body, None, "{secret}");
        }
    }

    #[test]
    fn a_long_body_is_cut_at_a_character() {
        let long = "ä".repeat(PUSH_BODY_BYTES_MAX);
        let told = latest(&message("chat", &format!("<body>x{long}</body>"))).body.unwrap();
        assert!(told.len() <= PUSH_BODY_BYTES_MAX && told.len() > PUSH_BODY_BYTES_MAX - 2);
    }
}
