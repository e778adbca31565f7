//! XEP-0388, and what can be asked for with it: XEP-0386, XEP-0484, XEP-0198 §9.

use super::clients::Server;
use super::*;
use crate::hashed_token::client_message;
use crate::sasl::Mechanism;
use crate::scram::client::{Binding, Client};

mod upgrades;

const AGENT: &str = "<user-agent id='D4565FA7-4d72-4749-b3d3-740edbf87770'>\
    <software>Talker</software><device>Kiva&apos;s phone</device></user-agent>";
const FAST: &str = "<fast xmlns='urn:xmpp:fast:0'/>";
const BIND2: &str = "<bind xmlns='urn:xmpp:bind:0'><tag>Talker</tag>\
    <enable xmlns='urn:xmpp:carbons:2'/><odd xmlns='urn:nobody:knows'/></bind>";
const RESUME2: &str = "<resume xmlns='urn:xmpp:sm:3' previd='some-id' h='4'/>";
const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='home.example' from='ann@home.example' \
    version='1.0'>";

/// `<authenticate/>` as XML, with `data` as initial response.
fn authenticate_xml(mechanism: &str, data: &str, wishes: &str) -> String {
    let data = crate::sasl::encode_payload(data.as_bytes());
    format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{mechanism}'>\
         <initial-response>{data}</initial-response>{wishes}</authenticate>"
    )
}

/// `<authenticate/>`; data of a token's mechanism is in Latin 1.
pub(super) fn authenticate(mechanism: &str, data: &str, wishes: &str) -> Input {
    let bytes: Vec<u8> = data.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let data = crate::sasl::encode_payload(&bytes);
    stanza(&format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{mechanism}'>\
         <initial-response>{data}</initial-response>{wishes}</authenticate>"
    ))
}

pub(super) fn response2(data: &str) -> Input {
    let data = if data.is_empty() { String::new() } else { encoded(data) };
    stanza(&format!("<response xmlns='urn:xmpp:sasl:2'>{data}</response>"))
}

pub(super) fn token(state: TokenState) -> Token {
    Token::new(Zeroizing::new(format!("{state:?}")), state).unwrap()
}

/// The message by which somebody shows that he has the token of this state, in Latin 1.
pub(super) fn claim(state: TokenState) -> String {
    let mechanism = TokenMechanism::from_name("HT-SHA-256-NONE").unwrap();
    let (message, _) = client_message("ann", &token(state), mechanism, &bindings()).unwrap();
    message.into_iter().map(char::from).collect()
}

pub(super) fn inline_bound() -> Input {
    let jid = Jid::parse("ann@home.example/desk").unwrap();
    Input::InlineBound(Ok((jid, vec![Element::new("enabled", crate::ns::SM)])))
}

pub(super) fn agent() -> UserAgent {
    UserAgent {
        id: AgentId::parse("d4565fa7-4d72-4749-b3d3-740edbf87770"),
        software: Some("Talker".to_owned()),
        device: Some("Kiva's phone".to_owned()),
    }
}

fn plain(wishes: &str) -> Vec<Input> {
    let mut inputs = secured();
    inputs.push(authenticate("PLAIN", "\0ann\0pencil", wishes));
    inputs
}

/// The outputs for `inputs` after a right password with `wishes`.
fn entered(wishes: &str, inputs: Vec<Input>) -> (Negotiator, Vec<Output>) {
    let mut all = plain(wishes);
    all.push(Input::PlainChecked(true));
    all.extend(inputs);
    after(config(), Transport::Direct, all)
}

fn authenticated() -> Output {
    Output::Authenticated { user: ann(), mechanism: "PLAIN" }
}

const FEATURES: &str =
    "<stream:features><ver xmlns='urn:xmpp:features:rosterver'/></stream:features>";

