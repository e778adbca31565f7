//! Every state against every input, real clients' bytes, and what must never happen.

mod clients;
mod never;
mod resuming;
mod sasl2;
mod table;

use sasl2::{authenticate, inline_bound, response2, token};

use super::*;
use crate::error::StanzaCondition;
use crate::hashed_token::TokenState;
use crate::parser::{Parser, ParserLimits, StreamOpen};
use crate::scram::ITERATIONS_MIN;

pub(super) const DOMAIN: &str = "home.example";
pub(super) const PASSWORD: &str = "pencil";
const SALT: [u8; 16] = [3; 16];

pub(super) fn config() -> Config {
    Config {
        domain: Some(BareJid::from_domain(DOMAIN).unwrap()),
        hashes: ScramHash::ALL.to_vec(),
        plain: true,
        fast: true,
        upgrades: vec![ScramHash::Sha256, ScramHash::Sha512],
        inline: vec![crate::ns::CARBONS, crate::ns::SM],
        features: vec![Element::new("ver", "urn:xmpp:features:rosterver")],
        fake_secret: Zeroizing::new([9; 32]),
        iterations: ITERATIONS_MIN,
    }
}

pub(super) fn bindings() -> ChannelBindings {
    ChannelBindings { exporter: Some(vec![1; 32]), server_end_point: Some(vec![2; 32]) }
}

pub(super) fn keys(hash: ScramHash) -> ScramKeys {
    ScramKeys::derive(hash, PASSWORD, &SALT, ITERATIONS_MIN).unwrap()
}

pub(super) fn ann() -> BareJid {
    BareJid::parse("ann@home.example").unwrap()
}

pub(super) fn header() -> StreamOpen {
    StreamOpen {
        ns: ns(crate::ns::CLIENT),
        to: Some(DOMAIN.to_owned()),
        version: Some("1.0".to_owned()),
        ..StreamOpen::default()
    }
}

pub(super) fn ns(text: &'static str) -> crate::element::Name {
    std::borrow::Cow::Borrowed(text)
}

pub(super) fn opened(open: StreamOpen) -> Input {
    Input::Event { event: StreamEvent::Open(open), unread: false }
}

pub(super) fn stanza(xml: &str) -> Input {
    Input::Event { event: StreamEvent::Stanza(Element::parse(xml).unwrap()), unread: false }
}

pub(super) fn auth(mechanism: &str, payload: &str) -> Input {
    stanza(&format!("<auth xmlns='{}' mechanism='{mechanism}'>{payload}</auth>", crate::ns::SASL))
}

pub(super) fn response(payload: &str) -> Input {
    stanza(&format!("<response xmlns='{}'>{payload}</response>", crate::ns::SASL))
}

pub(super) fn encoded(message: &str) -> String {
    crate::sasl::encode_payload(message.as_bytes())
}

pub(super) fn drain(negotiator: &mut Negotiator) -> Vec<Output> {
    std::iter::from_fn(|| negotiator.poll()).collect()
}

/// What was sent, joined.
pub(super) fn sent(outputs: &[Output]) -> String {
    let text = |output: &Output| match output {
        Output::Send(text) => Some(text.clone()),
        _ => None,
    };
    outputs.iter().filter_map(text).collect()
}

pub(super) fn negotiator(config: Config, transport: Transport) -> Negotiator {
    Negotiator::new(Arc::new(config), transport, [7; 32])
}

/// A negotiator that was fed `inputs`, and what it did last.
pub(super) fn after(
    config: Config,
    transport: Transport,
    inputs: Vec<Input>,
) -> (Negotiator, Vec<Output>) {
    let mut negotiator = negotiator(config, transport);
    let mut last = Vec::new();
    for input in inputs {
        negotiator.feed(input);
        last = drain(&mut negotiator);
    }
    (negotiator, last)
}

pub(super) fn tls() -> Input {
    Input::TlsEstablished { bindings: bindings() }
}

/// Up to the offer of mechanisms.
pub(super) fn secured() -> Vec<Input> {
    vec![tls(), opened(header())]
}

