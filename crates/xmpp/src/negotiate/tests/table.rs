//! Every state against every input, with the outcome as one letter.

use super::*;

/// What a step led to, as seen from outside.
fn outcome(wanted: Wants, last: &[Output], now: Wants) -> char {
    let text = sent(last);
    match last.last() {
        None => '.',
        Some(Output::Close(None)) if text.ends_with("</stream:stream>") => 'z',
        Some(Output::Close(Some(_))) if text.is_empty() => 'm',
        Some(Output::Close(Some(error))) => {
            assert!(text.ends_with("</stream:stream>"), "{text}");
            assert_eq!(now, Wants::Nothing);
            match error.condition {
                _ if text.contains("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'") => 'i',
                StreamCondition::HostUnknown => 'H',
                StreamCondition::NotAuthorized => 'N',
                StreamCondition::PolicyViolation => 'P',
                StreamCondition::UnsupportedStanzaType => 'U',
                StreamCondition::SystemShutdown => 'D',
                StreamCondition::InternalServerError => 'X',
                other => panic!("{other}"),
            }
        }
        Some(Output::StartTls) => 't',
        Some(Output::LookUp { .. }) => 'l',
        Some(Output::CheckPlain { .. }) => 'c',
        Some(Output::Bind { .. }) => 'b',
        Some(Output::Established { .. }) => 'e',
        Some(Output::Resume { .. }) => 'v',
        Some(Output::LookUpTokens { .. }) => 'k',
        Some(Output::Remember(_)) => 'w',
        Some(Output::AskUpgrades | Output::Upgrade { .. }) => 'u',
        Some(Output::InlineBind(_)) => 'b',
        Some(Output::Send(_)) if text.contains("<success xmlns='urn:xmpp:sasl:2'") => 'S',
        Some(Output::RestartParser) if text.contains("<success ") => 's',
        Some(Output::RestartParser) if wanted == Wants::Handshake => 'h',
        Some(Output::Send(text)) if text.starts_with("<stream:features") => 'f',
        Some(Output::Send(text)) if text.starts_with("<challenge ") => 'g',
        Some(Output::Send(text)) if text.starts_with("<failure ") => 'a',
        Some(Output::Send(text)) if text.starts_with("<failed xmlns='urn:xmpp:sm:3'") => 'F',
        Some(Output::Send(text)) if text.starts_with("<iq type='error'") => 'r',
        Some(Output::Send(text)) if text.starts_with("<iq type='result'") => 'R',
        Some(other) => panic!("{other:?}"),
    }
}

type Make = fn() -> Vec<Input>;
type MakeOne = fn() -> Input;

/// The columns.
const INPUTS: [(&str, MakeOne); 31] = [
    ("header", || opened(header())),
    ("header of another domain", || {
        opened(StreamOpen { to: Some("away.example".into()), ..header() })
    }),
    ("starttls", || stanza("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")),
    ("starttls with bytes behind", || Input::Event {
        event: StreamEvent::Stanza(Element::new("starttls", crate::ns::TLS)),
        unread: true,
    }),
    ("auth SCRAM", || auth("SCRAM-SHA-1", &encoded("n,,n=ann,r=abc"))),
    ("auth PLAIN", || auth("PLAIN", &encoded("\0ann\0pencil"))),
    ("auth without payload", || auth("PLAIN", "")),
    ("response", || response(&encoded("\0ann\0pencil"))),
    ("abort", || stanza("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")),
    ("success", || stanza("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")),
    ("bind", || stanza(BIND)),
    ("session", || {
        stanza(
            "<iq xmlns='jabber:client' type='set' id='s'>\
             <session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
        )
    }),
    ("message", || stanza("<message xmlns='jabber:client'/>")),
    ("other", || stanza("<enable xmlns='urn:xmpp:sm:3'/>")),
    ("end of stream", || Input::Event { event: StreamEvent::Close, unread: false }),
    ("shutdown", || Input::Failed(StreamCondition::SystemShutdown.into())),
    ("tls", tls),
    ("keys", || Input::Keys { found: Some(keys(ScramHash::Sha1)) }),
    ("plain checked", || Input::PlainChecked(true)),
    ("refused", || Input::Refused(Condition::TemporaryAuthFailure)),
    ("bound", || Input::Bound(Ok(Jid::parse("ann@home.example/desk").unwrap()))),
    ("resume", || stanza(RESUME)),
    ("resume without a count", || stanza("<resume xmlns='urn:xmpp:sm:3' previd='x'/>")),
    ("resumed", resumed),
    ("not resumed", not_resumed),
    ("authenticate", || authenticate("SCRAM-SHA-1", "n,,n=ann,r=abc", "")),
    ("response of SASL2", || response2("")),
    ("abort of SASL2", || stanza("<abort xmlns='urn:xmpp:sasl:2'/>")),
    ("tokens", || Input::Tokens(vec![token(TokenState::Good)])),
    ("remembered", || Input::Remembered(None)),
    ("inline bound", inline_bound),
];

