//! XEP-0114: Jabber Component Protocol, as the server: the namespace `jabber:component:accept`.
//!
//! A component is a program beside the server with a domain of its own. Pure: [`Negotiation`] is
//! fed the parser's events and says what to send; [`received`] makes a stanza of what an accepted
//! component sends. Spec: §3.
//!
//! Invariants: no stanza of a component is looked at before it proved that it knows the secret; the
//! proof takes as long to compare whatever is wrong with it; what comes from a component has a
//! `from` within its own domain.

use subtle::ConstantTimeEq;

use crate::element::{Element, Name};
use crate::error::{StanzaCondition, StanzaError, StreamCondition, StreamError};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::parser::{StreamEvent, StreamOpen};
use crate::stanza::{Rejected, Stanza};
use crate::stream_header;

use sha1::{Digest, Sha1};

/// What comes next in a negotiation.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this and go on reading.
    Send(String),
    /// Send this; the component is there.
    Accepted {
        /// The component's domain.
        name: BareJid,
        /// What to send.
        send: String,
    },
    /// Send this and close the connection.
    Close {
        /// What to send.
        send: String,
        /// Why, if it is an error.
        error: Option<StreamError>,
    },
}

/// A component's stream from its header to its handshake.
#[derive(Debug)]
pub struct Negotiation {
    /// Identifier of the stream. Unpredictable: the proof is made from it.
    id: String,
    state: State,
}

#[derive(Debug)]
enum State {
    Header,
    Handshake {
        name: BareJid,
    },
    /// Accepted or closed.
    Over,
}

impl Negotiation {
    /// For a new connection; `id` must be unpredictable and never used before.
    #[must_use]
    pub fn new(id: String) -> Self {
        Self { id, state: State::Header }
    }

    /// Takes what the parser found. `secret` gives the secret of the component with that domain.
    pub fn feed<'a>(
        &mut self,
        event: Result<StreamEvent, StreamError>,
        secret: impl Fn(&str) -> Option<&'a str>,
    ) -> Step {
        let state = std::mem::replace(&mut self.state, State::Over);
        match (state, event) {
            (State::Header, Ok(StreamEvent::Open(open))) => self.opened(&open, secret),
            (State::Handshake { name }, Ok(StreamEvent::Stanza(element))) => {
                self.proved(name, &element, secret)
            }
            (_, Ok(StreamEvent::Close)) => {
                Step::Close { send: stream_header::CLOSE.to_owned(), error: None }
            }
            (State::Header, Ok(_)) => self.fail(StreamCondition::BadFormat.into()),
            (State::Header, Err(error)) => self.fail(error),
            (_, Err(error)) => fail_open(error),
            (_, Ok(_)) => fail_open(StreamCondition::NotAuthorized.into()),
        }
    }

    /// The connection cannot go on: patience is over or the server stops.
    pub fn give_up(&mut self, error: StreamError) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Header => self.fail(error),
            _ => fail_open(error),
        }
    }

    fn opened<'a>(&mut self, open: &StreamOpen, secret: impl Fn(&str) -> Option<&'a str>) -> Step {
        // RFC 6120 §4.9.3.10
        if open.ns != ns::COMPONENT {
            let error = StreamError::new(StreamCondition::InvalidNamespace)
                .with_text("this port is for components (jabber:component:accept)");
            return self.fail(error);
        }
        // §3: `to` is the name of the component itself.
        let name = open.to.as_deref().map(BareJid::from_domain);
        match name {
            Some(Ok(name)) if secret(name.domain()).is_some() => {
                let send = self.header(Some(name.domain()));
                self.state = State::Handshake { name };
                Step::Send(send)
            }
            Some(_) => self.fail(StreamCondition::HostUnknown.into()),
            None => self.fail(StreamCondition::ImproperAddressing.into()),
        }
    }

    fn proved<'a>(
        &mut self,
        name: BareJid,
        element: &Element,
        secret: impl Fn(&str) -> Option<&'a str>,
    ) -> Step {
        let known = secret(name.domain());
        let right = element.is("handshake", ns::COMPONENT)
            && known.is_some_and(|secret| {
                let proof = handshake(&self.id, secret);
                let text = element.text();
                bool::from(proof.as_bytes().ct_eq(text.trim().as_bytes()))
            });
        if right {
            let answer = Element::new("handshake", ns::COMPONENT);
            Step::Accepted { name, send: answer.to_xml(ns::COMPONENT) }
        } else {
            // §3
            fail_open(StreamCondition::NotAuthorized.into())
        }
    }

    fn header(&self, from: Option<&str>) -> String {
        stream_header::open_xml(&StreamOpen {
            ns: Name::Borrowed(ns::COMPONENT),
            from: from.map(str::to_owned),
            id: Some(self.id.clone()),
            version: None,
            lang: None,
            to: None,
        })
    }

    /// RFC 6120 §4.9.1.2: an error needs a stream to be sent on.
    fn fail(&self, error: StreamError) -> Step {
        let send = format!("{}{}{}", self.header(None), error.to_xml(), stream_header::CLOSE);
        Step::Close { send, error: Some(error) }
    }
}

