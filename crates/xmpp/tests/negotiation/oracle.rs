//! A server around the negotiator, and what must hold whatever its client and its store do. Used
//! by the replay of the corpus and by the fuzz target.
//!
//! What must hold for any input:
//! 1. nobody gets a session without TLS and without a proof that the store confirmed;
//! 2. nothing is offered or asked before TLS but TLS;
//! 3. what is sent is well-formed XML, stream by stream;
//! 4. tries are bounded, and nothing comes after the end;
//! 5. nothing that was asked for together with authentication is done before it.
//!
//! An input is the client's bytes. Bytes that XML cannot contain stand for what comes from
//! elsewhere: see [`outside`]. The first byte says how TLS begins: `D` directly, others by
//! STARTTLS.

use std::sync::{Arc, LazyLock};

use xmpp::error::{StanzaCondition, StreamCondition};
use xmpp::hashed_token::{Token, TokenState};
use xmpp::negotiate::{
    BINDS_REFUSED_MAX, Config, Input, LOG_INS_FAILED_MAX, Negotiator, NewToken, NotResumed, Output,
    Resumption, Transport, Wants,
};
use xmpp::parser::{Parser, ParserLimits, StreamEvent};
use xmpp::sasl::{ChannelBindings, Condition};
use xmpp::scram::{ITERATIONS_MIN, ScramHash, ScramKeys};
use xmpp::{BareJid, Element, Jid};

/// The keys of everybody whom the store knows, by hash.
static KEYS: LazyLock<Vec<ScramKeys>> = LazyLock::new(|| {
    let derive = |hash| ScramKeys::derive(hash, "pencil", &[3; 16], ITERATIONS_MIN);
    ScramHash::ALL.iter().map(|hash| derive(*hash).expect("a fine password")).collect()
});

/// Runs `input` and looks at everything that comes of it. Returns the session, if there is one.
pub(crate) fn check(input: &[u8]) -> Option<Jid> {
    let (direct, client) = match input.split_first() {
        Some((b'D', rest)) => (true, rest),
        Some((_, rest)) => (false, rest),
        None => return None,
    };
    let mut stage = Stage::new(if direct { Transport::Direct } else { Transport::StartTls });
    let is_outside = |byte: &u8| outside(*byte, None).is_some();
    for piece in client.split_inclusive(is_outside) {
        match piece.split_last() {
            Some((last, bytes)) if is_outside(last) => {
                stage.bytes(bytes);
                if let Some(input) = outside(*last, stage.asked.as_ref()) {
                    stage.feed(input);
                }
                stage.events();
            }
            _ => stage.bytes(piece),
        }
    }
    stage.session
}

/// The meaning of bytes that XML cannot contain.
fn outside(byte: u8, asked: Option<&(BareJid, ScramHash)>) -> Option<Input> {
    let bindings =
        || ChannelBindings { exporter: Some(vec![1; 32]), server_end_point: Some(vec![2; 32]) };
    let known =
        |(_, hash): &(BareJid, ScramHash)| KEYS.iter().find(|keys| keys.hash() == *hash).cloned();
    let jid = || Jid::parse("ann@home.example/desk").expect("a fine address");
    Some(match byte {
        0x01 => Input::TlsEstablished { bindings: bindings() },
        0x02 => Input::TlsEstablished { bindings: ChannelBindings::default() },
        0x03 => Input::Keys { found: asked.and_then(known) },
        0x04 => Input::Keys { found: None },
        0x05 => Input::PlainChecked(true),
        0x06 => Input::PlainChecked(false),
        0x07 => Input::Refused(Condition::TemporaryAuthFailure),
        0x08 => Input::Bound(Ok(jid())),
        0x0b => Input::Bound(Err(StanzaCondition::Conflict.into())),
        0x0e => {
            Input::Resumed(Ok(Resumption { jid: jid(), previd: "a-name".to_owned(), handled: 3 }))
        }
        0x0f => Input::Resumed(Err(NotResumed {
            condition: StanzaCondition::ItemNotFound,
            handled: None,
        })),
        0x10 => Input::Tokens(vec![token(TokenState::Fake), token(TokenState::Good)]),
        0x11 => Input::Tokens(vec![token(TokenState::Fake), token(TokenState::Expired)]),
        0x12 => Input::Remembered(None),
        0x13 => Input::Remembered(Some(NewToken {
            secret: String::from("another").into(),
            expires: 86_400,
        })),
        0x14 => Input::InlineBound(Ok((jid(), vec![Element::new("enabled", "urn:xmpp:sm:3")]))),
        0x15 => Input::InlineBound(Err(StanzaCondition::ResourceConstraint.into())),
        0x16 => Input::Upgrades(vec![ScramHash::Sha256]),
        0x17 => Input::Upgraded(true),
        0x18 => Input::Upgraded(false),
        0x0c => Input::Failed(StreamCondition::ConnectionTimeout.into()),
        _ => return None,
    })
}

/// The token of everybody whom the store knows; nobody knows the others.
fn token(state: TokenState) -> Token {
    let secret = if state == TokenState::Fake { "nobody's" } else { "a-token" };
    Token::new(secret.to_owned().into(), state).expect("a short token")
}