#[test]
fn the_offer_names_mechanisms_and_what_goes_with_them() {
    let offer = sent(&after(config(), Transport::Direct, secured()).1);
    let (_, offer) = offer.split_once("<authentication xmlns='urn:xmpp:sasl:2'>").unwrap();
    let (offer, _) = offer.split_once("</authentication>").unwrap();
    let (mechanisms, inline) = offer.split_once("<inline>").unwrap();
    let expected = Mechanism::offered(&bindings(), &ScramHash::ALL, true);
    let expected: String =
        expected.iter().map(|m| format!("<mechanism>{}</mechanism>", m.name())).collect();
    assert_eq!(mechanisms, expected);
    assert_eq!(
        inline,
        "<bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:carbons:2'/>\
         <feature var='urn:xmpp:sm:3'/></inline></bind><sm xmlns='urn:xmpp:sm:3'/>\
         <fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR</mechanism>\
         <mechanism>HT-SHA-256-ENDP</mechanism><mechanism>HT-SHA-256-NONE</mechanism></fast>\
         </inline><upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>\
         <upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-512</upgrade>"
    );
    let without = Config { fast: false, ..config() };
    assert!(!sent(&after(without, Transport::Direct, secured()).1).contains("fast"));
}

#[test]
fn authentication_alone_ends_with_features_and_no_new_stream() {
    let (mut negotiator, last) = entered("", vec![]);
    let [first, Output::Send(success), Output::Send(features)] = &last[..] else {
        panic!("{last:?}")
    };
    assert_eq!(first, &authenticated());
    assert_eq!(
        success,
        "<success xmlns='urn:xmpp:sasl:2'>\
         <authorization-identifier>ann@home.example</authorization-identifier></success>"
    );
    assert!(features.contains("<bind "), "{features}");
    negotiator.feed(stanza(BIND));
    assert_eq!(drain(&mut negotiator), [Output::Bind { resource: Some("desk".into()) }]);
}

#[test]
fn scram_is_carried_in_the_new_elements() {
    for initial in [true, false] {
        let mut server = Server::new(config(), Transport::Direct);
        server.receive(HEADER.as_bytes());
        server.sent();
        let client = Client::new(ScramHash::Sha256, "ann", &Binding::Never, "abc").unwrap();
        let opening = if initial {
            authenticate_xml("SCRAM-SHA-256", &client.first(), "")
        } else {
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'/>".to_owned()
        };
        server.receive(opening.as_bytes());
        if !initial {
            assert_eq!(server.sent(), "<challenge xmlns='urn:xmpp:sasl:2'/>");
            let first = encoded(&client.first());
            let first = format!("<response xmlns='urn:xmpp:sasl:2'>\n{first}\n</response>");
            server.receive(first.as_bytes());
        }
        let challenge = Element::parse(&server.sent()).unwrap();
        assert!(challenge.is("challenge", crate::ns::SASL2));
        let data = crate::sasl::decode_payload(&challenge.text()).unwrap().unwrap();
        let challenge = client.server_first(&data).unwrap();
        let keys = challenge.keys(PASSWORD).unwrap();
        let (proof, verdict) = challenge.answer(&keys).unwrap();
        let proof = encoded(&proof);
        server.receive(format!("<response xmlns='urn:xmpp:sasl:2'>{proof}</response>").as_bytes());
        let text = server.sent();
        let (success, features) = text.split_once("</success>").unwrap();
        let success = Element::parse(&format!("{success}</success>")).unwrap();
        let data = success.child("additional-data", crate::ns::SASL2).unwrap().text();
        let data = crate::sasl::decode_payload(&data).unwrap().unwrap();
        verdict.server_final(&data).unwrap();
        assert!(features.starts_with("<stream:features>"), "{features}");
    }
}