fn fail_open(error: StreamError) -> Step {
    let send = format!("{}{}", error.to_xml(), stream_header::CLOSE);
    Step::Close { send, error: Some(error) }
}

/// §3: what proves that `secret` is known, for the stream `id`.
#[must_use]
pub fn handshake(id: &str, secret: &str) -> String {
    let hash = Sha1::new().chain_update(id).chain_update(secret).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The stanza that `element`, a child of the stream of the component `name`, is, with the
/// namespace of clients. What goes to a component is written as to a client: the namespace is the
/// default one on both kinds of stream.
///
/// # Errors
/// [`Rejected`]; a reply is in the namespace of clients, too.
pub fn received(name: &BareJid, mut element: Element) -> Result<Stanza, Rejected> {
    if element.ns() != ns::COMPONENT {
        // RFC 6120 §4.9.3.24
        return Err(Rejected::Stream(StreamCondition::UnsupportedStanzaType.into()));
    }
    element.change_ns(&Name::Borrowed(ns::CLIENT));
    // §3: it may speak for anybody at its domain, and for nobody else.
    let from = element.attr("from").and_then(|from| Jid::parse(from).ok());
    if from.is_none_or(|from| from.domain() != name.domain()) {
        return Err(Rejected::Stream(StreamCondition::InvalidFrom.into()));
    }
    let stanza = Stanza::from_element(element)?;
    if stanza.to().is_some() {
        return Ok(stanza);
    }
    // §3 demands an addressee. A gateway that forgets one should not go down for it.
    let error = StanzaError::new(StanzaCondition::BadRequest).with_text("There is no 'to'.");
    Err(stanza
        .error(&error)
        .map_or(Rejected::Ignore, |answer| Rejected::Reply(answer.into_element())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::{Parser, ParserLimits};

    const SECRET: &str = "a long secret";

    fn secret(name: &str) -> Option<&'static str> {
        (name == "gate.example").then_some(SECRET)
    }

    /// What is said to a component that sends `xml` in one go.
    fn talk(xml: &str) -> Vec<Step> {
        let mut negotiation = Negotiation::new("3BF96D32".to_owned());
        let mut parser = Parser::new(ParserLimits::STRANGER);
        parser.push(xml.as_bytes());
        let mut steps = Vec::new();
        while let Some(event) = parser.next().transpose() {
            steps.push(negotiation.feed(event, secret));
            if !matches!(steps.last(), Some(Step::Send(_))) {
                break;
            }
        }
        steps
    }

    fn header(ns: &str, to: &str) -> String {
        format!("<stream:stream xmlns='{ns}' xmlns:stream='http://etherx.jabber.org/streams' {to}>")
    }

    fn end(steps: &[Step]) -> StreamCondition {
        match steps.last() {
            Some(Step::Close { error: Some(error), send }) => {
                assert!(send.ends_with("</stream:error></stream:stream>"), "{send}");
                error.condition
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_proof_is_the_hash_of_both() {
        assert_ne!(handshake("3BF96D32", "test"), handshake("3BF96D33", "test"));
        // FIPS 180-1 appendix A.
        assert_eq!(handshake("", "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(handshake("ab", "c"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn a_component_that_knows_the_secret_is_accepted() {
        let open = header(ns::COMPONENT, "to='Gate.Example'");
        let proof = handshake("3BF96D32", SECRET);
        let steps = talk(&format!("{open}<handshake>{proof}</handshake>"));
        let [Step::Send(header), Step::Accepted { name, send }] = &steps[..] else {
            panic!("{steps:?}")
        };
        assert!(header.contains("from='gate.example' id='3BF96D32'>"), "{header}");
        assert!(!header.contains("version='1.0'>") && !header.contains(" to="), "{header}");
        assert_eq!(name.as_str(), "gate.example");
        assert_eq!(send, "<handshake/>");
    }

    #[test]
    fn everybody_else_is_not() {
        use StreamCondition as C;
        let open = header(ns::COMPONENT, "to='gate.example'");
        let wrong = handshake("3BF96D32", "another secret");
        let right = handshake("3BF96D32", SECRET);
        for (said, condition) in [
            (format!("{open}<handshake>{wrong}</handshake>"), C::NotAuthorized),
            (format!("{open}<handshake/>"), C::NotAuthorized),
            (format!("{open}<handshake>{}</handshake>", right.to_uppercase()), C::NotAuthorized),
            (format!("{open}<handshake>{right}0</handshake>"), C::NotAuthorized),
            (format!("{open}<handshake xmlns='x'>{right}</handshake>"), C::NotAuthorized),
            (format!("{open}<message from='gate.example' to='a@b'/>"), C::NotAuthorized),
            (format!("{open}<handshake>{wrong}</wrong>"), C::NotWellFormed),
            (header(ns::COMPONENT, "to='other.example'"), C::HostUnknown),
            (header(ns::COMPONENT, "to='ann@gate.example'"), C::HostUnknown),
            (header(ns::COMPONENT, "to=''"), C::HostUnknown),
            (header(ns::COMPONENT, ""), C::ImproperAddressing),
            (header(ns::CLIENT, "to='gate.example'"), C::InvalidNamespace),
            ("<stream xmlns='jabber:component:accept'>".to_owned(), C::InvalidNamespace),
        ] {
            assert_eq!(end(&talk(&said)), condition, "{said}");
        }
    }

    #[test]
    fn an_error_before_the_header_opens_a_stream_first() {
        let mut negotiation = Negotiation::new("1".to_owned());
        let Step::Close { send, .. } = negotiation.give_up(StreamCondition::SystemShutdown.into())
        else {
            panic!("it goes on")
        };
        assert!(send.starts_with("<?xml version='1.0'?><stream:stream"), "{send}");
        let closed = Step::Close { send: stream_header::CLOSE.to_owned(), error: None };
        assert_eq!(negotiation.feed(Ok(StreamEvent::Close), secret), closed);
    }

    fn takes(xml: &str) -> Result<Stanza, Rejected> {
        let open = header(ns::COMPONENT, "to='gate.example'");
        let mut parser = Parser::new(ParserLimits::STRANGER);
        parser.push(format!("{open}{xml}").as_bytes());
        let mut events = std::iter::from_fn(|| parser.next().unwrap());
        let Some(StreamEvent::Stanza(element)) = events.nth(1) else { panic!("{xml}") };
        received(&BareJid::from_domain("gate.example").unwrap(), element)
    }

    #[test]
    fn stanzas_are_from_the_component_and_for_somebody() {
        let stanza =
            takes("<message from='x@gate.example/1' to='a@b'><body>hi</body></message>").unwrap();
        assert_eq!(stanza.child("body", ns::CLIENT).unwrap().text(), "hi");
        assert_eq!(
            stanza.element().to_xml(ns::CLIENT),
            "<message from='x@gate.example/1' to='a@b'><body>hi</body></message>"
        );
        let ends = |xml: &str| match takes(xml) {
            Err(Rejected::Stream(error)) => error.condition,
            other => panic!("{xml}: {other:?}"),
        };
        for from in ["from='a@b'", "from='sub.gate.example'", "from='@'", "from=''", ""] {
            let xml = format!("<message {from} to='a@b'/>");
            assert_eq!(ends(&xml), StreamCondition::InvalidFrom, "{xml}");
        }
        let client = "<message xmlns='jabber:client' from='gate.example' to='a@b'/>";
        assert_eq!(ends(client), StreamCondition::UnsupportedStanzaType);
        assert_eq!(ends("<handshake/>"), StreamCondition::InvalidFrom);
        let nobody = takes("<iq type='get' id='1' from='gate.example'><x xmlns='y'/></iq>");
        let Err(Rejected::Reply(reply)) = nobody else { panic!("{nobody:?}") };
        assert_eq!(reply.attr("to"), Some("gate.example"));
        let silent = takes("<message type='error' from='gate.example'/>");
        assert!(matches!(silent, Err(Rejected::Ignore)));
    }
}
