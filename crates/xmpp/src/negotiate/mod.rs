//! From the first byte of a client's stream to its bound resource, as the server.
//!
//! Spec: RFC 6120 §4 (streams), §5 (STARTTLS), §6 (SASL), §7 (resource binding); RFC 7590 §3
//! (TLS always); RFC 3921 §3 (the session request of old clients); XEP-0368 (direct TLS);
//! XEP-0440 (types of channel binding); XEP-0198 §5 (resuming instead of binding); XEP-0388
//! (SASL2), with it XEP-0386 (binding), XEP-0484 (tokens), XEP-0480 (new keys) and XEP-0198 §9
//! (resuming) in one go; XEP-0474 (what was offered is signed).
//!
//! [`Negotiator`] is pure: **feed one [`Input`], drain [`Negotiator::poll`] to `None`, carry the
//! outputs out in their order, only then feed again.** What it waits for is [`Negotiator::wants`];
//! anything else closes the stream. Time is the caller's: it feeds [`Input::Failed`] when its
//! patience ends.
//!
//! Invariants: no state after TLS can be made without [`Input::TlsEstablished`], none after
//! authentication without a proof (the states hold the evidence); every `Close` is preceded by
//! everything the client is to see; after it there is no output; retries are bounded.

mod auth;
mod bind;
mod context;
mod entrance;
mod header;
mod request;
mod tls;
mod upgrade;

pub use bind::late_request;
pub use request::InlineBind;
pub use upgrade::Salted;

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::element::Element;
use crate::error::{StanzaCondition, StanzaError, StreamCondition, StreamError};
use crate::hashed_token::{Token, TokenMechanism};
use crate::jid::{BareJid, Jid};
use crate::parser::StreamEvent;
use crate::sasl::{ChannelBindings, Condition};
use crate::scram::{ScramHash, ScramKeys};
use crate::user_agent::{AgentId, UserAgent};

use auth::LogIn;
use bind::LoggedIn;
use context::Context;
use entrance::Entrance;
use header::Stage;

/// Failed log-ins on one stream before it is closed. RFC 6120 §6.4.5: two to five.
pub const LOG_INS_FAILED_MAX: u32 = 5;

/// Refused requests to bind or resume on one stream before it is closed. RFC 6120 §7.7.3: five to ten retries.
pub const BINDS_REFUSED_MAX: u32 = 6;

/// What all connections of a server have in common.
#[derive(Clone)]
pub struct Config {
    /// The domain served; `None` while set-up is not finished: nobody can log in.
    pub domain: Option<BareJid>,
    /// The hashes to offer SCRAM with: those that every account has keys for, weakest first.
    /// Clients take the best one offered, and would fail where the account lacks it.
    pub hashes: Vec<ScramHash>,
    /// Offer PLAIN (over TLS, as everything)?
    pub plain: bool,
    /// Offer tokens (XEP-0484)?
    pub fast: bool,
    /// More stream features after authentication: roster versioning, stream limits, ….
    pub features: Vec<Element>,
    /// Features that a session can begin with (XEP-0386 §3.1).
    pub inline: Vec<&'static str>,
    /// The hashes that some accounts lack keys for, and that a client can help to (XEP-0480).
    pub upgrades: Vec<ScramHash>,
    /// Secret of [`ScramKeys::fake`]; must outlive restarts.
    pub fake_secret: Zeroizing<[u8; 32]>,
    /// PBKDF2 iterations of new accounts, which made-up ones resemble.
    pub iterations: u32,
}

/// How a connection comes to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// XEP-0368: TLS from the first byte. The caller shakes hands, then feeds
    /// [`Input::TlsEstablished`].
    Direct,
    /// RFC 6120 §5: a stream that must be upgraded.
    StartTls,
}

/// What happened.
pub enum Input {
    /// Answer to [`Output::Bind`]: the full JID, or why not.
    Bound(Result<Jid, StanzaError>),
    /// The parser's next event.
    Event {
        /// The event.
        event: StreamEvent,
        /// Whether the parser holds bytes behind it that came along (`Parser::unread() > 0`).
        unread: bool,
    },
    /// Answer to [`Output::InlineBind`]: the full JID, with the answers of the features that were
    /// asked, or why not.
    InlineBound(Result<(Jid, Vec<Element>), StanzaError>),
    /// The parser refused the bytes, the caller's patience ended, or the server shuts down: the
    /// stream is closed with this error. Allowed in every state.
    Failed(StreamError),
    /// Answer to [`Output::LookUp`]. `None`: no such user, a locked one, or no keys of this hash;
    /// the client sees no difference.
    Keys {
        /// What the store has.
        found: Option<ScramKeys>,
    },
    /// Answer to [`Output::CheckPlain`].
    PlainChecked(bool),
    /// Answer to [`Output::LookUp`], [`Output::LookUpTokens`] or [`Output::CheckPlain`] where it
    /// cannot be given: [`Condition::TemporaryAuthFailure`], [`Condition::AccountDisabled`], ….
    Refused(Condition),
    /// Answer to [`Output::Remember`]: the new token, if there is one. It must be durable. Where
    /// the token that was used is not good any more, feed [`Input::Failed`] instead.
    Remembered(Option<NewToken>),
    /// Answer to [`Output::Resume`]: the session, or why not. Where the count was impossible, feed
    /// [`Input::Failed`] instead.
    Resumed(Result<Resumption, NotResumed>),
    /// The TLS handshake is done.
    TlsEstablished {
        /// What the connection can be recognised by. Better none on TLS 1.2: clients that ignore
        /// XEP-0440 would bind to its weak `tls-unique` as soon as `-PLUS` is offered, and fail.
        bindings: ChannelBindings,
    },
    /// Answer to [`Output::LookUpTokens`]: as many tokens for an unknown client as for a known one,
    /// else the time tells which it is.
    Tokens(Vec<Token>),
    /// Answer to [`Output::Upgrade`]: whether the account has the keys.
    Upgraded(bool),
    /// Answer to [`Output::AskUpgrades`]: the hashes that the account has no keys of.
    Upgrades(Vec<ScramHash>),
}

