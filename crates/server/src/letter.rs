//! A stanza that somebody waits for, while it is on its way to one or more clients.
//!
//! The sessions that are to bring it share it, those that bring a copy of it (XEP-0280) to a device
//! that would get it otherwise included. Invariant: if all of them end without having
//! brought it, the last one gets it back from [`Letter::undelivered`], and only that one does: it
//! is never lost, and never delivered again because one of several sessions ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use xmpp::stanza::{IqType, Kind, Stanza};

use crate::features::pep;

/// See the module.
#[derive(Debug)]
pub struct Letter {
    stanza: Stanza,
    /// Unix time when it was handed to the sessions; 0 = not known.
    at: u64,
    arrived: AtomicBool,
}

impl Letter {
    /// `stanza`, handed to sessions at the unix time `at`, if anybody waits for it: a message, or
    /// a request that needs an answer (RFC 6120 §8.2.3). Errors, answers and presence are not
    /// worth a second way.
    ///
    /// # Errors
    /// The stanza, if nobody does.
    #[allow(clippy::result_large_err, reason = "it goes on its way; boxing it would be the cost")]
    pub fn of(stanza: Stanza, at: u64) -> Result<Arc<Self>, Stanza> {
        let matters = match stanza.kind() {
            // News go to each session by itself.
            Kind::Message => !stanza.is_error() && !pep::is_event(&stanza),
            Kind::Iq => matches!(stanza.iq_type(), Some(IqType::Get | IqType::Set)),
            Kind::Presence => false,
        };
        if matters {
            Ok(Arc::new(Self { stanza, at, arrived: AtomicBool::new(false) }))
        } else {
            Err(stanza)
        }
    }

    /// What is on its way.
    #[must_use]
    pub fn stanza(&self) -> &Stanza {
        &self.stanza
    }

    /// A client has it.
    pub fn arrived(&self) {
        self.arrived.store(true, Ordering::Release);
    }

    /// This session ends. Gives the stanza back, with the time it was handed over, if no client
    /// has it and no other session is left to bring it.
    #[must_use]
    pub fn undelivered(self: Arc<Self>) -> Option<(Stanza, u64)> {
        // Exactly one of those who share it gets it out.
        let letter = Arc::into_inner(self)?;
        (!letter.arrived.into_inner()).then_some((letter.stanza, letter.at))
    }
}

#[cfg(test)]
mod tests {
    use xmpp::element::Element;

    use super::*;

    fn stanza(xml: &str) -> Stanza {
        Stanza::from_element(Element::parse(xml).unwrap()).unwrap()
    }

    fn letter() -> Arc<Letter> {
        Letter::of(stanza("<message xmlns='jabber:client' to='a@b'/>"), 7).unwrap()
    }

    #[test]
    fn only_the_last_of_several_sessions_gives_it_back() {
        let one = letter();
        let (two, three) = (Arc::clone(&one), Arc::clone(&one));
        assert!(one.undelivered().is_none());
        assert!(two.undelivered().is_none());
        assert_eq!(three.undelivered().unwrap().1, 7);
    }

    #[test]
    fn what_one_client_has_is_not_given_back_by_the_others() {
        let one = letter();
        let (two, three) = (Arc::clone(&one), Arc::clone(&one));
        assert!(one.undelivered().is_none());
        two.arrived();
        drop(two);
        assert!(three.undelivered().is_none());
    }

    #[test]
    fn messages_and_requests_matter() {
        for (xml, matters) in [
            ("<message xmlns='jabber:client' to='a@b'/>", true),
            ("<message xmlns='jabber:client' to='a@b' type='error'/>", false),
            ("<presence xmlns='jabber:client' to='a@b'/>", false),
            ("<iq xmlns='jabber:client' to='a@b' type='get' id='1'><x xmlns='y'/></iq>", true),
            ("<iq xmlns='jabber:client' to='a@b' type='result' id='1'/>", false),
        ] {
            assert_eq!(Letter::of(stanza(xml), 0).is_ok(), matters, "{xml}");
        }
    }
}
