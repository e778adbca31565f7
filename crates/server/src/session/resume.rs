//! A session that outlives its connection: it waits asleep, and another connection takes it over.
//!
//! Spec: XEP-0198 §5 (resumption). The queue of what was not acknowledged is the outbox's; who may
//! resume what, and what is said about it, is `features::stream_management`'s.
//!
//! Invariants: at any time one connection or one sleep owns a session, the one whose outbox the
//! registry names; the others cannot end it nor handle anything in it. Only the account that owns
//! a session can resume it. A sleep has an end: the client comes back, its time is over, the
//! session is ended by somebody, its queue runs over, or the daemon stops. It relies on ADR 5: a
//! stanza is handled in one go, so no session is taken over in the middle of one.

use std::sync::Arc;
use std::time::Duration;

use xmpp::jid::BareJid;
use xmpp::resume::TooHigh;

use super::Session;
use crate::daemon::{Daemon, Now};
use crate::features::stream_management;
use crate::outbox::{HandedOver, Outbox};
use crate::registry::{self, About};

/// What a client says to get its session back.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The session's name.
    pub previd: &'a str,
    /// How many stanzas the client has handled in it.
    pub handled: u32,
}

/// Why a session is not resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The account has no such session, or not any more.
    Unknown {
        /// How many of the client's stanzas were handled in it, if that is remembered.
        handled: Option<u32>,
    },
    /// The client says it has handled more than it was sent.
    TooHigh(TooHigh),
}

/// A session whose client has lost its connection.
pub struct Asleep {
    session: Session,
    patience: Duration,
}

impl Session {
    /// Takes over the session of `user` that `claim` names, from the connection that has it or
    /// from its sleep. What the old connection still holds of it is closed with `conflict`.
    ///
    /// # Errors
    /// [`Refusal`]; the session, if there is one, is untouched then.
    pub fn resume(
        daemon: &Arc<Daemon>,
        user: &BareJid,
        claim: Claim<'_>,
        about: About,
    ) -> Result<Self, Refusal> {
        Self::take_over(daemon, user, claim, about, |handed| handed.resume(claim.previd))
    }

    /// As [`Session::resume`], but the client is told by the caller, once all that the session's
    /// stanzas caused is settled.
    ///
    /// # Errors
    /// As [`Session::resume`].
    pub fn resume_inline(
        daemon: &Arc<Daemon>,
        user: &BareJid,
        claim: Claim<'_>,
        about: About,
    ) -> Result<Self, Refusal> {
        Self::take_over(daemon, user, claim, about, HandedOver::resume_inline)
    }

    fn take_over(
        daemon: &Arc<Daemon>,
        user: &BareJid,
        claim: Claim<'_>,
        about: About,
        go_on: impl FnOnce(HandedOver) -> Outbox,
    ) -> Result<Self, Refusal> {
        // Only the user's own sessions are looked through: nobody resumes somebody else's.
        let unknown = || {
            let ended = &daemon.registry.ended;
            Refusal::Unknown { handled: ended.handled(&daemon.durability, user, &claim) }
        };
        let entry = daemon.registry.find(user).ok_or_else(unknown)?;
        let (mut session, kept) = {
            let mut account = registry::lock(&entry);
            // Under the lock, as in `bind`.
            if !matches!(daemon.accounts.can_log_in(user), Ok(true)) {
                return Err(unknown());
            }
            let named = |s: &&mut registry::Bound| stream_management::is_named(s, claim.previd);
            let bound = account.sessions.iter_mut().find(named).ok_or_else(unknown)?;
            let handed = match bound.outbox.hand_over(claim.handled) {
                Some(Ok(handed)) => handed,
                Some(Err(e)) => return Err(Refusal::TooHigh(e)),
                None => return Err(unknown()),
            };
            let kept = handed.kept().to_vec();
            bound.outbox = Arc::new(go_on(handed));
            // The connection is another, the session is the same.
            bound.about = About { since: bound.about.since, ..about };
            let (id, jid, outbox) = (bound.id, bound.jid.clone(), Arc::clone(&bound.outbox));
            let unsettled = outbox.line.unsettled();
            let (daemon, bare) = (Arc::clone(daemon), user.clone());
            drop(account);
            (Self { daemon, entry, id, jid, bare, outbox, unsettled }, kept)
        };
        session.delivered(Now::read(), &[], &kept);
        daemon.counters.add("session", "resumed");
        Ok(session)
    }

    /// The connection is lost. Gives back the session if its client can come back for it;
    /// otherwise it ends.
    #[must_use]
    pub fn fall_asleep(self) -> Option<Asleep> {
        let patience = {
            let account = registry::lock(&self.entry);
            let bound = account.session(self.id)?;
            stream_management::patience(bound)?
        };
        if !self.outbox.fall_asleep() {
            return None;
        }
        self.daemon.counters.add("session", "asleep");
        Some(Asleep { session: self, patience })
    }
}

