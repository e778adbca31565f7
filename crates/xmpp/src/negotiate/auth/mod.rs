//! SASL on a stream with TLS, in the frame of RFC 6120 or that of SASL2.
//!
//! Spec: RFC 6120 §6.4 (the exchange), §6.5 (failures); XEP-0388 §2.
//! Invariants: only offered mechanisms are served; at most one exchange runs; every failure
//! counts towards [`LOG_INS_FAILED_MAX`]; a user is known only once its proof was right.

mod exchange;
mod frame;

pub(super) use exchange::Proven;

use super::bind::LoggedIn;
use super::context::Context;
use super::entrance;
use super::header::Stage;
use super::request::Request;
use super::{Input, LOG_INS_FAILED_MAX, Output, State, Wants, misuse};
use crate::element::Element;
use crate::error::{StanzaCondition, StanzaError, StreamCondition, StreamError};
use crate::hashed_token::TokenMechanism;
use crate::jid::BareJid;
use crate::ns;
use crate::sasl::{self, ChannelBindings, Condition, Mechanism};
use exchange::{Choice, Exchange, Failed, Progress};
use frame::Frame;

/// The answer to `opening`, where it is refused without a look at what is in it.
pub(super) fn refusal(opening: &Element, condition: Condition) -> Option<Element> {
    let frame = Frame::of(opening.ns()).filter(|frame| opening.name() == frame.opening())?;
    Some(frame.failure(condition))
}

/// SASL2's words for the end of a log-in.
pub(super) fn failure(condition: Condition) -> Element {
    Frame::Sasl2.failure(condition)
}

/// Evidence of TLS.
pub(super) struct Secure {
    pub(super) bindings: ChannelBindings,
    /// Who the client said it is in the header of its stream; not proven.
    pub(super) from: Option<BareJid>,
    failures: u32,
}

impl Secure {
    /// To be called when the handshake is done, and nowhere else.
    pub(super) fn new(bindings: ChannelBindings) -> Self {
        Self { bindings, from: None, failures: 0 }
    }
}

/// A connection with TLS where nobody is logged in.
pub(super) struct LogIn {
    secure: Secure,
    step: Step,
}

enum Step {
    ExpectOpening,
    Running(Exchange, Purpose),
}

/// What the exchange is for.
enum Purpose {
    /// RFC 6120: to be authenticated.
    Sasl,
    /// XEP-0388: to be authenticated, and more.
    Sasl2(Box<Request>),
}

impl Purpose {
    fn frame(&self) -> Frame {
        match self {
            Self::Sasl => Frame::Sasl,
            Self::Sasl2(_) => Frame::Sasl2,
        }
    }
}

impl LogIn {
    pub(super) fn new(secure: Secure) -> Self {
        Self { secure, step: Step::ExpectOpening }
    }

    pub(super) fn wants(&self) -> Wants {
        match &self.step {
            Step::ExpectOpening => Wants::Event,
            Step::Running(exchange, _) => exchange.wants(),
        }
    }

    /// An element of the client, while nobody is asked for anything.
    pub(super) fn element(self, cx: &mut Context, element: &Element) -> Result<State, StreamError> {
        let Self { secure, step } = self;
        let Some(frame) = Frame::of(element.ns()) else {
            return Err(if element.is("starttls", ns::TLS) {
                // RFC 6120 §5.4.3.3: not offered any more.
                StreamError::new(StreamCondition::PolicyViolation).with_text("TLS is in place")
            } else {
                if let Some(refusal) = no_registration(element) {
                    cx.send(&refusal);
                }
                // RFC 6120 §4.9.3.12
                StreamCondition::NotAuthorized.into()
            });
        };
        let goes_on = frame == Frame::Sasl2 && matches!(element.name(), "abort" | "response");
        if matches!(step, Step::Running(_, Purpose::Sasl2(_))) && !goes_on {
            // XEP-0388 §2.4: nothing else may come.
            return Err(StreamError::new(StreamCondition::PolicyViolation)
                .with_text("not while logging in"));
        }
        match (element.name(), step) {
            // RFC 6120 §6.4.4, XEP-0388 §5.5
            ("abort", _) => secure.refuse(cx, frame, Condition::Aborted.into()),
            ("response", Step::Running(exchange, purpose)) if purpose.frame() == frame => {
                let progress = exchange.response(cx, &secure, frame.response(element));
                secure.conclude(cx, purpose, progress)
            }
            (name, Step::ExpectOpening) if name == frame.opening() => {
                secure.begin(cx, frame, element)
            }
            ("auth" | "authenticate" | "response", _) => {
                secure.refuse(cx, frame, Condition::MalformedRequest.into())
            }
            _ => Err(StreamCondition::UnsupportedStanzaType.into()),
        }
    }