/// The rows: how a state is reached, and a letter for each input.
const STATES: [(&str, Transport, Make, &str); 21] = [
    ("new, STARTTLS", Transport::StartTls, Vec::new, "fHXXXXXXXXXXXXzDXXXXXXXXXXXXXXX"),
    ("new, direct TLS", Transport::Direct, Vec::new, "mmmmmmmmmmmmmmmmhmmmmmmmmmmmmmm"),
    (
        "without TLS",
        Transport::StartTls,
        || vec![opened(header())],
        "XXtiPPPNNNNNNNzDXXXXXNNXXPNNXXX",
    ),
    ("shaking hands", Transport::StartTls, handshake, "mmmmmmmmmmmmmmmmhmmmmmmmmmmmmmm"),
    ("with TLS, new", Transport::Direct, || vec![tls()], "fHXXXXXXXXXXXXzDXXXXXXXXXXXXXXX"),
    ("with TLS", Transport::Direct, secured, "XXPPlcgaaUNNNNzDXXXXXNNXXlaaXXX"),
    ("first message awaited", Transport::Direct, chosen, "XXPPaaacaUNNNNzDXXXXXNNXXaaaXXX"),
    ("keys awaited", Transport::Direct, scram, "XXXXXXXXXXXXXXXDXgXaXXXXXXXXXXX"),
    ("check awaited", Transport::Direct, plain, "XXXXXXXXXXXXXXXDXXsaXXXXXXXXXXX"),
    ("proof awaited", Transport::Direct, challenged, "XXPPaaaaaUNNNNzDXXXXXNNXXaaaXXX"),
    ("logged in, new", Transport::Direct, authenticated, "fHXXXXXXXXXXXXzDXXXXXXXXXXXXXXX"),
    ("logged in", Transport::Direct, logged_in, "XXPPPPPPPPbNNFzDXXXXXvFXXPPPXXX"),
    ("resource awaited", Transport::Direct, asked, "XXXXXXXXXXXXXXXDXXXXeXXXXXXXXXX"),
    ("answer awaited", Transport::Direct, resuming, "XXXXXXXXXXXXXXXDXXXXXXXeFXXXXXX"),
    ("session", Transport::Direct, bound, "XXXXXXXXXXrRXXzDXXXXXXXXXXXXXXX"),
    ("SASL2, proof awaited", Transport::Direct, challenged2, "XXPPPPPPPPNNNNzDXXXXXNNXXPaaXXX"),
    ("tokens awaited", Transport::Direct, claimed, "XXXXXXXXXXXXXXXDXXXaXXXXXXXXwXX"),
    ("to be remembered", Transport::Direct, remembering, "XXXXXXXXXXXXXXXDXXXXXXXXXXXXXSX"),
    ("SASL2, to be resumed", Transport::Direct, resuming2, "XXXXXXXXXXXXXXXDXXXXXXXeSXXXXXX"),
    ("SASL2, to be bound", Transport::Direct, binding2, "XXXXXXXXXXXXXXXDXXXXXXXXXXXXXXe"),
    ("SASL2, logged in", Transport::Direct, authenticated2, "XXPPPPPPPPbNNFzDXXXXXvFXXPPPXXX"),
];

