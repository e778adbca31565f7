//! One client connection: bytes to events, events to the negotiator and then to the session.
//!
//! Spec: RFC 6120 §4–§7; XEP-0368 (direct TLS). All decisions of the negotiation are
//! `xmpp::negotiate`'s; this file is its shell: sockets, TLS, clocks, look-ups.
//!
//! Invariants: no byte of a client reaches a session except through TLS; log-in has one deadline
//! for all its steps; a connection's failure ends this task only, and dropping the task gives
//! back its place, its permit and its session.

mod enter;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::server::TlsStream;
use xmpp::error::StreamCondition;
use xmpp::jid::BareJid;
use xmpp::negotiate::{Config, Input, Negotiator, Output, Transport, Wants};
use xmpp::parser::{Parser, ParserLimits};
use xmpp::sasl::ChannelBindings;
use xmpp::scram::ScramHash;

use crate::daemon::{Daemon, Now};
use crate::devices::{DeviceName, Proof};
use crate::limits::{self, LOGIN_TIME_MAX, WRITE_STALL_MAX};
use crate::listen::Accepted;
use crate::session::Session;
use crate::{features, io, random, stream};

/// Serves one connection to its end.
pub async fn serve(daemon: Arc<Daemon>, accepted: Accepted) {
    let _panics = CountPanic(&daemon);
    let mut place = accepted.place;
    let _permit = accepted.permit;
    let peer = accepted.peer;
    if accepted.socket.set_nodelay(true).is_err() {
        return;
    }
    let login = Box::pin(log_in(&daemon, accepted.socket, peer, accepted.direct_tls));
    if let Some(ready) = login.await {
        place.logged_in();
        if let Some(asleep) = stream::run(&daemon, ready).await {
            // The address may connect again; the session itself still counts.
            drop(place);
            asleep.wait(&daemon).await;
        }
    }
}

/// Counts the panic of a connection's task: a health finding.
pub(crate) struct CountPanic<'a>(pub(crate) &'a Daemon);

impl Drop for CountPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.counters.add("daemon", "panics");
        }
    }
}

/// A connection with a bound session.
pub struct Ready {
    /// The encrypted stream.
    pub tls: Box<TlsStream<TcpStream>>,
    /// Its parser, with what was already read behind the bind request.
    pub parser: Parser,
    /// The session.
    pub session: Session,
    /// What the client is still to be told of its log-in: it goes out with the session's first
    /// words, so that a client that returns has everything at once.
    pub last_of_login: String,
}

/// The shell of the negotiation.
struct Login<'a> {
    daemon: &'a Arc<Daemon>,
    peer: SocketAddr,
    parser: Parser,
    negotiator: Negotiator,
    /// When patience with all steps together ends.
    deadline: Instant,
    tls_version: &'static str,
    /// What is to be written next.
    out: String,
    user: Option<(BareJid, &'static str)>,
    /// What a right proof would be of.
    proof: Option<Proof>,
    /// Which device it is, where the client says so.
    device: Option<DeviceName>,
    session: Option<Session>,
}

/// What the negotiation wants of the shell.
enum Step {
    /// More from the client.
    Read,
    /// A TLS handshake.
    StartTls,
    /// The session is bound or resumed.
    Done,
    /// The connection is over.
    Close,
}

async fn log_in(
    daemon: &Arc<Daemon>,
    mut socket: TcpStream,
    peer: SocketAddr,
    direct_tls: bool,
) -> Option<Ready> {
    let transport = if direct_tls { Transport::Direct } else { Transport::StartTls };
    let mut login = Login {
        daemon,
        peer,
        parser: Parser::new(ParserLimits::STRANGER),
        negotiator: Negotiator::new(config(daemon), transport, random::bytes()),
        deadline: Instant::now() + LOGIN_TIME_MAX,
        tls_version: "",
        out: String::new(),
        user: None,
        proof: None,
        device: None,
        session: None,
    };
    if !direct_tls && !matches!(login.drive(&mut socket).await, Step::StartTls) {
        close(&mut socket).await;
        return None;
    }
    let mut tls = Box::new(login.shake_hands(socket, direct_tls).await?);
    login.tls_established(&tls);
    if !matches!(login.drive(&mut *tls).await, Step::Done) {
        close(&mut *tls).await;
        return None;
    }
    let Login { mut parser, out, session, .. } = login;
    parser.set_limits(limits::after_login(daemon.config.limits.stanza_bytes));
    Some(Ready { tls, parser, session: session?, last_of_login: out })
}

/// The negotiation's configuration, made again only when what it is made from changes: the domain
/// at set-up, the hashes after an import.
fn config(daemon: &Arc<Daemon>) -> Arc<Config> {
    let domain = daemon.domain();
    let domain = domain.as_deref().and_then(|d| BareJid::from_domain(d).ok());
    let hashes = daemon.accounts.common_hashes();
    let mut cached = daemon.negotiation.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(config) = &*cached
        && config.domain == domain
        && config.hashes == hashes
    {
        return Arc::clone(config);
    }
    let upgrades = [ScramHash::Sha256, ScramHash::Sha512].into_iter();
    let config = Arc::new(Config {
        domain,
        upgrades: upgrades.filter(|hash| !hashes.contains(hash)).collect(),
        hashes,
        plain: daemon.config.c2s.plain,
        fast: true,
        inline: features::inline_features(),
        features: features::stream_features(daemon),
        fake_secret: daemon.auth.fake_secret(),
        iterations: crate::accounts::ITERATIONS,
    });
    *cached = Some(Arc::clone(&config));
    config
}

