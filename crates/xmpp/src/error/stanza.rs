//! Stanza errors: RFC 6120 §8.3. They answer one stanza and leave the stream
//! open.
//!
//! Invariant: what is written is one `<error/>` with a type, exactly one
//! condition, at most one text and at most one application condition.

use super::wire_names;
use crate::element::{Element, Name};
use crate::ns;
use std::borrow::Cow;
use std::fmt;

wire_names! {
    /// Why a stanza was refused. RFC 6120 §8.3.3
    StanzaCondition {
        /// Against the schema, or an unknown type. §8.3.3.1
        BadRequest = "bad-request",
        /// Something of that name exists. §8.3.3.2
        Conflict = "conflict",
        /// Known, but not done here. §8.3.3.3
        FeatureNotImplemented = "feature-not-implemented",
        /// The sender may not do this. §8.3.3.4
        Forbidden = "forbidden",
        /// The addressee has left for good. §8.3.3.5
        Gone = "gone",
        /// Our fault. §8.3.3.6
        InternalServerError = "internal-server-error",
        /// What was asked for does not exist. §8.3.3.7
        ItemNotFound = "item-not-found",
        /// An address that is none. §8.3.3.8
        JidMalformed = "jid-malformed",
        /// Understood, but against a criterion. §8.3.3.9
        NotAcceptable = "not-acceptable",
        /// Nobody may do this. §8.3.3.10
        NotAllowed = "not-allowed",
        /// Credentials are needed first. §8.3.3.11
        NotAuthorized = "not-authorized",
        /// Against a local policy. §8.3.3.12
        PolicyViolation = "policy-violation",
        /// The addressee is away for now. §8.3.3.13
        RecipientUnavailable = "recipient-unavailable",
        /// Ask somewhere else, for now. §8.3.3.14
        Redirect = "redirect",
        /// Register first. §8.3.3.15
        RegistrationRequired = "registration-required",
        /// The remote domain does not exist. §8.3.3.16
        RemoteServerNotFound = "remote-server-not-found",
        /// The remote domain does not answer. §8.3.3.17
        RemoteServerTimeout = "remote-server-timeout",
        /// Not enough resources for this request. §8.3.3.18
        ResourceConstraint = "resource-constraint",
        /// Nobody here does this, or nobody says whether. §8.3.3.19
        ServiceUnavailable = "service-unavailable",
        /// Subscribe first. §8.3.3.20
        SubscriptionRequired = "subscription-required",
        /// None of the others. §8.3.3.21
        UndefinedCondition = "undefined-condition",
        /// Understood, but not at this time. §8.3.3.22
        UnexpectedRequest = "unexpected-request",
    }
}

wire_names! {
    /// What the sender can do about an error. RFC 6120 §8.3.2
    ErrorType {
        /// Retry after giving credentials.
        Auth = "auth",
        /// Do not retry.
        Cancel = "cancel",
        /// Carry on: this was only a warning.
        Continue = "continue",
        /// Retry with changed data.
        Modify = "modify",
        /// Retry later.
        Wait = "wait",
    }
}

impl StanzaCondition {
    /// The type the specification gives this condition first. RFC 6120 §8.3.3
    pub const fn default_type(self) -> ErrorType {
        use StanzaCondition::*;
        match self {
            Forbidden | NotAuthorized | RegistrationRequired | SubscriptionRequired => {
                ErrorType::Auth
            }
            BadRequest | JidMalformed | NotAcceptable | PolicyViolation | Redirect => {
                ErrorType::Modify
            }
            RecipientUnavailable | RemoteServerTimeout | ResourceConstraint | UnexpectedRequest => {
                ErrorType::Wait
            }
            Conflict
            | FeatureNotImplemented
            | Gone
            | InternalServerError
            | ItemNotFound
            | NotAllowed
            | RemoteServerNotFound
            | ServiceUnavailable
            | UndefinedCondition => ErrorType::Cancel,
        }
    }
}

/// One stanza error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaError {
    /// What happened.
    pub condition: StanzaCondition,
    /// What the sender can do about it.
    pub ty: ErrorType,
    /// XEP-0086: the number by which errors were told apart before RFC 3920. For clients that look
    /// at nothing else.
    pub code: Option<u16>,
    /// One English sentence for a person.
    pub text: Option<Name>,
    /// A more exact condition of the protocol in question. Boxed, as errors
    /// travel in every handler's result and few have one.
    pub app: Option<Box<Element>>,
}

