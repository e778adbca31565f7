//! XEP-0352: Client State Indication.
//!
//! While nobody looks at a client, what can wait for it does, so that a phone's radio sleeps.
//! Spec: §3.2 what may wait, §4.1 feature, §4.2 states, §5.1 order. Presence, chat states
//! and news of what somebody published wait, of each subject the last; everything else goes out at once, and takes along what
//! waits, so that nothing is overtaken.
//!
//! State: [`Waiting`], in the outbox of an inactive client; a session begins active (§5), unless
//! its client says otherwise as it binds (XEP-0386), also one that takes another's place.
//! Invariants: at most [`WAITING_STANZAS_MAX`] stanzas and [`WAITING_BYTES_MAX`] bytes wait, then
//! all go out; what waits is never lost, only replaced by later words about the same subject;
//! nobody else is told of the state (§6).

use std::collections::VecDeque;

use xmpp::element::Element;
use xmpp::jid::Jid;
use xmpp::ns;
use xmpp::stanza::{Kind, MessageType, PresenceType, Stanza};

use super::{Cx, Feature, Inline, Spec, pep};
use crate::daemon::Daemon;
use crate::limits::{WAITING_BYTES_MAX, WAITING_STANZAS_MAX};
use crate::registry::SessionId;
use crate::wire::Wire;

/// See the module.
pub const FEATURE: Feature = Feature {
    stream_feature: Some(stream_feature),
    inline: Some(Inline { ns: ns::CSI, begin }),
    nonza: Some(nonza),
    ..Feature::new("csi", Spec::Xep { number: 352, version: "1.0.0" })
};

fn stream_feature(_: &Daemon) -> Element {
    Element::new("csi", ns::CSI)
}

/// §4.2
fn nonza(cx: &mut Cx<'_>, id: SessionId, element: &Element) -> bool {
    let Some(session) = cx.account.session(id) else { return false };
    if element.is("inactive", ns::CSI) {
        session.outbox.rest();
    } else if element.is("active", ns::CSI) {
        session.outbox.rouse();
    } else {
        return false;
    }
    true
}

/// XEP-0386 §3.2: the session begins in that state, without an answer.
fn begin(cx: &mut Cx<'_>, id: SessionId, state: &Element) -> Option<Element> {
    nonza(cx, id, state);
    None
}

/// What a stanza that may wait is about. A later one about the same makes it needless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Whether and how this address is there.
    Presence(Jid),
    /// What somebody is doing in a conversation.
    ChatState {
        /// Who does it.
        from: Jid,
        /// With whom.
        to: Jid,
    },
    /// What somebody has published (XEP-0163).
    News {
        /// Whose it is.
        from: Jid,
        /// The node, and the item if it is one.
        about: String,
    },
}

/// What `stanza` is about, if it may wait.
#[must_use]
pub fn subject_of(stanza: &Stanza) -> Option<Subject> {
    let from = stanza.from()?;
    match stanza.kind() {
        Kind::Presence => match stanza.presence_type()? {
            PresenceType::Available | PresenceType::Unavailable => {
                Some(Subject::Presence(from.clone()))
            }
            // Requests and what is agreed are for the person, probes and errors for the client.
            _ => None,
        },
        Kind::Message if is_chat_state(stanza) => {
            Some(Subject::ChatState { from: from.clone(), to: stanza.to()?.clone() })
        }
        Kind::Message if pep::is_event(stanza) => {
            Some(Subject::News { from: from.clone(), about: pep::about(stanza)? })
        }
        Kind::Message | Kind::Iq => None,
    }
}

/// Is it a chat state and nothing else? XEP-0085 §5.5: with a body it is a message.
fn is_chat_state(message: &Stanza) -> bool {
    let aside = |child: &Element| {
        matches!(child.ns(), ns::CHAT_STATES | ns::HINTS | ns::STANZA_ID)
            || child.is("thread", ns::CLIENT)
    };
    let mut children = message.element().children();
    matches!(message.message_type(), Some(MessageType::Chat | MessageType::Normal))
        && children.all(aside)
        && message.element().children().any(|child| child.ns() == ns::CHAT_STATES)
}

/// What waits for an inactive client, oldest first.
#[derive(Debug, Default)]
pub struct Waiting {
    wires: VecDeque<Wire>,
    bytes: usize,
}

impl Waiting {
    /// Lets `wire` wait, in place of one about the same subject. Returns the bytes of that one.
    pub fn put(&mut self, wire: Wire) -> usize {
        let same = self.wires.iter().position(|waiting| waiting.subject == wire.subject);
        let freed = same.and_then(|at| self.wires.remove(at)).map_or(0, |old| old.xml.len());
        self.bytes += wire.xml.len();
        self.bytes -= freed;
        self.wires.push_back(wire);
        freed
    }

    /// Must it go out?
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.wires.len() >= WAITING_STANZAS_MAX || self.bytes >= WAITING_BYTES_MAX
    }

    /// Takes all that waits.
    pub fn take(&mut self) -> VecDeque<Wire> {
        self.bytes = 0;
        std::mem::take(&mut self.wires)
    }

    /// Stanzas that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.wires.len()
    }

    /// Does nothing wait?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wires.is_empty()
    }

    /// Bytes that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::home::stanza;

    fn waits(xml: &str) -> bool {
        subject_of(&stanza(xml)).is_some()
    }

    #[test]
    fn what_may_wait() {
        let state = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
        let hint = "<no-store xmlns='urn:xmpp:hints'/>";
        let chat = |inside: &str| {
            waits(&format!("<message type='chat' from='a@x/1' to='b@x'>{inside}</message>"))
        };
        assert!(chat(state));
        assert!(chat(&format!("<thread>t</thread>{state}{hint}")));
        assert!(!chat(&format!("{state}<body>hi</body>")));
        assert!(!chat(&format!("{state}<received xmlns='urn:xmpp:receipts' id='1'/>")));
        assert!(!chat(&format!("{state}<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>")));
        assert!(!chat(hint));
        assert!(!chat(""));
        assert!(!waits(&format!("<message type='error' from='a@x' to='b@x'>{state}</message>")));
        for ty in ["available", "unavailable"] {
            let ty = if ty == "available" { String::new() } else { format!("type='{ty}'") };
            assert!(waits(&format!("<presence {ty} from='a@x/1' to='b@x'/>")));
        }
        for ty in ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "error", "probe"] {
            assert!(!waits(&format!("<presence type='{ty}' from='a@x' to='b@x'/>")), "{ty}");
        }
        assert!(!waits("<iq type='result' id='1' from='a@x' to='b@x'/>"));
    }

    #[test]
    fn the_last_about_each_subject_stays() {
        let mut waiting = Waiting::default();
        let mut put = |xml: &str| waiting.put(Wire::of(stanza(xml)));
        assert_eq!(put("<presence from='a@x/1' to='b@x'/>"), 0);
        assert_eq!(put("<presence from='a@x/2' to='b@x'/>"), 0);
        assert_ne!(put("<presence type='unavailable' from='a@x/1' to='b@x'/>"), 0);
        let bytes = waiting.bytes();
        let all: Vec<String> = waiting.take().iter().map(|w| w.xml.to_string()).collect();
        assert_eq!(
            all,
            [
                "<presence from='a@x/2' to='b@x'/>",
                "<presence type='unavailable' from='a@x/1' to='b@x'/>"
            ]
        );
        assert_eq!(bytes, all.concat().len());
        assert!(waiting.is_empty() && waiting.bytes() == 0);
    }
}