#[test]
fn a_client_is_remembered_before_it_is_let_in() {
    let wishes = format!(
        "{AGENT}<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-ENDP'/>{BIND2}"
    );
    let (mut negotiator, last) = entered(&wishes, vec![]);
    let wanted = TokenMechanism::from_name("HT-SHA-256-ENDP");
    let remember = Remember { agent: agent(), used: None, wanted };
    assert_eq!(last, [authenticated(), Output::Remember(Box::new(remember))]);
    assert_eq!(negotiator.wants(), Wants::Remembered);
    let secret = Zeroizing::new("a-secret".to_owned());
    negotiator.feed(Input::Remembered(Some(NewToken { secret, expires: 86_400 })));
    let odd = Element::new("odd", "urn:nobody:knows");
    let enable = Element::new("enable", crate::ns::CARBONS);
    let bind = InlineBind { tag: Some("Talker".to_owned()), features: vec![enable, odd] };
    assert_eq!(drain(&mut negotiator), [Output::InlineBind(bind)]);
    negotiator.feed(inline_bound());
    let last = drain(&mut negotiator);
    let jid = Jid::parse("ann@home.example/desk").unwrap();
    assert_eq!(last.last(), Some(&Output::Established { jid }));
    assert_eq!(
        sent(&last),
        format!(
            "<success xmlns='urn:xmpp:sasl:2'>\
             <authorization-identifier>ann@home.example/desk</authorization-identifier>\
             <token xmlns='urn:xmpp:fast:0' expiry='1970-01-02T00:00:00Z' token='a-secret'/>\
             <bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3'/></bound>\
             </success>{FEATURES}"
        )
    );
}

#[test]
fn tokens_are_only_for_what_the_connection_can_be_bound_to() {
    let wanted = |mechanism: &str, config: Config, bindings: ChannelBindings| {
        let wishes =
            format!("{AGENT}<request-token xmlns='urn:xmpp:fast:0' mechanism='{mechanism}'/>");
        let inputs = vec![
            Input::TlsEstablished { bindings },
            opened(header()),
            authenticate("PLAIN", "\0ann\0pencil", &wishes),
            Input::PlainChecked(true),
        ];
        let (_, last) = after(config, Transport::Direct, inputs);
        let [_, Output::Remember(remember)] = &last[..] else { panic!("{last:?}") };
        remember.wanted.map(TokenMechanism::name)
    };
    assert_eq!(wanted("HT-SHA-256-EXPR", config(), bindings()), Some("HT-SHA-256-EXPR"));
    assert_eq!(wanted("HT-SHA-256-EXPR", config(), ChannelBindings::default()), None);
    assert_eq!(wanted("HT-SHA-512-NONE", config(), bindings()), None);
    let off = Config { fast: false, ..config() };
    assert_eq!(wanted("HT-SHA-256-NONE", off, bindings()), None);
}

#[test]
fn what_a_session_began_with_is_not_offered_again() {
    let sm = Element::new("sm", crate::ns::SM);
    let offered = |answer: Element| {
        let mut inputs = plain(BIND2);
        inputs.push(Input::PlainChecked(true));
        let jid = Jid::parse("ann@home.example/desk").unwrap();
        inputs.push(Input::InlineBound(Ok((jid, vec![answer]))));
        let features = config().features.into_iter().chain([sm.clone()]).collect();
        let text = sent(&after(Config { features, ..config() }, Transport::Direct, inputs).1);
        let (_, features) = text.split_once("<stream:features>").unwrap();
        assert!(features.contains("<ver "), "{features}");
        features.contains("<sm ")
    };
    assert!(!offered(Element::new("enabled", crate::ns::SM)));
    assert!(offered(Element::new("failed", crate::ns::SM)));
    assert!(offered(Element::new("metadata", crate::ns::MAM)));
}

#[test]
fn a_session_is_resumed_or_else_bound() {
    let wishes = format!("{BIND2}{RESUME2}");
    let (mut negotiator, last) = entered(&wishes, vec![]);
    let resume = Output::Resume { previd: "some-id".into(), handled: 4, inline: true };
    assert_eq!(last, [authenticated(), resume]);
    negotiator.feed(resumed());
    let last = drain(&mut negotiator);
    let jid = Jid::parse("ann@home.example/desk").unwrap();
    assert_eq!(last[1..], [Output::Established { jid }]);
    // XEP-0198 §9: no features.
    assert_eq!(
        sent(&last),
        "<success xmlns='urn:xmpp:sasl:2'>\
         <authorization-identifier>ann@home.example/desk</authorization-identifier>\
         <resumed xmlns='urn:xmpp:sm:3' previd='some-id' h='3'/></success>"
    );

    let (mut negotiator, last) = entered(&wishes, vec![not_resumed()]);
    assert!(matches!(last[..], [Output::InlineBind(_)]), "{last:?}");
    negotiator.feed(inline_bound());
    let text = sent(&drain(&mut negotiator));
    let failed = "<failed xmlns='urn:xmpp:sm:3' h='7'><item-not-found \
                  xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed><bound ";
    assert!(text.contains(failed), "{text}");

    // Neither: the client may still bind.
    let (_, last) = entered(RESUME2, vec![not_resumed()]);
    let text = sent(&last);
    assert!(text.contains("</failed></success><stream:features><bind "), "{text}");
    let (_, last) = entered("<resume xmlns='urn:xmpp:sm:3' h='4'/>", vec![]);
    assert!(sent(&last).contains("<failed xmlns='urn:xmpp:sm:3'><bad-request "), "{last:?}");
}

