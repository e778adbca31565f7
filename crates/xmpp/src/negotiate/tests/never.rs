//! What no sequence of inputs may do, tried with random ones.

use proptest::prelude::*;

use super::clients::Server;
use super::sasl2::claim;
use super::*;
use crate::error::StanzaCondition;
use crate::scram::client::{Binding, Client};

/// One move of a client or of the server around the negotiator.
#[derive(Clone, Debug)]
enum Move {
    /// What the negotiator wants, in the best way.
    Right,
    /// The right answer, but of a client with a wrong password.
    WrongPassword,
    Open,
    OtherDomain,
    StartTls {
        unread: bool,
    },
    Auth {
        mechanism: &'static str,
        payload: String,
    },
    Response(String),
    Abort,
    Bind,
    Message,
    Close,
    Failed,
    Tls,
    Keys {
        known: bool,
    },
    PlainChecked(bool),
    Refused,
    Bound(bool),
    Resume,
    Resumed(bool),
    Authenticate {
        mechanism: &'static str,
        data: String,
        wishes: &'static str,
    },
    Tokens(TokenState),
    Remembered,
    InlineBound(bool),
}

fn moves() -> impl Strategy<Value = Move> {
    let mechanism = prop_oneof![
        Just("PLAIN"),
        Just("SCRAM-SHA-1"),
        Just("SCRAM-SHA-256-PLUS"),
        Just("EXTERNAL")
    ];
    let payload = prop_oneof![
        Just(String::new()),
        Just("=".to_owned()),
        Just(encoded("\0ann\0pencil")),
        Just(encoded("n,,n=ann,r=abc")),
        Just(encoded("p=tls-exporter,,n=ann,r=abc")),
        "[A-Za-z0-9+/=]{0,12}",
    ];
    let states = [TokenState::Good, TokenState::Expired, TokenState::Fake];
    let tokens = proptest::sample::select(states.to_vec()).prop_map(Move::Tokens);
    prop_oneof![
        12 => Just(Move::Right),
        2 => Just(Move::WrongPassword),
        1 => Just(Move::Open),
        1 => Just(Move::OtherDomain),
        1 => any::<bool>().prop_map(|unread| Move::StartTls { unread }),
        2 => (mechanism, payload.clone())
            .prop_map(|(mechanism, payload)| Move::Auth { mechanism, payload }),
        1 => payload.prop_map(Move::Response),
        1 => Just(Move::Abort),
        1 => Just(Move::Bind),
        1 => Just(Move::Message),
        1 => Just(Move::Close),
        1 => Just(Move::Failed),
        1 => Just(Move::Tls),
        1 => any::<bool>().prop_map(|known| Move::Keys { known }),
        1 => any::<bool>().prop_map(Move::PlainChecked),
        1 => Just(Move::Refused),
        1 => any::<bool>().prop_map(Move::Bound),
        1 => Just(Move::Resume),
        1 => any::<bool>().prop_map(Move::Resumed),
        4 => authentications(),
        1 => tokens,
        1 => Just(Move::Remembered),
        1 => any::<bool>().prop_map(Move::InlineBound),
    ]
}

/// SASL2, with and without what can be asked for on the way.
fn authentications() -> impl Strategy<Value = Move> {
    let mechanism = prop_oneof![
        Just(("PLAIN", "\0ann\0pencil".to_owned())),
        Just(("PLAIN", "\0ann\0wrong".to_owned())),
        Just(("SCRAM-SHA-1", "n,,n=ann,r=abc".to_owned())),
        Just(("HT-SHA-256-NONE", claim(TokenState::Good))),
        Just(("HT-SHA-256-NONE", claim(TokenState::Expired))),
        Just(("HT-SHA-256-EXPR", claim(TokenState::Good))),
    ];
    let wishes = prop_oneof![
        Just(""),
        Just("<bind xmlns='urn:xmpp:bind:0'/>"),
        Just(
            "<resume xmlns='urn:xmpp:sm:3' previd='x' h='1'/><fast xmlns='urn:xmpp:fast:0'/>\
             <bind xmlns='urn:xmpp:bind:0'/>\
             <user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>"
        ),
        Just(
            "<fast xmlns='urn:xmpp:fast:0'/>\
             <user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>"
        ),
    ];
    (mechanism, wishes).prop_map(|((mechanism, data), wishes)| Move::Authenticate {
        mechanism,
        data,
        wishes,
    })
}

/// A negotiator with a client and a server around it, and what was seen of it.
struct Play {
    negotiator: Negotiator,
    transport: Transport,
    /// The client's side of a running exchange.
    client: Option<Client>,
    challenge: Option<Vec<u8>>,
    claim: String,
    user_asked: Option<BareJid>,
    /// Evidence, from outside: what was really fed and found right.
    handshaken: bool,
    proven: bool,
    authenticated: bool,
    established: bool,
    closed: bool,
    binds: u32,
}