struct Stage {
    negotiator: Negotiator,
    transport: Transport,
    parser: Parser,
    /// The client's own, for what we send.
    reader: Parser,
    asked: Option<(BareJid, ScramHash)>,
    tls: bool,
    /// Whether the store has confirmed what it was last asked for.
    confirmed: bool,
    authenticated: bool,
    session: Option<Jid>,
    closed: bool,
    failures: u32,
    binds: u32,
}

impl Stage {
    fn new(transport: Transport) -> Self {
        let config = Config {
            domain: BareJid::from_domain("home.example").ok(),
            hashes: xmpp::scram::ScramHash::ALL.to_vec(),
            plain: true,
            fast: true,
            upgrades: vec![ScramHash::Sha256, ScramHash::Sha512],
            inline: vec!["urn:xmpp:carbons:2", "urn:xmpp:sm:3"],
            features: vec![Element::new("ver", "urn:xmpp:features:rosterver")],
            fake_secret: [9; 32].into(),
            iterations: ITERATIONS_MIN,
        };
        Self {
            negotiator: Negotiator::new(Arc::new(config), transport, [7; 32]),
            transport,
            parser: Parser::new(ParserLimits::STRANGER),
            reader: Parser::new(ParserLimits::default()),
            asked: None,
            tls: false,
            confirmed: false,
            authenticated: false,
            session: None,
            closed: false,
            failures: 0,
            binds: 0,
        }
    }

    /// Bytes of the client, unless nobody would read them as XML now.
    fn bytes(&mut self, bytes: &[u8]) {
        if !matches!(self.negotiator.wants(), Wants::Handshake | Wants::Nothing) {
            self.parser.push(bytes);
            self.events();
        }
    }

    fn events(&mut self) {
        while self.negotiator.wants() == Wants::Event {
            match self.parser.next() {
                Ok(None) => return,
                Ok(Some(event)) => {
                    let unread = self.parser.unread() > 0;
                    self.feed(Input::Event { event, unread });
                }
                Err(error) => self.feed(Input::Failed(error)),
            }
        }
    }

    fn feed(&mut self, input: Input) {
        match (self.negotiator.wants(), &input) {
            (Wants::Handshake, Input::TlsEstablished { .. }) => self.tls = true,
            (Wants::Keys, Input::Keys { found: Some(_) })
            | (Wants::PlainChecked, Input::PlainChecked(true)) => self.confirmed = true,
            (Wants::Tokens, Input::Tokens(tokens)) => {
                self.confirmed = tokens.iter().any(|token| token.state() == TokenState::Good);
            }
            _ => {}
        }
        self.negotiator.feed(input);
        while let Some(output) = self.negotiator.poll() {
            self.look(output);
        }
        let done = self.closed || self.session.is_some();
        assert_eq!(self.negotiator.wants() == Wants::Nothing, done);
    }

    fn look(&mut self, output: Output) {
        assert!(!self.closed, "after the end: {output:?}");
        match output {
            Output::Send(text) => self.read(&text),
            Output::StartTls => {
                assert!(self.transport == Transport::StartTls && !self.tls);
                assert_eq!(self.parser.unread(), 0, "bytes came without protection");
            }
            Output::RestartParser => {
                assert!(self.tls);
                self.parser.restart();
                self.reader.restart();
            }
            Output::LookUp { user, hash } => {
                assert!(self.tls && !self.authenticated);
                self.confirmed = false;
                self.asked = Some((user, hash));
            }
            Output::CheckPlain { .. } | Output::LookUpTokens { .. } => {
                assert!(self.tls && !self.authenticated);
                self.confirmed = false;
            }
            Output::AuthFailed { .. } => {
                assert!(self.tls && !self.authenticated);
                self.confirmed = false;
                self.failures += 1;
                assert!(self.failures <= LOG_INS_FAILED_MAX);
            }
            Output::Authenticated { .. } => {
                assert!(self.tls && self.confirmed && !self.authenticated);
                self.authenticated = true;
            }
            Output::AskUpgrades | Output::Upgrade { .. } => assert!(self.authenticated),
            Output::Remember(_) => assert!(self.authenticated && self.binds == 0),
            Output::Bind { .. } | Output::InlineBind(_) | Output::Resume { .. } => {
                assert!(self.authenticated && self.session.is_none());
                self.binds += 1;
                // Two more go with SASL2, and are not tried again.
                assert!(self.binds <= BINDS_REFUSED_MAX + 2);
            }
            Output::Established { jid } => {
                assert!(self.authenticated && self.session.is_none());
                self.session = Some(jid);
            }
            Output::Close(_) => self.closed = true,
        }
    }

    /// What the client reads must be XML, and nothing secret before TLS.
    fn read(&mut self, text: &str) {
        self.reader.push(text.as_bytes());
        loop {
            match self.reader.next() {
                Ok(Some(StreamEvent::Stanza(element))) => {
                    let before = ["features", "proceed", "failure", "error"];
                    assert!(self.tls || before.contains(&element.name()), "{text}");
                    let offers = element
                        .children()
                        .any(|child| matches!(child.name(), "mechanisms" | "authentication"));
                    assert!(self.tls || !offers, "{text}");
                    // One success, after the proof and all that was asked for.
                    let success = element.name() == "success";
                    assert!(!success || self.authenticated, "{text}");
                }
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => panic!("{error}: {text}"),
            }
        }
    }
}