/// Up to the offer of a resource.
pub(super) fn logged_in() -> Vec<Input> {
    let mut inputs = secured();
    inputs.push(auth("PLAIN", &encoded("\0ann\0pencil")));
    inputs.push(Input::PlainChecked(true));
    inputs.push(opened(header()));
    inputs
}

pub(super) const BIND: &str = "<iq xmlns='jabber:client' type='set' id='b'>\
    <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>desk</resource></bind></iq>";

pub(super) const RESUME: &str = "<resume xmlns='urn:xmpp:sm:3' previd='some-id' h='4'/>";

pub(super) fn resumed() -> Input {
    let jid = Jid::parse("ann@home.example/desk").unwrap();
    Input::Resumed(Ok(Resumption { jid, previd: "some-id".to_owned(), handled: 3 }))
}

pub(super) fn not_resumed() -> Input {
    let condition = StanzaCondition::ItemNotFound;
    Input::Resumed(Err(NotResumed { condition, handled: Some(7) }))
}

fn refusal(config: Config, open: StreamOpen) -> (StreamCondition, String) {
    let (negotiator, last) = after(config, Transport::StartTls, vec![opened(open)]);
    assert_eq!(negotiator.wants(), Wants::Nothing);
    let Some(Output::Close(Some(error))) = last.last() else { panic!("not closed: {last:?}") };
    (error.condition, sent(&last))
}

#[test]
fn headers_that_are_refused() {
    use StreamCondition::{HostUnknown, ImproperAddressing, InvalidNamespace, UnsupportedVersion};
    let not_set_up = || Config { domain: None, ..config() };
    let with = |change: &dyn Fn(&mut StreamOpen)| {
        let mut open = header();
        change(&mut open);
        open
    };
    let to = |to: &str| with(&|open| open.to = Some(to.to_owned()));
    let version = |version: &str| with(&|open| open.version = Some(version.to_owned()));
    let cases = [
        (config(), with(&|open| open.ns = ns("jabber:server")), InvalidNamespace),
        (config(), with(&|open| open.ns = ns("")), InvalidNamespace),
        (config(), with(&|open| open.to = None), ImproperAddressing),
        (config(), to(""), ImproperAddressing),
        (config(), to("@home.example"), ImproperAddressing),
        (config(), to("away.example"), HostUnknown),
        (config(), to("ann@home.example"), HostUnknown),
        (config(), to("home.example/desk"), HostUnknown),
        (not_set_up(), header(), HostUnknown),
        (config(), with(&|open| open.version = None), UnsupportedVersion),
        (config(), version("0.9"), UnsupportedVersion),
        (config(), version("1"), UnsupportedVersion),
        (config(), version("1."), UnsupportedVersion),
        (config(), version("-1.0"), UnsupportedVersion),
        (config(), version("one.zero"), UnsupportedVersion),
    ];
    for (config, open, expected) in cases {
        let shown = format!("{open:?}");
        let (condition, text) = refusal(config, open);
        assert_eq!(condition, expected, "{shown}");
        // RFC 6120 §4.9.1.2: header, error, end
        assert!(text.starts_with("<?xml version='1.0'?><stream:stream "), "{text}");
        assert_eq!(text.matches("<stream:stream ").count(), 1, "{text}");
        assert!(text.contains(&format!("<stream:error><{condition} ")), "{text}");
        assert!(text.ends_with("</stream:error></stream:stream>"), "{text}");
        assert!(!text.contains("features"), "{text}");
    }
}

#[test]
fn headers_that_are_accepted() {
    for (to, version) in
        [(DOMAIN, "1.0"), ("HOME.example", "01.0"), (DOMAIN, "1.7"), (DOMAIN, "2.0")]
    {
        let open =
            StreamOpen { to: Some(to.to_owned()), version: Some(version.to_owned()), ..header() };
        let (negotiator, last) = after(config(), Transport::StartTls, vec![opened(open)]);
        assert_eq!(negotiator.wants(), Wants::Event);
        let text = sent(&last);
        assert!(text.contains(" version='1.0'") && text.contains("<starttls "), "{text}");
    }
}