    /// The caller's answer, while it is asked for one.
    pub(super) fn answer(self, cx: &mut Context, input: Input) -> Result<State, StreamError> {
        match self {
            Self { secure, step: Step::Running(exchange, purpose) } => {
                let progress = exchange.answer(cx, &secure, input)?;
                secure.conclude(cx, purpose, progress)
            }
            Self { step: Step::ExpectOpening, .. } => Err(misuse()),
        }
    }
}

impl Secure {
    /// `<auth/>` or `<authenticate/>`.
    fn begin(
        self,
        cx: &mut Context,
        frame: Frame,
        opening: &Element,
    ) -> Result<State, StreamError> {
        let purpose = match frame {
            Frame::Sasl => Purpose::Sasl,
            Frame::Sasl2 => Purpose::Sasl2(Box::new(Request::read(opening))),
        };
        let name = opening.attr("mechanism").unwrap_or_default();
        let progress = self.choice(cx, &purpose, name).and_then(|choice| {
            let initial = frame.initial(opening)?;
            Exchange::begin(cx, &self, choice, initial)
        });
        self.conclude(cx, purpose, progress)
    }

    /// RFC 6120 §6.5.7: only what was offered.
    fn choice<'a>(
        &self,
        cx: &Context,
        purpose: &'a Purpose,
        name: &str,
    ) -> Result<Choice<'a>, Failed> {
        if let Purpose::Sasl2(request) = purpose
            && request.fast.is_some()
        {
            // XEP-0484 §3.4; §4.1: the client must say which one it is.
            let mechanism = TokenMechanism::offered(&self.bindings)
                .find(|offered| cx.config.fast && offered.name() == name)
                .ok_or(Condition::InvalidMechanism)?;
            let agent = request.agent.id.as_ref().ok_or(Condition::MalformedRequest)?;
            return Ok(Choice::Token(mechanism, agent));
        }
        let mechanism = Mechanism::offered(&self.bindings, &cx.config.hashes, cx.config.plain)
            .into_iter()
            .find(|offered| offered.name() == name)
            .ok_or(Condition::InvalidMechanism)?;
        Ok(Choice::Password(mechanism))
    }

    fn conclude(
        self,
        cx: &mut Context,
        purpose: Purpose,
        progress: Result<Progress, Failed>,
    ) -> Result<State, StreamError> {
        let exchange = match progress {
            Ok(Progress::Next(exchange)) => exchange,
            Ok(Progress::Challenge(data, exchange)) => {
                cx.send(&purpose.frame().challenge(data.as_deref()));
                exchange
            }
            Ok(Progress::Success(proven)) => {
                return Ok(match purpose {
                    Purpose::Sasl => succeed(cx, proven),
                    Purpose::Sasl2(request) => entrance::begin(cx, &self, proven, *request),
                });
            }
            Err(failed) => return self.refuse(cx, purpose.frame(), failed),
        };
        Ok(State::LogIn(LogIn { secure: self, step: Step::Running(exchange, purpose) }))
    }

    fn refuse(
        mut self,
        cx: &mut Context,
        frame: Frame,
        Failed(condition, user): Failed,
    ) -> Result<State, StreamError> {
        if condition != Condition::Aborted {
            cx.put(Output::AuthFailed { user, condition });
        }
        cx.send(&frame.failure(condition));
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
fn succeed(cx: &mut Context, proven: Proven) -> State {
    let Proven { user, mechanism, data, .. } = proven;
    cx.put(Output::Authenticated { user: user.clone(), mechanism });
    let mut success = Element::new("success", ns::SASL);
    if let Some(data) = data {
        success.push_text(sasl::encode_payload(&data));
    }
    cx.send(&success);
    cx.restart();
    State::ExpectHeader(Stage::LoggedIn(LoggedIn::new(user)))
}

/// XEP-0077 §3.1: nobody registers in-band. Said before the stream ends, so that the client can
/// show more than a lost connection.
fn no_registration(element: &Element) -> Option<Element> {
    let asks = matches!(element.attr("type"), Some("get" | "set"));
    if !element.is("iq", ns::CLIENT) || !asks {
        return None;
    }
    element.child("query", ns::REGISTER)?;
    let error = StanzaError::new(StanzaCondition::NotAllowed)
        .with_text("Accounts are made by whoever looks after this server.");
    let mut refusal = Element::new("iq", ns::CLIENT).with_attr("type", "error");
    if let Some(id) = element.attr("id") {
        refusal.set_attr("id", id);
    }
    Some(refusal.with_child(error.to_element()))
}
