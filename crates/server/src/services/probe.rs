//! The health log-in: the daemon logs in to itself as a client would.
//!
//! A real connection to the own listener, TLS with the certificate checked, SCRAM bound to the
//! channel, a resource, a ping. Spec: RFC 6120 §4–§8, XEP-0199. If the family cannot log in, this
//! cannot either, and says at which step.
//!
//! Invariants: one log-in at a time, in a bounded time, its result given again while it is fresh;
//! the credential is random, of this start, and in memory only; no presence is sent, so nobody
//! ever sees the session.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use xmpp::element::Element;
use xmpp::ns;
use xmpp::parser::{Parser, ParserLimits, StreamEvent, StreamOpen};
use xmpp::sasl::{ChannelBinding, decode_payload, encode_payload};
use xmpp::scram::client::{Binding, Client};
use xmpp::scram::{self, ClientKeys, ScramHash, ScramKeys};
use xmpp::stream_header;

use crate::accounts::PROBE;
use crate::daemon::{Daemon, Listening};
use crate::limits::{PROBE_FRESH, PROBE_TIME_MAX, WRITE_STALL_MAX};
use crate::{io, random};

/// The hash that the health log-in authenticates with.
pub(crate) const HASH: ScramHash = ScramHash::Sha256;

/// Fewest iterations there are: the password is 160 random bits, so slowness adds nothing.
const ITERATIONS: u32 = scram::ITERATIONS_MIN;

/// What the health log-in needs, for the life of the daemon.
pub(crate) struct Probe {
    keys: Option<ClientKeys>,
    /// When the last log-in ended, and how.
    last: Mutex<Option<(Instant, Result<u32, String>)>>,
}

impl Probe {
    /// With a fresh random credential.
    pub(crate) fn new() -> Self {
        let (password, salt) = (random::text(32), random::bytes::<16>());
        // An error would only fail the log-in, which then says so.
        let keys = ClientKeys::derive(HASH, &password, &salt, ITERATIONS).ok();
        Self { keys, last: Mutex::default() }
    }

    /// The keys that the server side verifies with.
    pub(crate) fn server_keys(&self, hash: ScramHash) -> Option<ScramKeys> {
        let keys = self.keys.clone().map(ClientKeys::into_server_keys);
        keys.filter(|keys| keys.hash() == hash)
    }
}

/// Milliseconds that a log-in took, or what failed. `None` before set-up, when nobody can.
pub(crate) async fn result(daemon: &Arc<Daemon>) -> Option<Result<u32, String>> {
    let domain = daemon.domain()?;
    // Whoever comes while one runs waits for its result.
    let mut last = daemon.auth.probe().last.lock().await;
    if let Some((at, result)) = &*last
        && at.elapsed() < PROBE_FRESH
    {
        return Some(result.clone());
    }
    let began = Instant::now();
    let result = match timeout(PROBE_TIME_MAX, Box::pin(log_in(daemon, &domain))).await {
        Ok(Ok(())) => Ok(u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX)),
        Ok(Err(why)) => Err(why),
        Err(_) => Err(format!("no answer within {} seconds", PROBE_TIME_MAX.as_secs())),
    };
    if let Err(why) = &result {
        tracing::warn!("the health log-in failed: {why}");
    }
    *last = Some((Instant::now(), result.clone()));
    Some(result)
}

async fn log_in(daemon: &Daemon, domain: &str) -> Result<(), String> {
    let (address, direct) = target(daemon).ok_or("no port for chat is open")?;
    let mut socket = TcpStream::connect(address)
        .await
        .map_err(|e| format!("connecting to port {}: {e}", address.port()))?;
    if !direct {
        start_tls(&mut socket, domain).await?;
    }
    let tls = encrypt(daemon, socket, domain, direct).await?;
    let mut binding = [0; 32];
    // RFC 9266 §2
    let label = b"EXPORTER-Channel-Binding";
    let exported = tls.get_ref().1.export_keying_material(&mut binding, label, Some(b""));
    exported.map_err(|e| format!("channel binding: {e}"))?;
    let mut stream = Stream::new(tls, domain);
    stream.open().await?;
    let binding = Binding::Use(ChannelBinding::Exporter, binding.to_vec());
    stream.authenticate(daemon.auth.probe(), &binding).await?;
    stream.open().await?;
    let bind = Element::new("bind", ns::BIND);
    stream.request("set", None, bind).await.map_err(|e| format!("binding a resource: {e}"))?;
    let ping = Element::new("ping", ns::PING);
    stream.request("get", Some(domain), ping).await.map_err(|e| format!("pinging: {e}"))?;
    stream.close().await
}

/// Where to connect: the port with STARTTLS if there is one, since most clients use it.
fn target(daemon: &Daemon) -> Option<(SocketAddr, bool)> {
    let listening = daemon.listening.read().unwrap_or_else(PoisonError::into_inner);
    let bound = |l: &Listening| l.bound.map(|address| (loopback(address), l.direct_tls));
    listening.iter().filter_map(bound).min_by_key(|(_, direct)| *direct)
}

