//! STARTTLS.
//!
//! Spec: RFC 6120 §5. RFC 7590 §3.1: TLS is not a choice here.
//! Invariants: before TLS nothing but `<starttls/>` is served; bytes that came with it were not
//! protected and end the connection (plaintext injection).

use super::auth::{self, Secure};
use super::context::Context;
use super::header::Stage;
use super::{Output, State};
use crate::element::Element;
use crate::error::{StreamCondition, StreamError};
use crate::ns;
use crate::sasl::{ChannelBindings, Condition};

/// RFC 6120 §5.3.1: mandatory, and nothing else is offered beside it.
pub(super) fn feature() -> Element {
    Element::new("starttls", ns::TLS).with_child(Element::new("required", ns::TLS))
}

/// An element on a stream without TLS.
pub(super) fn requested(
    cx: &mut Context,
    element: &Element,
    unread: bool,
) -> Result<State, StreamError> {
    if element.is("starttls", ns::TLS) {
        if unread {
            // RFC 6120 §5.3.3: nothing, not even white space, comes behind it; §5.4.2.2: failure,
            // then the end of the stream.
            cx.send(&Element::new("failure", ns::TLS));
            let error = StreamError::new(StreamCondition::PolicyViolation)
                .with_text("bytes behind <starttls/>");
            return Ok(cx.end(Some(error)));
        }
        cx.send(&Element::new("proceed", ns::TLS));
        cx.put(Output::StartTls);
        return Ok(State::ExpectHandshake);
    }
    if let Some(refusal) = auth::refusal(element, Condition::EncryptionRequired) {
        // RFC 6120 §6.5.4. Whatever it held has been seen by everybody: no second try here.
        cx.send(&refusal);
        return Err(StreamError::new(StreamCondition::PolicyViolation).with_text("TLS first"));
    }
    // RFC 6120 §4.9.3.12
    Err(StreamError::new(StreamCondition::NotAuthorized).with_text("TLS first"))
}

/// The handshake is done: a new stream (RFC 6120 §5.4.3.3).
pub(super) fn established(cx: &mut Context, bindings: ChannelBindings) -> State {
    cx.restart();
    State::ExpectHeader(Stage::Secure(Secure::new(bindings)))
}
