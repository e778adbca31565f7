//! Stream errors: RFC 6120 §4.9. They end the stream that gets one.
//!
//! Invariant: what is written is one `<error/>` of the streams namespace with
//! exactly one condition, at most one text and at most one application condition.

use super::wire_names;
use crate::element::{Element, Name};
use crate::{ns, writer};
use std::borrow::Cow;
use std::fmt;

wire_names! {
    /// Why a stream is closed. RFC 6120 §4.9.3
    StreamCondition {
        /// XML that cannot be processed. §4.9.3.1
        BadFormat = "bad-format",
        /// A prefix which is not bound or not supported. §4.9.3.2
        BadNamespacePrefix = "bad-namespace-prefix",
        /// Another stream has taken this one's place. §4.9.3.3
        Conflict = "conflict",
        /// Silence for too long. §4.9.3.4
        ConnectionTimeout = "connection-timeout",
        /// The domain asked for is no longer served here. §4.9.3.5
        HostGone = "host-gone",
        /// The domain asked for is not served here. §4.9.3.6
        HostUnknown = "host-unknown",
        /// A server sent a stanza without `to` or `from`. §4.9.3.7
        ImproperAddressing = "improper-addressing",
        /// Our fault. §4.9.3.8
        InternalServerError = "internal-server-error",
        /// A `from` that is not the peer's own address. §4.9.3.9
        InvalidFrom = "invalid-from",
        /// Wrong stream namespace or unsupported content namespace. §4.9.3.10
        InvalidNamespace = "invalid-namespace",
        /// XML that a validating server refuses. §4.9.3.11
        InvalidXml = "invalid-xml",
        /// Stanzas before authentication. §4.9.3.12
        NotAuthorized = "not-authorized",
        /// Against the rules of XML or of namespaces. §4.9.3.13
        NotWellFormed = "not-well-formed",
        /// Against a local policy, such as a size limit. §4.9.3.14
        PolicyViolation = "policy-violation",
        /// A remote party needed for this could not be reached. §4.9.3.15
        RemoteConnectionFailed = "remote-connection-failed",
        /// Security parameters changed: connect again. §4.9.3.16
        Reset = "reset",
        /// Not enough resources for this stream. §4.9.3.17
        ResourceConstraint = "resource-constraint",
        /// Comments, processing instructions, DTDs, entities. §4.9.3.18
        RestrictedXml = "restricted-xml",
        /// Go to another host. Only read from peers: this project never
        /// sends it, as it would need the host's name. §4.9.3.19
        SeeOtherHost = "see-other-host",
        /// The server is stopping. §4.9.3.20
        SystemShutdown = "system-shutdown",
        /// None of the others. §4.9.3.21
        UndefinedCondition = "undefined-condition",
        /// Not UTF-8. §4.9.3.22
        UnsupportedEncoding = "unsupported-encoding",
        /// A mandatory feature the peer does not support. §4.9.3.23
        UnsupportedFeature = "unsupported-feature",
        /// A top-level element which is no stanza. §4.9.3.24
        UnsupportedStanzaType = "unsupported-stanza-type",
        /// A version of XMPP that is not spoken here. §4.9.3.25
        UnsupportedVersion = "unsupported-version",
    }
}

/// One stream error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamError {
    /// What happened.
    pub condition: StreamCondition,
    /// One English sentence for whoever reads the peer's log.
    pub text: Option<Name>,
    /// What an extension has to say about it. RFC 6120 §4.9.4
    pub app: Option<Box<Element>>,
}

impl StreamError {
    /// An error without text.
    pub const fn new(condition: StreamCondition) -> Self {
        StreamError { condition, text: None, app: None }
    }

    /// The same error with a text.
    pub fn with_text(mut self, text: impl Into<Name>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The same error with an application condition.
    pub fn with_app(mut self, app: Element) -> Self {
        self.app = Some(Box::new(app));
        self
    }

    /// The error as a child of the stream. RFC 6120 §4.9.2
    pub fn to_element(&self) -> Element {
        let condition = Element::new(self.condition.as_str(), ns::STREAM_ERRORS);
        let mut error = Element::new("error", ns::STREAMS).with_child(condition);
        if let Some(text) = &self.text {
            let mut child = Element::new("text", ns::STREAM_ERRORS).with_text(&**text);
            child.set_lang("en");
            error.push(child);
        }
        if let Some(app) = &self.app {
            error.push(Element::clone(app));
        }
        error
    }

    /// The error as bytes to send. It relies on the prefix `stream`, which the
    /// headers written by [`crate::stream_header`] declare.
    pub fn to_xml(&self) -> String {
        let mut out = String::new();
        writer::write_stream_child(&mut out, &self.to_element(), ns::CLIENT);
        out
    }

    /// Reads an error a peer has sent. An unknown condition counts as
    /// `undefined-condition`.
    pub fn from_element(error: &Element) -> Option<Self> {
        if !error.is("error", ns::STREAMS) {
            return None;
        }
        let known = |child: &Element| {
            (child.ns() == ns::STREAM_ERRORS).then(|| StreamCondition::from_wire(child.name()))?
        };
        let condition =
            error.children().find_map(known).unwrap_or(StreamCondition::UndefinedCondition);
        let text =
            error.child("text", ns::STREAM_ERRORS).map(|text| Cow::Owned(text.text().into_owned()));
        let app = error.children().find(|child| child.ns() != ns::STREAM_ERRORS);
        Some(StreamError { condition, text, app: app.cloned().map(Box::new) })
    }
}

impl From<StreamCondition> for StreamError {
    fn from(condition: StreamCondition) -> Self {
        StreamError::new(condition)
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "{}: {text}", self.condition),
            None => self.condition.fmt(f),
        }
    }
}

impl std::error::Error for StreamError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_the_wire() {
        let error = StreamError::new(StreamCondition::NotWellFormed).with_text("a < b");
        assert_eq!(
            error.to_xml(),
            "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>a &lt; b</text>\
             </stream:error>"
        );
        assert_eq!(StreamError::from_element(&error.to_element()), Some(error));
        let error = StreamError::new(StreamCondition::UndefinedCondition)
            .with_app(Element::new("handled-count-too-high", ns::SM).with_attr("h", "8"));
        assert!(
            error
                .to_xml()
                .ends_with("<handled-count-too-high xmlns='urn:xmpp:sm:3' h='8'/></stream:error>")
        );
        assert_eq!(StreamError::from_element(&error.to_element()), Some(error));
    }

    #[test]
    fn every_condition_is_read_back() {
        assert_eq!(StreamCondition::ALL.len(), 25);
        for &condition in StreamCondition::ALL {
            let error = StreamError::new(condition);
            assert_eq!(StreamError::from_element(&error.to_element()), Some(error));
        }
        let odd = Element::new("error", ns::STREAMS)
            .with_child(Element::new("no-such-thing", ns::STREAM_ERRORS));
        assert_eq!(
            StreamError::from_element(&odd),
            Some(StreamCondition::UndefinedCondition.into())
        );
        assert_eq!(StreamError::from_element(&Element::new("error", ns::CLIENT)), None);
    }
}