impl StanzaError {
    /// An error of the condition's default type.
    pub const fn new(condition: StanzaCondition) -> Self {
        StanzaError { condition, ty: condition.default_type(), code: None, text: None, app: None }
    }

    /// The same error with another type.
    pub const fn with_type(mut self, ty: ErrorType) -> Self {
        self.ty = ty;
        self
    }

    /// The same error with a number.
    pub const fn with_code(mut self, code: u16) -> Self {
        self.code = Some(code);
        self
    }

    /// The same error with a text.
    pub fn with_text(mut self, text: impl Into<Name>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The same error with an application condition. RFC 6120 §8.3.4
    pub fn with_app(mut self, app: Element) -> Self {
        self.app = Some(Box::new(app));
        self
    }

    /// The `<error/>` child of a stanza on a client stream.
    pub fn to_element(&self) -> Element {
        self.to_element_in(ns::CLIENT)
    }

    /// The `<error/>` child of a stanza whose namespace is `content_ns`.
    pub fn to_element_in(&self, content_ns: impl Into<Name>) -> Element {
        // RFC 6120 §8.3.2
        let mut error = Element::new("error", content_ns)
            .with_attr("type", self.ty.as_str())
            .with_child(Element::new(self.condition.as_str(), ns::STANZA_ERRORS));
        if let Some(code) = self.code {
            error.set_attr("code", code.to_string());
        }
        if let Some(text) = &self.text {
            let mut child = Element::new("text", ns::STANZA_ERRORS).with_text(&**text);
            child.set_lang("en");
            error.push(child);
        }
        if let Some(app) = &self.app {
            error.push(Element::clone(app));
        }
        error
    }

    /// Reads the `<error/>` child of a stanza. An unknown condition counts as
    /// `undefined-condition`, an unknown type as the condition's own.
    pub fn from_element(error: &Element) -> Option<Self> {
        if error.name() != "error" {
            return None;
        }
        let known = |child: &Element| {
            (child.ns() == ns::STANZA_ERRORS).then(|| StanzaCondition::from_wire(child.name()))?
        };
        let condition =
            error.children().find_map(known).unwrap_or(StanzaCondition::UndefinedCondition);
        let ty = error
            .attr("type")
            .and_then(ErrorType::from_wire)
            .unwrap_or_else(|| condition.default_type());
        let text =
            error.child("text", ns::STANZA_ERRORS).map(|text| Cow::Owned(text.text().into_owned()));
        let foreign =
            |child: &&Element| child.ns() != ns::STANZA_ERRORS && child.ns() != error.ns();
        let app = error.children().find(foreign).cloned().map(Box::new);
        let code = error.attr("code").and_then(|code| code.parse().ok());
        Some(StanzaError { condition, ty, code, text, app })
    }
}

impl From<StanzaCondition> for StanzaError {
    fn from(condition: StanzaCondition) -> Self {
        StanzaError::new(condition)
    }
}

impl fmt::Display for StanzaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "{}: {text}", self.condition),
            None => self.condition.fmt(f),
        }
    }
}

impl std::error::Error for StanzaError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_the_wire() {
        let error = StanzaError::new(StanzaCondition::Conflict)
            .with_text("taken")
            .with_app(Element::new("too-many", "urn:example"));
        assert_eq!(
            error.to_element().to_xml(ns::CLIENT),
            "<error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>taken</text>\
             <too-many xmlns='urn:example'/></error>"
        );
        assert_eq!(StanzaError::from_element(&error.to_element()), Some(error));
    }

    #[test]
    fn with_a_number() {
        let error = StanzaError::new(StanzaCondition::ItemNotFound).with_code(404);
        assert_eq!(
            error.to_element().to_xml(ns::CLIENT),
            "<error type='cancel' code='404'>\
             <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        );
        assert_eq!(StanzaError::from_element(&error.to_element()), Some(error));
    }

    #[test]
    fn every_condition_is_read_back() {
        assert_eq!(StanzaCondition::ALL.len(), 22);
        for &condition in StanzaCondition::ALL {
            for &ty in ErrorType::ALL {
                let error = StanzaError::new(condition).with_type(ty);
                assert_eq!(StanzaError::from_element(&error.to_element()), Some(error));
            }
        }
    }

    #[test]
    fn what_is_unknown_is_read_mildly() {
        let odd = Element::new("error", ns::CLIENT).with_attr("type", "maybe");
        let read = StanzaError::from_element(&odd);
        assert_eq!(read, Some(StanzaCondition::UndefinedCondition.into()));
        assert_eq!(StanzaError::from_element(&Element::new("err", ns::CLIENT)), None);
    }
}
