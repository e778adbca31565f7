//! A client made of bytes: as little as possible between the scenario and the wire.
//!
//! Spec: RFC 6120 (STARTTLS, SCRAM-SHA-256, resource binding). The certificate is verified.
//! Invariant: no step takes longer than [`STEP_SECONDS_MAX`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use xmpp::parser::{Parser, ParserLimits, StreamEvent};
use xmpp::scram::client::{Binding, Client};
use xmpp::scram::{ClientKeys, NONCE_BYTES, ScramHash, nonce};
use xmpp::{Element, ns, sasl};

use super::failure::{Doing, Failure, Result};
use super::{DOMAIN, PASSWORD};

/// Longest wait for any answer.
const STEP_SECONDS_MAX: u64 = 30;

/// The hash both servers keep the passwords with.
pub(super) const HASH: ScramHash = ScramHash::Sha256;

/// Bytes read at once.
const READ_BYTES: usize = 4096;

/// Where and how to log in.
#[derive(Clone)]
pub(super) struct Access {
    /// The server's port for clients.
    pub(super) address: SocketAddr,
    /// TLS.
    pub(super) tls: Arc<ClientConfig>,
    /// Keys of the one password, so that the generator does not spend its time stretching it.
    pub(super) keys: ClientKeys,
}

/// A logged-in client.
pub(super) struct Session {
    stream: TlsStream<TcpStream>,
    parser: Parser,
    /// Its full JID.
    pub(super) jid: String,
    /// Whether TLS was resumed.
    pub(super) resumed: bool,
    /// With stream management: stanzas received.
    handled: Option<u32>,
}

