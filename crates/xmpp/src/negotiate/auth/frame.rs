//! The two ways to carry SASL in XMPP: that of RFC 6120 and SASL2.
//!
//! Spec: RFC 6120 §6.4; XEP-0388 §2.3–2.6. The mechanisms are the same, the elements differ.

use zeroize::Zeroizing;

use crate::element::Element;
use crate::ns;
use crate::sasl::{self, Condition};

/// Data of the client; wiped when dropped.
pub(super) type Data = Zeroizing<Vec<u8>>;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// RFC 6120.
    Sasl,
    /// XEP-0388.
    Sasl2,
}

impl Frame {
    /// The frame that elements of `namespace` belong to.
    pub(super) fn of(namespace: &str) -> Option<Self> {
        [Self::Sasl, Self::Sasl2].into_iter().find(|frame| frame.ns() == namespace)
    }

    const fn ns(self) -> &'static str {
        match self {
            Self::Sasl => ns::SASL,
            Self::Sasl2 => ns::SASL2,
        }
    }

    /// What the client begins with.
    pub(super) const fn opening(self) -> &'static str {
        match self {
            Self::Sasl => "auth",
            Self::Sasl2 => "authenticate",
        }
    }

    /// The client's first data, if it came with the opening.
    pub(super) fn initial(self, opening: &Element) -> Result<Option<Data>, Condition> {
        match self {
            Self::Sasl => sasl::decode_payload(&opening.text()),
            Self::Sasl2 => {
                let data = opening.child("initial-response", ns::SASL2);
                data.map(|data| decode(&data.text())).transpose()
            }
        }
    }

    /// The data of a response.
    pub(super) fn response(self, response: &Element) -> Result<Data, Condition> {
        match self {
            Self::Sasl => sasl::decode_payload(&response.text()).map(Option::unwrap_or_default),
            Self::Sasl2 => decode(&response.text()),
        }
    }

    /// A challenge; one without data asks the client to speak first (RFC 6120 §6.4.3).
    pub(super) fn challenge(self, data: Option<&str>) -> Element {
        let challenge = Element::new("challenge", self.ns());
        match data {
            Some(data) => challenge.with_text(sasl::encode_payload(data.as_bytes())),
            None => challenge,
        }
    }

    /// XEP-0388 §2.6.2: the conditions are those of RFC 6120.
    pub(super) fn failure(self, condition: Condition) -> Element {
        match self {
            Self::Sasl => condition.to_element(),
            Self::Sasl2 => Element::new("failure", ns::SASL2)
                .with_child(Element::new(condition.as_str(), ns::SASL)),
        }
    }
}

/// XEP-0388 §2.2: an empty element is an empty string, and there is no `=`.
fn decode(text: &str) -> Result<Data, Condition> {
    match text.trim_matches([' ', '\t', '\r', '\n']) {
        "" => Ok(Data::default()),
        "=" => Err(Condition::IncorrectEncoding),
        text => sasl::decode_payload(text).map(Option::unwrap_or_default),
    }
}
