//! SASL on a stream with TLS.
//!
//! Spec: RFC 6120 §6.4 (the exchange), §6.5 (failures).
//! Invariants: only offered mechanisms are served; at most one exchange runs; every failure
//! counts towards [`LOG_INS_FAILED_MAX`]; a user is known only once its proof was right.

use super::bind::LoggedIn;
use super::context::Context;
use super::header::Stage;
use super::{Input, LOG_INS_FAILED_MAX, Output, Password, State, Wants, misuse};
use crate::element::Element;
use crate::error::{StreamCondition, StreamError};
use crate::jid::BareJid;
use crate::ns;
use crate::sasl::{self, ChannelBindings, Condition, Mechanism, Plain};
use crate::scram::server::{self, ExpectFinal, ExpectKeys};
use crate::scram::{ScramHash, ScramKeys};

/// Evidence of TLS.
pub(super) struct Secure {
    pub(super) bindings: ChannelBindings,
    failures: u32,
}

impl Secure {
    /// To be called when the handshake is done, and nowhere else.
    pub(super) fn new(bindings: ChannelBindings) -> Self {
        Self { bindings, failures: 0 }
    }
}

/// A connection with TLS where nobody is logged in.
pub(super) struct LogIn {
    secure: Secure,
    step: Step,
}

enum Step {
    AwaitKeys {
        user: BareJid,
        hash: ScramHash,
        plus: bool,
        exchange: ExpectKeys,
    },
    AwaitPlain {
        user: BareJid,
    },
    ExpectAuth,
    /// The client chose a mechanism but has said nothing yet.
    ExpectFirst(Mechanism),
    ExpectProof {
        user: BareJid,
        mechanism: Mechanism,
        exchange: ExpectFinal,
    },
}

/// Why an attempt failed, and whose it was.
struct Failed(Condition, Option<BareJid>);

impl From<Condition> for Failed {
    fn from(condition: Condition) -> Self {
        Self(condition, None)
    }
}

/// How an attempt goes on.
enum Progress {
    Next(Step),
    Success { user: BareJid, mechanism: Mechanism, data: Option<String> },
}

impl LogIn {
    pub(super) fn new(secure: Secure) -> Self {
        Self { secure, step: Step::ExpectAuth }
    }

    pub(super) fn wants(&self) -> Wants {
        match self.step {
            Step::AwaitKeys { .. } => Wants::Keys,
            Step::AwaitPlain { .. } => Wants::PlainChecked,
            Step::ExpectAuth | Step::ExpectFirst(_) | Step::ExpectProof { .. } => Wants::Event,
        }
    }

    /// An element of the client, while nobody is asked for anything.
    pub(super) fn element(self, cx: &mut Context, element: &Element) -> Result<State, StreamError> {
        let Self { secure, step } = self;
        if element.ns() != ns::SASL {
            return Err(if element.is("starttls", ns::TLS) {
                // RFC 6120 §5.4.3.3: not offered any more.
                StreamError::new(StreamCondition::PolicyViolation).with_text("TLS is in place")
            } else {
                // RFC 6120 §4.9.3.12
                StreamCondition::NotAuthorized.into()
            });
        }
        let result = match (element.name(), step) {
            ("auth", Step::ExpectAuth) => begin(cx, &secure, element),
            ("response", Step::ExpectFirst(mechanism)) => match payload(element) {
                Ok(data) => first(cx, &secure, mechanism, &data.unwrap_or_default()),
                Err(condition) => Err(condition.into()),
            },
            ("response", Step::ExpectProof { user, mechanism, exchange }) => {
                prove(user, mechanism, exchange, element)
            }
            // RFC 6120 §6.4.4
            ("abort", _) => Err(Condition::Aborted.into()),
            ("auth" | "response", _) => Err(Condition::MalformedRequest.into()),
            _ => return Err(StreamCondition::UnsupportedStanzaType.into()),
        };
        secure.conclude(cx, result)
    }

    /// The caller's answer, while it is asked for one.
    pub(super) fn answer(self, cx: &mut Context, input: Input) -> Result<State, StreamError> {
        let Self { secure, step } = self;
        let result = match (step, input) {
            (Step::AwaitKeys { user, .. } | Step::AwaitPlain { user }, Input::Refused(why)) => {
                Err(Failed(why, Some(user)))
            }
            (Step::AwaitKeys { user, hash, plus, exchange }, Input::Keys { found }) => {
                let keys = found.unwrap_or_else(|| cx.fake_keys(hash, user.as_str()));
                challenge(cx, user, Mechanism::Scram { hash, plus }, exchange, keys)
            }
            (Step::AwaitPlain { user }, Input::PlainChecked(true)) => {
                Ok(Progress::Success { user, mechanism: Mechanism::Plain, data: None })
            }
            (Step::AwaitPlain { user }, Input::PlainChecked(false)) => {
                Err(Failed(Condition::NotAuthorized, Some(user)))
            }
            _ => return Err(misuse()),
        };
        secure.conclude(cx, result)
    }
}

