//! One mechanism from its choice to its end, whatever elements carry it.
//!
//! Spec: RFC 6120 §6.3, §6.5; RFC 4616; RFC 5802; draft-ietf-kitten-sasl-ht-00.
//! Invariant: a user is known only once its proof was right.

use super::Secure;
use super::frame::Data;
use crate::error::StreamError;
use crate::hashed_token::{Claim, TokenMechanism};
use crate::jid::BareJid;
use crate::negotiate::context::Context;
use crate::negotiate::{Input, Output, Password, Wants, misuse};
use crate::sasl::{ChannelBinding, Condition, Mechanism, Plain};
use crate::scram::server::{self, ExpectFinal, ExpectKeys};
use crate::scram::{self, ScramHash};
use crate::user_agent::AgentId;

/// What the client chose.
#[derive(Clone, Copy)]
pub(super) enum Choice<'a> {
    Password(Mechanism),
    /// XEP-0484; with the client that the token must belong to.
    Token(TokenMechanism, &'a AgentId),
}

pub(super) enum Exchange {
    AwaitKeys {
        user: BareJid,
        hash: ScramHash,
        plus: bool,
        exchange: ExpectKeys,
    },
    AwaitPlain {
        user: BareJid,
    },
    AwaitTokens {
        user: BareJid,
        mechanism: TokenMechanism,
        claim: Claim,
    },
    /// The client chose a mechanism but has said nothing yet.
    ExpectFirst(Mechanism),
    ExpectProof {
        user: BareJid,
        mechanism: Mechanism,
        exchange: ExpectFinal,
    },
}

/// Why an attempt failed, and whose it was.
pub(super) struct Failed(pub(super) Condition, pub(super) Option<BareJid>);

impl From<Condition> for Failed {
    fn from(condition: Condition) -> Self {
        Self(condition, None)
    }
}

/// How an attempt goes on.
pub(super) enum Progress {
    /// Somebody is asked for something.
    Next(Exchange),
    /// The client is sent this.
    Challenge(Option<String>, Exchange),
    Success(Proven),
}

/// The client is who it says.
pub(in crate::negotiate) struct Proven {
    pub(in crate::negotiate) user: BareJid,
    pub(in crate::negotiate) mechanism: &'static str,
    /// Data of the mechanism that goes with the success.
    pub(in crate::negotiate) data: Option<Vec<u8>>,
    /// Which of the tokens that were looked up it has.
    pub(in crate::negotiate) token: Option<usize>,
}

impl Exchange {
    /// The client chose a mechanism that is offered.
    pub(super) fn begin(
        cx: &mut Context,
        secure: &Secure,
        choice: Choice<'_>,
        initial: Option<Data>,
    ) -> Result<Progress, Failed> {
        match (choice, initial) {
            (Choice::Password(mechanism), Some(data)) => first(cx, secure, mechanism, &data),
            // RFC 6120 §6.4.3: the mechanisms have the client speak first; ask it to.
            (Choice::Password(mechanism), None) => {
                Ok(Progress::Challenge(None, Self::ExpectFirst(mechanism)))
            }
            (Choice::Token(mechanism, agent), Some(data)) => {
                let claim = Claim::parse(&data)?;
                let user = user(cx, secure, &claim.username, None)?;
                cx.put(Output::LookUpTokens {
                    user: user.clone(),
                    agent: agent.clone(),
                    mechanism,
                });
                Ok(Progress::Next(Self::AwaitTokens { user, mechanism, claim }))
            }
            // XEP-0484 §3.1: these end within one round trip.
            (Choice::Token(..), None) => Err(Condition::MalformedRequest.into()),
        }
    }

    pub(super) fn wants(&self) -> Wants {
        match self {
            Self::AwaitKeys { .. } => Wants::Keys,
            Self::AwaitPlain { .. } => Wants::PlainChecked,
            Self::AwaitTokens { .. } => Wants::Tokens,
            Self::ExpectFirst(_) | Self::ExpectProof { .. } => Wants::Event,
        }
    }

    /// Data of the client, while it is its turn.
    pub(super) fn response(
        self,
        cx: &mut Context,
        secure: &Secure,
        data: Result<Data, Condition>,
    ) -> Result<Progress, Failed> {
        match self {
            Self::ExpectFirst(mechanism) => first(cx, secure, mechanism, &data?),
            Self::ExpectProof { user, mechanism, exchange } => {
                let verifier = data.and_then(|data| {
                    exchange.client_final(&data).map_err(crate::scram::ScramError::condition)
                });
                match verifier {
                    Ok(verifier) => Ok(proven(user, mechanism.name(), Some(verifier.into_bytes()))),
                    Err(condition) => Err(Failed(condition, Some(user))),
                }
            }
            _ => Err(Condition::MalformedRequest.into()),
        }
    }

