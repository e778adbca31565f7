//! Resource binding or, instead of it, resuming an earlier session; and what old clients ask for
//! behind it.
//!
//! Spec: RFC 6120 §7; RFC 3921 §3; XEP-0198 §5.
//! Invariants: a session has exactly one resource; before it is bound no stanza is served but the
//! request for it.

use super::context::Context;
use super::{BINDS_REFUSED_MAX, NotResumed, Output, Resumption, State, misuse};
use crate::element::Element;
use crate::error::{StanzaCondition, StanzaError, StreamCondition, StreamError};
use crate::jid::{BareJid, Jid};
use crate::{ns, resume};

/// Evidence of TLS and authentication.
pub(super) struct LoggedIn {
    pub(super) user: BareJid,
    refused: u32,
}

impl LoggedIn {
    /// To be called when a proof was right, and nowhere else.
    pub(super) fn new(user: BareJid) -> Self {
        Self { user, refused: 0 }
    }

    /// An element before a resource is bound.
    pub(super) fn element(self, cx: &mut Context, element: &Element) -> Result<State, StreamError> {
        if matches!(element.ns(), ns::SASL | ns::SASL2 | ns::TLS) {
            // RFC 6120 §6.4.6, XEP-0388 §5.8: authentication happens once.
            return Err(StreamError::new(StreamCondition::PolicyViolation)
                .with_text("TLS and authentication are done"));
        }
        if element.ns() == ns::SM {
            return self.managed(cx, element);
        }
        let Some(bind) = request(element, "bind", ns::BIND) else {
            // RFC 6120 §7.1: no stanza before a resource is bound.
            return Err(
                StreamError::new(StreamCondition::NotAuthorized).with_text("bind a resource first")
            );
        };
        let id = element.attr("id").map(str::to_owned);
        // RFC 6120 §8.2.3: an IQ has an id, and a request exactly one child.
        if id.is_none() || element.children().count() != 1 {
            return self.refuse(cx, id, &StanzaCondition::BadRequest.into());
        }
        let wish = bind.child("resource", ns::BIND).map(|resource| resource.text());
        let resource = match wish.as_deref() {
            // An empty wish is none: clients send it for an empty setting.
            None | Some("") => None,
            Some(wish) => match self.user.with_resource(wish) {
                Ok(jid) => jid.resource().map(str::to_owned),
                // RFC 6120 §7.7.2.1
                Err(_) => return self.refuse(cx, id, &StanzaCondition::BadRequest.into()),
            },
        };
        cx.put(Output::Bind { resource });
        Ok(State::AwaitBound { who: self, id })
    }

    /// The caller's answer to [`Output::Bind`].
    pub(super) fn bound(
        self,
        cx: &mut Context,
        id: Option<String>,
        answer: Result<Jid, StanzaError>,
    ) -> Result<State, StreamError> {
        let jid = match answer {
            Ok(jid) => jid,
            // RFC 6120 §7.6.2, §7.7.2, §7.7.3
            Err(error) => return self.refuse(cx, id, &error),
        };
        if !jid.is_full() || jid.to_bare() != self.user {
            return Err(misuse());
        }
        // RFC 6120 §7.6.1, §7.7.1
        let text = Element::new("jid", ns::BIND).with_text(jid.as_str());
        let result =
            reply("result", id).with_child(Element::new("bind", ns::BIND).with_child(text));
        cx.send(&result);
        cx.put(Output::Established { jid });
        Ok(State::Established)
    }

    /// XEP-0198 before a resource is bound: a session can be resumed, nothing else.
    fn managed(self, cx: &mut Context, element: &Element) -> Result<State, StreamError> {
        if element.name() != "resume" {
            // XEP-0198 §3: stream management begins after binding.
            return self.fail(cx, StanzaCondition::UnexpectedRequest, None);
        }
        let handled = element.attr("h").and_then(resume::parse_count);
        match (element.attr("previd"), handled) {
            (Some(previd), Some(handled)) => {
                cx.put(Output::Resume { previd: previd.to_owned(), handled, inline: false });
                Ok(State::AwaitResumed(self))
            }
            // XEP-0198 §5: both are required.
            _ => self.fail(cx, StanzaCondition::BadRequest, None),
        }
    }

    /// The caller's answer to [`Output::Resume`].
    pub(super) fn resumed(
        self,
        cx: &mut Context,
        answer: Result<Resumption, NotResumed>,
    ) -> Result<State, StreamError> {
        let jid = match answer {
            Ok(Resumption { jid, .. }) => jid,
            Err(NotResumed { condition, handled }) => return self.fail(cx, condition, handled),
        };
        if !jid.is_full() || jid.to_bare() != self.user {
            return Err(misuse());
        }
        cx.put(Output::Established { jid });
        Ok(State::Established)
    }

    fn fail(
        self,
        cx: &mut Context,
        condition: StanzaCondition,
        handled: Option<u32>,
    ) -> Result<State, StreamError> {
        cx.send(&resume::failed(condition, handled));
        self.count_refusal()
    }

    fn refuse(
        self,
        cx: &mut Context,
        id: Option<String>,
        error: &StanzaError,
    ) -> Result<State, StreamError> {
        cx.send(&reply("error", id).with_child(error.to_element()));
        self.count_refusal()
    }

    fn count_refusal(mut self) -> Result<State, StreamError> {
        self.refused += 1;
        if self.refused >= BINDS_REFUSED_MAX {
            return Err(StreamError::new(StreamCondition::PolicyViolation)
                .with_text("too many refused requests for a resource"));
        }
        Ok(State::ExpectBind(self))
    }
}

/// Answers what a client may still ask of the negotiation once its session has begun: a session
/// (RFC 3921 §3, granted: there is one) or a second resource (RFC 6120 §7.6.2.2, not allowed).
/// `None` for all other stanzas.
#[must_use]
pub fn late_request(stanza: &Element) -> Option<Element> {
    let id = || stanza.attr("id").map(str::to_owned);
    if request(stanza, "session", ns::SESSION).is_some() {
        return Some(reply("result", id()));
    }
    request(stanza, "bind", ns::BIND)?;
    let error =
        StanzaError::new(StanzaCondition::NotAllowed).with_text("a resource is bound already");
    Some(reply("error", id()).with_child(error.to_element()))
}

/// A stanza that reached the negotiator although the session has begun.
pub(super) fn late(cx: &mut Context, stanza: &Element) -> Result<State, StreamError> {
    let answer = late_request(stanza).ok_or_else(misuse)?;
    cx.send(&answer);
    Ok(State::Established)
}

/// The child of an IQ of type `set`.
fn request<'a>(stanza: &'a Element, name: &str, namespace: &str) -> Option<&'a Element> {
    if stanza.is("iq", ns::CLIENT) && stanza.attr("type") == Some("set") {
        stanza.child(name, namespace)
    } else {
        None
    }
}

fn reply(ty: &'static str, id: Option<String>) -> Element {
    let mut iq = Element::new("iq", ns::CLIENT).with_attr("type", ty);
    if let Some(id) = id {
        iq.set_attr("id", id);
    }
    iq
}
