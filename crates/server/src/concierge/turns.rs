//! Whose turn it is: what people write to the concierge, each person's one after the other.
//!
//! A step of a verification takes the processor some 45 ms and a key exchange 4 ms; neither may
//! hold up a thread on which others' messages are carried. So messages wait here, and a few
//! threads of their own work them off; what comes of it is routed like any other stanza.
//!
//! State: [`Visitors`]. Invariants: a person's messages are answered in the order in which they
//! came, and one is answered (what it wrote is durable) before the next is looked at; at most
//! [`CONCIERGE_THREADS_MAX`] are looked at together; what waits is bounded per person and in all.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use xmpp::jid::{BareJid, Jid};
use xmpp::stanza::Stanza;

use super::Key;
use super::desk::Desk;
use super::keys::Identity;
use super::talk::{self, Talk};
use crate::daemon::{Daemon, Now};
use crate::deliver;
use crate::durability::Ticket;
use crate::limits::{CONCIERGE_LETTERS_MAX, CONCIERGE_LETTERS_PER_PERSON_MAX, CONCIERGE_TALKS_MAX};

/// A message to the concierge.
pub(super) struct Letter {
    /// Who wrote it, as the server stamped it.
    pub(super) from: Jid,
    /// The address it was sent to.
    pub(super) own: BareJid,
    /// Its `xml:lang`.
    pub(super) lang: Option<String>,
    pub(super) body: String,
}

/// A person with their conversation.
#[derive(Default)]
struct Visitor {
    /// Away while a message is looked at.
    talk: Option<Talk>,
    waiting: VecDeque<Letter>,
    busy: bool,
}

/// Everybody who wrote.
#[derive(Default)]
pub(super) struct Visitors(HashMap<BareJid, Visitor>);

/// What becomes of a new letter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Accepted {
    /// [`serve`] has to be called.
    First,
    /// The person is being served.
    Waits,
    /// Too many wait.
    Refused,
}

impl Visitors {
    /// Puts `letter` behind those of the same person.
    pub(super) fn accept(&mut self, letter: Letter) -> Accepted {
        let person = letter.from.to_bare();
        let waiting: usize = self.0.values().map(|v| v.waiting.len()).sum();
        self.make_room(&person);
        if waiting >= CONCIERGE_LETTERS_MAX
            || (self.0.len() >= CONCIERGE_TALKS_MAX && !self.0.contains_key(&person))
        {
            return Accepted::Refused;
        }
        let visitor = self.0.entry(person).or_default();
        if visitor.waiting.len() >= CONCIERGE_LETTERS_PER_PERSON_MAX {
            return Accepted::Refused;
        }
        visitor.waiting.push_back(letter);
        if std::mem::replace(&mut visitor.busy, true) { Accepted::Waits } else { Accepted::First }
    }

    /// The least recent conversation gives way to a new one.
    fn make_room(&mut self, person: &BareJid) {
        if self.0.len() < CONCIERGE_TALKS_MAX || self.0.contains_key(person) {
            return;
        }
        let idle = self.0.iter().filter(|(_, v)| !v.busy);
        let used = |v: &Visitor| v.talk.as_ref().map(|t| t.used.monotonic);
        let oldest = idle.min_by_key(|(_, v)| used(v)).map(|(jid, _)| jid.clone());
        oldest.map(|jid| self.0.remove(&jid));
    }

    /// The next letter of `person` with the conversation; without one the person is idle.
    fn next(&mut self, person: &BareJid) -> Option<(Letter, Option<Talk>)> {
        let visitor = self.0.get_mut(person)?;
        let Some(letter) = visitor.waiting.pop_front() else {
            visitor.busy = false;
            return None;
        };
        Some((letter, visitor.talk.take()))
    }

    fn put_back(&mut self, person: &BareJid, talk: Option<Talk>) {
        if let Some(visitor) = self.0.get_mut(person) {
            visitor.talk = talk;
        }
    }

    #[cfg(test)]
    pub(super) fn are_idle(&self) -> bool {
        self.0.values().all(|v| !v.busy)
    }
}

/// What came of a letter.
struct Answered {
    talk: Option<Talk>,
    /// What was written; 0 = nothing.
    ticket: Ticket,
    out: Vec<Stanza>,
}