impl Secure {
    fn conclude(
        mut self,
        cx: &mut Context,
        result: Result<Progress, Failed>,
    ) -> Result<State, StreamError> {
        let Failed(condition, user) = match result {
            Ok(Progress::Next(step)) => return Ok(State::LogIn(LogIn { secure: self, step })),
            Ok(Progress::Success { user, mechanism, data }) => {
                return Ok(succeed(cx, user, mechanism, data));
            }
            Err(failed) => failed,
        };
        if condition != Condition::Aborted {
            cx.put(Output::AuthFailed { user, condition });
        }
        cx.send(&condition.to_element());
        self.failures += 1;
        // RFC 6120 §6.4.5: a limited number of retries, then the end.
        if self.failures >= LOG_INS_FAILED_MAX {
            return Err(StreamError::new(StreamCondition::PolicyViolation)
                .with_text("too many failed log-ins"));
        }
        Ok(State::LogIn(LogIn::new(self)))
    }
}

/// RFC 6120 §6.4.6: success, then a new stream.
fn succeed(cx: &mut Context, user: BareJid, mechanism: Mechanism, data: Option<String>) -> State {
    cx.put(Output::Authenticated { user: user.clone(), mechanism: mechanism.name() });
    let mut success = Element::new("success", ns::SASL);
    if let Some(data) = data {
        success.push_text(sasl::encode_payload(data.as_bytes()));
    }
    cx.send(&success);
    cx.restart();
    State::ExpectHeader(Stage::LoggedIn(LoggedIn::new(user)))
}

fn payload(element: &Element) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, Condition> {
    sasl::decode_payload(&element.text())
}

/// `<auth/>`
fn begin(cx: &mut Context, secure: &Secure, auth: &Element) -> Result<Progress, Failed> {
    let name = auth.attr("mechanism").unwrap_or_default();
    // RFC 6120 §6.5.7: only what was offered.
    let mechanism = Mechanism::offered(&secure.bindings, &cx.config.hashes, cx.config.plain)
        .into_iter()
        .find(|offered| offered.name() == name)
        .ok_or(Condition::InvalidMechanism)?;
    match payload(auth)? {
        Some(data) => first(cx, secure, mechanism, &data),
        None => {
            // RFC 6120 §6.4.3: both mechanisms have the client speak first; ask it to.
            cx.send(&Element::new("challenge", ns::SASL));
            Ok(Progress::Next(Step::ExpectFirst(mechanism)))
        }
    }
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
            let user = user(cx, &username, authzid.as_deref())?;
            let password = Password(password);
            cx.put(Output::CheckPlain { user: user.clone(), password });
            Ok(Progress::Next(Step::AwaitPlain { user }))
        }
        Mechanism::Scram { hash, plus } => {
            let exchange = server::client_first(hash, plus, &secure.bindings, data)
                .map_err(|e| e.condition())?;
            let user = user(cx, exchange.username(), exchange.authzid())?;
            cx.put(Output::LookUp { user: user.clone(), hash });
            Ok(Progress::Next(Step::AwaitKeys { user, hash, plus, exchange }))
        }
    }
}

/// Who the client says it is. RFC 6120 §6.3.7 and §6.3.8: the user name is the localpart, and an
/// authorization identity is the bare JID of the same account.
fn user(cx: &Context, username: &str, authzid: Option<&str>) -> Result<BareJid, Failed> {
    let domain = cx.config.domain.as_ref().ok_or(Condition::TemporaryAuthFailure)?.domain();
    // What cannot be a localpart cannot be an account.
    let user = BareJid::from_parts(username, domain).map_err(|_| Condition::NotAuthorized)?;
    let same = |authzid: &str| {
        BareJid::parse(authzid).is_ok_and(|jid| jid == user)
            || BareJid::from_parts(authzid, domain).is_ok_and(|jid| jid == user)
    };
    // RFC 6120 §6.5.6
    if authzid.is_some_and(|authzid| !same(authzid)) {
        return Err(Failed(Condition::InvalidAuthzid, Some(user)));
    }
    Ok(user)
}

fn challenge(
    cx: &mut Context,
    user: BareJid,
    mechanism: Mechanism,
    exchange: ExpectKeys,
    keys: ScramKeys,
) -> Result<Progress, Failed> {
    let nonce = cx.nonce();
    match exchange.challenge(keys, &nonce) {
        Ok((message, exchange)) => {
            let text = sasl::encode_payload(message.as_bytes());
            cx.send(&Element::new("challenge", ns::SASL).with_text(text));
            Ok(Progress::Next(Step::ExpectProof { user, mechanism, exchange }))
        }
        Err(e) => Err(Failed(e.condition(), Some(user))),
    }
}

fn prove(
    user: BareJid,
    mechanism: Mechanism,
    exchange: ExpectFinal,
    response: &Element,
) -> Result<Progress, Failed> {
    let data = match payload(response) {
        Ok(data) => data.unwrap_or_default(),
        Err(condition) => return Err(Failed(condition, Some(user))),
    };
    match exchange.client_final(&data) {
        Ok(verifier) => Ok(Progress::Success { user, mechanism, data: Some(verifier) }),
        Err(e) => Err(Failed(e.condition(), Some(user))),
    }
}
