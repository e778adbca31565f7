//! What real clients send, byte by byte, through the parser: in one piece, cut anywhere, and
//! pipelined.

use super::*;
use crate::sasl::ChannelBinding;
use crate::scram::client::{Binding, Client, ExpectVerdict};

/// A server around the negotiator, as small as can be: it knows ann, and carries everything out.
pub(super) struct Server {
    negotiator: Negotiator,
    parser: Parser,
    /// What the client has received and not taken.
    wire: String,
    tls: bool,
    pub(super) session: Option<Jid>,
    pub(super) closed: bool,
}

impl Server {
    pub(super) fn new(config: Config, transport: Transport) -> Self {
        let mut server = Self {
            negotiator: negotiator(config, transport),
            parser: Parser::new(ParserLimits::STRANGER),
            wire: String::new(),
            tls: false,
            session: None,
            closed: false,
        };
        if transport == Transport::Direct {
            server.handshake();
        }
        server
    }

    /// Bytes from the client.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.parser.push(bytes);
        while self.negotiator.wants() == Wants::Event {
            match self.parser.next() {
                Ok(None) => return,
                Ok(Some(event)) => {
                    let unread = self.parser.unread() > 0;
                    self.negotiator.feed(Input::Event { event, unread });
                }
                Err(error) => self.negotiator.feed(Input::Failed(error)),
            }
            self.carry_out();
        }
    }

    pub(super) fn handshake(&mut self) {
        assert_eq!(self.negotiator.wants(), Wants::Handshake);
        self.tls = true;
        self.negotiator.feed(tls());
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.negotiator.poll() {
            assert!(!self.closed, "after the end: {output:?}");
            match output {
                Output::Send(text) => self.wire.push_str(&text),
                Output::StartTls => assert_eq!(self.parser.unread(), 0),
                Output::RestartParser => self.parser.restart(),
                Output::LookUp { user, hash } => {
                    let found = (user == ann()).then(|| keys(hash));
                    self.negotiator.feed(Input::Keys { found });
                }
                Output::CheckPlain { user, password } => {
                    let right = user == ann() && password.expose() == PASSWORD;
                    self.negotiator.feed(Input::PlainChecked(right));
                }
                Output::Authenticated { user, .. } => assert!(self.tls && user == ann()),
                Output::AuthFailed { .. } => assert!(self.tls),
                Output::Bind { resource } => {
                    let resource = resource.unwrap_or_else(|| "made-up".to_owned());
                    self.negotiator.feed(Input::Bound(Ok(ann().with_resource(&resource).unwrap())));
                }
                Output::LookUpTokens { user, .. } => {
                    let state = if user == ann() { TokenState::Good } else { TokenState::Fake };
                    self.negotiator.feed(Input::Tokens(vec![token(state)]));
                }
                Output::AskUpgrades => self.negotiator.feed(Input::Upgrades(Vec::new())),
                Output::Upgrade { .. } => self.negotiator.feed(Input::Upgraded(true)),
                Output::Remember(wish) => {
                    let secret = Zeroizing::new("new".to_owned());
                    let token = wish.wanted.map(|_| NewToken { secret, expires: 86_400 });
                    self.negotiator.feed(Input::Remembered(token));
                }
                Output::InlineBind(bind) => {
                    let resource = bind.tag.unwrap_or_else(|| "made-up".to_owned());
                    let jid = ann().with_resource(&resource).unwrap();
                    self.negotiator.feed(Input::InlineBound(Ok((jid, Vec::new()))));
                }
                Output::Resume { inline: true, previd, .. } if previd == "some-id" => {
                    self.negotiator.feed(resumed());
                }
                Output::Resume { .. } => {
                    let refused =
                        NotResumed { condition: StanzaCondition::ItemNotFound, handled: None };
                    self.negotiator.feed(Input::Resumed(Err(refused)));
                }
                Output::Established { jid } => self.session = Some(jid),
                Output::Close(_) => self.closed = true,
            }
        }
    }

    /// What came since the last call.
    pub(super) fn sent(&mut self) -> String {
        std::mem::take(&mut self.wire)
    }
}

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='home.example' version='1.0'>";
const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const SESSION: &str = "<iq type='set' id='s'>\
    <session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>";