/// What to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Say which hashes the account has no keys of, and feed [`Input::Upgrades`].
    AskUpgrades,
    /// The user is who it says; the client is told next.
    Authenticated {
        /// Who.
        user: BareJid,
        /// The SASL mechanism.
        mechanism: &'static str,
    },
    /// A log-in failed; the client is told next. To slow guessing down, carry the next outputs
    /// out later.
    AuthFailed {
        /// Whom it was for, where that was said and is a possible name.
        user: Option<BareJid>,
        /// What the client is told.
        condition: Condition,
    },
    /// Bind a resource and feed [`Input::Bound`].
    Bind {
        /// The one asked for, prepared; `None` = choose one.
        resource: Option<String>,
    },
    /// Check a password and feed [`Input::PlainChecked`].
    CheckPlain {
        /// Whose.
        user: BareJid,
        /// Not prepared yet.
        password: Password,
    },
    /// Flush what was sent and close the connection. The error is for the log: where the client
    /// is to see one, it was in a [`Output::Send`] before.
    Close(Option<StreamError>),
    /// The session begins; the parser's next event belongs to it.
    Established {
        /// Its full JID.
        jid: Jid,
    },
    /// Bind a resource, let the session begin with what is asked for, and feed
    /// [`Input::InlineBound`].
    InlineBind(InlineBind),
    /// Look SCRAM keys up and feed [`Input::Keys`].
    LookUp {
        /// Whose.
        user: BareJid,
        /// For which hash.
        hash: ScramHash,
    },
    /// Look the tokens of a client up and feed [`Input::Tokens`].
    LookUpTokens {
        /// Whose.
        user: BareJid,
        /// Which client's.
        agent: AgentId,
        /// For which mechanism: a token is good for one only.
        mechanism: TokenMechanism,
    },
    /// Remember this client of the user, see to its tokens, and feed [`Input::Remembered`].
    Remember(Box<Remember>),
    /// Resume a session and feed [`Input::Resumed`].
    Resume {
        /// Its name, as the client gave it.
        previd: String,
        /// How many stanzas the client has handled (XEP-0198 §4).
        handled: u32,
        /// Whether the client is told by the negotiator, once this is answered; otherwise the
        /// session itself says `<resumed/>`.
        inline: bool,
    },
    /// A new stream follows on this connection (`Parser::restart`).
    RestartParser,
    /// Keep keys of the password by which the user logged in, made with [`Config::iterations`], and
    /// feed [`Input::Upgraded`].
    Upgrade {
        /// Of which hash.
        hash: ScramHash,
        /// With which salt.
        salt: Vec<u8>,
        /// What the client made of its password.
        salted: Salted,
    },
    /// Write this text.
    Send(String),
    /// Flush, shake hands as the TLS server on the bare connection, feed
    /// [`Input::TlsEstablished`].
    StartTls,
}

/// A client that authenticated with SASL2 and said which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remember {
    /// The client; its id is there.
    pub agent: UserAgent,
    /// The token it authenticated with, if it did.
    pub used: Option<TokenUse>,
    /// The mechanism that it wants a new token for.
    pub wanted: Option<TokenMechanism>,
}

/// How a token was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenUse {
    /// Which of those in [`Input::Tokens`].
    pub token: usize,
    /// It is never to be used again (XEP-0484 §3.6).
    pub invalidate: bool,
}

/// A token for the client.
#[derive(Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The token.
    pub secret: Zeroizing<String>,
    /// When it is not good any more, seconds since 1970.
    pub expires: u64,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewToken(until {})", self.expires)
    }
}

/// A session that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumption {
    /// Its full JID.
    pub jid: Jid,
    /// Its name.
    pub previd: String,
    /// How many of the client's stanzas were handled in it; all that these caused is durable.
    pub handled: u32,
}

/// Why a session is not resumed. The client may bind a resource next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotResumed {
    /// `item-not-found` for what is not, or not any more, a session of this user.
    pub condition: StanzaCondition,
    /// How many of the client's stanzas were handled in it, where that is known.
    pub handled: Option<u32>,
}

