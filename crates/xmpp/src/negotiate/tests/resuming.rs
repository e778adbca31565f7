//! XEP-0198 §5: an earlier session instead of a new resource.

use super::*;

#[test]
fn an_earlier_session_is_resumed_instead_of_binding() {
    let mut inputs = logged_in();
    inputs.push(stanza(RESUME));
    let (mut negotiator, last) = after(config(), Transport::Direct, inputs);
    assert_eq!(last, [Output::Resume { previd: "some-id".into(), handled: 4, inline: false }]);
    assert_eq!(negotiator.wants(), Wants::Resumed);
    let jid = Jid::parse("ann@home.example/desk").unwrap();
    negotiator.feed(resumed());
    // The session itself says so, once what it has to say before that is durable.
    assert_eq!(drain(&mut negotiator), [Output::Established { jid }]);
    assert_eq!(negotiator.wants(), Wants::Nothing);
}

#[test]
fn a_session_that_cannot_be_resumed_leaves_binding() {
    let mut inputs = logged_in();
    inputs.push(stanza(RESUME));
    inputs.push(not_resumed());
    let (mut negotiator, last) = after(config(), Transport::Direct, inputs);
    assert_eq!(
        sent(&last),
        "<failed xmlns='urn:xmpp:sm:3' h='7'>\
         <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
    );
    negotiator.feed(stanza(BIND));
    assert_eq!(drain(&mut negotiator), [Output::Bind { resource: Some("desk".into()) }]);
}

#[test]
fn malformed_requests_to_resume_are_answered_and_bounded() {
    let (mut negotiator, _) = after(config(), Transport::Direct, logged_in());
    let cases = [
        ("<resume xmlns='urn:xmpp:sm:3' h='1'/>", "bad-request"),
        ("<resume xmlns='urn:xmpp:sm:3' previd='x'/>", "bad-request"),
        ("<resume xmlns='urn:xmpp:sm:3' previd='x' h='4294967296'/>", "bad-request"),
        ("<enable xmlns='urn:xmpp:sm:3'/>", "unexpected-request"),
        ("<r xmlns='urn:xmpp:sm:3'/>", "unexpected-request"),
    ];
    for (xml, condition) in cases {
        negotiator.feed(stanza(xml));
        let text = sent(&drain(&mut negotiator));
        let expected = format!("<failed xmlns='urn:xmpp:sm:3'><{condition} ");
        assert!(text.starts_with(&expected), "{xml}: {text}");
        assert_eq!(negotiator.wants(), Wants::Event);
    }
    negotiator.feed(stanza(RESUME));
    drain(&mut negotiator);
    negotiator.feed(not_resumed());
    let text = sent(&drain(&mut negotiator));
    assert!(text.contains("<item-not-found ") && text.contains("<policy-violation "), "{text}");
    assert_eq!(negotiator.wants(), Wants::Nothing);
}

#[test]
fn nobody_resumes_into_another_account() {
    let mut inputs = logged_in();
    inputs.push(stanza(RESUME));
    let jid = Jid::parse("bob@home.example/desk").unwrap();
    inputs.push(Input::Resumed(Ok(Resumption { jid, previd: "some-id".into(), handled: 1 })));
    let (_, last) = after(config(), Transport::Direct, inputs);
    assert_eq!(last.last(), Some(&Output::Close(Some(misuse()))), "{last:?}");
}
