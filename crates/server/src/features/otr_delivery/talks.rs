//! Who has an OTR session with whom on which device, as far as the flow of messages shows it.
//!
//! State: in memory only, so that nothing of it is ever on the disk; after a restart it is learned
//! anew with the next message. Invariants: at most [`OTR_TALKS_MAX`] conversations per account and
//! one waiting end each, the least recent is forgotten; what was silent for [`OTR_TALK_TIME_MAX`]
//! counts as over.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use xmpp::jid::BareJid;
use xmpp::stanza::Stanza;

use crate::daemon::Now;
use crate::limits::{OTR_MARK_EVERY, OTR_NAME_TIME_MAX, OTR_TALK_TIME_MAX, OTR_TALKS_MAX};

/// One conversation of an account.
#[derive(Debug)]
struct Talk {
    peer: BareJid,
    /// The account's device that spoke OTR last.
    resource: String,
    /// Has it sent more than an offer?
    session: bool,
    /// When it spoke last.
    spoke: Now,
    /// When the other devices were last told.
    marked: Option<Now>,
    /// The end of the session, for when the device is back.
    end: Option<Box<Stanza>>,
}

/// A device whose name the server made, that lost its connection.
#[derive(Debug)]
struct Lost {
    resource: String,
    address: IpAddr,
    at: Now,
}

#[derive(Debug, Default)]
struct Book {
    /// Least recent first.
    talks: Vec<Talk>,
    lost: Vec<Lost>,
}

/// The conversations of all accounts.
#[derive(Debug, Default)]
pub struct Talks(Mutex<HashMap<BareJid, Book>>);

fn is_over(since: Now, now: Now, after: std::time::Duration) -> bool {
    now.monotonic.saturating_duration_since(since.monotonic) >= after
}

impl Book {
    fn talk(&mut self, peer: &BareJid, now: Now) -> Option<&mut Talk> {
        self.talks.iter_mut().find(|t| t.peer == *peer && !is_over(t.spoke, now, OTR_TALK_TIME_MAX))
    }
}

impl Talks {
    fn lock(&self) -> MutexGuard<'_, HashMap<BareJid, Book>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A device of `owner` said something of OTR to `peer`: of a session, or an offer only, which
    /// takes no session from another device.
    pub(super) fn spoke(&self, owner: &BareJid, peer: &BareJid, device: (&str, bool), now: Now) {
        let (resource, session) = device;
        let mut books = self.lock();
        let book = books.entry(owner.clone()).or_default();
        let before = book.talk(peer, now);
        if before.as_ref().is_some_and(|t| t.session && !session && t.resource != resource) {
            return;
        }
        let same = before.as_ref().is_some_and(|t| t.resource == resource && t.session);
        let marked = before.as_ref().and_then(|t| t.marked);
        let end = if same { before.and_then(|t| t.end.take()) } else { None };
        book.talks.retain(|t| t.peer != *peer);
        if book.talks.len() >= OTR_TALKS_MAX {
            book.talks.remove(0);
        }
        let (peer, resource) = (peer.clone(), resource.to_owned());
        let session = session || same;
        book.talks.push(Talk { peer, resource, session, spoke: now, marked, end });
    }

    /// The device of `owner` that has the session with `peer`.
    pub(super) fn device(&self, owner: &BareJid, peer: &BareJid, now: Now) -> Option<String> {
        let mut books = self.lock();
        books.get_mut(owner)?.talk(peer, now).map(|t| t.resource.clone())
    }

    /// Is it time to tell the other devices of `owner` about the session with `peer`? Then they
    /// count as told.
    pub(super) fn mark(&self, owner: &BareJid, peer: &BareJid, now: Now) -> bool {
        let mut books = self.lock();
        let book = books.entry(owner.clone()).or_default();
        let Some(talk) = book.talk(peer, now) else { return false };
        let due = talk.marked.is_none_or(|at| is_over(at, now, OTR_MARK_EVERY));
        if due {
            talk.marked = Some(now);
        }
        due
    }

    /// Lets `end` wait for the device that has the session with `peer`; without one it is lost,
    /// and may be.
    pub(super) fn wait(&self, owner: &BareJid, peer: &BareJid, end: Stanza, now: Now) {
        if let Some(talk) = self.lock().get_mut(owner).and_then(|book| book.talk(peer, now)) {
            talk.end = Some(Box::new(end));
        }
    }

    /// What waited for this device of `owner`.
    pub(super) fn waited(&self, owner: &BareJid, resource: &str) -> Vec<Stanza> {
        let mut books = self.lock();
        let Some(book) = books.get_mut(owner) else { return Vec::new() };
        let mine = book.talks.iter_mut().filter(|t| t.resource == resource);
        mine.filter_map(|t| t.end.take()).map(|end| *end).collect()
    }

    /// A device of `owner` whose name the server made has lost its connection.
    pub(super) fn lost(&self, owner: &BareJid, resource: &str, address: IpAddr, now: Now) {
        let mut books = self.lock();
        let Some(book) = books.get_mut(owner) else { return };
        if book.talks.iter().any(|t| t.resource == resource && t.session) {
            book.lost.retain(|l| !is_over(l.at, now, OTR_NAME_TIME_MAX));
            if book.lost.len() >= OTR_TALKS_MAX {
                book.lost.remove(0);
            }
            book.lost.push(Lost { resource: resource.to_owned(), address, at: now });
        }
    }