#[test]
fn a_token_lets_its_client_in() {
    let wishes = format!("{AGENT}{FAST}");
    let mut inputs = secured();
    inputs.push(authenticate("HT-SHA-256-NONE", &claim(TokenState::Good), &wishes));
    let (mut negotiator, last) = after(config(), Transport::Direct, inputs);
    let mechanism = TokenMechanism::from_name("HT-SHA-256-NONE").unwrap();
    let id = agent().id.unwrap();
    assert_eq!(last, [Output::LookUpTokens { user: ann(), agent: id, mechanism }]);
    assert_eq!(negotiator.wants(), Wants::Tokens);
    negotiator.feed(Input::Tokens(vec![token(TokenState::Fake), token(TokenState::Good)]));
    let used = Some(TokenUse { token: 1, invalidate: false });
    let remember = Remember { agent: agent(), used, wanted: None };
    assert_eq!(
        drain(&mut negotiator),
        [
            Output::Authenticated { user: ann(), mechanism: "HT-SHA-256-NONE" },
            Output::Remember(Box::new(remember)),
        ]
    );
    negotiator.feed(Input::Remembered(None));
    let text = sent(&drain(&mut negotiator));
    let (_, answer) =
        client_message("ann", &token(TokenState::Good), mechanism, &bindings()).unwrap();
    let answer = crate::sasl::encode_payload(&answer);
    assert!(text.contains(&format!("<additional-data>{answer}</additional-data>")), "{text}");
}

#[test]
fn a_token_can_be_given_back() {
    for (attribute, expected) in [("invalidate='true'", true), ("count='7'", false)] {
        let wishes = format!("{AGENT}<fast xmlns='urn:xmpp:fast:0' {attribute}/>");
        let mut inputs = secured();
        inputs.push(authenticate("HT-SHA-256-NONE", &claim(TokenState::Good), &wishes));
        inputs.push(Input::Tokens(vec![token(TokenState::Good)]));
        let (_, last) = after(config(), Transport::Direct, inputs);
        let [_, Output::Remember(remember)] = &last[..] else { panic!("{last:?}") };
        assert_eq!(remember.used, Some(TokenUse { token: 0, invalidate: expected }));
    }
}

type Failing = (Vec<Input>, Condition, Option<BareJid>);

/// What is wrong with a token or the way it is shown.
fn failing_tokens() -> Vec<Failing> {
    let user = || Some(ann());
    let good = || claim(TokenState::Good);
    let none = "HT-SHA-256-NONE";
    let fast = format!("{AGENT}{FAST}");
    let shown = |mechanism, data: &str, wishes: &str| authenticate(mechanism, data, wishes);
    let empty = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'>";
    let fake = || Input::Tokens(vec![token(TokenState::Fake)]);
    let expired = || Input::Tokens(vec![token(TokenState::Expired)]);
    let refused = Input::Refused(Condition::TemporaryAuthFailure);
    vec![
        // XEP-0484 §3.4: not without saying so, §4.1: nor without a name of its own.
        (vec![shown(none, &good(), AGENT)], Condition::InvalidMechanism, None),
        (vec![shown(none, &good(), FAST)], Condition::MalformedRequest, None),
        (
            vec![shown(none, &good(), &format!("<user-agent id='7'/>{FAST}"))],
            Condition::MalformedRequest,
            None,
        ),
        (vec![shown("PLAIN", "\0ann\0pencil", &fast)], Condition::InvalidMechanism, None),
        (vec![shown("HT-SHA-256-UNIQ", &good(), &fast)], Condition::InvalidMechanism, None),
        (vec![shown(none, "ann\0short", &fast)], Condition::MalformedRequest, None),
        (vec![stanza(&format!("{empty}{fast}</authenticate>"))], Condition::MalformedRequest, None),
        (vec![shown(none, &good(), &fast), fake()], Condition::NotAuthorized, user()),
        (
            vec![shown(none, &good(), &fast), Input::Tokens(vec![])],
            Condition::NotAuthorized,
            user(),
        ),
        (vec![shown(none, &good(), &fast), refused], Condition::TemporaryAuthFailure, user()),
        (
            vec![shown(none, &claim(TokenState::Fake), &fast), fake()],
            Condition::NotAuthorized,
            user(),
        ),
        (
            vec![shown(none, &claim(TokenState::Expired), &fast), expired()],
            Condition::CredentialsExpired,
            user(),
        ),
        // Bound to the connection, although the token is not.
        (
            vec![
                shown("HT-SHA-256-EXPR", &good(), &fast),
                Input::Tokens(vec![token(TokenState::Good)]),
            ],
            Condition::NotAuthorized,
            user(),
        ),
    ]
}