    /// The caller's answer, while it is asked for one.
    pub(super) fn answer(
        self,
        cx: &mut Context,
        secure: &Secure,
        input: Input,
    ) -> Result<Result<Progress, Failed>, StreamError> {
        Ok(match (self, input) {
            (
                Self::AwaitKeys { user, .. }
                | Self::AwaitPlain { user }
                | Self::AwaitTokens { user, .. },
                Input::Refused(why),
            ) => Err(Failed(why, Some(user))),
            (Self::AwaitKeys { user, hash, plus, exchange }, Input::Keys { found }) => {
                let keys = found.unwrap_or_else(|| cx.fake_keys(hash, user.as_str()));
                let offer = offer(cx, secure, hash);
                let nonce = cx.nonce();
                match exchange.challenge(keys, &nonce, Some(&offer)) {
                    Ok((message, exchange)) => {
                        let mechanism = Mechanism::Scram { hash, plus };
                        let next = Self::ExpectProof { user, mechanism, exchange };
                        Ok(Progress::Challenge(Some(message), next))
                    }
                    Err(e) => Err(Failed(e.condition(), Some(user))),
                }
            }
            (Self::AwaitPlain { user }, Input::PlainChecked(true)) => {
                Ok(proven(user, Mechanism::Plain.name(), None))
            }
            (Self::AwaitPlain { user }, Input::PlainChecked(false)) => {
                Err(Failed(Condition::NotAuthorized, Some(user)))
            }
            (Self::AwaitTokens { user, mechanism, claim }, Input::Tokens(tokens)) => {
                match claim.check(&tokens, mechanism, &secure.bindings) {
                    Ok((token, data)) => Ok(Progress::Success(Proven {
                        user,
                        mechanism: mechanism.name(),
                        data: Some(data),
                        token: Some(token),
                    })),
                    Err(condition) => Err(Failed(condition, Some(user))),
                }
            }
            _ => return Err(misuse()),
        })
    }
}

fn proven(user: BareJid, mechanism: &'static str, data: Option<Vec<u8>>) -> Progress {
    Progress::Success(Proven { user, mechanism, data, token: None })
}

/// The client's first message.
fn first(
    cx: &mut Context,
    secure: &Secure,
    mechanism: Mechanism,
    data: &[u8],
) -> Result<Progress, Failed> {
    match mechanism {
        Mechanism::Plain => {
            let Plain { authzid, username, password } = Plain::parse(data)?;
            let user = user(cx, secure, &username, authzid.as_deref())?;
            let password = Password(password);
            cx.put(Output::CheckPlain { user: user.clone(), password });
            Ok(Progress::Next(Exchange::AwaitPlain { user }))
        }
        Mechanism::Scram { hash, plus } => {
            let exchange = server::client_first(hash, plus, &secure.bindings, data)
                .map_err(|e| e.condition())?;
            let user = user(cx, secure, exchange.username(), exchange.authzid())?;
            cx.put(Output::LookUp { user: user.clone(), hash });
            Ok(Progress::Next(Exchange::AwaitKeys { user, hash, plus, exchange }))
        }
    }
}

/// Who the client says it is. RFC 6120 §6.3.7 and §6.3.8: the user name is the localpart, and an
/// authorization identity is the bare JID of the same account.
fn user(
    cx: &Context,
    secure: &Secure,
    username: &str,
    authzid: Option<&str>,
) -> Result<BareJid, Failed> {
    let domain = cx.config.domain.as_ref().ok_or(Condition::TemporaryAuthFailure)?.domain();
    // What cannot be a localpart cannot be an account.
    let user = BareJid::from_parts(username, domain).map_err(|_| Condition::NotAuthorized)?;
    let same = |authzid: &str| {
        BareJid::parse(authzid).is_ok_and(|jid| jid == user)
            || BareJid::from_parts(authzid, domain).is_ok_and(|jid| jid == user)
    };
    // XEP-0388 §5.4: nor may it be another one than the header's.
    let claimed = |_: &&str| secure.from.as_ref().is_none_or(|from| *from == user);
    // RFC 6120 §6.5.6
    if authzid.is_some_and(|authzid| !same(authzid) || !claimed(&authzid)) {
        return Err(Failed(Condition::InvalidAuthzid, Some(user)));
    }
    Ok(user)
}

/// XEP-0474 §6.1: what was offered on this stream; the same in both frames.
fn offer(cx: &Context, secure: &Secure, hash: ScramHash) -> String {
    let mechanisms = Mechanism::offered(&secure.bindings, &cx.config.hashes, cx.config.plain);
    let mechanisms: Vec<_> = mechanisms.into_iter().map(Mechanism::name).collect();
    let bindings: Vec<_> = secure.bindings.types().map(ChannelBinding::name).collect();
    scram::offer_hash(hash, &mechanisms, &bindings)
}