#[test]
fn from_is_repeated_as_a_bare_address_but_not_believed() {
    let from = |from: &str| {
        let open = StreamOpen { from: Some(from.to_owned()), ..header() };
        sent(&after(config(), Transport::StartTls, vec![opened(open)]).1)
    };
    assert!(from("bob@home.example/desk").contains(" to='bob@home.example'"));
    assert!(!from("@").contains(" to="), "an impossible address is left out");
    // Logged in as ann, a client that claims to be bob is still ann.
    let mut inputs = logged_in();
    inputs.pop();
    inputs.push(opened(StreamOpen { from: Some("bob@home.example".into()), ..header() }));
    let (mut negotiator, last) = after(config(), Transport::Direct, inputs);
    assert!(sent(&last).contains(" to='ann@home.example'"));
    negotiator.feed(stanza(BIND));
    drain(&mut negotiator);
    negotiator.feed(Input::Bound(Ok(Jid::parse("bob@home.example/desk").unwrap())));
    let last = drain(&mut negotiator);
    assert_eq!(last.last(), Some(&Output::Close(Some(misuse()))), "{last:?}");
}

#[test]
fn stream_ids_and_nonces_never_repeat() {
    let mut ids = std::collections::HashSet::new();
    for seed in 0..20 {
        let mut negotiator = Negotiator::new(Arc::new(config()), Transport::StartTls, [seed; 32]);
        for input in std::iter::once(opened(header()))
            .chain([stanza(&format!("<starttls xmlns='{}'/>", crate::ns::TLS))])
            .chain(logged_in())
        {
            negotiator.feed(input);
            let text = sent(&drain(&mut negotiator));
            if let Some((_, rest)) = text.split_once(" id='") {
                let id = rest.split('\'').next().unwrap().to_owned();
                assert!(id.len() >= 16, "{id}");
                ids.insert(id);
            }
        }
    }
    assert_eq!(ids.len(), 60);
    let challenge = |seed| {
        let mut negotiator = Negotiator::new(Arc::new(config()), Transport::Direct, [seed; 32]);
        let mut nonces = Vec::new();
        for input in secured() {
            negotiator.feed(input);
        }
        for _ in 0..2 {
            negotiator.feed(auth("SCRAM-SHA-1", &encoded("n,,n=ann,r=abc")));
            drain(&mut negotiator);
            negotiator.feed(Input::Keys { found: Some(keys(ScramHash::Sha1)) });
            nonces.push(sent(&drain(&mut negotiator)));
            negotiator.feed(stanza(&format!("<abort xmlns='{}'/>", crate::ns::SASL)));
            drain(&mut negotiator);
        }
        nonces
    };
    let (one, other) = (challenge(1), challenge(2));
    assert!(one[0] != one[1] && one[0] != other[0]);
    assert_eq!(one, challenge(1), "the same seed repeats everything");
}

#[test]
fn features_are_exactly_what_the_stage_allows() {
    let features = |config, transport, inputs| {
        let text = sent(&after(config, transport, inputs).1);
        text.split_once("<stream:features").unwrap().1.to_owned()
    };
    let plain = features(config(), Transport::StartTls, vec![opened(header())]);
    assert_eq!(
        plain,
        "><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
    );
    let sasl = features(config(), Transport::Direct, secured());
    assert!(!sasl.contains("starttls") && !sasl.contains(crate::ns::BIND), "{sasl}");
    for name in ["SCRAM-SHA-512-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "PLAIN"] {
        assert!(sasl.contains(&format!("<mechanism>{name}</mechanism>")), "{sasl}");
    }
    assert!(sasl.contains(
        "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
         <channel-binding type='tls-exporter'/><channel-binding type='tls-server-end-point'/>\
         </sasl-channel-binding>"
    ));
    let unbound =
        vec![Input::TlsEstablished { bindings: ChannelBindings::default() }, opened(header())];
    let sasl = features(Config { plain: false, ..config() }, Transport::Direct, unbound);
    assert!(!sasl.contains("PLUS") && !sasl.contains("PLAIN") && !sasl.contains("sasl-cb"));
    assert!(sasl.contains("<mechanism>SCRAM-SHA-1</mechanism>"));
    assert_eq!(
        features(config(), Transport::Direct, logged_in()),
        "><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
         <session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>\
         <ver xmlns='urn:xmpp:features:rosterver'/></stream:features>"
    );
}

