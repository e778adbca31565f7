//! Which messages are OTR's, told by their bodies: what clients hint (XEP-0364, XEP-0380) is not
//! relied upon, since most that speak OTR hint nothing.
//!
//! Spec: the text layer of OTR versions 2 and 3, as `otr::text` reads it. State: none.
//! Invariant: words with a white-space tag are words; only what is no use to anybody but OTR's
//! machinery counts.

use otr::text::{self, MessageKind, Text};
use xmpp::ns;
use xmpp::stanza::Stanza;

/// Longest end of a session, in characters of its body. It is an empty data message, some 360
/// characters and 27 more for each revealed key; the shortest verification has 954.
const END_CHARS_MAX: usize = 900;

/// What a message of OTR is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// "Let us talk privately", with words for people whose client knows no OTR.
    Query,
    /// "I could not read this", in words.
    Error,
    /// The first message of a key exchange, which begins or renews a session.
    Commit,
    /// The rest of a key exchange.
    Exchange,
    /// Something said within a session, or a piece of anything.
    Data,
    /// Within a session, said by the client itself and not missed if it is lost: the end of the
    /// session, or a sign of life.
    End,
}

impl Kind {
    /// Is it said within a session?
    #[must_use]
    pub const fn is_talk(self) -> bool {
        matches!(self, Self::Data | Self::End)
    }
}

/// What `message` is to OTR; `None` = words.
///
/// Such a message is never kept in an archive, never copied to other devices and never shown in a
/// notification.
#[must_use]
pub fn of(message: &Stanza) -> Option<Kind> {
    let mut bodies = message.element().children().filter(|child| child.is("body", ns::CLIENT));
    bodies.find_map(|body| of_text(body.text().as_bytes()))
}

/// Do the words of `message` carry a white-space tag, which offers a session?
#[must_use]
pub fn is_tagged(message: &Stanza) -> bool {
    let body = message.child("body", ns::CLIENT);
    body.is_some_and(|b| matches!(text::classify(b.text().as_bytes()), Text::Tagged { .. }))
}

fn of_text(body: &[u8]) -> Option<Kind> {
    match text::classify(body) {
        Text::Plain | Text::Tagged { .. } | Text::Unknown => None,
        Text::Query { .. } => Some(Kind::Query),
        Text::Error { .. } => Some(Kind::Error),
        Text::Fragment { .. } => Some(Kind::Data),
        Text::Encoded { kind: MessageKind::DhCommit, .. } => Some(Kind::Commit),
        Text::Encoded { kind: MessageKind::Data, .. } => {
            let end = body.len() <= END_CHARS_MAX && text::may_be_lost(body);
            Some(if end { Kind::End } else { Kind::Data })
        }
        Text::Encoded { .. } => Some(Kind::Exchange),
    }
}

#[cfg(test)]
mod tests {
    use otr::rand_core::UnwrapErr;
    use otr::{Conversation, Input, Output, Policy, PrivateKey, Secret, Setup, Time};

    use super::*;
    use crate::features::presence::home::stanza;

    #[test]
    fn words_and_machinery() {
        let kinds = [
            ("look: ?OTR:AAMD.", Some(Kind::Data)),
            ("?OTR|5a73a599|27e31597,00001,00003,?OTR:AAMD,", Some(Kind::Data)),
            ("?OTR,1,3,?OTR:AAEDAAAAAQAAAAEAAADAVf3Ei72ZgFeKqWvLMnuVPV,", Some(Kind::Data)),
            ("?OTRv23?\nAnn has requested a private conversation.", Some(Kind::Query)),
            ("?OTR?v2? This user has requested OTR.", Some(Kind::Query)),
            ("?OTRv3", Some(Kind::Query)),
            ("?OTR Error: You sent a message that could not be read.", Some(Kind::Error)),
            ("?OTR:AAMCTinmggAAAAAAAADE.", Some(Kind::Commit)),
            ("?OTR:AAMKTinmggAAAAAAAADE.", Some(Kind::Exchange)),
            ("What does ?OTR mean", None),
            ("?OTR", None),
            ("?OTR Errors are common. ?OTR:AAMD.", None),
            ("? OTR:AAMD", None),
            ("hello \t  \t\t\t\t \t \t \t    \t\t  \t  \t\t  \t\t", None),
        ];
        for (text, kind) in kinds {
            let message = stanza(&format!("<message><body>{text}</body></message>"));
            assert_eq!(of(&message), kind, "{text}");
        }
        let second = "<message><body>hi</body><body xml:lang='de'>?OTR:AAMD.</body></message>";
        assert_eq!(of(&stanza(second)), Some(Kind::Data));
        let tagged = "<message><body>hi \t  \t\t\t\t \t \t \t    \t\t  \t </body></message>";
        assert!(is_tagged(&stanza(tagged)) && of(&stanza(tagged)).is_none());
        assert!(!is_tagged(&stanza("<message><body>hi</body></message>")));
    }

    /// What each message of a whole conversation counts as.
    #[test]
    fn a_conversation_from_start_to_end() {
        let mut rng = UnwrapErr(getrandom::SysRng);
        let mut person = || {
            Conversation::new(Setup {
                key: PrivateKey::generate(&mut rng).unwrap().into(),
                instance: otr::files::instance_tags::random(&mut rng),
                policy: Policy::manual(),
                fragment: None,
                invitation: String::new(),
            })
            .unwrap()
        };
        let mut people = [person(), person()];
        let mut rng = UnwrapErr(getrandom::SysRng);
        let mut act = |input: Input<'_>| {
            let mut kinds = Vec::new();
            people[0].feed(Time::default(), &mut rng, input).unwrap();
            let mut from = 0;
            while let Some(body) = sent(&mut people[from]) {
                kinds.push(of_text(&body));
                from = 1 - from;
                people[from].feed(Time::default(), &mut rng, Input::Received(&body)).unwrap();
            }
            kinds
        };
        let exchange = [Kind::Query, Kind::Commit, Kind::Exchange, Kind::Exchange, Kind::Exchange];
        assert_eq!(act(Input::Start), exchange.map(Some));
        assert_eq!(act(Input::Send(b"words")), [Some(Kind::Data)]);
        let secret = Secret::new(b"blue").unwrap();
        let verification = act(Input::Verify { secret: &secret, question: None });
        assert_eq!(verification, [Some(Kind::Data)], "nobody must take it for an end");
        assert_eq!(act(Input::End), [Some(Kind::End)]);
    }

    fn sent(person: &mut Conversation) -> Option<Vec<u8>> {
        let mut all = std::iter::from_fn(|| person.poll());
        all.find_map(|output| match output {
            Output::Transmit(body) => Some(body),
            _ => None,
        })
    }
}
