//! May this message go out? One pure decision, kept whole in a table.
//!
//! State: none. Invariants: only words to another person or, if the household says so, to a room
//! are ever refused; whatever helps to begin an encrypted conversation passes.

use serde::{Deserialize, Serialize};
use xmpp::ns;
use xmpp::stanza::{MessageType, Stanza};

use crate::features::otr_delivery::kind::{self, Kind};

/// How much encryption is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Not at all.
    #[default]
    Off,
    /// With a hint once a month.
    Encourage,
    /// Words go out encrypted or not at all.
    Require,
}

/// What a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing to read: receipts, chat states, errors, the machinery of encryption.
    Nothing,
    /// Words, encrypted from end to end.
    Protected,
    /// Words that anybody on the way can read.
    Words,
}

/// Whom it is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The sender.
    Oneself,
    /// The home itself: its concierge, its services.
    TheHome,
    /// Somebody else.
    Person,
    /// A room.
    Room,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes out.
    Pass,
    /// It goes out, and the sender hears how to do better.
    Hint,
    /// It comes back.
    Refuse,
}

/// Decides. `rooms` = the household's rule holds in rooms as well.
#[must_use]
pub const fn decide(mode: Mode, rooms: bool, to: To, content: Content) -> Verdict {
    let matters = match to {
        To::Person => true,
        To::Room => rooms,
        To::Oneself | To::TheHome => false,
    };
    match (mode, content) {
        (Mode::Require, Content::Words) if matters => Verdict::Refuse,
        // Nobody can encrypt in most rooms; a hint there helps nobody.
        (Mode::Encourage, Content::Words) if matches!(to, To::Person) => Verdict::Hint,
        _ => Verdict::Pass,
    }
}

/// What `message` carries.
#[must_use]
pub fn content(message: &Stanza) -> Content {
    if message.message_type() == Some(MessageType::Error) {
        return Content::Nothing;
    }
    match kind::of(message) {
        Some(Kind::Data) => return Content::Protected,
        Some(_) => return Content::Nothing,
        None => {}
    }
    // Beside it there is often a text for clients that do not know OMEMO.
    let is_omemo = |ns: &str| message.child("encrypted", ns).is_some_and(|e| has_header(e, ns));
    if [ns::OMEMO, ns::OMEMO_LEGACY].into_iter().any(is_omemo) {
        return Content::Protected;
    }
    let mut parts = message.element().children();
    // A white-space tag alone offers OTR and says nothing.
    let says = |part: &xmpp::element::Element| {
        let words = matches!(part.name(), "body" | "subject") && part.ns() == ns::CLIENT;
        (words && !part.text().trim().is_empty()) || part.is("html", ns::XHTML_IM)
    };
    if parts.any(says) { Content::Words } else { Content::Nothing }
}

/// XEP-0384: whom it is encrypted for.
fn has_header(encrypted: &xmpp::element::Element, ns: &str) -> bool {
    encrypted.child("header", ns).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::home::stanza;

    #[test]
    fn every_case() {
        use Verdict::{Hint, Pass, Refuse};
        let modes = [Mode::Off, Mode::Encourage, Mode::Require];
        // Whom to, rooms as well; words under each mode. All else passes.
        let rows = [
            (To::Oneself, false, [Pass, Pass, Pass]),
            (To::Oneself, true, [Pass, Pass, Pass]),
            (To::TheHome, false, [Pass, Pass, Pass]),
            (To::TheHome, true, [Pass, Pass, Pass]),
            (To::Person, false, [Pass, Hint, Refuse]),
            (To::Person, true, [Pass, Hint, Refuse]),
            (To::Room, false, [Pass, Pass, Pass]),
            (To::Room, true, [Pass, Pass, Refuse]),
        ];
        for (to, rooms, expected) in rows {
            for (mode, verdict) in modes.into_iter().zip(expected) {
                assert_eq!(decide(mode, rooms, to, Content::Words), verdict, "{mode:?} {to:?}");
                for content in [Content::Nothing, Content::Protected] {
                    assert_eq!(decide(mode, rooms, to, content), Pass, "{mode:?} {to:?}");
                }
            }
        }
    }

    #[test]
    fn what_counts_as_words() {
        use Content::{Nothing, Protected, Words};
        let tag = " \t  \t\t\t\t \t \t \t    \t\t  \t  \t\t  \t\t";
        let omemo = |ns: &str, inside: &str| {
            format!("<encrypted xmlns='{ns}'>{inside}</encrypted><body>I sent OMEMO.</body>")
        };
        let rows = [
            ("<body>hello</body>".to_owned(), Words),
            (format!("<body>hello{tag}</body>"), Words),
            ("<subject>hello</subject>".to_owned(), Words),
            (format!("<html xmlns='{}'><p>hello</p></html>", ns::XHTML_IM), Words),
            ("<body>What does ?OTR mean</body>".to_owned(), Words),
            (format!("<body>{tag}</body>"), Nothing),
            ("<body>?OTRv23? Please</body>".to_owned(), Nothing),
            ("<body>?OTR Error: x</body>".to_owned(), Nothing),
            ("<body>?OTR:AAMCTinmggAAAAAAAADE.</body>".to_owned(), Nothing),
            ("<body>?OTR:AAMDTinmgmV/1nQAAAAA.</body>".to_owned(), Protected),
            ("<composing xmlns='http://jabber.org/protocol/chatstates'/>".to_owned(), Nothing),
            ("<received xmlns='urn:xmpp:receipts' id='1'/>".to_owned(), Nothing),
            (omemo(ns::OMEMO, "<header/>"), Protected),
            (omemo(ns::OMEMO_LEGACY, "<header sid='1'/><payload/>"), Protected),
            (omemo(ns::OMEMO, ""), Words),
            (omemo("urn:other", "<header/>"), Words),
        ];
        for (inside, expected) in rows {
            let message = stanza(&format!("<message type='chat'>{inside}</message>"));
            assert_eq!(content(&message), expected, "{inside}");
            let error = stanza(&format!("<message type='error'>{inside}</message>"));
            assert_eq!(content(&error), Nothing, "{inside}");
        }
    }
}