type Failing = (Vec<Input>, Condition, Option<BareJid>);

/// PLAIN, and what is wrong with any mechanism.
fn failing_plain() -> Vec<Failing> {
    use Condition::{
        IncorrectEncoding, InvalidAuthzid, InvalidMechanism, MalformedRequest, NotAuthorized,
        TemporaryAuthFailure,
    };
    let auth_plain = |message: &str| auth("PLAIN", &encoded(message));
    let user = || Some(ann());
    let nameless = stanza(&format!("<auth xmlns='{}'/>", crate::ns::SASL));
    vec![
        (vec![auth("LOGIN", "")], InvalidMechanism, None),
        (vec![auth("plain", &encoded("\0ann\0pencil"))], InvalidMechanism, None),
        (vec![nameless], InvalidMechanism, None),
        (vec![auth("PLAIN", "!")], IncorrectEncoding, None),
        (vec![auth("PLAIN", "=")], MalformedRequest, None),
        (vec![auth("PLAIN", ""), response("AA")], IncorrectEncoding, None),
        (vec![auth("PLAIN", ""), response("")], MalformedRequest, None),
        (vec![auth("PLAIN", ""), auth("PLAIN", "")], MalformedRequest, None),
        (vec![response("")], MalformedRequest, None),
        (vec![auth_plain("ann\0pencil")], MalformedRequest, None),
        (vec![auth_plain("\0a@b\0pencil")], NotAuthorized, None),
        (vec![auth_plain("bob\0ann\0pencil")], InvalidAuthzid, user()),
        (vec![auth_plain("bob@home.example\0ann\0pencil")], InvalidAuthzid, user()),
        (vec![auth_plain("ann@away.example\0ann\0pencil")], InvalidAuthzid, user()),
        (vec![auth_plain("ann@home.example/x\0ann\0pencil")], InvalidAuthzid, user()),
        (vec![auth_plain("\0ann\0x"), Input::PlainChecked(false)], NotAuthorized, user()),
        (
            vec![auth_plain("\0ann\0x"), Input::Refused(TemporaryAuthFailure)],
            TemporaryAuthFailure,
            user(),
        ),
    ]
}

fn failing_scram() -> Vec<Failing> {
    use Condition::{
        AccountDisabled, IncorrectEncoding, InvalidAuthzid, MalformedRequest, NotAuthorized,
        TemporaryAuthFailure,
    };
    let user = || Some(ann());
    let auth_scram = |message: &str| auth("SCRAM-SHA-1", &encoded(message));
    let good = || auth_scram("n,,n=ann,r=x");
    let unique = auth("SCRAM-SHA-1-PLUS", &encoded("p=tls-unique,,n=ann,r=x"));
    let other_hash = Input::Keys { found: Some(keys(ScramHash::Sha256)) };
    let unknown = || Input::Keys { found: None };
    vec![
        (vec![auth_scram("y,,n=ann,r=x")], NotAuthorized, None),
        (vec![auth_scram("n,a=bob,n=ann,r=x")], InvalidAuthzid, user()),
        (vec![unique], MalformedRequest, None),
        (vec![good(), Input::Refused(AccountDisabled)], AccountDisabled, user()),
        (vec![good(), other_hash], TemporaryAuthFailure, user()),
        (vec![good(), unknown(), response("!")], IncorrectEncoding, user()),
        (vec![good(), unknown(), response("=")], MalformedRequest, user()),
        (vec![good(), unknown(), good()], MalformedRequest, None),
    ]
}