impl Asleep {
    /// Waits until the session ends or another connection takes it over.
    pub async fn wait(self, daemon: &Daemon) {
        let mut stopping = daemon.stopping.subscribe();
        let expired = tokio::time::sleep(self.patience);
        tokio::pin!(expired);
        while !self.session.outbox.is_over() {
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => return,
                () = &mut expired => {
                    daemon.counters.add("session", "expired");
                    return;
                }
                () = self.session.outbox.woken() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use xmpp::element::Element;
    use xmpp::error::StreamCondition;
    use xmpp::ns;

    use super::*;
    use crate::testing::Home;

    fn about() -> About {
        let address = ([192, 168, 1, 40], 40_000).into();
        About { address, tls: "TLSv1.3", mechanism: "SCRAM-SHA-256", since: 7 }
    }

    fn element(xml: &str) -> Element {
        Element::parse(xml).unwrap()
    }

    /// To somebody who is away, so that it is written to the disk.
    fn message() -> Element {
        let to = "to='ann@home.example' type='chat'";
        element(&format!("<message xmlns='jabber:client' {to}><body>x</body></message>"))
    }

    /// What goes out next.
    async fn said(home: &Home, session: &Session) -> String {
        let mut out = String::new();
        while out.is_empty() {
            session.outbox.drain(&home.daemon().durability, &mut out);
            tokio::task::yield_now().await;
        }
        // Nothing that is counted may be unsafe by then.
        assert!(home.daemon().durability.is_settled(session.outbox.line.unsettled()));
        out
    }

    /// A session of `user` that can be resumed, and its name.
    async fn managed(home: &Home, user: &BareJid, resource: Option<&str>) -> (Session, String) {
        let mut session = Session::bind(home.daemon(), user, resource, about()).unwrap();
        let enable = element("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
        session.handle_nonza(Now::read(), &enable).unwrap();
        let enabled = element(&said(home, &session).await);
        let previd = enabled.attr("id").unwrap().to_owned();
        (session, previd)
    }

    #[tokio::test]
    async fn whoever_lost_a_session_can_neither_use_nor_end_it() {
        let (home, _) = Home::set_up().await;
        let (daemon, now) = (home.daemon(), Now::read());
        let ann = BareJid::parse("ann@home.example").unwrap();
        let (mut old, previd) = managed(&home, &ann, Some("phone")).await;
        let claim = Claim { previd: &previd, handled: 0 };
        old.handle(now, message()).unwrap();
        let request = Element::new("r", ns::SM);
        old.handle_nonza(now, &request).unwrap();
        assert_eq!(element(&said(&home, &old).await).attr("h"), Some("1"));

        old.handle(now, message()).unwrap();
        let later = About { since: 70, tls: "TLSv1.2", ..about() };
        let new = Session::resume(daemon, &ann, claim, later).unwrap();
        let error = old.handle(now, message()).unwrap_err();
        assert_eq!(error.condition, StreamCondition::Conflict);
        let error = old.handle_nonza(now, &request).unwrap_err();
        assert_eq!(error.condition, StreamCondition::Conflict);
        assert!(old.fall_asleep().is_none());
        assert_eq!(element(&said(&home, &new).await).attr("h"), Some("2"));
        assert_eq!(new.outbox.line.handled(), 2);
        let entry = daemon.registry.find(&ann).unwrap();
        let shown: Vec<_> = (registry::lock(&entry).sessions.iter())
            .map(|session| (session.about.since, session.about.tls))
            .collect();
        assert_eq!(shown, [(7, "TLSv1.2")], "since it was bound, over the new connection");

        drop(new);
        assert!(registry::lock(&entry).sessions.is_empty());
        let refusal = Session::resume(daemon, &ann, claim, about()).err();
        assert_eq!(refusal, Some(Refusal::Unknown { handled: Some(2) }));
    }

    /// Its end tells how much was handled; from then on that has to stay true.
    #[tokio::test]
    async fn a_session_that_was_replaced_handles_nothing_more() {
        let (home, _) = Home::set_up().await;
        let (daemon, now) = (home.daemon(), Now::read());
        let ann = BareJid::parse("ann@home.example").unwrap();
        let (mut old, previd) = managed(&home, &ann, Some("phone")).await;
        let claim = Claim { previd: &previd, handled: 0 };
        old.handle(now, message()).unwrap();
        let _new = Session::bind(daemon, &ann, Some("phone"), about()).unwrap();
        // Read from the old socket before, and looked at too late.
        let error = old.handle(now, message()).unwrap_err();
        assert_eq!(error.condition, StreamCondition::Conflict);
        daemon.durability.wait(old.outbox.line.unsettled()).await.unwrap();
        let refusal = Session::resume(daemon, &ann, claim, about()).err();
        assert_eq!(refusal, Some(Refusal::Unknown { handled: Some(1) }));
        assert_eq!(old.outbox.line.handled(), 1);
    }

    #[tokio::test]
    async fn a_locked_account_gets_no_session_back() {
        let (home, _) = Home::set_up().await;
        let daemon = home.daemon();
        let bob = daemon.accounts.address("bob").unwrap();
        let add = admin_api::accounts::Add {
            name: "bob".to_owned(),
            display_name: String::new(),
            password: Some(admin_api::Secret::new("battery staple")),
            role: admin_api::accounts::Role::Member,
        };
        home.operator().call(add).await.unwrap();
        let (session, previd) = managed(&home, &bob, None).await;
        let claim = Claim { previd: &previd, handled: 0 };
        let lock = admin_api::accounts::Lock { name: "bob".to_owned(), locked: true };
        home.operator().call(lock).await.unwrap();
        let refusal = Session::resume(daemon, &bob, claim, about()).err();
        assert_eq!(refusal, Some(Refusal::Unknown { handled: None }));
        assert!(session.fall_asleep().is_none(), "nor does it wait");
    }
}