/// Works off the letters of `person`.
pub(super) async fn serve(daemon: Arc<Daemon>, person: BareJid) {
    loop {
        let (letter, talk, identity) = {
            let mut state = daemon.concierge.lock();
            let Some((letter, talk)) = state.visitors.next(&person) else { return };
            // Letters are accepted once there is a key, and it does not go away.
            let Key::Ready(identity) = &state.key else { continue };
            (letter, talk, identity.clone())
        };
        // It is never closed.
        let Ok(thread) = daemon.concierge.threads.acquire().await else { return };
        let of = Arc::clone(&daemon);
        let answered = tokio::task::spawn_blocking(move || answer(&of, &identity, talk, &letter));
        let answered = answered.await;
        drop(thread);
        // After a panic, which is logged, the conversation begins anew.
        let Ok(Answered { talk, ticket, out }) = answered else { continue };
        daemon.concierge.lock().visitors.put_back(&person, talk);
        // What is said about a write is said once it is durable.
        if daemon.durability.wait(ticket).await.is_ok() {
            deliver::route_all(&daemon, Now::read(), out);
        }
    }
}

/// On a thread for slow things.
fn answer(daemon: &Daemon, identity: &Identity, talk: Option<Talk>, letter: &Letter) -> Answered {
    let now = Now::read();
    let fresh = || Talk::new(identity, talk::language(letter.lang.as_deref()), now);
    let Some(mut talk) = talk.or_else(fresh) else {
        return Answered { talk: None, ticket: 0, out: Vec::new() };
    };
    let (from, own) = (&letter.from, &letter.own);
    let mut desk = Desk {
        daemon,
        now,
        person: from.to_bare(),
        resource: from.resource().unwrap_or_default().to_owned(),
        own: own.clone(),
        mine: identity.key.fingerprint(),
        ticket: 0,
        told: Vec::new(),
    };
    let bodies = talk.heard(&mut desk, &letter.body);
    let (ticket, told) = (desk.ticket, desk.told);
    let said = bodies.iter().filter_map(|body| super::chat(own, from, body));
    let told = told.iter().filter_map(|(to, words)| super::chat(own, &to.clone().into(), words));
    Answered { talk: Some(talk), ticket, out: said.chain(told).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(from: &str) -> Letter {
        Letter {
            from: Jid::parse(from).unwrap(),
            own: BareJid::parse("concierge@home.example").unwrap(),
            lang: None,
            body: "help".to_owned(),
        }
    }

    #[test]
    fn each_person_has_a_queue_of_a_certain_length() {
        let mut all = Visitors::default();
        assert_eq!(all.accept(letter("ann@home.example/a")), Accepted::First);
        for _ in 1..CONCIERGE_LETTERS_PER_PERSON_MAX {
            assert_eq!(all.accept(letter("ann@home.example/b")), Accepted::Waits);
        }
        assert_eq!(all.accept(letter("ann@home.example/b")), Accepted::Refused);
        assert_eq!(all.accept(letter("bob@home.example/b")), Accepted::First);
        let ann = BareJid::parse("ann@home.example").unwrap();
        let first = all.next(&ann).unwrap().0;
        assert_eq!(first.from.resource(), Some("a"), "in the order in which they came");
        while all.next(&ann).is_some() {}
        assert_eq!(all.accept(letter("ann@home.example/a")), Accepted::First);
    }

    #[test]
    fn all_queues_together_are_bounded() {
        let mut all = Visitors::default();
        let mut accepted = 0;
        for n in 0..CONCIERGE_LETTERS_MAX + 10 {
            let from = format!("p{}@home.example/x", n % 200);
            accepted += usize::from(all.accept(letter(&from)) != Accepted::Refused);
        }
        assert_eq!(accepted, CONCIERGE_LETTERS_MAX);
    }

    #[test]
    fn who_is_being_served_is_not_forgotten() {
        let mut all = Visitors::default();
        let jid = |n: usize| BareJid::parse(&format!("p{n}@home.example")).unwrap();
        for n in 0..CONCIERGE_TALKS_MAX {
            assert_eq!(all.accept(letter(&format!("p{n}@home.example/x"))), Accepted::First);
        }
        assert_eq!(all.accept(letter("late@home.example/x")), Accepted::Refused);
        // One is done, and gives way.
        assert!(all.next(&jid(7)).is_some() && all.next(&jid(7)).is_none());
        assert_eq!(all.accept(letter("late@home.example/x")), Accepted::First);
        assert!(all.next(&jid(7)).is_none() && all.next(&jid(8)).is_some());
    }
}
