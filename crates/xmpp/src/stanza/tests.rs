//! Tests of stanzas, by rule.

use super::*;

fn stanza(xml: &str) -> Stanza {
    let element = Element::parse(&xml.replacen(' ', " xmlns='jabber:client' ", 1)).unwrap();
    Stanza::from_element(element).unwrap_or_else(|e| panic!("{xml}: {e:?}"))
}

fn rejected(xml: &str) -> Rejected {
    let element = Element::parse(&xml.replacen(' ', " xmlns='jabber:client' ", 1)).unwrap();
    match Stanza::from_element(element) {
        Err(rejected) => rejected,
        Ok(stanza) => panic!("{xml} was accepted as {stanza:?}"),
    }
}

fn reply(xml: &str) -> String {
    match rejected(xml) {
        Rejected::Reply(reply) => reply.to_xml(ns::CLIENT),
        other => panic!("{xml}: {other:?}"),
    }
}

fn xml(stanza: &Stanza) -> String {
    stanza.element().to_xml(ns::CLIENT)
}

#[test]
fn fields() {
    let m = stanza("<message to='A@b/c' from='d@e/f' id='1' type='chat'><body>x</body></message>");
    assert_eq!((m.kind(), m.message_type()), (Kind::Message, Some(MessageType::Chat)));
    assert_eq!((m.presence_type(), m.iq_type()), (None, None));
    assert_eq!(m.to().unwrap().as_str(), "a@b/c");
    assert_eq!(m.element().attr("to"), Some("a@b/c"));
    assert_eq!(m.from().unwrap().as_str(), "d@e/f");
    assert_eq!(m.id(), Some("1"));
    assert_eq!(m.payload().unwrap().text(), "x");
    assert_eq!(m.child("body", ns::CLIENT).unwrap().text(), "x");
    assert!(!m.is_error());
    assert_eq!(stanza("<presence />").presence_type(), Some(PresenceType::Available));
    assert_eq!(stanza("<presence type='probe'/>").presence_type(), Some(PresenceType::Probe));
    assert_eq!(stanza("<iq type='result' id=''/>").iq_type(), Some(IqType::Result));
    assert!(stanza("<iq type='error' id='1'><a/><error/></iq>").is_error());
}

// RFC 6121 §5.2.2
#[test]
fn an_unknown_message_is_a_normal_one() {
    assert_eq!(stanza("<message />").message_type(), Some(MessageType::Normal));
    let odd = stanza("<message type='shout'/>");
    assert_eq!(odd.message_type(), Some(MessageType::Normal));
    assert_eq!(xml(&odd), "<message type='shout'/>");
}

// RFC 6120 §8.3.1: what is refused is answered to its sender.
#[test]
fn bad_requests() {
    const BAD: &str = "<bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>";
    for bad in [
        "<iq type='get'><q/></iq>",
        "<iq id='1'><q/></iq>",
        "<iq id='1' type='list'><q/></iq>",
        "<iq id='1' type='get'/>",
        "<iq id='1' type='set'><a/><b/></iq>",
        "<iq id='1' type='get'>text</iq>",
        "<presence type='away'/>",
        "<presence type=''/>",
        "<presence type='available'/>",
    ] {
        assert!(reply(bad).contains(BAD), "{bad}");
    }
    assert!(
        reply("<iq id='1' type='get' to='a@b' from='c@d/e'/>")
            .starts_with("<iq type='error' id='1' to='c@d/e' from='a@b'><error type='modify'>")
    );
}

#[test]
fn bad_addresses() {
    let malformed = "<error type='modify'>\
                     <jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    assert_eq!(
        reply("<message to='a@b@c' id='7'/>"),
        format!("<message type='error' id='7'>{malformed}</message>")
    );
    assert_eq!(
        rejected("<message from='a@b@c'/>"),
        Rejected::Stream(StreamCondition::InvalidFrom.into())
    );
}

#[test]
fn never_an_error_for_an_error() {
    for ignored in [
        "<message type='error' to='@'/>",
        "<presence type='error' to='@'/>",
        "<iq type='error' id='1' to='@'/>",
        "<iq type='error'/>",
        "<iq type='result' id='1' to='@'/>",
        "<iq type='result' id='1'><a/><b/></iq>",
    ] {
        assert_eq!(rejected(ignored), Rejected::Ignore, "{ignored}");
    }
    let error = StanzaError::new(StanzaCondition::Forbidden);
    for silent in [
        "<message type='error'/>",
        "<presence type='error'/>",
        "<iq type='error' id='1'/>",
        "<iq type='result' id='1'/>",
    ] {
        assert!(stanza(silent).error(&error).is_none(), "{silent}");
        assert!(!stanza(silent).may_be_refused(), "{silent}");
    }
}