/// A listener on all addresses is reached on loopback.
fn loopback(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// RFC 6120 §5.4.2
async fn start_tls(socket: &mut TcpStream, domain: &str) -> Result<(), String> {
    let mut stream = Stream::new(socket, domain);
    let features = stream.open().await?;
    if features.child("starttls", ns::TLS).is_none() {
        return Err("STARTTLS is not offered".to_owned());
    }
    stream.send(&Element::new("starttls", ns::TLS)).await?;
    let answer = stream.element().await?;
    if !answer.is("proceed", ns::TLS) || stream.parser.unread() > 0 {
        return Err(format!("STARTTLS was answered with <{}/>", answer.name()));
    }
    Ok(())
}

async fn encrypt(
    daemon: &Daemon,
    socket: TcpStream,
    domain: &str,
    direct: bool,
) -> Result<TlsStream<TcpStream>, String> {
    let config = daemon.tls.client_config(direct).map_err(|e| e.to_string())?;
    let name = ServerName::try_from(domain.to_owned()).map_err(|e| e.to_string())?;
    let connect = TlsConnector::from(config).connect(name, socket);
    connect.await.map_err(|e| format!("TLS handshake: {e}"))
}

/// The client's side of a stream.
struct Stream<'a, S> {
    socket: S,
    parser: Parser,
    domain: &'a str,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Stream<'a, S> {
    fn new(socket: S, domain: &'a str) -> Self {
        Self { socket, parser: Parser::new(ParserLimits::default()), domain }
    }

    /// Opens a stream and gives its features (RFC 6120 §4.3).
    async fn open(&mut self) -> Result<Element, String> {
        self.parser.restart();
        let open = StreamOpen {
            ns: ns::CLIENT.into(),
            to: Some(self.domain.to_owned()),
            version: Some(stream_header::VERSION.to_owned()),
            ..StreamOpen::default()
        };
        self.write(&stream_header::open_xml(&open)).await?;
        match self.event().await? {
            StreamEvent::Open(_) => {}
            StreamEvent::Stanza(_) | StreamEvent::Close => {
                return Err("the stream was not opened".to_owned());
            }
        }
        let features = self.element().await?;
        if features.is("features", ns::STREAMS) {
            Ok(features)
        } else {
            Err(format!("<{}/> came in place of the stream's features", features.name()))
        }
    }

    /// RFC 6120 §6.4, RFC 5802
    async fn authenticate(&mut self, probe: &Probe, binding: &Binding) -> Result<(), String> {
        let failed = |e: scram::ScramError| format!("logging in: {e}");
        let keys = probe.keys.as_ref().ok_or("the credential could not be made")?;
        let nonce = scram::nonce(&random::bytes());
        let client = Client::new(HASH, PROBE, binding, &nonce).map_err(failed)?;
        let auth = Element::new("auth", ns::SASL)
            .with_attr("mechanism", client.mechanism())
            .with_text(encode_payload(client.first().as_bytes()));
        self.send(&auth).await?;
        let challenge = self.payload("challenge").await?;
        let challenge = client.server_first(&challenge).map_err(failed)?;
        let (answer, verdict) = challenge.answer(keys).map_err(failed)?;
        let response = Element::new("response", ns::SASL);
        self.send(&response.with_text(encode_payload(answer.as_bytes()))).await?;
        verdict.server_final(&self.payload("success").await?).map_err(failed)
    }

    /// The payload of the SASL element `name`, which is expected now.
    async fn payload(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let element = self.element().await?;
        if !element.is(name, ns::SASL) {
            let why = element.children().next().map_or("", Element::name);
            return Err(format!("logging in: <{}/> {why}", element.name()));
        }
        let payload = decode_payload(&element.text()).map_err(|e| e.to_string())?;
        Ok(payload.map(|p| p.to_vec()).unwrap_or_default())
    }

    /// Sends an IQ request and waits for its result (RFC 6120 §8.2.3).
    async fn request(
        &mut self,
        ty: &'static str,
        to: Option<&str>,
        payload: Element,
    ) -> Result<(), String> {
        let id = random::text(8);
        let mut iq = Element::new("iq", ns::CLIENT).with_attr("type", ty).with_attr("id", &*id);
        if let Some(to) = to {
            iq.set_attr("to", to);
        }
        self.send(&iq.with_child(payload)).await?;
        let answer = self.element().await?;
        let ours = answer.is("iq", ns::CLIENT) && answer.attr("id") == Some(&id);
        match answer.attr("type") {
            Some("result") if ours => Ok(()),
            ty => Err(format!("<{}/> of type {} came", answer.name(), ty.unwrap_or("none"))),
        }
    }

    /// RFC 6120 §4.4: closes, and waits until the other side has.
    async fn close(&mut self) -> Result<(), String> {
        self.write(stream_header::CLOSE).await?;
        match self.event().await? {
            StreamEvent::Close => Ok(()),
            StreamEvent::Open(_) | StreamEvent::Stanza(_) => {
                Err("the stream was not closed".to_owned())
            }
        }
    }

    async fn send(&mut self, element: &Element) -> Result<(), String> {
        self.write(&element.to_xml(ns::CLIENT)).await
    }

    async fn write(&mut self, xml: &str) -> Result<(), String> {
        if io::write_in_time(&mut self.socket, xml.as_bytes(), WRITE_STALL_MAX).await {
            Ok(())
        } else {
            Err("the connection was lost".to_owned())
        }
    }

    async fn element(&mut self) -> Result<Element, String> {
        match self.event().await? {
            StreamEvent::Stanza(element) if element.is("error", ns::STREAMS) => {
                let why = element.children().next().map_or("undefined", Element::name);
                Err(format!("the stream was refused: {why}"))
            }
            StreamEvent::Stanza(element) => Ok(element),
            StreamEvent::Open(_) | StreamEvent::Close => Err("the stream was closed".to_owned()),
        }
    }

    async fn event(&mut self) -> Result<StreamEvent, String> {
        loop {
            if let Some(event) = self.parser.next().map_err(|e| e.to_string())? {
                return Ok(event);
            }
            match io::read_some(&mut self.socket, &mut self.parser).await {
                Ok(0) => return Err("the connection was closed".to_owned()),
                Ok(_) => {}
                Err(e) => return Err(format!("the connection was lost: {e}")),
            }
        }
    }
}