#[test]
fn log_ins_that_fail() {
    let cases = failing_plain().into_iter().chain(failing_scram());
    for (number, (tail, expected, user)) in cases.enumerate() {
        let mut inputs = secured();
        inputs.extend(tail);
        let (negotiator, last) = after(config(), Transport::Direct, inputs);
        assert_eq!(
            last,
            [
                Output::AuthFailed { user, condition: expected },
                Output::Send(expected.to_element().to_xml("")),
            ],
            "case {number}"
        );
        assert_eq!(negotiator.wants(), Wants::Event, "another try is allowed");
    }
}

#[test]
fn authorization_identities_of_the_user_itself_are_accepted() {
    for authzid in ["", "ann", "ANN", "ann@home.example", "Ann@HOME.example"] {
        let mut inputs = secured();
        inputs.push(auth("PLAIN", &encoded(&format!("{authzid}\0Ann\0pencil"))));
        let (_, last) = after(config(), Transport::Direct, inputs);
        let [Output::CheckPlain { user, password }] = &last[..] else { panic!("{last:?}") };
        assert_eq!((user, password.expose()), (&ann(), PASSWORD));
        assert!(!format!("{last:?}").contains(PASSWORD), "a password in debug output");
    }
}

#[test]
fn plain_is_refused_where_it_is_not_offered() {
    let mut inputs = secured();
    inputs.push(auth("PLAIN", &encoded("\0ann\0pencil")));
    let (_, last) = after(Config { plain: false, ..config() }, Transport::Direct, inputs);
    let condition = Condition::InvalidMechanism;
    assert_eq!(last[0], Output::AuthFailed { user: None, condition });
}

#[test]
fn only_so_many_log_ins_fail_on_one_stream() {
    for attempt in [auth_abort, auth_unknown, auth_wrong] {
        let mut negotiator = negotiator(config(), Transport::Direct);
        for input in secured() {
            negotiator.feed(input);
        }
        drain(&mut negotiator);
        for number in 1..=LOG_INS_FAILED_MAX {
            let last = attempt(&mut negotiator);
            let text = sent(&last);
            assert!(text.contains("<failure "), "{text}");
            let closed = number == LOG_INS_FAILED_MAX;
            assert_eq!(text.contains("<policy-violation "), closed, "attempt {number}: {text}");
            assert_eq!(matches!(last.last(), Some(Output::Close(Some(_)))), closed);
        }
        assert_eq!(auth_wrong(&mut negotiator), [], "nothing after the end");
    }
}

fn auth_abort(negotiator: &mut Negotiator) -> Vec<Output> {
    negotiator.feed(auth("PLAIN", ""));
    drain(negotiator);
    negotiator.feed(stanza(&format!("<abort xmlns='{}'/>", crate::ns::SASL)));
    let last = drain(negotiator);
    assert!(sent(&last).contains("<aborted/>") && !matches!(last[0], Output::AuthFailed { .. }));
    last
}

fn auth_unknown(negotiator: &mut Negotiator) -> Vec<Output> {
    negotiator.feed(auth("NO-SUCH", ""));
    drain(negotiator)
}

fn auth_wrong(negotiator: &mut Negotiator) -> Vec<Output> {
    negotiator.feed(auth("PLAIN", &encoded("\0ann\0wrong")));
    drain(negotiator);
    negotiator.feed(Input::PlainChecked(false));
    drain(negotiator)
}

#[test]
fn requests_for_a_resource() {
    let bind = |id: &str, inner: &str, more: &str| {
        stanza(&format!(
            "<iq xmlns='jabber:client' type='set'{id}>\
             <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{inner}</bind>{more}</iq>"
        ))
    };
    let long = format!("<resource>{}</resource>", "x".repeat(1024));
    let wish = |text: &str| Some(text.to_owned());
    let cases = [
        (bind(" id='1'", "", ""), Ok(None)),
        (bind(" id='1'", "<resource/>", ""), Ok(None)),
        (bind(" id='1'", "<resource>desk</resource>", ""), Ok(wish("desk"))),
        (bind(" id='1'", "<resource>My Desk/2@x</resource>", ""), Ok(wish("My Desk/2@x"))),
        // RFC 3920 appendix B (resourceprep): U+2168 becomes IX
        (bind(" id='1'", "<resource>\u{2168}</resource>", ""), Ok(wish("IX"))),
        (bind(" id='1'", "<resource>a\u{7f}b</resource>", ""), Err(())),
        (bind(" id='1'", &long, ""), Err(())),
        (bind(" id='1'", "", "<other xmlns='urn:x'/>"), Err(())),
        (bind("", "", ""), Err(())),
    ];
    for (number, (request, expected)) in cases.into_iter().enumerate() {
        let mut inputs = logged_in();
        inputs.push(request);
        let (negotiator, last) = after(config(), Transport::Direct, inputs);
        match expected {
            Ok(resource) => assert_eq!(last, [Output::Bind { resource }], "case {number}"),
            Err(()) => {
                let text = sent(&last);
                assert!(text.starts_with("<iq type='error'"), "case {number}: {text}");
                assert!(text.contains("<error type='modify'><bad-request "), "{text}");
                assert_eq!(negotiator.wants(), Wants::Event);
            }
        }
    }
}

