//! SASL2: from the right proof to `<success/>`, which says all that was done on the way.
//!
//! Spec: XEP-0388 §2.6.1; XEP-0386 §3.2; XEP-0198 §9 (inline); XEP-0484 §3.2–3.6;
//! XEP-0480 §2 (upgrades).
//! Invariants: nothing is said of success before everything asked for was done; a session is
//! resumed or bound, never both; whoever is in has one session or none.

use super::auth::{self, Proven, Secure};
use super::bind::LoggedIn;
use super::context::Context;
use super::header::Offer;
use super::request::Request;
use super::upgrade::{self, Task};
use super::{
    Input, NewToken, NotResumed, Output, Remember, Resumption, State, TokenUse, Wants, header,
    misuse,
};
use crate::element::Element;
use crate::error::{StanzaCondition, StanzaError, StreamCondition, StreamError};
use crate::hashed_token::TokenMechanism;
use crate::jid::{BareJid, Jid};
use crate::sasl::{self, Condition};
use crate::scram::ScramHash;
use crate::{datetime, ns, resume};

/// A client that is who it says, and is being let in.
pub(super) struct Entrance {
    user: BareJid,
    /// Data of the mechanism, encoded.
    data: Option<String>,
    request: Request,
    /// What `<success/>` says beside who it is.
    results: Vec<Element>,
    /// What its tokens and the connection allow it to want.
    remember: Option<Remember>,
    step: Step,
}

enum Step {
    AskUpgrades,
    /// The client is to begin this task.
    ExpectNext(ScramHash),
    ExpectData(Task),
    Upgrade,
    Remember,
    Resume,
    Bind,
}

/// The proof was right.
pub(super) fn begin(cx: &mut Context, secure: &Secure, proven: Proven, request: Request) -> State {
    let Proven { user, mechanism, data, token } = proven;
    cx.put(Output::Authenticated { user: user.clone(), mechanism });
    let data = data.map(|data| sasl::encode_payload(&data));
    let remember = request.agent.id.is_some().then(|| Remember {
        agent: request.agent.clone(),
        used: token
            .zip(request.fast)
            .map(|(token, fast)| TokenUse { token, invalidate: fast.invalidate }),
        wanted: request.token.filter(|wanted| {
            cx.config.fast && TokenMechanism::offered(&secure.bindings).any(|m| m == *wanted)
        }),
    });
    let mut entrance =
        Entrance { user, data, request, results: Vec::new(), remember, step: Step::AskUpgrades };
    // A token is no password: whoever has one may not make new keys.
    entrance.request.upgrades.retain(|hash| token.is_none() && cx.config.upgrades.contains(hash));
    if entrance.request.upgrades.is_empty() {
        return entrance.remember(cx);
    }
    cx.put(Output::AskUpgrades);
    State::Enter(entrance)
}

impl Entrance {
    pub(super) fn wants(&self) -> Wants {
        match self.step {
            Step::AskUpgrades => Wants::Upgrades,
            Step::ExpectNext(_) | Step::ExpectData(_) => Wants::Event,
            Step::Upgrade => Wants::Upgraded,
            Step::Remember => Wants::Remembered,
            Step::Resume => Wants::Resumed,
            Step::Bind => Wants::InlineBound,
        }
    }

    /// The caller's answer.
    pub(super) fn answer(mut self, cx: &mut Context, input: Input) -> Result<State, StreamError> {
        match (&self.step, input) {
            (Step::AskUpgrades, Input::Upgrades(lacking)) => {
                self.request.upgrades.retain(|hash| lacking.contains(hash));
                Ok(self.next_task(cx))
            }
            (Step::Upgrade, Input::Upgraded(true)) => Ok(self.next_task(cx)),
            (Step::Upgrade, Input::Upgraded(false)) => {
                Err(give_up(cx, Condition::TemporaryAuthFailure))
            }
            (Step::Remember, Input::Remembered(token)) => {
                self.results.extend(token.as_ref().map(NewToken::to_element));
                Ok(self.resume(cx))
            }
            (Step::Resume, Input::Resumed(answer)) => self.resumed(cx, answer),
            (Step::Bind, Input::InlineBound(answer)) => self.bound(cx, answer),
            _ => Err(misuse()),
        }
    }

    /// An element of the client, while it has a task.
    pub(super) fn element(
        mut self,
        cx: &mut Context,
        element: &Element,
    ) -> Result<State, StreamError> {
        if element.is("abort", ns::SASL2) {
            return Err(give_up(cx, Condition::Aborted));
        }
        self.step = match self.step {
            Step::ExpectNext(hash) => match Task::begin(cx, hash, element) {
                Some(task) => Step::ExpectData(task),
                None => return Err(give_up(cx, Condition::MalformedRequest)),
            },
            Step::ExpectData(task) => {
                let salted = task.salted(element).map_err(|condition| give_up(cx, condition))?;
                let Task { hash, salt } = task;
                cx.put(Output::Upgrade { hash, salt: salt.to_vec(), salted });
                Step::Upgrade
            }
            _ => return Err(misuse()),
        };
        Ok(State::Enter(self))
    }

