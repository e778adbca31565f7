//! A session: a client with a bound resource, from binding to its end, and what happens to the
//! stanzas it sends.
//!
//! Spec: RFC 6120 §7 (binding), §8.1 (addresses), §10 (processing); RFC 6121 §8.2–8.4; resuming
//! (XEP-0198) is in `session/resume.rs`.
//! Invariants: `from` of every stanza is the session's own full JID; stanzas of one session are
//! handled in the order they came (RFC 6120 §10.1); what one stanza causes becomes durable as a
//! whole, for its sender and for those it is to; a reply is held until all that the session caused
//! before is durable, so a reply acknowledges everything before it.

use std::collections::VecDeque;
use std::sync::Arc;

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError, StreamCondition, StreamError};
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza::{IqType, Kind, PresenceType, Stanza};

use crate::daemon::{Daemon, Now};
use crate::deliver;
use crate::durability::Ticket;
use crate::features::{self, Cx, Target, offline, otr_delivery, presence, subscription};
use crate::letter::Letter;
use crate::outbox::{End, Outbox};
use crate::registry::{self, About, Bound, Entry, SessionId, Slots};
use crate::wire::Wire;

pub mod inline;
pub mod resume;

/// A bound session as its connection holds it. Dropping it ends the session, also when the
/// connection's task panics, unless another connection has taken the session over.
pub struct Session {
    daemon: Arc<Daemon>,
    entry: Entry,
    /// Names the session.
    pub id: SessionId,
    /// Its full JID.
    pub jid: Jid,
    bare: BareJid,
    /// What waits to be written to the client.
    pub outbox: Arc<Outbox>,
    /// Last ticket of what the session's own stanzas caused.
    unsettled: Ticket,
}

impl Session {
    /// Binds a resource for `user`: the one asked for, or a random one.
    ///
    /// # Errors
    /// `bad-request` for a resource that is not one, `resource-constraint` past the limit.
    pub fn bind(
        daemon: &Arc<Daemon>,
        user: &BareJid,
        resource: Option<&str>,
        about: About,
    ) -> Result<Self, StanzaError> {
        let wish = resource.filter(|r| !r.is_empty());
        let made_up = wish.is_none();
        let resource = wish.map_or_else(|| make_up(daemon, user, &about), str::to_owned);
        let jid = user
            .with_resource(&resource)
            .map_err(|_| StanzaError::new(StanzaCondition::BadRequest))?;
        let (session, ()) = Self::enter(daemon, user, jid, about, |cx, id| {
            if let Some(bound) = cx.account.session_mut(id).filter(|_| made_up) {
                bound.slots.put(otr_delivery::MadeUp);
            }
        })?;
        Ok(session)
    }

