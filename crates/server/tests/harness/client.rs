//! A small XMPP client: TLS verified against the home's authority, SCRAM, bind, stanzas.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use xmpp::element::Element;
use xmpp::parser::{Parser, ParserLimits, StreamEvent};
use xmpp::scram::client::{Binding, Client as Scram};
use xmpp::scram::{ScramHash, nonce};
use xmpp::{ns, sasl};

use super::home::{DOMAIN, Home, PASSWORD};

/// Patience with the daemon. Debug builds on a busy machine are slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A connected client.
pub(crate) struct Client {
    socket: TlsStream<TcpStream>,
    parser: Parser,
    pub(crate) jid: String,
    pings: u32,
}

/// A TLS connection that trusts only the home's authority.
pub(crate) async fn connect_tls(home: &Home) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(home.authority_pem.as_bytes()).unwrap()).unwrap();
    let mut config =
        rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"xmpp-client".to_vec()];
    let tcp = TcpStream::connect(home.address(true)).await.unwrap();
    let name = ServerName::try_from(DOMAIN).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.expect("a trusted certificate")
}

impl Client {
    /// Connects without logging in, stream opened and features read.
    pub(crate) async fn open(home: &Home) -> Self {
        Self::open_with_features(home).await.0
    }

    /// The same, and the features.
    pub(crate) async fn open_with_features(home: &Home) -> (Self, Element) {
        let socket = connect_tls(home).await;
        let parser = Parser::new(ParserLimits::default());
        let mut client = Self { socket, parser, jid: String::new(), pings: 0 };
        let features = client.open_stream().await;
        (client, features)
    }

    /// Logs `name` in and binds `resource`.
    pub(crate) async fn log_in(home: &Home, name: &str, resource: &str) -> Self {
        let mut client = Self::open(home).await;
        client.authenticate(name, PASSWORD).await.expect("a right password");
        client.bind(resource).await;
        client
    }

    async fn open_stream(&mut self) -> Element {
        self.send(&format!(
            "<?xml version='1.0'?><stream:stream to='{DOMAIN}' version='1.0' \
             xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
        ))
        .await;
        assert!(matches!(self.event().await, Some(StreamEvent::Open(_))));
        let features = self.next().await.unwrap();
        assert_eq!(features.name(), "features");
        features
    }

    /// SCRAM-SHA-256 without channel binding. `Err` is the failure element.
    pub(crate) async fn authenticate(&mut self, name: &str, password: &str) -> Result<(), Element> {
        let client =
            Scram::new(ScramHash::Sha256, name, &Binding::Never, &nonce(&[7; 18])).unwrap();
        let first = sasl::encode_payload(client.first().as_bytes());
        self.send(&format!("<auth xmlns='{}' mechanism='SCRAM-SHA-256'>{first}</auth>", ns::SASL))
            .await;
        let challenge = self.next().await.unwrap();
        if challenge.name() == "failure" {
            return Err(challenge);
        }
        let challenge = sasl::decode_payload(&challenge.text()).unwrap().unwrap();
        let challenge = client.server_first(&challenge).unwrap();
        let keys = challenge.keys(password).unwrap();
        let (answer, verdict) = challenge.answer(&keys).unwrap();
        let answer = sasl::encode_payload(answer.as_bytes());
        self.send(&format!("<response xmlns='{}'>{answer}</response>", ns::SASL)).await;
        let success = self.next().await.unwrap();
        if success.name() == "failure" {
            return Err(success);
        }
        let proof = sasl::decode_payload(&success.text()).unwrap().unwrap();
        verdict.server_final(&proof).unwrap();
        self.parser.restart();
        self.open_stream().await;
        Ok(())
    }

    async fn bind(&mut self, resource: &str) {
        self.send(&format!(
            "<iq type='set' id='bind'><bind xmlns='{}'><resource>{resource}</resource></bind></iq>",
            ns::BIND
        ))
        .await;
        let answer = self.next().await.unwrap();
        assert_eq!(answer.attr("type"), Some("result"), "{answer:?}");
        let bind = answer.child("bind", ns::BIND).unwrap();
        self.jid = bind.child("jid", ns::BIND).unwrap().text().into_owned();
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, xml: &str) {
        assert!(self.try_send(xml).await, "the connection is open");
    }

    /// Sends bytes as they are; `false` if the connection is gone.
    pub(crate) async fn try_send(&mut self, xml: &str) -> bool {
        self.socket.write_all(xml.as_bytes()).await.is_ok() && self.socket.flush().await.is_ok()
    }

    /// The next event; `None` when the daemon closed the connection.
    pub(crate) async fn event(&mut self) -> Option<StreamEvent> {
        self.event_within(PATIENCE).await.expect("an answer in time")
    }

    /// The next event; `Err` if none comes in time.
    pub(crate) async fn event_within(
        &mut self,
        patience: Duration,
    ) -> Result<Option<StreamEvent>, Elapsed> {
        // On the heap, because it would be part of every future above.
        let mut buffer = vec![0; 4096];
        loop {
            if let Some(event) = self.parser.next().expect("well-formed XML from the daemon") {
                return Ok(Some(event));
            }
            match timeout(patience, self.socket.read(&mut buffer)).await? {
                Ok(n) if n > 0 => self.parser.push(&buffer[..n]),
                _ => return Ok(None),
            }
        }
    }

    /// The next element; `None` when the stream was closed.
    pub(crate) async fn next(&mut self) -> Option<Element> {
        match self.event().await {
            Some(StreamEvent::Stanza(element)) => Some(element),
            _ => None,
        }
    }

    /// Everything that came before the daemon answered a ping: what it had for us by now.
    pub(crate) async fn settle(&mut self) -> Vec<Element> {
        self.pings += 1;
        let id = format!("settle-{}", self.pings);
        self.send(&format!(
            "<iq type='get' id='{id}' to='{DOMAIN}'><ping xmlns='{}'/></iq>",
            ns::PING
        ))
        .await;
        let mut before = Vec::new();
        loop {
            let element = self.next().await.expect("the stream is open");
            if element.attr("id") == Some(&id) {
                return before;
            }
            before.push(element);
        }
    }

    /// Cuts the connection without a word.
    pub(crate) fn cut(self) {
        drop(self);
    }
}