    /// The name that a client of `owner` from `address` had, if it asks for none now.
    #[must_use]
    pub fn name_before(&self, owner: &BareJid, address: IpAddr, now: Now) -> Option<String> {
        let mut books = self.lock();
        let book = books.get_mut(owner)?;
        book.lost.retain(|l| !is_over(l.at, now, OTR_NAME_TIME_MAX));
        let at = book.lost.iter().rposition(|l| l.address == address)?;
        Some(book.lost.remove(at).resource)
    }

    /// Forgets all of `owner`.
    pub(super) fn forget(&self, owner: &BareJid) {
        self.lock().remove(owner);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::features::presence::home::stanza;

    fn jid(text: &str) -> BareJid {
        BareJid::parse(text).unwrap()
    }

    fn later(now: Now, wait: Duration) -> Now {
        Now { unix: now.unix + wait.as_secs(), monotonic: now.monotonic + wait, ..now }
    }

    #[test]
    fn the_device_that_spoke_last_has_the_session() {
        let (talks, ann, bob, now) = (Talks::default(), jid("ann@a"), jid("bob@a"), Now::read());
        assert_eq!(talks.device(&ann, &bob, now), None);
        talks.spoke(&ann, &bob, ("phone", false), now);
        talks.spoke(&ann, &bob, ("desk", false), now);
        assert_eq!(talks.device(&ann, &bob, now).as_deref(), Some("desk"));
        talks.spoke(&ann, &bob, ("desk", true), now);
        talks.spoke(&ann, &bob, ("phone", false), now);
        assert_eq!(talks.device(&ann, &bob, now).as_deref(), Some("desk"), "an offer takes none");
        talks.spoke(&ann, &bob, ("phone", true), now);
        assert_eq!(talks.device(&ann, &bob, now).as_deref(), Some("phone"));
        assert_eq!(talks.device(&bob, &ann, now), None);
        assert_eq!(talks.device(&ann, &bob, later(now, OTR_TALK_TIME_MAX)), None);
        talks.forget(&ann);
        assert_eq!(talks.device(&ann, &bob, now), None);
    }

    #[test]
    fn other_devices_are_told_once_an_hour() {
        let (talks, ann, bob, now) = (Talks::default(), jid("ann@a"), jid("bob@a"), Now::read());
        assert!(!talks.mark(&ann, &bob, now), "there is no session");
        talks.spoke(&ann, &bob, ("phone", true), now);
        assert!(talks.mark(&ann, &bob, now));
        talks.spoke(&ann, &bob, ("phone", true), now);
        talks.spoke(&ann, &bob, ("desk", true), now);
        assert!(!talks.mark(&ann, &bob, later(now, OTR_MARK_EVERY - Duration::from_secs(1))));
        assert!(talks.mark(&ann, &bob, later(now, OTR_MARK_EVERY)));
    }

    #[test]
    fn an_end_waits_for_its_device() {
        let (talks, ann, bob, now) = (Talks::default(), jid("ann@a"), jid("bob@a"), Now::read());
        let end = || stanza("<message><body>x</body></message>");
        talks.wait(&ann, &bob, end(), now);
        talks.spoke(&ann, &bob, ("phone", true), now);
        assert!(talks.waited(&ann, "phone").is_empty(), "nobody had the session");
        talks.wait(&ann, &bob, end(), now);
        talks.wait(&ann, &bob, end(), now);
        assert!(talks.waited(&ann, "desk").is_empty());
        assert_eq!(talks.waited(&ann, "phone").len(), 1);
        assert!(talks.waited(&ann, "phone").is_empty());
    }

    #[test]
    fn a_made_up_name_comes_back_to_the_same_address_only() {
        let (talks, ann, bob, now) = (Talks::default(), jid("ann@a"), jid("bob@a"), Now::read());
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        talks.spoke(&ann, &bob, ("k3j4", true), now);
        talks.lost(&ann, "other", here, now);
        assert_eq!(talks.name_before(&ann, here, now), None, "it had no session");
        talks.lost(&ann, "k3j4", here, now);
        assert_eq!(talks.name_before(&ann, there, now), None);
        assert_eq!(talks.name_before(&bob, here, now), None);
        assert_eq!(talks.name_before(&ann, here, now).as_deref(), Some("k3j4"));
        assert_eq!(talks.name_before(&ann, here, now), None, "once");
        talks.lost(&ann, "k3j4", here, now);
        assert_eq!(talks.name_before(&ann, here, later(now, OTR_NAME_TIME_MAX)), None);
    }

    #[test]
    fn the_least_recent_is_forgotten() {
        let (talks, ann, now) = (Talks::default(), jid("ann@a"), Now::read());
        for n in 0..=OTR_TALKS_MAX {
            talks.spoke(&ann, &jid(&format!("p{n}@a")), ("phone", true), now);
        }
        assert_eq!(talks.device(&ann, &jid("p0@a"), now), None);
        assert!(talks.device(&ann, &jid("p1@a"), now).is_some());
    }
}