// RFC 6120 §4.9.3.24
#[test]
fn other_elements() {
    let unsupported = Err(Rejected::Stream(StreamCondition::UnsupportedStanzaType.into()));
    for other in ["<x xmlns='jabber:client'/>", "<message/>", "<iq xmlns='urn:x'/>"] {
        let result = Stanza::from_element(Element::parse(other).unwrap());
        assert_eq!(result.map(Stanza::into_element), unsupported, "{other}");
    }
    let s2s = Element::parse("<message xmlns='jabber:server'/>").unwrap();
    assert!(Stanza::from_element(s2s).is_ok());
}

#[test]
fn answers() {
    let iq = stanza("<iq type='get' id='1' to='a@b' from='c@d/e'><q xmlns='urn:q'/></iq>");
    let answer = iq.result(Some(Element::new("q", "urn:q")));
    assert_eq!(
        xml(&answer),
        "<iq type='result' to='c@d/e' from='a@b' id='1'><q xmlns='urn:q'/></iq>"
    );
    assert_eq!(answer.iq_type(), Some(IqType::Result));
    assert_eq!(
        xml(&stanza("<iq type='set' id='1'><q/></iq>").result(None)),
        "<iq type='result' id='1'/>"
    );

    let error = StanzaError::new(StanzaCondition::ServiceUnavailable);
    let refused = iq.error(&error).unwrap();
    assert_eq!(
        xml(&refused),
        "<iq type='error' to='c@d/e' from='a@b' id='1'><error type='cancel'>\
         <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    assert_eq!(refused.stanza_error(), Some(error));
    assert_eq!(iq.stanza_error(), None);
    // What was written can be read as a stanza again.
    for made in [answer, refused] {
        let again = Stanza::from_element(Element::parse(&made.element().to_xml("")).unwrap());
        assert_eq!(again.unwrap().element(), made.element());
    }
}

#[test]
fn a_server_stream_keeps_its_namespace() {
    let s2s = "<message xmlns='jabber:server' id='1'><body>x</body>\
               <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'/></forwarded>\
               </message>";
    let mut m = Stanza::from_element(Element::parse(s2s).unwrap()).unwrap();
    let error = m.error(&StanzaError::new(StanzaCondition::Gone)).unwrap();
    assert_eq!(error.element().ns(), ns::SERVER);
    assert!(error.element().child("error", ns::SERVER).is_some());
    m.set_content_ns(ns::CLIENT);
    assert!(m.child("body", ns::CLIENT).is_some());
    m.set_content_ns(ns::SERVER);
    assert_eq!(m.element(), &Element::parse(s2s).unwrap());
}

#[test]
fn changes() {
    let mut m = stanza("<message to='a@b' id='1'>\n<body>x</body>\n<x xmlns='urn:x'/></message>");
    m.set_from(Jid::parse("c@d/e").unwrap());
    m.set_to(None);
    m.set_default_lang("de");
    m.set_default_lang("en");
    m.set_id("2");
    m.retain(|node| !matches!(node, Node::Element(e) if e.ns() == "urn:x"));
    m.push(Element::new("y", "urn:y"));
    m.child_mut("body", ns::CLIENT).unwrap().push_text("!");
    assert_eq!(
        xml(&m),
        "<message id='2' from='c@d/e' xml:lang='de'>\n<body>x!</body>\n<y xmlns='urn:y'/></message>"
    );
    assert_eq!((m.to(), m.from().unwrap().as_str()), (None, "c@d/e"));
    m.set_to(Some(Jid::parse("f@g").unwrap()));
    assert_eq!(m.element().attr("to"), Some("f@g"));
    assert_eq!(m.to().unwrap().as_str(), "f@g");
}

#[test]
fn made_here() {
    let to = || Jid::parse("a@b").ok();
    assert_eq!(
        xml(&Stanza::message(MessageType::Normal, to()).with_child(Element::new("b", ns::CLIENT))),
        "<message to='a@b'><b/></message>"
    );
    assert_eq!(xml(&Stanza::message(MessageType::Headline, None)), "<message type='headline'/>");
    assert_eq!(xml(&Stanza::presence(PresenceType::Available, None)), "<presence/>");
    assert_eq!(
        xml(&Stanza::presence(PresenceType::Subscribe, to())),
        "<presence type='subscribe' to='a@b'/>"
    );
    let ping = Element::new("ping", ns::PING);
    assert_eq!(
        xml(&Stanza::get("1", None, ping.clone())),
        "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"
    );
    assert_eq!(Stanza::set("1", None, ping).iq_type(), Some(IqType::Set));
}
