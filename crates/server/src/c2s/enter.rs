//! What the negotiation asks of the rest of the daemon: keys, checks, sessions.
//!
//! Invariant: each question is answered, once; a wrong password before makes the next try wait.

use tokio::io::AsyncWrite;
use xmpp::error::{StanzaCondition, StanzaError, StreamCondition, StreamError};
use xmpp::hashed_token::TokenMechanism;
use xmpp::jid::BareJid;
use xmpp::negotiate::{InlineBind, Input, NotResumed, Remember, Resumption};
use xmpp::sasl::Condition;
use xmpp::scram::{ScramHash, ScramKeys};
use xmpp::user_agent::AgentId;

use super::Login;
use crate::accounts;
use crate::daemon::Now;
use crate::devices::{self, DeviceName, Outdated, Proof, Remembered};
use crate::registry::About;
use crate::session::Session;
use crate::session::resume::{Claim, Refusal};

impl Login<'_> {
    /// A wrong password before makes this try wait; see `auth`. `false` if the client does not take
    /// what it is told before.
    pub(super) async fn slow_down<S>(&mut self, user: &BareJid, socket: &mut S) -> bool
    where
        S: AsyncWrite + Unpin,
    {
        let delay = self.daemon.auth.delay(self.peer.ip(), user, Now::read());
        if delay.is_zero() {
            return true;
        }
        self.daemon.counters.add("login", "slowed-down");
        if !self.flush(socket).await {
            return false;
        }
        tokio::time::sleep(delay).await;
        true
    }

    pub(super) fn look_up(&mut self, user: &BareJid, hash: ScramHash) {
        self.note_password(user);
        let input = match self.daemon.auth.scram_keys(self.daemon, user, hash) {
            Ok(found) => Input::Keys { found },
            Err(_) => Input::Refused(Condition::TemporaryAuthFailure),
        };
        self.negotiator.feed(input);
    }

    pub(super) async fn check_plain(&mut self, user: &BareJid, password: &str) {
        self.note_password(user);
        let input = match self.daemon.auth.check_plain(self.daemon, user, password).await {
            Ok(right) => Input::PlainChecked(right),
            Err(_) => Input::Refused(Condition::TemporaryAuthFailure),
        };
        self.negotiator.feed(input);
    }

    /// Notes which password is asked for, before it is looked at: if it is changed meanwhile, its
    /// proof is good for nothing more than this log-in.
    fn note_password(&mut self, user: &BareJid) {
        let record = self.daemon.accounts.lookup(user).ok().flatten();
        self.proof = record.map(Proof::Password);
    }

    pub(super) fn look_up_tokens(
        &mut self,
        user: &BareJid,
        agent: &AgentId,
        mechanism: TokenMechanism,
    ) {
        let name = DeviceName::new(self.daemon.auth.device_secret(), user, agent);
        let input = match devices::held(self.daemon, user, &name, mechanism) {
            Ok((held, tokens)) => {
                self.proof = Some(Proof::Token(held));
                Input::Tokens(tokens)
            }
            Err(e) => {
                tracing::error!(error = %e, "a device cannot be read");
                Input::Refused(Condition::TemporaryAuthFailure)
            }
        };
        self.negotiator.feed(input);
    }

    /// XEP-0480 §2.2: which keys the account lacks.
    pub(super) fn ask_upgrades(&mut self) {
        let lacking = match &self.proof {
            Some(Proof::Password(record)) => {
                let has = |hash| record.scram.iter().any(|keys| keys.hash() == Some(hash));
                ScramHash::ALL.into_iter().filter(|hash| !has(*hash)).collect()
            }
            _ => Vec::new(),
        };
        self.negotiator.feed(Input::Upgrades(lacking));
    }

    /// XEP-0480 §3: new keys of the password that was right.
    pub(super) async fn upgrade(&mut self, hash: ScramHash, salt: &[u8], salted: &[u8]) {
        let keys = ScramKeys::from_salted(hash, salt, accounts::ITERATIONS, salted).ok();
        let upgraded = match (&self.user, &self.proof, keys) {
            (Some((user, _)), Some(Proof::Password(seen)), Some(keys)) => {
                self.daemon.accounts.add_keys(self.daemon, user, seen, &keys).await.ok()
            }
            _ => None,
        };
        self.negotiator.feed(Input::Upgraded(upgraded.is_some()));
        if let Some(record) = upgraded {
            self.daemon.counters.add("login", "upgraded");
            self.proof = Some(Proof::Password(record));
        }
    }

    /// XEP-0388 §2.4: the client says which one it is; XEP-0484: its tokens.
    pub(super) async fn remember(&mut self, client: &Remember) {
        let remembered = match (&self.user, &client.agent.id, &self.proof) {
            (Some((user, _)), Some(agent), Some(proof)) => {
                let name = DeviceName::new(self.daemon.auth.device_secret(), user, agent);
                let remembered = devices::remember(self.daemon, user, &name, client, proof);
                self.device = Some(name);
                remembered
            }
            // The health log-in has no devices.
            _ => Ok(Remembered::default()),
        };
        let input = match remembered {
            Ok(Remembered { token, ticket }) => {
                match self.daemon.durability.wait(ticket).await {
                    Ok(()) => Input::Remembered(token),
                    // Without a new one the old one goes on; one that is given back must be over.
                    Err(_) if client.used.is_none_or(|used| !used.invalidate) => {
                        Input::Remembered(None)
                    }
                    Err(_) => Input::Failed(StreamCondition::InternalServerError.into()),
                }
            }
            Err(Outdated) => Input::Failed(
                StreamError::new(StreamCondition::NotAuthorized)
                    .with_text("the password or token was changed meanwhile"),
            ),
        };
        self.negotiator.feed(input);
    }

    fn about(&self, mechanism: &'static str) -> About {
        let since = Now::read().unix;
        About { address: self.peer, tls: self.tls_version, mechanism, since }
    }

    /// XEP-0198 §5.
    pub(super) fn resume(&mut self, previd: &str, handled: u32) {
        let resumed = match &self.user {
            Some((user, mechanism)) => {
                let claim = Claim { previd, handled };
                Session::resume(self.daemon, user, claim, self.about(mechanism))
            }
            // The negotiator resumes only after it authenticated.
            None => Err(Refusal::Unknown { handled: None }),
        };
        self.resumed(previd, resumed);
    }

    /// XEP-0198 §9: as part of log-in.
    pub(super) async fn inline_resume(&mut self, previd: &str, handled: u32) {
        let resumed = match &self.user {
            Some((user, mechanism)) => {
                let claim = Claim { previd, handled };
                Session::resume_inline(self.daemon, user, claim, self.about(mechanism))
            }
            None => Err(Refusal::Unknown { handled: None }),
        };
        if let Ok(session) = &resumed {
            // What is said to be handled must be on the disk. What could not be written was
            // refused to the client, and is handled as well.
            let _ = self.daemon.durability.wait(session.outbox.line.unsettled()).await;
        }
        self.resumed(previd, resumed);
    }

    fn resumed(&mut self, previd: &str, resumed: Result<Session, Refusal>) {
        let input = match resumed {
            Ok(session) => {
                let session = self.enter(session);
                Input::Resumed(Ok(Resumption {
                    jid: session.jid.clone(),
                    previd: previd.to_owned(),
                    handled: session.outbox.line.handled(),
                }))
            }
            Err(Refusal::Unknown { handled }) => {
                let condition = StanzaCondition::ItemNotFound;
                Input::Resumed(Err(NotResumed { condition, handled }))
            }
            Err(Refusal::TooHigh(e)) => Input::Failed(e.to_error()),
        };
        self.negotiator.feed(input);
    }

    pub(super) fn bind(&mut self, resource: Option<&str>) {
        let bound = match &self.user {
            Some((user, mechanism)) => {
                Session::bind(self.daemon, user, resource, self.about(mechanism))
            }
            // The negotiator binds only after it authenticated.
            None => Err(StanzaError::new(StanzaCondition::InternalServerError)),
        };
        let jid = bound.map(|session| self.enter(session).jid.clone());
        self.negotiator.feed(Input::Bound(jid));
    }

    /// XEP-0386 §3.2.
    pub(super) fn inline_bind(&mut self, bind: &InlineBind) {
        let bound = match &self.user {
            Some((user, mechanism)) => {
                let (device, about) = (self.device.as_ref(), self.about(mechanism));
                Session::bind_inline(self.daemon, user, device, bind, about)
            }
            None => Err(StanzaError::new(StanzaCondition::InternalServerError)),
        };
        let bound = bound.map(|(session, answers)| (self.enter(session).jid.clone(), answers));
        self.negotiator.feed(Input::InlineBound(bound));
    }

    fn enter(&mut self, session: Session) -> &Session {
        if let Some(device) = &self.device {
            session.belongs_to(device);
        }
        self.session.insert(session)
    }
}