/// A client in the manner of one that people use.
struct Manner {
    /// Its stream header.
    header: &'static str,
    starttls: &'static str,
    direct: bool,
    hash: ScramHash,
    binding: Binding,
    /// `{m}`: mechanism, `{p}`: payload.
    auth: &'static str,
    bind: &'static str,
    session: &'static str,
}

const AUTH: &str = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{m}'>{p}</auth>";

fn manners() -> [Manner; 5] {
    let exporter = Binding::Use(ChannelBinding::Exporter, bindings().exporter.unwrap());
    let end_point =
        Binding::Use(ChannelBinding::ServerEndPoint, bindings().server_end_point.unwrap());
    [
        // libpurple: SCRAM-SHA-1 without binding, attributes of its own, asks for a session
        Manner {
            header: "<?xml version='1.0' ?><stream:stream to='home.example' \
                xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
            starttls: STARTTLS,
            direct: false,
            hash: ScramHash::Sha1,
            binding: Binding::Never,
            auth: "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{m}' \
                xmlns:ga='http://www.google.com/talk/protocol/auth' \
                ga:client-uses-full-bind-result='true'>{p}</auth>",
            bind: "<iq type='set' id='purple1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                <resource>Pidgin</resource></bind></iq>",
            session: "<iq type='set' id='purple2'>\
                <session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
        },
        // libstrophe: binds to the exporter, names itself in the header
        Manner {
            header: "<?xml version=\"1.0\"?><stream:stream to=\"home.example\" xml:lang=\"en\" \
                version=\"1.0\" xmlns=\"jabber:client\" \
                xmlns:stream=\"http://etherx.jabber.org/streams\" from=\"ann@home.example\">",
            starttls: "<starttls xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"/>",
            direct: false,
            hash: ScramHash::Sha512,
            binding: exporter.clone(),
            auth: AUTH,
            bind: "<iq id=\"_xmpp_bind1\" type=\"set\">\
                <bind xmlns=\"urn:ietf:params:xml:ns:xmpp-bind\"/></iq>",
            session: "",
        },
        // slixmpp: prefixes everything it does not have to
        Manner {
            header: "<stream:stream to='home.example' xmlns:stream='http://etherx.jabber.org/streams' \
                xmlns='jabber:client' xml:lang='en' version='1.0'>",
            starttls: "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>",
            direct: false,
            hash: ScramHash::Sha256,
            binding: Binding::Never,
            auth: AUTH,
            bind: "<iq id='1' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
            session: SESSION,
        },
        // nbxmpp: direct TLS first, end-point binding
        Manner {
            header: HEADER,
            starttls: "",
            direct: true,
            hash: ScramHash::Sha256,
            binding: end_point,
            auth: AUTH,
            bind: "<iq xmlns='jabber:client' type='set' id='g'><bind \
                xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>gajim.X1Y2</resource></bind></iq>",
            session: "",
        },
        // Conversations: direct TLS, exporter
        Manner {
            header: "<?xml version='1.0'?><stream:stream to=\"home.example\" version=\"1.0\" \
                xml:lang=\"en\" xmlns=\"jabber:client\" \
                xmlns:stream=\"http://etherx.jabber.org/streams\">",
            starttls: "",
            direct: true,
            hash: ScramHash::Sha512,
            binding: exporter,
            auth: AUTH,
            bind: "<iq type=\"set\" id=\"c\"><bind xmlns=\"urn:ietf:params:xml:ns:xmpp-bind\">\
                <resource>Conversations.abcd</resource></bind></iq>",
            session: SESSION,
        },
    ]
}

fn element(name: &str, payload: &str) -> String {
    format!("<{name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{payload}</{name}>")
}