impl Session {
    /// Logs `user` in and binds a resource.
    pub(super) async fn log_in(access: &Access, user: &str) -> Result<Self> {
        let connect = TcpStream::connect(access.address);
        let mut socket = in_time(connect).await?.doing(|| "connecting".to_owned())?;
        socket.set_nodelay(true).doing(|| "a socket".to_owned())?;
        let mut parser = Parser::new(ParserLimits::default());
        open(&mut socket, &mut parser).await?;
        write(&mut socket, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await?;
        expect(&mut socket, &mut parser, "proceed", ns::TLS).await?;

        let name = ServerName::try_from(DOMAIN).doing(|| DOMAIN.to_owned())?;
        let connect = TlsConnector::from(Arc::clone(&access.tls)).connect(name, socket);
        let stream = in_time(connect).await?.doing(|| "the TLS handshake".to_owned())?;
        let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        let mut session = Self {
            stream,
            parser: Parser::new(ParserLimits::default()),
            jid: String::new(),
            resumed,
            handled: None,
        };
        open(&mut session.stream, &mut session.parser).await?;
        session.authenticate(access, user).await?;
        session.parser.restart();
        open(&mut session.stream, &mut session.parser).await?;
        session.bind().await?;
        Ok(session)
    }

    async fn authenticate(&mut self, access: &Access, user: &str) -> Result<()> {
        let mut random = [0; NONCE_BYTES];
        getrandom::fill(&mut random).doing(|| "randomness".to_owned())?;
        let scram = |e: xmpp::scram::ScramError| Failure::new(format!("logging {user} in: {e}"));
        let client = Client::new(HASH, user, &Binding::Never, &nonce(&random)).map_err(scram)?;
        let first = sasl::encode_payload(client.first().as_bytes());
        let mechanism = client.mechanism();
        self.send(&format!("<auth xmlns='{}' mechanism='{mechanism}'>{first}</auth>", ns::SASL))
            .await?;
        let challenge = client.server_first(&self.payload("challenge").await?).map_err(scram)?;
        let (proof, verdict) = if challenge.fits(&access.keys) {
            challenge.answer(&access.keys).map_err(scram)?
        } else {
            let keys = challenge.keys(PASSWORD).map_err(scram)?;
            challenge.answer(&keys).map_err(scram)?
        };
        let proof = sasl::encode_payload(proof.as_bytes());
        self.send(&format!("<response xmlns='{}'>{proof}</response>", ns::SASL)).await?;
        verdict.server_final(&self.payload("success").await?).map_err(scram)
    }

    async fn payload(&mut self, name: &str) -> Result<Vec<u8>> {
        let element = expect(&mut self.stream, &mut self.parser, name, ns::SASL).await?;
        match sasl::decode_payload(&element.text()) {
            Ok(bytes) => Ok(bytes.unwrap_or_default().to_vec()),
            Err(condition) => Err(Failure::new(format!("<{name}/>: {condition}"))),
        }
    }

    async fn bind(&mut self) -> Result<()> {
        self.send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
            .await?;
        let iq = self.stanza().await?;
        let jid = iq.child("bind", ns::BIND).and_then(|bind| bind.child("jid", ns::BIND));
        self.jid = jid
            .map(|jid| jid.text().into_owned())
            .ok_or_else(|| Failure::new(format!("no resource was bound: {}", iq.to_xml(""))))?;
        Ok(())
    }

    /// Sends presence and waits until the server has dealt with it (RFC 6121 §4.2.2: it comes
    /// back).
    pub(super) async fn become_available(&mut self) -> Result<()> {
        self.send("<presence/>").await?;
        loop {
            let stanza = self.stanza().await?;
            if stanza.is("presence", ns::CLIENT) && stanza.attr("from") == Some(&self.jid) {
                return Ok(());
            }
        }
    }

    /// Sends `xml` as it is.
    pub(super) async fn send(&mut self, xml: &str) -> Result<()> {
        write(&mut self.stream, xml).await
    }

    /// Enables stream management.
    pub(super) async fn manage(&mut self) -> Result<()> {
        self.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await?;
        expect(&mut self.stream, &mut self.parser, "enabled", ns::SM).await?;
        self.handled = Some(0);
        Ok(())
    }

    /// The next stanza; on the way, acknowledges what it is asked to.
    pub(super) async fn stanza(&mut self) -> Result<Element> {
        loop {
            let element = element(&mut self.stream, &mut self.parser).await?;
            let Some(handled) = &mut self.handled else { return Ok(element) };
            if element.is("r", ns::SM) {
                let answer = xmpp::resume::answer(*handled).to_xml(ns::CLIENT);
                self.send(&answer).await?;
            } else if element.ns() != ns::SM {
                *handled = handled.wrapping_add(1);
                return Ok(element);
            }
        }
    }

    /// Closes the stream and waits until the server has closed it too.
    pub(super) async fn leave(mut self) -> Result<()> {
        self.send("</stream:stream>").await?;
        while event(&mut self.stream, &mut self.parser).await? != StreamEvent::Close {}
        // The server may have closed the connection first; there is nothing left to lose.
        let _ = in_time(self.stream.shutdown()).await?;
        Ok(())
    }
}

async fn in_time<F: Future>(work: F) -> Result<F::Output> {
    timeout(Duration::from_secs(STEP_SECONDS_MAX), work)
        .await
        .map_err(|_| Failure::new(format!("no answer within {STEP_SECONDS_MAX} s")))
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, xml: &str) -> Result<()> {
    let send = async {
        stream.write_all(xml.as_bytes()).await?;
        stream.flush().await
    };
    in_time(send).await?.doing(|| "sending".to_owned())
}

async fn event<S: AsyncRead + Unpin>(stream: &mut S, parser: &mut Parser) -> Result<StreamEvent> {
    // On the heap, because it would be part of every future above.
    let mut bytes = vec![0; READ_BYTES];
    loop {
        match parser.next() {
            Ok(Some(event)) => return Ok(event),
            Ok(None) => {}
            Err(e) => return Err(Failure::new(format!("the server's XML: {e}"))),
        }
        let n = in_time(stream.read(&mut bytes)).await?.doing(|| "receiving".to_owned())?;
        if n == 0 {
            return Err(Failure::new("the server closed the connection"));
        }
        parser.push(&bytes[..n]);
    }
}

async fn element<S: AsyncRead + Unpin>(stream: &mut S, parser: &mut Parser) -> Result<Element> {
    match event(stream, parser).await? {
        StreamEvent::Stanza(element) => Ok(element),
        StreamEvent::Open(_) => Err(Failure::new("a second stream header")),
        StreamEvent::Close => Err(Failure::new("the server closed the stream")),
    }
}

async fn expect<S: AsyncRead + Unpin>(
    stream: &mut S,
    parser: &mut Parser,
    name: &str,
    namespace: &str,
) -> Result<Element> {
    let element = element(stream, parser).await?;
    if element.is(name, namespace) {
        Ok(element)
    } else {
        Err(Failure::new(format!("expected <{name}/>, got {}", element.to_xml(""))))
    }
}

/// Opens a stream and reads up to its features.
async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    parser: &mut Parser,
) -> Result<()> {
    let header = format!(
        "<?xml version='1.0'?><stream:stream xmlns='{}' xmlns:stream='{}' to='{DOMAIN}' \
         version='1.0'>",
        ns::CLIENT,
        ns::STREAMS
    );
    write(stream, &header).await?;
    match event(stream, parser).await? {
        StreamEvent::Open(_) => {}
        _ => return Err(Failure::new("no stream header")),
    }
    expect(stream, parser, "features", ns::STREAMS).await?;
    Ok(())
}
