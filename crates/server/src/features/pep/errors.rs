//! The errors of publish-subscribe: a stanza error with an application condition.
//!
//! Spec: XEP-0060 §11 and the conditions named beside each operation. State: none.

use store::StoreError;
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::ns;

/// `condition` with the application condition `app`.
pub(super) fn with(condition: StanzaCondition, app: &'static str) -> StanzaError {
    StanzaError::new(condition).with_app(Element::new(app, ns::PUBSUB_ERRORS))
}

/// Something of the specification that is not done here.
pub(super) fn unsupported(feature: &'static str) -> StanzaError {
    let app = Element::new("unsupported", ns::PUBSUB_ERRORS).with_attr("feature", feature);
    StanzaError::new(StanzaCondition::FeatureNotImplemented).with_app(app)
}

/// A request that is not as the specification says.
pub(super) const fn bad() -> StanzaError {
    StanzaError::new(StanzaCondition::BadRequest)
}

/// There is no such node or item. With the number of XEP-0086, because Profanity takes any other
/// error for one that may pass, and then never publishes the first key of an account.
pub(super) const fn not_found() -> StanzaError {
    StanzaError::new(StanzaCondition::ItemNotFound).with_code(404)
}

/// Only the owner may do this.
pub(super) const fn forbidden() -> StanzaError {
    StanzaError::new(StanzaCondition::Forbidden)
}

/// A request without the name of a node. §8.2.3.3
pub(super) fn node_required() -> StanzaError {
    with(StanzaCondition::BadRequest, "nodeid-required")
}

/// A limit of the server.
pub(super) fn full(app: &'static str, text: &'static str) -> StanzaError {
    with(StanzaCondition::ResourceConstraint, app)
        .with_type(xmpp::error::ErrorType::Cancel)
        .with_text(text)
}

/// The store cannot be read.
pub(super) fn unreadable(e: &StoreError) -> StanzaError {
    tracing::error!(error = %e, "published items cannot be read");
    StanzaError::new(StanzaCondition::InternalServerError)
}