/// A password on its way to be checked; wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The password itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What a negotiator waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// [`Input::Bound`].
    Bound,
    /// [`Input::Event`].
    Event,
    /// [`Input::TlsEstablished`].
    Handshake,
    /// [`Input::InlineBound`].
    InlineBound,
    /// [`Input::Keys`] or [`Input::Refused`].
    Keys,
    /// Nothing: the session has begun or the stream is closed.
    Nothing,
    /// [`Input::PlainChecked`] or [`Input::Refused`].
    PlainChecked,
    /// [`Input::Remembered`].
    Remembered,
    /// [`Input::Resumed`].
    Resumed,
    /// [`Input::Tokens`] or [`Input::Refused`].
    Tokens,
    /// [`Input::Upgraded`].
    Upgraded,
    /// [`Input::Upgrades`].
    Upgrades,
}

/// Where the negotiation stands. Each variant holds what is proven so far.
enum State {
    AwaitBound { who: LoggedIn, id: Option<String> },
    AwaitResumed(LoggedIn),
    Closed,
    Enter(Entrance),
    Established,
    ExpectBind(LoggedIn),
    ExpectHandshake,
    ExpectHeader(Stage),
    ExpectStartTls,
    LogIn(LogIn),
}

/// The server's side of one connection's negotiation; drop it once the session has begun.
pub struct Negotiator {
    state: State,
    cx: Context,
}

impl Negotiator {
    /// For a connection that was just accepted. `seed` is fresh randomness for it alone: stream
    /// ids and nonces are made of it.
    #[must_use]
    pub fn new(config: Arc<Config>, transport: Transport, seed: [u8; 32]) -> Self {
        let state = match transport {
            Transport::Direct => State::ExpectHandshake,
            Transport::StartTls => State::ExpectHeader(Stage::Plain),
        };
        Self { state, cx: Context::new(config, seed) }
    }

    /// Takes one input; see the module's page for the contract.
    pub fn feed(&mut self, input: Input) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        // Nothing can be said to a client that is to shake hands (RFC 6120 §5.4.3.1).
        let mute = matches!(state, State::ExpectHandshake);
        self.state = match step(state, &mut self.cx, input) {
            Ok(state) => state,
            Err(error) => self.cx.fail(error, mute),
        };
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.cx.poll()
    }

    /// What to feed next, once [`Negotiator::poll`] has nothing more.
    #[must_use]
    pub fn wants(&self) -> Wants {
        match &self.state {
            State::AwaitBound { .. } => Wants::Bound,
            State::AwaitResumed(_) => Wants::Resumed,
            State::Closed | State::Established => Wants::Nothing,
            State::ExpectBind(_) | State::ExpectHeader(_) | State::ExpectStartTls => Wants::Event,
            State::Enter(entrance) => entrance.wants(),
            State::ExpectHandshake => Wants::Handshake,
            State::LogIn(log_in) => log_in.wants(),
        }
    }
}

/// One step; an error closes the stream with it.
fn step(state: State, cx: &mut Context, input: Input) -> Result<State, StreamError> {
    match (state, input) {
        (State::Closed, _) => Ok(State::Closed),
        (_, Input::Failed(error)) => Err(error),
        (State::ExpectHandshake, Input::TlsEstablished { bindings }) => {
            Ok(tls::established(cx, bindings))
        }
        (State::ExpectHandshake, _) => Err(misuse()),
        (State::LogIn(log_in), input) if log_in.wants() != Wants::Event => log_in.answer(cx, input),
        (State::Enter(entrance), input) if entrance.wants() != Wants::Event => {
            entrance.answer(cx, input)
        }
        (State::AwaitBound { who, id }, Input::Bound(answer)) => who.bound(cx, id, answer),
        (State::AwaitResumed(who), Input::Resumed(answer)) => who.resumed(cx, answer),
        (State::AwaitBound { .. } | State::AwaitResumed(_), _) => Err(misuse()),
        // RFC 6120 §4.4: the other side closes, we answer in kind.
        (_, Input::Event { event: StreamEvent::Close, .. }) => Ok(cx.end(None)),
        (State::ExpectHeader(stage), Input::Event { event: StreamEvent::Open(open), .. }) => {
            header::opened(cx, stage, &open)
        }
        (state, Input::Event { event: StreamEvent::Stanza(element), unread }) => match state {
            State::ExpectStartTls => tls::requested(cx, &element, unread),
            State::Enter(entrance) => entrance.element(cx, &element),
            State::LogIn(log_in) => log_in.element(cx, &element),
            State::ExpectBind(who) => who.element(cx, &element),
            State::Established => bind::late(cx, &element),
            _ => Err(misuse()),
        },
        _ => Err(misuse()),
    }
}

/// The caller fed something that nothing was said about; a client cannot cause this.
fn misuse() -> StreamError {
    StreamError::new(StreamCondition::InternalServerError)
}

#[cfg(test)]
mod tests;