    /// Begins the session `jid` of `user`, and with it, in one go, what `begin` does.
    fn enter<T>(
        daemon: &Arc<Daemon>,
        user: &BareJid,
        jid: Jid,
        about: About,
        begin: impl FnOnce(&mut Cx<'_>, SessionId) -> T,
    ) -> Result<(Self, T), StanzaError> {
        let entry = daemon.registry.entry(user);
        let outbox = Arc::new(Outbox::default());
        let id = daemon.fresh_session();
        let mut list = VecDeque::new();
        let now = Now::read();
        let (begun, unsettled) = {
            let mut account = registry::lock(&entry);
            // Under the lock: whoever locks or deletes an account ends its sessions under it, so
            // none can slip in between the log-in and here.
            match daemon.accounts.can_log_in(user) {
                Ok(true) => {}
                Ok(false) => return Err(StanzaError::new(StanzaCondition::Forbidden)),
                Err(e) => {
                    tracing::error!(error = %e, "an account cannot be read");
                    return Err(StanzaError::new(StanzaCondition::InternalServerError));
                }
            }
            // RFC 6120 §7.7.2.2: the newer session wins, since it is usually the same device
            // that lost its connection before we noticed.
            let old = jid.resource().and_then(|r| account.resource(r)).map(|s| s.id);
            if let Some(old) = old {
                replace(daemon, now, &mut account, old, &mut list);
            }
            make_room(daemon, now, &mut account, &mut list);
            if account.sessions.len() >= daemon.config.limits.sessions_per_account as usize {
                return Err(StanzaError::new(StanzaCondition::ResourceConstraint)
                    .with_text("Too many devices are connected; disconnect one first."));
            }
            account.sessions.push(Bound {
                id,
                jid: jid.clone(),
                outbox: Arc::clone(&outbox),
                presence: None,
                priority: None,
                about,
                slots: Slots::default(),
            });
            let mut cx = Cx::new(daemon, now, &mut account, Some(id));
            let begun = begin(&mut cx, id);
            let effects = cx.effects;
            (begun, deliver::carry_out(daemon, &mut account, effects, 0, &mut list))
        };
        deliver::route_all(daemon, Now::read(), list.into());
        let bare = user.clone();
        let daemon = Arc::clone(daemon);
        Ok((Self { daemon, entry, id, jid, bare, outbox, unsettled }, begun))
    }

    /// Handles a stanza that the client sent.
    ///
    /// # Errors
    /// The stream error that ends the session.
    pub fn handle(&mut self, now: Now, element: Element) -> Result<(), StreamError> {
        self.outbox.line.begin()?;
        // A client that is not answered any more finds in its own archive whether others got it.
        let daemon = Arc::clone(&self.daemon);
        let together = daemon.store.together();
        let taken = self.take(now, element);
        drop(together);
        self.outbox.line.caused(self.unsettled);
        taken
    }

    fn take(&mut self, now: Now, element: Element) -> Result<(), StreamError> {
        // A session request or second bind that comes after the negotiation.
        if let Some(answer) = xmpp::negotiate::late_request(&element) {
            self.say_element(answer);
            return Ok(());
        }
        let mut stanza = match Stanza::from_element(element) {
            Ok(stanza) => stanza,
            Err(rejected) => return self.rejected(rejected),
        };
        // RFC 6120 §8.1.2.1: a client speaks for itself only.
        let own = |from: &Jid| *from == self.jid || from.as_str() == self.bare.as_str();
        if !stanza.from().is_none_or(own) {
            return Err(StreamError::new(StreamCondition::InvalidFrom));
        }
        stanza.set_from(self.jid.clone());
        match stanza.to().cloned() {
            None => self.for_nobody(now, stanza),
            Some(to) if self.is_server(&to) => self.for_server(now, &stanza),
            Some(to) => self.for_somebody(now, &to, stanza),
        }
        Ok(())
    }

    fn is_server(&self, to: &Jid) -> bool {
        to.local().is_none() && self.daemon.is_local(to.domain())
    }

    /// To somebody else than the server, unless a feature refuses it.
    fn for_somebody(&mut self, now: Now, to: &Jid, mut stanza: Stanza) {
        let mut refused = None;
        self.with_account(now, |cx| {
            refused = features::on_outgoing(cx, &mut stanza).err();
            if let Some(error) = &refused {
                cx.refuse(&stanza, error);
            }
        });
        match refused {
            Some(_) => {}
            None if self.daemon.is_near(to.domain()) => self.for_person(now, to, stanza),
            None => self.for_elsewhere(now, stanza),
        }
    }

    /// Handles an element of this session's stream that is no stanza.
    ///
    /// # Errors
    /// The stream error that ends the session, if no feature knows it or another connection has the
    /// session.
    pub fn handle_nonza(&mut self, now: Now, element: &Element) -> Result<(), StreamError> {
        self.outbox.line.check()?;
        let (id, mut known) = (self.id, false);
        self.with_account(now, |cx| known = features::on_nonza(cx, id, element));
        // RFC 6120 §4.9.3.24
        let condition = StreamCondition::UnsupportedStanzaType;
        if known { Ok(()) } else { Err(StreamError::new(condition)) }
    }

    fn rejected(&mut self, rejected: xmpp::stanza::Rejected) -> Result<(), StreamError> {
        match rejected {
            xmpp::stanza::Rejected::Stream(error) => Err(error),
            xmpp::stanza::Rejected::Reply(answer) => {
                self.daemon.counters.add("stanza-error", "malformed");
                self.say_element(answer);
                Ok(())
            }
            xmpp::stanza::Rejected::Ignore => Ok(()),
        }
    }

    /// RFC 6121 §8.2 and RFC 6120 §10.3: no `to`.
    fn for_nobody(&mut self, now: Now, mut stanza: Stanza) {
        match stanza.kind() {
            Kind::Iq => self.request(now, Target::Account, &stanza),
            Kind::Message => {
                // RFC 6120 §10.3.1: as if to the sender's own bare JID.
                stanza.set_to(Some(self.bare.clone().into()));
                self.route(now, stanza);
            }
            Kind::Presence => match stanza.presence_type() {
                Some(PresenceType::Available | PresenceType::Unavailable) => {
                    let id = self.id;
                    self.with_account(now, |cx| presence::broadcast(cx, id, stanza));
                }
                // The other types mean nothing without an addressee.
                _ => self.refuse(now, &stanza, StanzaCondition::BadRequest),
            },
        }
    }

    /// No federation yet: RFC 6120 §10.4.
    fn for_elsewhere(&mut self, now: Now, stanza: Stanza) {
        match stanza.kind() {
            // Refused on the way, so that the answer comes as it would from there.
            Kind::Message => self.route(now, stanza),
            Kind::Iq | Kind::Presence => {
                self.refuse(now, &stanza, StanzaCondition::RemoteServerNotFound);
            }
        }
    }

    /// RFC 6121 §8.4 and RFC 6120 §10.5.2: to the server itself.
    fn for_server(&mut self, now: Now, stanza: &Stanza) {
        match stanza.kind() {
            Kind::Iq => self.request(now, Target::Server, stanza),
            Kind::Message => self.refuse(now, stanza, StanzaCondition::ServiceUnavailable),
            // The server has no use for presence; clients send it to gateways.
            Kind::Presence => {}
        }
    }

    fn for_person(&mut self, now: Now, to: &Jid, stanza: Stanza) {
        let own_bare = !to.is_full() && to.to_bare() == self.bare;
        match stanza.kind() {
            Kind::Iq if own_bare => self.request(now, Target::Account, &stanza),
            Kind::Message | Kind::Iq => self.route(now, stanza),
            Kind::Presence => self.presence_to(now, to, stanza),
        }
    }

    fn presence_to(&mut self, now: Now, to: &Jid, stanza: Stanza) {
        use PresenceType as P;
        let id = self.id;
        match stanza.presence_type() {
            Some(P::Subscribe | P::Subscribed | P::Unsubscribe | P::Unsubscribed) => {
                let contact = to.to_bare();
                self.with_account(now, |cx| subscription::outbound(cx, &contact, &stanza));
            }
            Some(P::Available | P::Unavailable) => {
                self.with_account(now, |cx| presence::directed(cx, id, to, stanza));
            }
            // RFC 6121 §4.3: probes are the server's; a client's is not needed for anything.
            Some(P::Probe) => {}
            _ => self.route(now, stanza),
        }
    }

    /// An IQ for the account or the server: requests are dispatched; answers are to our pings,
    /// which ask for no more than a sign of life, or to what a feature asked.
    fn request(&mut self, now: Now, target: Target, iq: &Stanza) {
        let (daemon, id) = (Arc::clone(&self.daemon), self.id);
        self.with_account(now, |cx| match iq.iq_type() {
            Some(IqType::Get | IqType::Set) => daemon.dispatch.run(cx, target, iq),
            _ => features::on_answer(cx, id, iq),
        });
    }

    fn refuse(&mut self, now: Now, stanza: &Stanza, condition: StanzaCondition) {
        self.with_account(now, |cx| cx.refuse(stanza, &StanzaError::new(condition)));
    }

    fn route(&mut self, now: Now, stanza: Stanza) {
        let ticket = deliver::route_all(&self.daemon, now, vec![stanza]);
        self.unsettled = self.unsettled.max(ticket);
    }

    /// Runs `handler` under the account's lock and carries out its effects.
    fn with_account(&mut self, now: Now, handler: impl FnOnce(&mut Cx<'_>)) {
        let mut list = VecDeque::new();
        {
            let mut account = registry::lock(&self.entry);
            let mut cx = Cx::new(&self.daemon, now, &mut account, Some(self.id));
            handler(&mut cx);
            let effects = cx.effects;
            let floor = self.unsettled;
            let ticket = deliver::carry_out(&self.daemon, &mut account, effects, floor, &mut list);
            self.unsettled = self.unsettled.max(ticket);
        }
        if !list.is_empty() {
            let ticket = deliver::route_all(&self.daemon, now, list.into());
            self.unsettled = self.unsettled.max(ticket);
        }
    }

    fn say_element(&mut self, element: Element) {
        if let Ok(stanza) = Stanza::from_element(element) {
            self.say(stanza);
        }
    }

    /// Says `stanza` to this client, in order with its other replies.
    pub fn say(&mut self, stanza: Stanza) {
        self.outbox.push_held(self.unsettled, Wire::of(stanza), None);
    }

    /// XEP-0199 §4.2: asks the client whether it is there.
    pub fn ask_for_life(&mut self, id: &str) {
        let ping = Element::new("iq", ns::CLIENT)
            .with_attr("type", "get")
            .with_attr("id", id.to_owned())
            .with_attr("from", self.bare.domain().to_owned())
            .with_attr("to", self.jid.to_string())
            .with_child(Element::new("ping", ns::PING));
        self.say_element(ping);
    }

    /// The client has `letters`, and the messages named by `kept`, which were in the store.
    pub fn delivered(&mut self, now: Now, letters: &[Arc<Letter>], kept: &[u64]) {
        letters.iter().for_each(|letter| letter.arrived());
        if !kept.is_empty() {
            let id = self.id;
            self.with_account(now, |cx| offline::delivered(cx, id, kept));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let now = Now::read();
        let mut list = VecDeque::new();
        {
            let mut account = registry::lock(&self.entry);
            let bound = account.session(self.id);
            if bound.is_some_and(|bound| Arc::ptr_eq(&bound.outbox, &self.outbox)) {
                deliver::leave(&self.daemon, now, &mut account, self.id, &mut list);
            } else {
                // Somebody else ended it or took it over, but could not see what was being
                // written at that moment.
                let rest = self.outbox.close();
                deliver::send_again(&self.daemon, now, &mut account, rest, &mut list);
            }
        }
        if !list.is_empty() {
            deliver::route_all(&self.daemon, now, list.into());
        }
    }
}

/// RFC 6120 §7.6: the server makes a resource, random so that it tells nothing; the one before where
/// others still write to it.
fn make_up(daemon: &Daemon, user: &BareJid, about: &About) -> String {
    let before = daemon.registry.talks.name_before(user, about.address.ip(), Now::read());
    before.unwrap_or_else(|| crate::random::text(12))
}

/// Ends the session `old`, in whose place a newer one of the same device comes.
fn replace(
    daemon: &Daemon,
    now: Now,
    account: &mut registry::Account,
    old: SessionId,
    list: &mut VecDeque<Stanza>,
) {
    if let Some(session) = account.session(old) {
        session.outbox.end(End::Error(StreamError::new(StreamCondition::Conflict)));
    }
    deliver::leave(daemon, now, account, old, list);
}

/// Where an account has as many sessions as it may, one whose client is away gives way.
fn make_room(
    daemon: &Daemon,
    now: Now,
    account: &mut registry::Account,
    list: &mut VecDeque<Stanza>,
) {
    if account.sessions.len() < daemon.config.limits.sessions_per_account as usize {
        return;
    }
    let away = account.sessions.iter().find(|s| s.outbox.is_asleep()).map(|s| s.id);
    if let Some(away) = away {
        deliver::leave(daemon, now, account, away, list);
    }
}
