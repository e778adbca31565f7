//! One element on its way to one client, as XML, with what is to be known of it until it is there.
//!
//! Invariant: the XML is written once, however many clients it goes to.

use std::sync::Arc;

use xmpp::element::Element;
use xmpp::ns;
use xmpp::stanza::Stanza;

use crate::features::csi::{self, Subject};
use crate::letter::Letter;

/// One element on its way out.
#[derive(Clone, Debug)]
pub struct Wire {
    /// The element as XML.
    pub xml: Arc<str>,
    /// The stanza itself if it is to be delivered elsewhere should this client go away first.
    pub letter: Option<Arc<Letter>>,
    /// For a message kept while the person was away: its key, to be deleted once the client has
    /// it.
    pub kept: Option<u64>,
    /// What it is about, if it may wait while the client is inactive.
    pub subject: Option<Subject>,
    pub(crate) role: Role,
}

/// What an element is to stream management.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Counted and acknowledged.
    Stanza,
    /// Neither.
    Nonza,
    /// `<enabled/>`: what follows is counted.
    Enabled,
}

impl Wire {
    /// `stanza` as it goes to a client, handed over at a time that does not matter.
    #[must_use]
    pub fn of(stanza: Stanza) -> Self {
        Self::at(stanza, 0)
    }

    /// `stanza` as it goes to a client, handed over at the unix time `at`.
    #[must_use]
    pub fn at(stanza: Stanza, at: u64) -> Self {
        Self::bringing(&Letter::of(stanza, at))
    }

    /// A letter, or a stanza that is none.
    #[must_use]
    pub fn bringing(what: &Result<Arc<Letter>, Stanza>) -> Self {
        let (stanza, letter) = match what {
            Ok(letter) => (letter.stanza(), Some(Arc::clone(letter))),
            Err(stanza) => (stanza, None),
        };
        let xml = stanza.element().to_xml(ns::CLIENT).into();
        let subject = csi::subject_of(stanza);
        Self { xml, letter, kept: None, subject, role: Role::Stanza }
    }

    /// The same letter in other words.
    #[must_use]
    pub fn reworded(&self, element: &Element) -> Self {
        Self { xml: element.to_xml(ns::CLIENT).into(), ..self.clone() }
    }

    /// A copy for this client alone, of a message that is about `subject`: it is delivered nowhere
    /// else if the client goes away.
    #[must_use]
    pub fn copy(message: &Element, subject: Option<Subject>) -> Self {
        let xml = message.to_xml(ns::CLIENT).into();
        Self { xml, letter: None, kept: None, subject, role: Role::Stanza }
    }

    /// A message that the store keeps under `key` until the client has it.
    #[must_use]
    pub fn kept(stanza: &Stanza, key: u64) -> Self {
        let xml = stanza.element().to_xml(ns::CLIENT).into();
        Self { xml, letter: None, kept: Some(key), subject: None, role: Role::Stanza }
    }

    /// An element that is not a stanza.
    #[must_use]
    pub fn nonza(element: &Element) -> Self {
        let xml = element.to_xml(ns::CLIENT).into();
        Self { xml, letter: None, kept: None, subject: None, role: Role::Nonza }
    }

    /// `<enabled/>`: stream management begins where this goes out.
    #[must_use]
    pub fn enabled(element: &Element) -> Self {
        Self { role: Role::Enabled, ..Self::nonza(element) }
    }
}