fn failing() -> Vec<Failing> {
    let user = || Some(ann());
    let raw = |data: &str| {
        stanza(&format!(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>\
             <initial-response>{data}</initial-response></authenticate>"
        ))
    };
    let plain = |data: &str| authenticate("PLAIN", data, BIND2);
    vec![
        (vec![authenticate("LOGIN", "x", "")], Condition::InvalidMechanism, None),
        (vec![raw("!")], Condition::IncorrectEncoding, None),
        // XEP-0388 §2.2: no special form for nothing.
        (vec![raw("=")], Condition::IncorrectEncoding, None),
        (vec![raw("")], Condition::MalformedRequest, None),
        (vec![response2("x")], Condition::MalformedRequest, None),
        (vec![plain("bob\0ann\0pencil")], Condition::InvalidAuthzid, user()),
        (vec![plain("\0ann\0x"), Input::PlainChecked(false)], Condition::NotAuthorized, user()),
    ]
}

#[test]
fn log_ins_that_fail_do_nothing_of_what_was_asked_for() {
    for (number, (tail, condition, user)) in
        failing().into_iter().chain(failing_tokens()).enumerate()
    {
        let mut inputs = secured();
        inputs.extend(tail);
        let (mut negotiator, last) = after(config(), Transport::Direct, inputs);
        let failure = format!(
            "<failure xmlns='urn:xmpp:sasl:2'><{} xmlns='{}'/></failure>",
            condition.as_str(),
            crate::ns::SASL
        );
        let expected = [Output::AuthFailed { user, condition }, Output::Send(failure)];
        assert_eq!(last, expected, "case {number}");
        // Another try is allowed, with either kind of SASL.
        assert_eq!(negotiator.wants(), Wants::Event, "case {number}");
        negotiator.feed(auth("PLAIN", &encoded("\0ann\0pencil")));
        assert_eq!(negotiator.wants(), Wants::PlainChecked, "case {number}");
    }
}

#[test]
fn nothing_else_may_come_while_logging_in() {
    let others = [
        "<message xmlns='jabber:client'/>",
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
        "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>",
    ];
    for other in others {
        let mut inputs = secured();
        let begin = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>";
        inputs.extend([stanza(begin), stanza(other)]);
        let (negotiator, last) = after(config(), Transport::Direct, inputs);
        assert!(matches!(last.last(), Some(Output::Close(Some(_)))), "{other}: {last:?}");
        assert_eq!(negotiator.wants(), Wants::Nothing);
    }
}

#[test]
fn an_identity_must_be_that_of_the_header() {
    let logs_in = |from: &str, authzid: &str| {
        let open = StreamOpen { from: Some(from.to_owned()), ..header() };
        let data = format!("{authzid}\0ann\0pencil");
        let inputs = vec![tls(), opened(open), authenticate("PLAIN", &data, "")];
        let (negotiator, last) = after(config(), Transport::Direct, inputs);
        (negotiator.wants() == Wants::PlainChecked, sent(&last))
    };
    assert!(logs_in("ann@home.example", "ann@home.example").0);
    assert!(logs_in("ann@home.example/x", "ann").0);
    // The header alone decides nothing.
    assert!(logs_in("bob@home.example", "").0);
    let (through, text) = logs_in("bob@home.example", "ann@home.example");
    assert!(!through && text.contains("<invalid-authzid "), "{text}");
    // XEP-0388 §2.1
    let (through, _) = logs_in("ann@away.example", "");
    assert!(!through);
}