impl Login<'_> {
    /// Reads and answers until the negotiation wants something else.
    async fn drive<S: AsyncRead + AsyncWrite + Unpin>(&mut self, socket: &mut S) -> Step {
        loop {
            match self.answer(socket).await {
                Step::Read => {}
                Step::Done => return Step::Done,
                step if self.flush(socket).await => return step,
                _ => return Step::Close,
            }
            debug_assert_eq!(self.negotiator.wants(), Wants::Event);
            match self.parser.next() {
                Ok(Some(event)) => {
                    let unread = self.parser.unread() > 0;
                    self.negotiator.feed(Input::Event { event, unread });
                }
                Err(error) => self.negotiator.feed(Input::Failed(error)),
                Ok(None) if !self.flush(socket).await => return Step::Close,
                Ok(None) => match self.read(socket).await {
                    Ok(n) if n > 0 => {}
                    Ok(_) => return Step::Close,
                    Err(condition) => self.negotiator.feed(Input::Failed(condition.into())),
                },
            }
        }
    }

    /// Writes what there is to be said. `false` if the client does not take it.
    async fn flush<S: AsyncWrite + Unpin>(&mut self, socket: &mut S) -> bool {
        let out = std::mem::take(&mut self.out);
        out.is_empty() || io::write_in_time(socket, out.as_bytes(), WRITE_STALL_MAX).await
    }

    /// Reads what comes; 0 = the client is gone. `Err`: waiting has no point any more.
    async fn read<S>(&mut self, socket: &mut S) -> Result<usize, StreamCondition>
    where
        S: AsyncRead + Unpin,
    {
        let mut stopping = self.daemon.stopping.subscribe();
        tokio::select! {
            biased;
            read = io::read_some(socket, &mut self.parser) => Ok(read.unwrap_or(0)),
            _ = stopping.wait_for(|stop| *stop) => Err(StreamCondition::SystemShutdown),
            () = sleep_until(self.deadline) => {
                self.daemon.counters.add("login", "timed-out");
                // RFC 6120 §4.6.4
                Err(StreamCondition::ConnectionTimeout)
            }
        }
    }

    /// Carries out what the negotiator wants, until it wants nothing more for now.
    async fn answer<S: AsyncWrite + Unpin>(&mut self, socket: &mut S) -> Step {
        while let Some(output) = self.negotiator.poll() {
            match output {
                Output::Send(xml) => self.out.push_str(&xml),
                Output::RestartParser => self.parser.restart(),
                Output::StartTls => return Step::StartTls,
                Output::LookUp { user, hash } => {
                    if !self.slow_down(&user, socket).await {
                        return Step::Close;
                    }
                    self.look_up(&user, hash);
                }
                Output::LookUpTokens { user, agent, mechanism } => {
                    if !self.slow_down(&user, socket).await {
                        return Step::Close;
                    }
                    self.look_up_tokens(&user, &agent, mechanism);
                }
                Output::CheckPlain { user, password } => {
                    if !self.slow_down(&user, socket).await {
                        return Step::Close;
                    }
                    self.check_plain(&user, password.expose()).await;
                }
                Output::AuthFailed { user, .. } => {
                    self.daemon.counters.add("login", "failed");
                    self.daemon.auth.failed(self.peer.ip(), user.as_ref(), Now::read());
                }
                Output::Authenticated { user, mechanism } => {
                    let now = Now::read();
                    self.daemon.auth.succeeded(self.daemon, self.peer.ip(), &user, now);
                    self.user = Some((user, mechanism));
                }
                Output::AskUpgrades => self.ask_upgrades(),
                Output::Upgrade { hash, salt, salted } => {
                    self.upgrade(hash, &salt, salted.expose()).await;
                }
                Output::Remember(client) => self.remember(&client).await,
                Output::Bind { resource } => self.bind(resource.as_deref()),
                Output::InlineBind(bind) => self.inline_bind(&bind),
                Output::Resume { previd, handled, inline: false } => self.resume(&previd, handled),
                Output::Resume { previd, handled, inline: true } => {
                    self.inline_resume(&previd, handled).await;
                }
                Output::Established { .. } => return Step::Done,
                Output::Close(error) => {
                    if let Some(error) = error {
                        self.daemon.counters.add("stream-error", error.condition.as_str());
                    }
                    return Step::Close;
                }
            }
        }
        Step::Read
    }

    async fn shake_hands(
        &self,
        socket: TcpStream,
        direct_tls: bool,
    ) -> Option<TlsStream<TcpStream>> {
        let mut stopping = self.daemon.stopping.subscribe();
        let shaken = tokio::select! {
            shaken = self.daemon.tls.acceptor(direct_tls).accept(socket) => shaken,
            _ = stopping.wait_for(|stop| *stop) => return None,
            () = sleep_until(self.deadline) => {
                self.daemon.counters.add("login", "timed-out");
                return None;
            }
        };
        if let Err(e) = &shaken {
            self.daemon.counters.add("tls", "handshake-failed");
            tracing::debug!(error = %e, "TLS handshake failed");
        }
        shaken.ok()
    }

    fn tls_established(&mut self, tls: &TlsStream<TcpStream>) {
        let connection = tls.get_ref().1;
        let mut bindings = ChannelBindings::default();
        self.tls_version = "TLSv1.2";
        // On TLS 1.2 no binding is offered: clients would choose tls-unique there.
        if connection.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3) {
            self.tls_version = "TLSv1.3";
            // RFC 9266 §2
            bindings.exporter = connection
                .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
                .ok()
                .map(|secret| secret.to_vec());
            bindings.server_end_point = self.daemon.tls.server_end_point();
        }
        self.negotiator.feed(Input::TlsEstablished { bindings });
    }
}

/// Ends a stream that never got a session. Errors do not matter: the client is gone anyway.
async fn close<S: AsyncWrite + Unpin>(socket: &mut S) {
    let _ = timeout(WRITE_STALL_MAX, socket.shutdown()).await;
}
