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
const INPUTS: [(&str, MakeOne); 25] = [
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
    ("resumed", || Input::Resumed(Ok(Jid::parse("ann@home.example/desk").unwrap()))),
    ("not resumed", not_resumed),
];

/// The rows: how a state is reached, and a letter for each input.
const STATES: [(&str, Transport, Make, &str); 15] = [
    ("new, STARTTLS", Transport::StartTls, Vec::new, "fHXXXXXXXXXXXXzDXXXXXXXXX"),
    ("new, direct TLS", Transport::Direct, Vec::new, "mmmmmmmmmmmmmmmmhmmmmmmmm"),
    ("without TLS", Transport::StartTls, || vec![opened(header())], "XXtiPPPNNNNNNNzDXXXXXNNXX"),
    ("shaking hands", Transport::StartTls, handshake, "mmmmmmmmmmmmmmmmhmmmmmmmm"),
    ("with TLS, new", Transport::Direct, || vec![tls()], "fHXXXXXXXXXXXXzDXXXXXXXXX"),
    ("with TLS", Transport::Direct, secured, "XXPPlcgaaUNNNNzDXXXXXNNXX"),
    ("first message awaited", Transport::Direct, chosen, "XXPPaaacaUNNNNzDXXXXXNNXX"),
    ("keys awaited", Transport::Direct, scram, "XXXXXXXXXXXXXXXDXgXaXXXXX"),
    ("check awaited", Transport::Direct, plain, "XXXXXXXXXXXXXXXDXXsaXXXXX"),
    ("proof awaited", Transport::Direct, challenged, "XXPPaaaaaUNNNNzDXXXXXNNXX"),
    ("logged in, new", Transport::Direct, authenticated, "fHXXXXXXXXXXXXzDXXXXXXXXX"),
    ("logged in", Transport::Direct, logged_in, "XXPPPPPPPPbNNFzDXXXXXvFXX"),
    ("resource awaited", Transport::Direct, asked, "XXXXXXXXXXXXXXXDXXXXeXXXX"),
    ("answer awaited", Transport::Direct, resuming, "XXXXXXXXXXXXXXXDXXXXXXXeF"),
    ("session", Transport::Direct, bound, "XXXXXXXXXXrRXXzDXXXXXXXXX"),
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