fn payload_of(text: &str, name: &str) -> Vec<u8> {
    let element = Element::parse(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert!(element.is(name, crate::ns::SASL), "{text}");
    crate::sasl::decode_payload(&element.text()).unwrap().unwrap_or_default().to_vec()
}

/// Sends `text` in pieces of `step` bytes.
fn send(server: &mut Server, text: &str, step: usize) {
    for piece in text.as_bytes().chunks(step) {
        server.receive(piece);
    }
}

/// Through TLS; returns the offer of mechanisms.
fn secure(server: &mut Server, manner: &Manner, step: usize) -> String {
    if !manner.direct {
        send(server, manner.header, step);
        assert!(server.sent().contains("<starttls "));
        send(server, manner.starttls, step);
        assert_eq!(server.sent(), "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        server.handshake();
    }
    send(server, manner.header, step);
    server.sent()
}

/// Through the challenge; returns the proof to send.
fn prove(server: &mut Server, manner: &Manner, step: usize) -> (String, ExpectVerdict) {
    let client = Client::new(manner.hash, "ann", &manner.binding, "a-nonce").unwrap();
    let auth =
        manner.auth.replace("{m}", client.mechanism()).replace("{p}", &encoded(&client.first()));
    send(server, &auth, step);
    let challenge = client.server_first(&payload_of(&server.sent(), "challenge")).unwrap();
    let keys = challenge.keys(PASSWORD).unwrap();
    let (proof, verdict) = challenge.answer(&keys).unwrap();
    (element("response", &encoded(&proof)), verdict)
}

#[test]
fn clients_in_the_manner_of_real_ones_log_in() {
    for manner in manners() {
        for step in [1, 7, usize::MAX] {
            let transport = if manner.direct { Transport::Direct } else { Transport::StartTls };
            let mut server = Server::new(config(), transport);
            let offer = secure(&mut server, &manner, step);
            assert!(offer.contains(&format!("<mechanism>{}<", manner.hash.mechanism())));
            let (proof, verdict) = prove(&mut server, &manner, step);
            send(&mut server, &proof, step);
            let success = payload_of(&server.sent(), "success");
            verdict.server_final(&success).unwrap();
            send(&mut server, manner.header, step);
            assert!(server.sent().contains("<bind "));
            send(&mut server, manner.bind, step);
            let result = server.sent();
            let jid = server.session.clone().unwrap();
            assert!(result.contains(&format!("<jid>{jid}</jid>")), "{result}");
            // What comes behind belongs to the session.
            if !manner.session.is_empty() {
                server.parser.push(manner.session.as_bytes());
                let Ok(Some(StreamEvent::Stanza(iq))) = server.parser.next() else { panic!() };
                assert!(late_request(&iq).is_some());
            }
        }
    }
}

#[test]
fn a_client_may_send_everything_it_can_foresee_at_once() {
    let manner = &manners()[4];
    let mut server = Server::new(config(), Transport::Direct);
    secure(&mut server, manner, usize::MAX);
    let (proof, _) = prove(&mut server, manner, usize::MAX);
    let all = format!("{proof}{}{}{}", manner.header, manner.bind, SESSION);
    server.receive(all.as_bytes());
    assert_eq!(
        server.session.as_ref().map(Jid::as_str),
        Some("ann@home.example/Conversations.abcd")
    );
    let text = server.sent();
    let order = ["<success ", "<stream:stream ", "<stream:features>", "<jid>"];
    let places: Vec<_> = order.iter().map(|what| text.find(what).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
    assert!(server.parser.unread() > 0, "the session request is left to the session");
}

#[test]
fn pipelining_is_no_way_around_tls() {
    let plain = format!(
        "{STARTTLS}{HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\
         AGFubgBwZW5jaWw=</auth>"
    );
    for behind in [plain.as_str(), &format!("{STARTTLS}\n"), &format!("{STARTTLS}{STARTTLS}")] {
        let mut server = Server::new(config(), Transport::StartTls);
        server.receive(format!("{HEADER}{behind}").as_bytes());
        assert!(server.closed);
        let text = server.sent();
        assert!(
            text.ends_with("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>")
        );
        assert!(!text.contains("proceed"), "{text}");
    }
}

#[test]
fn other_bytes_get_a_header_an_error_and_the_end() {
    let cases = [
        ("GET / HTTP/1.1\r\n\r\n", "<"),
        ("<?xml version='1.0'?><html>", "<invalid-namespace "),
        ("<stream:stream to='home.example'>", "<"),
        ("\u{16}\u{3}\u{1}", "<"),
        ("<?xml version='1.0'?><!DOCTYPE x>", "<restricted-xml "),
    ];
    for (bytes, error) in cases {
        let mut server = Server::new(config(), Transport::StartTls);
        server.receive(bytes.as_bytes());
        let text = server.sent();
        assert!(server.closed, "{bytes}: {text}");
        assert!(text.starts_with("<?xml version='1.0'?><stream:stream "), "{text}");
        assert!(text.contains("<stream:error>") && text.contains(error), "{bytes}: {text}");
        assert!(text.ends_with("</stream:stream>"), "{text}");
    }
}

#[test]
fn a_client_that_leaves_is_answered_in_kind() {
    let mut server = Server::new(config(), Transport::StartTls);
    server.receive(format!("{HEADER}</stream:stream>").as_bytes());
    let text = server.sent();
    assert!(server.closed && text.ends_with("</stream:features></stream:stream>"), "{text}");
}

/// XEP-0077 §3.1, before the end that every stanza of a stranger leads to.
#[test]
fn a_stranger_who_wants_an_account_is_told_that_there_is_none() {
    let ask = |request: &str| {
        let mut server = Server::new(config(), Transport::Direct);
        server.receive(HEADER.as_bytes());
        assert!(!server.sent().contains("iq-register"), "it is not offered");
        server.receive(request.as_bytes());
        assert!(server.closed && server.session.is_none());
        server.sent()
    };
    for ty in ["get", "set"] {
        let request = format!(
            "<iq type='{ty}' id='r'><query xmlns='jabber:iq:register'><username>x</username></query></iq>"
        );
        let text = ask(&request);
        let (refusal, end) = text.split_once("<stream:error>").unwrap();
        assert!(refusal.starts_with("<iq type='error' id='r'>"), "{text}");
        assert!(refusal.contains("<not-allowed ") && end.contains("<not-authorized "), "{text}");
    }
    let other = ask("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    assert!(other.starts_with("<stream:error>"), "{other}");
}

#[test]
fn wrong_passwords_do_not_log_in() {
    for (mechanism, message) in [("PLAIN", "\0ann\0pen"), ("PLAIN", "\0bob\0pencil")] {
        let mut server = Server::new(config(), Transport::Direct);
        server.receive(HEADER.as_bytes());
        server.sent();
        let auth = AUTH.replace("{m}", mechanism).replace("{p}", &encoded(message));
        server.receive(auth.as_bytes());
        assert_eq!(server.sent(), element("failure", "<not-authorized/>"));
    }
    for (name, password) in [("ann", "pen"), ("bob", "pencil")] {
        let mut server = Server::new(config(), Transport::Direct);
        server.receive(HEADER.as_bytes());
        server.sent();
        let client = Client::new(ScramHash::Sha256, name, &Binding::Never, "x").unwrap();
        let auth =
            AUTH.replace("{m}", client.mechanism()).replace("{p}", &encoded(&client.first()));
        server.receive(auth.as_bytes());
        let challenge = client.server_first(&payload_of(&server.sent(), "challenge")).unwrap();
        let keys = challenge.keys(password).unwrap();
        let (proof, _) = challenge.answer(&keys).unwrap();
        server.receive(element("response", &encoded(&proof)).as_bytes());
        assert_eq!(server.sent(), element("failure", "<not-authorized/>"));
        assert_eq!(server.session, None);
    }
}