impl Play {
    fn new(transport: Transport) -> Self {
        Self {
            negotiator: negotiator(config(), transport),
            transport,
            client: None,
            challenge: None,
            claim: String::new(),
            user_asked: None,
            handshaken: false,
            proven: false,
            authenticated: false,
            established: false,
            closed: false,
            binds: 0,
        }
    }

    fn make(&mut self, play: Move) {
        match play {
            Move::Right => self.right(PASSWORD),
            Move::WrongPassword => self.right("wrong"),
            Move::Open => self.feed(opened(header())),
            Move::OtherDomain => {
                self.feed(opened(StreamOpen { to: Some("away.example".into()), ..header() }));
            }
            Move::StartTls { unread } => {
                let event = StreamEvent::Stanza(Element::new("starttls", crate::ns::TLS));
                self.feed(Input::Event { event, unread });
            }
            Move::Auth { mechanism, payload } => {
                self.client = None;
                self.feed(auth(mechanism, &payload));
            }
            Move::Response(payload) => self.feed(response(&payload)),
            Move::Abort => {
                self.feed(stanza(&format!("<abort xmlns='{}'/>", crate::ns::SASL)));
            }
            Move::Bind => self.feed(stanza(BIND)),
            Move::Message => self.feed(stanza("<message xmlns='jabber:client'/>")),
            Move::Close => {
                self.feed(Input::Event { event: StreamEvent::Close, unread: false });
            }
            Move::Failed => self.feed(Input::Failed(StreamCondition::SystemShutdown.into())),
            Move::Tls => self.feed(tls()),
            Move::Keys { known } => {
                self.feed(Input::Keys { found: known.then(|| keys(ScramHash::Sha1)) });
            }
            Move::PlainChecked(right) => self.feed(Input::PlainChecked(right)),
            Move::Refused => self.feed(Input::Refused(Condition::TemporaryAuthFailure)),
            Move::Bound(fine) => {
                let jid = ann().with_resource("desk").unwrap();
                let answer = if fine { Ok(jid) } else { Err(StanzaCondition::Conflict.into()) };
                self.feed(Input::Bound(answer));
            }
            Move::Resume => self.feed(stanza(RESUME)),
            Move::Resumed(true) => self.feed(resumed()),
            Move::Resumed(false) => self.feed(not_resumed()),
            Move::Authenticate { mechanism, data, wishes } => {
                self.client = None;
                self.claim = data.clone();
                self.feed(authenticate(mechanism, &data, wishes));
            }
            Move::Tokens(state) => self.feed(Input::Tokens(vec![token(state)])),
            Move::Remembered => self.feed(Input::Remembered(None)),
            Move::InlineBound(true) => self.feed(inline_bound()),
            Move::InlineBound(false) => {
                self.feed(Input::InlineBound(Err(StanzaCondition::ResourceConstraint.into())));
            }
        }
    }

    /// A step of an honest client and server; of the wrong one if `password` is wrong.
    fn right(&mut self, password: &str) {
        match self.negotiator.wants() {
            Wants::Nothing => {}
            Wants::Handshake => self.feed(tls()),
            Wants::Bound => self.make(Move::Bound(true)),
            Wants::Resumed => self.make(Move::Resumed(true)),
            Wants::Tokens => self.make(Move::Tokens(TokenState::Good)),
            Wants::Upgrades => self.feed(Input::Upgrades(vec![ScramHash::Sha256])),
            Wants::Upgraded => self.feed(Input::Upgraded(true)),
            Wants::Remembered => self.make(Move::Remembered),
            Wants::InlineBound => self.make(Move::InlineBound(true)),
            Wants::PlainChecked => self.feed(Input::PlainChecked(password == PASSWORD)),
            Wants::Keys => {
                let found = Some(keys(ScramHash::Sha1)).filter(|_| self.user_asked == Some(ann()));
                self.feed(Input::Keys { found });
            }
            Wants::Event => self.speak(password),
        }
    }

    fn speak(&mut self, password: &str) {
        match &self.negotiator.state {
            State::ExpectHeader(_) => self.make(Move::Open),
            State::ExpectStartTls => self.make(Move::StartTls { unread: false }),
            State::ExpectBind(_) => self.make(Move::Bind),
            _ => match (self.client.take(), self.challenge.take()) {
                (Some(client), Some(challenge)) => {
                    let Ok(challenge) = client.server_first(&challenge) else { return };
                    let keys = challenge.keys(password).unwrap();
                    let (proof, _) = challenge.answer(&keys).unwrap();
                    self.proven = password == PASSWORD;
                    self.feed(response(&encoded(&proof)));
                }
                _ => {
                    let client =
                        Client::new(ScramHash::Sha1, "ann", &Binding::Never, "n0nce").unwrap();
                    let first = encoded(&client.first());
                    self.client = Some(client);
                    self.feed(auth("SCRAM-SHA-1", &first));
                }
            },
        }
    }