#[test]
fn no_second_authentication_after_success() {
    for inputs in [vec![], vec![stanza(BIND), Input::Bound(Ok(ann().with_resource("x").unwrap()))]]
    {
        let (mut negotiator, _) = entered("", inputs);
        negotiator.feed(authenticate("PLAIN", "\0ann\0pencil", ""));
        let last = drain(&mut negotiator);
        assert!(matches!(last.last(), Some(Output::Close(Some(_)))), "{last:?}");
    }
}

#[test]
fn a_session_that_is_refused_ends_the_stream() {
    let cases = [
        (StanzaCondition::ResourceConstraint, StreamCondition::ResourceConstraint),
        (StanzaCondition::Forbidden, StreamCondition::NotAuthorized),
        (StanzaCondition::InternalServerError, StreamCondition::InternalServerError),
    ];
    for (condition, expected) in cases {
        let error = StanzaError::new(condition).with_text("why");
        let (_, last) = entered(BIND2, vec![Input::InlineBound(Err(error))]);
        let Some(Output::Close(Some(error))) = last.last() else { panic!("{last:?}") };
        assert_eq!(error.condition, expected);
        let text = sent(&last);
        assert!(text.contains(">why<") && !text.contains("<success "), "{text}");
    }
    // Nor does the caller let anybody into somebody else's.
    let bob = Jid::parse("bob@home.example/desk").unwrap();
    let (_, last) = entered(BIND2, vec![Input::InlineBound(Ok((bob.clone(), vec![])))]);
    assert_eq!(last.last(), Some(&Output::Close(Some(misuse()))));
    let resumption = Resumption { jid: bob, previd: "x".to_owned(), handled: 0 };
    let (_, last) = entered(RESUME2, vec![Input::Resumed(Ok(resumption))]);
    assert_eq!(last.last(), Some(&Output::Close(Some(misuse()))));
}

#[test]
fn everything_goes_in_one_flight() {
    let wishes = format!("{AGENT}{FAST}{BIND2}{RESUME2}");
    let mechanism = TokenMechanism::from_name("HT-SHA-256-NONE").unwrap();
    let (message, _) =
        client_message("ann", &token(TokenState::Good), mechanism, &bindings()).unwrap();
    let data = crate::sasl::encode_payload(&message);
    let flight = format!(
        "{HEADER}<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'>\
         <initial-response>{data}</initial-response>{wishes}</authenticate><presence/>"
    );
    for step in [1, 50, usize::MAX] {
        let mut server = Server::new(config(), Transport::Direct);
        for piece in flight.as_bytes().chunks(step) {
            server.receive(piece);
        }
        let text = server.sent();
        assert!(server.session.is_some(), "{text}");
        let order = ["<stream:stream ", "<authentication ", "<success ", "<resumed "];
        let places: Vec<_> = order.iter().map(|what| text.find(what).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
    }
    // What comes behind a log-in that failed is not listened to.
    let mut server = Server::new(config(), Transport::Direct);
    let flight =
        format!("{HEADER}{}<presence/>", authenticate_xml("PLAIN", "\0bob\0pencil", BIND2));
    server.receive(flight.as_bytes());
    let text = server.sent();
    assert!(server.closed && server.session.is_none(), "{text}");
    assert!(text.contains("</failure><stream:error><not-authorized "), "{text}");
}

#[test]
fn a_password_sent_without_tls_is_answered_in_kind() {
    let inputs = vec![opened(header()), authenticate("PLAIN", "\0ann\0pencil", "")];
    let text = sent(&after(config(), Transport::StartTls, inputs).1);
    assert!(text.starts_with("<failure xmlns='urn:xmpp:sasl:2'><encryption-required "), "{text}");
}