#[test]
fn only_so_many_resources_are_refused_on_one_stream() {
    let (mut negotiator, _) = after(config(), Transport::Direct, logged_in());
    for number in 1..=BINDS_REFUSED_MAX {
        negotiator.feed(stanza(BIND));
        assert_eq!(drain(&mut negotiator), [Output::Bind { resource: Some("desk".into()) }]);
        negotiator.feed(Input::Bound(Err(StanzaCondition::Conflict.into())));
        let text = sent(&drain(&mut negotiator));
        assert!(
            text.starts_with("<iq type='error' id='b'><error type='cancel'><conflict "),
            "{text}"
        );
        assert_eq!(text.contains("<policy-violation "), number == BINDS_REFUSED_MAX, "{text}");
    }
    assert_eq!(negotiator.wants(), Wants::Nothing);
}

#[test]
fn a_bound_resource_begins_the_session() {
    let mut inputs = logged_in();
    inputs.push(stanza(BIND));
    let jid = Jid::parse("ann@home.example/desk").unwrap();
    inputs.push(Input::Bound(Ok(jid.clone())));
    let (negotiator, last) = after(config(), Transport::Direct, inputs);
    assert_eq!(
        last,
        [
            Output::Send(
                "<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                 <jid>ann@home.example/desk</jid></bind></iq>"
                    .into()
            ),
            Output::Established { jid },
        ]
    );
    assert_eq!(negotiator.wants(), Wants::Nothing);
}

#[test]
fn late_requests_are_answered() {
    let answer = |xml: &str| {
        late_request(&Element::parse(xml).unwrap()).map(|iq| iq.to_xml(crate::ns::CLIENT))
    };
    assert_eq!(
        answer(
            "<iq xmlns='jabber:client' type='set' id='s'>\
             <session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
        )
        .as_deref(),
        Some("<iq type='result' id='s'/>")
    );
    let twice = answer(BIND).unwrap();
    assert!(twice.starts_with("<iq type='error' id='b'><error type='cancel'><not-allowed "));
    assert_eq!(answer("<message xmlns='jabber:client'/>"), None);
    assert_eq!(
        answer(
            "<iq xmlns='jabber:client' type='get' id='s'>\
             <session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
        ),
        None
    );
}

#[test]
fn bytes_behind_starttls_end_the_connection() {
    let request = Element::new("starttls", crate::ns::TLS);
    let inputs =
        vec![opened(header()), Input::Event { event: StreamEvent::Stanza(request), unread: true }];
    let (negotiator, last) = after(config(), Transport::StartTls, inputs);
    assert_eq!(sent(&last), "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>");
    assert!(matches!(last.last(), Some(Output::Close(Some(_)))));
    assert_eq!(negotiator.wants(), Wants::Nothing);
}

#[test]
fn a_password_sent_without_tls_is_answered_with_the_reason() {
    let inputs = vec![opened(header()), auth("PLAIN", &encoded("\0ann\0pencil"))];
    let text = sent(&after(config(), Transport::StartTls, inputs).1);
    assert!(text.starts_with("<failure "), "{text}");
    assert!(text.contains("<encryption-required/>") && text.contains("<policy-violation "));
}