    /// XEP-0480 §2.2: one task after the other.
    fn next_task(mut self, cx: &mut Context) -> State {
        if self.request.upgrades.is_empty() {
            return self.remember(cx);
        }
        let hash = self.request.upgrades.remove(0);
        // One is enough of each.
        self.request.upgrades.retain(|other| *other != hash);
        cx.send(&upgrade::propose(hash, self.data.take()));
        self.step = Step::ExpectNext(hash);
        State::Enter(self)
    }

    fn remember(mut self, cx: &mut Context) -> State {
        match self.remember.take() {
            Some(remember) => {
                cx.put(Output::Remember(Box::new(remember)));
                self.step = Step::Remember;
                State::Enter(self)
            }
            None => self.resume(cx),
        }
    }

    /// XEP-0386 §3.2: resuming comes first.
    fn resume(mut self, cx: &mut Context) -> State {
        match self.request.resume.take() {
            None => self.bind(cx),
            Some(Ok(earlier)) => {
                let (previd, handled) = (earlier.previd, earlier.handled);
                cx.put(Output::Resume { previd, handled, inline: true });
                self.step = Step::Resume;
                State::Enter(self)
            }
            Some(Err(())) => {
                self.results.push(resume::failed(StanzaCondition::BadRequest, None));
                self.bind(cx)
            }
        }
    }

    fn resumed(
        mut self,
        cx: &mut Context,
        answer: Result<Resumption, NotResumed>,
    ) -> Result<State, StreamError> {
        match answer {
            Ok(Resumption { jid, previd, handled }) => {
                self.check(&jid)?;
                self.results.push(resume::resumed(&previd, handled));
                // XEP-0198 §9: the stream goes on where it was; no features.
                self.succeed(cx, Some(&jid));
                cx.put(Output::Established { jid });
                Ok(State::Established)
            }
            Err(NotResumed { condition, handled }) => {
                // XEP-0198 §9.1: say so, and bind.
                self.results.push(resume::failed(condition, handled));
                Ok(self.bind(cx))
            }
        }
    }

    fn bind(mut self, cx: &mut Context) -> State {
        match self.request.bind.take() {
            Some(bind) => {
                cx.put(Output::InlineBind(bind));
                self.step = Step::Bind;
                State::Enter(self)
            }
            None => {
                self.succeed(cx, None);
                cx.send(&header::session_features(cx, Offer::Binding));
                State::ExpectBind(LoggedIn::new(self.user))
            }
        }
    }

    fn bound(
        mut self,
        cx: &mut Context,
        answer: Result<(Jid, Vec<Element>), StanzaError>,
    ) -> Result<State, StreamError> {
        let (jid, results) = answer.map_err(|e| refused(&e))?;
        self.check(&jid)?;
        // What the session has begun with is not offered again: clients would begin it twice.
        let begun: Vec<_> =
            results.iter().filter(|r| r.name() != "failed").map(Element::ns).collect();
        let features = header::session_features(cx, Offer::Session { without: &begun });
        let bound = results.into_iter().fold(Element::new("bound", ns::BIND2), Element::with_child);
        self.results.push(bound);
        self.succeed(cx, Some(&jid));
        // XEP-0388 §2.6.1: features follow at once.
        cx.send(&features);
        cx.put(Output::Established { jid });
        Ok(State::Established)
    }

    fn check(&self, jid: &Jid) -> Result<(), StreamError> {
        if jid.is_full() && jid.to_bare() == self.user { Ok(()) } else { Err(misuse()) }
    }

    /// XEP-0388 §2.6.1: who it is, as a full JID if there is a session.
    fn succeed(&mut self, cx: &mut Context, session: Option<&Jid>) {
        let text = |name: &'static str, text: String| Element::new(name, ns::SASL2).with_text(text);
        let mut success = Element::new("success", ns::SASL2);
        if let Some(data) = self.data.take() {
            success.push(text("additional-data", data));
        }
        let who = session.map_or(self.user.as_str(), Jid::as_str);
        success.push(text("authorization-identifier", who.to_owned()));
        self.results.drain(..).for_each(|result| success.push(result));
        cx.send(&success);
    }
}

/// The log-in ends with a task: XEP-0388 §5.8 has no second one on this stream.
fn give_up(cx: &mut Context, condition: Condition) -> StreamError {
    cx.send(&auth::failure(condition));
    StreamError::new(StreamCondition::PolicyViolation).with_text("the log-in was not finished")
}

/// No session, although one was asked for: XEP-0386 has no words for it, and a client that was
/// told of success would wait for a resource for ever.
fn refused(error: &StanzaError) -> StreamError {
    let condition = match error.condition {
        StanzaCondition::ResourceConstraint => StreamCondition::ResourceConstraint,
        StanzaCondition::Forbidden => StreamCondition::NotAuthorized,
        _ => StreamCondition::InternalServerError,
    };
    let refusal = StreamError::new(condition);
    match &error.text {
        Some(text) => refusal.with_text(text.clone()),
        None => refusal,
    }
}

impl NewToken {
    /// XEP-0484 §3.3
    fn to_element(&self) -> Element {
        Element::new("token", ns::FAST)
            .with_attr("expiry", datetime::utc(self.expires))
            .with_attr("token", self.secret.as_str().to_owned())
    }
}