fn handshake() -> Vec<Input> {
    vec![opened(header()), stanza("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")]
}

fn with(mut inputs: Vec<Input>, last: Input) -> Vec<Input> {
    inputs.push(last);
    inputs
}

fn chosen() -> Vec<Input> {
    with(secured(), auth("PLAIN", ""))
}

fn scram() -> Vec<Input> {
    with(secured(), auth("SCRAM-SHA-1", &encoded("n,,n=ann,r=abc")))
}

fn plain() -> Vec<Input> {
    with(secured(), auth("PLAIN", &encoded("\0ann\0pencil")))
}

fn challenged() -> Vec<Input> {
    with(scram(), Input::Keys { found: Some(keys(ScramHash::Sha1)) })
}

fn authenticated() -> Vec<Input> {
    with(plain(), Input::PlainChecked(true))
}

fn asked() -> Vec<Input> {
    with(logged_in(), stanza(BIND))
}

fn resuming() -> Vec<Input> {
    with(logged_in(), stanza(RESUME))
}

fn bound() -> Vec<Input> {
    with(asked(), Input::Bound(Ok(Jid::parse("ann@home.example/desk").unwrap())))
}

const AGENT: &str = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>";

fn challenged2() -> Vec<Input> {
    let inputs = with(secured(), authenticate("SCRAM-SHA-1", "n,,n=ann,r=abc", ""));
    with(inputs, Input::Keys { found: Some(keys(ScramHash::Sha1)) })
}

fn claimed() -> Vec<Input> {
    let wishes = format!("{AGENT}<fast xmlns='urn:xmpp:fast:0'/>");
    let claim = sasl2::claim(TokenState::Good);
    with(secured(), authenticate("HT-SHA-256-NONE", &claim, &wishes))
}

fn entering(wishes: &str) -> Vec<Input> {
    let inputs = with(secured(), authenticate("PLAIN", "\0ann\0pencil", wishes));
    with(inputs, Input::PlainChecked(true))
}

fn remembering() -> Vec<Input> {
    entering(AGENT)
}

fn resuming2() -> Vec<Input> {
    entering(RESUME)
}

fn binding2() -> Vec<Input> {
    entering("<bind xmlns='urn:xmpp:bind:0'/>")
}

fn authenticated2() -> Vec<Input> {
    entering("")
}

fn closed() -> Vec<Input> {
    with(secured(), Input::Failed(StreamCondition::SystemShutdown.into()))
}

#[test]
fn every_state_against_every_input() {
    for (state, transport, reach, expected) in STATES {
        let mut found = String::new();
        for (_, input) in INPUTS {
            let (mut negotiator, _) = after(config(), transport, reach());
            let wanted = negotiator.wants();
            negotiator.feed(input());
            let last = drain(&mut negotiator);
            found.push(outcome(wanted, &last, negotiator.wants()));
        }
        let names: Vec<_> = INPUTS.iter().map(|(name, _)| *name).collect();
        let wrong: Vec<_> = names
            .iter()
            .zip(found.chars().zip(expected.chars()))
            .filter(|(_, (found, expected))| found != expected)
            .collect();
        assert!(wrong.is_empty() && expected.len() == names.len(), "{state}: {found}: {wrong:?}");
    }
}

#[test]
fn a_closed_stream_stays_closed() {
    for (name, input) in INPUTS {
        let (mut negotiator, _) = after(config(), Transport::Direct, closed());
        negotiator.feed(input());
        assert_eq!(
            (drain(&mut negotiator), negotiator.wants()),
            (vec![], Wants::Nothing),
            "{name}"
        );
    }
}