    fn feed(&mut self, input: Input) {
        let wanted = self.negotiator.wants();
        match &input {
            Input::TlsEstablished { .. } if wanted == Wants::Handshake => self.handshaken = true,
            Input::PlainChecked(true) if wanted == Wants::PlainChecked => self.proven = true,
            Input::Tokens(tokens) if wanted == Wants::Tokens => {
                let good = tokens.iter().any(|token| token.state() == TokenState::Good);
                self.proven = good && self.claim == claim(TokenState::Good);
            }
            _ => {}
        }
        self.negotiator.feed(input);
        for output in drain(&mut self.negotiator) {
            self.look(output);
        }
    }

    fn look(&mut self, output: Output) {
        assert!(!self.closed, "after the end: {output:?}");
        match output {
            Output::Send(text) => {
                let secret = text.contains("<mechanism") || text.contains("<success");
                assert!(self.handshaken || !secret, "before TLS: {text}");
                if let Some((_, rest)) = text.split_once("<challenge xmlns='") {
                    let payload = rest.split(['>', '<']).nth(1).unwrap_or_default();
                    let decoded = crate::sasl::decode_payload(payload).unwrap();
                    self.challenge = decoded.map(|bytes| bytes.to_vec());
                }
            }
            Output::StartTls => assert!(self.transport == Transport::StartTls && !self.handshaken),
            Output::RestartParser => assert!(self.handshaken),
            Output::LookUp { user, .. }
            | Output::LookUpTokens { user, .. }
            | Output::CheckPlain { user, .. } => {
                assert!(self.handshaken && !self.authenticated);
                self.user_asked = Some(user);
            }
            Output::AuthFailed { .. } => {
                assert!(self.handshaken && !self.authenticated);
                self.proven = false;
            }
            Output::Authenticated { user, .. } => {
                assert!(self.handshaken && self.proven && !self.authenticated);
                assert_eq!(Some(user), self.user_asked);
                self.authenticated = true;
            }
            Output::AskUpgrades | Output::Upgrade { .. } => {
                assert!(self.authenticated && !self.established);
            }
            Output::Remember(_) => assert!(self.authenticated && !self.established),
            Output::Bind { .. } | Output::InlineBind(_) | Output::Resume { .. } => {
                assert!(self.authenticated && !self.established);
                self.binds += 1;
                // One more of each kind goes with SASL2.
                assert!(self.binds <= BINDS_REFUSED_MAX + 2);
            }
            Output::Established { .. } => {
                assert!(self.authenticated && self.binds > 0 && !self.established);
                self.established = true;
            }
            Output::Close(_) => self.closed = true,
        }
    }
}

fn transports() -> impl Strategy<Value = Transport> {
    prop_oneof![Just(Transport::Direct), Just(Transport::StartTls)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_session_without_tls_and_a_proof(
        transport in transports(),
        play in proptest::collection::vec(moves(), 0..30),
    ) {
        let mut stage = Play::new(transport);
        for step in play {
            stage.make(step);
        }
        prop_assert_eq!(stage.established, matches!(stage.negotiator.state, State::Established)
            || (stage.established && stage.closed));
    }

    #[test]
    fn random_pieces_of_streams_do_no_harm(
        transport in transports(),
        pieces in proptest::collection::vec(pieces(), 0..16),
        step in 1..40_usize,
    ) {
        let mut server = Server::new(config(), transport);
        let bytes = pieces.concat().into_bytes();
        for piece in bytes.chunks(step) {
            server.receive(piece);
        }
        prop_assert!(transport == Transport::Direct || server.session.is_none());
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let text = |text: &'static str| Just(text.to_owned());
    prop_oneof![
        4 => text("<stream:stream xmlns='jabber:client' version='1.0' to='home.example' \
             xmlns:stream='http://etherx.jabber.org/streams'>"),
        1 => text("<?xml version='1.0'?>"),
        1 => text("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        2 => text("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\
             AGFubgBwZW5jaWw=</auth>"),
        1 => text("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'/>"),
        1 => "[A-Za-z0-9=]{0,10}".prop_map(|payload| format!(
            "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{payload}</response>"
        )),
        2 => text("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>\
             AGFubgBwZW5jaWw=</initial-response><bind xmlns='urn:xmpp:bind:0'/></authenticate>"),
        2 => text("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"),
        1 => text("<message to='bob@home.example'><body>hello</body></message>"),
        1 => text("</stream:stream>"),
        1 => text(" "),
        1 => "\\PC{0,6}",
    ]
}

#[test]
fn the_honest_play_reaches_a_session() {
    for transport in [Transport::Direct, Transport::StartTls] {
        let mut stage = Play::new(transport);
        for _ in 0..12 {
            stage.make(Move::Right);
        }
        assert!(stage.established, "{transport:?}");
        let mut stage = Play::new(transport);
        for _ in 0..12 {
            stage.make(Move::WrongPassword);
        }
        assert!(stage.handshaken && !stage.authenticated, "{transport:?}");
    }
}
