//! The extensions the daemon speaks, one file each, and the tables that dispatch to them.
//!
//! A feature is a `const FEATURE: Feature`: plain function pointers, no registration at run
//! time. Order is the order of [`ALL`]. Handlers are synchronous and run under the lock of one
//! account; all they want done elsewhere they leave as [`Effects`].
//!
//! Invariants: no IQ is claimed twice; every file of this folder is in [`ALL`] (both tested).

use std::collections::HashMap;
use std::sync::Arc;

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::stanza::{IqType, Stanza};

use self::moves::Moves;
use crate::daemon::{Daemon, Now};
use crate::effect::{Effects, Handled};
use crate::letter::Letter;
use crate::registry::{Account, Bound, SessionId};

pub mod archive;
pub mod avatar_conversion;
pub mod blocking;
pub mod bookmarks;
pub mod caps;
pub mod carbons;
pub mod client_access;
pub mod client_caps;
pub mod contact;
pub mod csi;
pub mod disco;
pub mod displayed_sync;
pub mod hints;
pub mod last;
pub mod moves;
pub mod offline;
pub mod omemo;
pub mod otr_delivery;
pub mod otr_policy;
pub mod pep;
pub mod ping;
pub mod presence;
pub mod private_xml;
pub mod push;
pub mod registration;
pub mod roster;
pub mod stanza_ids;
pub mod stream_limits;
pub mod stream_management;
pub mod subscription;
pub mod time;
pub mod vcard_temp;
pub mod version;

/// Every feature. Where order matters it says why.
pub const ALL: &[Feature] = &[
    // First, so that nothing else happens to what is blocked.
    blocking::FEATURE,
    // Second, so that nobody after it sees a name that is made up.
    stanza_ids::FEATURE,
    // Third, so that what is refused is neither copied nor kept.
    otr_policy::FEATURE,
    // Before whoever copies or keeps what a client says.
    displayed_sync::FEATURE,
    // After whatever may refuse a message, before the carbons, which tell its name.
    archive::FEATURE,
    avatar_conversion::FEATURE,
    bookmarks::FEATURE,
    caps::FEATURE,
    carbons::FEATURE,
    client_access::FEATURE,
    client_caps::FEATURE,
    contact::FEATURE,
    csi::FEATURE,
    disco::FEATURE,
    hints::FEATURE,
    last::FEATURE,
    offline::FEATURE,
    omemo::FEATURE,
    otr_delivery::FEATURE,
    pep::FEATURE,
    ping::FEATURE,
    presence::FEATURE,
    private_xml::FEATURE,
    push::FEATURE,
    registration::FEATURE,
    roster::FEATURE,
    stream_limits::FEATURE,
    stream_management::FEATURE,
    subscription::FEATURE,
    time::FEATURE,
    vcard_temp::FEATURE,
    version::FEATURE,
];

/// What a feature is and where it takes part.
pub struct Feature {
    /// The file's name.
    pub name: &'static str,
    /// What it implements.
    pub spec: Spec,
    /// Features of the server in disco#info.
    pub disco: &'static [&'static str],
    /// Features of an account (its bare JID) in disco#info.
    pub disco_account: &'static [&'static str],
    /// Identities of the server in disco#info beside its own: category and type.
    pub identities: &'static [(&'static str, &'static str)],
    /// Identities of an account in disco#info beside its own: category and type.
    pub identities_account: &'static [(&'static str, &'static str)],
    /// IQs it answers.
    pub iq: &'static [IqRoute],
    /// An element for the stream features after log-in.
    pub stream_feature: Option<fn(&Daemon) -> Element>,
    /// A session can begin with it (XEP-0386).
    pub(crate) inline: Option<Inline>,
    /// A session is being bound within log-in: tells its client what it should know, unasked.
    pub(crate) bound: Option<fn(&mut Cx<'_>, SessionId) -> Option<Element>>,
    /// A form for the server's disco#info (XEP-0128).
    pub(crate) disco_form: Option<fn(&Daemon) -> Option<Element>>,
    /// A session of the account sends this, which is no stanza. `true` = it was for this feature.
    pub(crate) nonza: Option<fn(&mut Cx<'_>, SessionId, &Element) -> bool>,
    /// A session of the account sends this to somebody else than the server. An error refuses it,
    /// and no later feature is asked.
    pub(crate) outgoing: Option<fn(&mut Cx<'_>, &mut Stanza) -> Handled>,
    /// This comes to the account, before anything is decided about it.
    pub(crate) incoming: Option<fn(&mut Cx<'_>, &mut Stanza) -> Gate>,
    /// A message to the account will be delivered or kept. An error refuses it, and no later
    /// feature is asked. Not called again when a client could not take it and it goes elsewhere.
    pub(crate) accepted: Option<fn(&mut Cx<'_>, &mut Stanza) -> Handled>,
    /// A message goes to the sessions that the function names; to none if it is kept for later.
    /// Not called again when a client could not take it and it goes elsewhere.
    pub(crate) delivered: Option<fn(&mut Cx<'_>, &Stanza, &Pick<'_>)>,
    /// A session of the account became available with a priority of zero or more: it had none
    /// before, or a negative one.
    pub(crate) available: Option<fn(&mut Cx<'_>, SessionId)>,
    /// A session of the account is about to say that it is available, to everybody or to one;
    /// `true` = it did already, and says it again because something else has changed.
    pub(crate) amend_presence: Option<fn(&mut Cx<'_>, SessionId, &mut Stanza, bool)>,
    /// A session of the account told everybody that it is available; `true` = it was not before.
    pub(crate) presence: Option<fn(&mut Cx<'_>, SessionId, bool)>,
    /// A session of the account answers, by IQ result or error, what the account or the server
    /// asked it. `true` = it was this feature's question.
    pub(crate) answer: Option<fn(&mut Cx<'_>, SessionId, &Stanza) -> bool>,
    /// An available session of the account wants to hear of these nodes, and did not before: it
    /// has just become available, or said so, or it is known only now. Once for each node as
    /// long as the session is available and wants it.
    pub(crate) interested: Option<fn(&mut Cx<'_>, SessionId, &[&str])>,
    /// A client of the owner's changed the node of that name (XEP-0163).
    pub(crate) published: Option<fn(&mut Cx<'_>, &str, &pep::Change<'_>)>,
    /// A session of the account is about to be removed.
    pub(crate) closed: Option<fn(&mut Cx<'_>, SessionId)>,
    /// The account is removed for good: delete what the feature stored of it.
    pub(crate) removed: Option<fn(&mut Cx<'_>)>,
    /// How what the feature keeps of a person moves to another server. What stands in the account's
    /// record (contacts, waiting messages) moves with that.
    pub(crate) moves: Option<Moves>,
}

impl Feature {
    /// A feature that takes part nowhere yet.
    #[must_use]
    pub const fn new(name: &'static str, spec: Spec) -> Self {
        Self {
            name,
            spec,
            disco: &[],
            disco_account: &[],
            identities: &[],
            identities_account: &[],
            iq: &[],
            stream_feature: None,
            inline: None,
            bound: None,
            disco_form: None,
            nonza: None,
            outgoing: None,
            incoming: None,
            accepted: None,
            delivered: None,
            available: None,
            amend_presence: None,
            presence: None,
            answer: None,
            interested: None,
            published: None,
            closed: None,
            removed: None,
            moves: None,
        }
    }
}

/// How a session begins with a feature.
pub(crate) struct Inline {
    /// The feature's name, and the namespace of what clients ask of it.
    pub(crate) ns: &'static str,
    /// The client of a session that is being bound asks this. Returns what it is told, if anything.
    pub(crate) begin: fn(&mut Cx<'_>, SessionId, &Element) -> Option<Element>,
}

/// The specification of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spec {
    /// Part of an RFC.
    Rfc {
        /// Its number.
        number: u16,
        /// The sections, such as `§2`.
        sections: &'static str,
    },
    /// An XMPP extension.
    Xep {
        /// Its number.
        number: u16,
        /// The version read.
        version: &'static str,
    },
}

/// Names some of the account's sessions.
pub type Pick<'a> = dyn Fn(&Bound) -> bool + 'a;

/// May a stanza come in?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Yes.
    Open,
    /// No: it is answered as if the account did not exist, and no later feature is asked.
    Closed,
}

/// Whom an IQ is addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The account's own bare JID, or nobody: asked by one of its own sessions.
    Account,
    /// The account's bare JID, asked by somebody else. `cx.session` is `None`.
    Contact,
    /// The server's domain, asked by one of the account's sessions.
    Server,
    /// The server's domain, asked by somebody who is no account of this server, such as a
    /// component. `cx.account` is the domain's own entry, `cx.session` is `None`.
    Outside,
}

/// An IQ that a feature answers.
pub struct IqRoute {
    /// `get` or `set`.
    pub ty: IqType,
    /// Addressee.
    pub target: Target,
    /// Namespace of the payload.
    pub ns: &'static str,
    /// Name of the payload.
    pub name: &'static str,
    /// Answers it through `cx.reply`, or returns the error to answer with.
    pub run: fn(&mut Cx<'_>, &Stanza) -> Handled,
}

/// Answers a question about data that are for their owner alone.
///
/// # Errors
/// Always `forbidden`.
pub(crate) fn not_yours(_: &mut Cx<'_>, _: &Stanza) -> Handled {
    Err(StanzaError::new(StanzaCondition::Forbidden))
}

/// What a handler works with.
pub struct Cx<'a> {
    /// The daemon: configuration, store for bounded reads, counters.
    pub daemon: &'a Daemon,
    /// The time of this input.
    pub now: Now,
    /// The account, locked.
    pub account: &'a mut Account,
    /// The account's session that the input came from; `None` = from elsewhere.
    pub session: Option<SessionId>,
    /// The stanza at hand was on its way to a client before, which went away.
    pub again: bool,
    /// The name under which the account has archived the stanza at hand.
    pub archived: Option<String>,
    /// The message at hand, while sessions are chosen that bring it or a copy of it.
    pub letter: Option<Arc<Letter>>,
    /// What is to be done.
    pub effects: Effects,
}

impl<'a> Cx<'a> {
    /// A context without effects yet.
    #[must_use]
    pub fn new(
        daemon: &'a Daemon,
        now: Now,
        account: &'a mut Account,
        session: Option<SessionId>,
    ) -> Self {
        let effects = Effects::default();
        Self { daemon, now, account, session, again: false, archived: None, letter: None, effects }
    }

    /// Answers the IQ `request` with `payload`: to the own session it came from, or to whoever
    /// sent it.
    pub fn reply(&mut self, request: &Stanza, payload: Option<Element>) {
        self.answer(request.result(payload));
    }

    /// Answers `request` with `error`, where the RFC allows an answer.
    pub fn refuse(&mut self, request: &Stanza, error: &StanzaError) {
        self.daemon.counters.add("stanza-error", error.condition.as_str());
        if let Some(answer) = request.error(error) {
            self.answer(answer);
        }
    }

    fn answer(&mut self, answer: Stanza) {
        match self.session {
            Some(id) => self.effects.own.push((id, answer)),
            None => self.effects.routed.push(answer),
        }
    }
}

/// IQ dispatch, flattened once at the start.
pub struct Dispatch {
    iq: HashMap<(&'static str, &'static str), Vec<&'static IqRoute>>,
}

impl Dispatch {
    /// From [`ALL`].
    #[must_use]
    pub fn new() -> Self {
        let mut iq: HashMap<_, Vec<_>> = HashMap::new();
        for route in ALL.iter().flat_map(|f| f.iq) {
            iq.entry((route.ns, route.name)).or_default().push(route);
        }
        Self { iq }
    }

    /// Runs the handler of the IQ request `iq`, or refuses it.
    pub fn run(&self, cx: &mut Cx<'_>, target: Target, iq: &Stanza) {
        let handled = match self.find(target, iq) {
            Some(route) => (route.run)(cx, iq),
            // RFC 6120 §8.4: unknown payloads get service-unavailable.
            None => Err(StanzaError::new(StanzaCondition::ServiceUnavailable)),
        };
        if let Err(error) = handled {
            cx.refuse(iq, &error);
        }
    }

    fn find(&self, target: Target, iq: &Stanza) -> Option<&'static IqRoute> {
        let payload = iq.payload()?;
        // Lifetimes: the key borrows from the stanza, so look up by iteration over equal pairs.
        let routes = self.iq.get(&(payload.ns(), payload.name()) as &(&str, &str))?;
        routes.iter().copied().find(|r| r.target == target && Some(r.ty) == iq.iq_type())
    }
}

impl Default for Dispatch {
    fn default() -> Self {
        Self::new()
    }
}

/// Asks the features' `nonza` until one knows `element`. `false` = none does.
pub fn on_nonza(cx: &mut Cx<'_>, session: SessionId, element: &Element) -> bool {
    ALL.iter().filter_map(|f| f.nonza).any(|hook| hook(cx, session, element))
}

/// Lets the feature that `request` is for begin with the session. Unknown ones are ignored.
pub fn on_inline(cx: &mut Cx<'_>, session: SessionId, request: &Element) -> Option<Element> {
    let inline = ALL.iter().filter_map(|f| f.inline.as_ref()).find(|i| i.ns == request.ns())?;
    (inline.begin)(cx, session, request)
}

/// Calls every feature's `bound`.
pub fn on_bound(cx: &mut Cx<'_>, session: SessionId) -> Vec<Element> {
    ALL.iter().filter_map(|f| f.bound).filter_map(|hook| hook(cx, session)).collect()
}

/// Asks every feature's `outgoing`.
///
/// # Errors
/// What the sender is to be told instead.
pub fn on_outgoing(cx: &mut Cx<'_>, stanza: &mut Stanza) -> Handled {
    ALL.iter().filter_map(|f| f.outgoing).try_for_each(|hook| hook(cx, stanza))
}

/// Asks every feature's `incoming`.
pub fn on_incoming(cx: &mut Cx<'_>, stanza: &mut Stanza) -> Gate {
    let mut hooks = ALL.iter().filter_map(|f| f.incoming);
    if hooks.all(|hook| hook(cx, stanza) == Gate::Open) { Gate::Open } else { Gate::Closed }
}

/// Asks every feature's `accepted`.
///
/// # Errors
/// What the sender is to be told instead.
pub fn on_accepted(cx: &mut Cx<'_>, message: &mut Stanza) -> Handled {
    ALL.iter().filter_map(|f| f.accepted).try_for_each(|hook| hook(cx, message))
}

/// Calls every feature's `delivered`.
pub fn on_delivered(cx: &mut Cx<'_>, message: &Stanza, pick: &Pick<'_>) {
    ALL.iter().filter_map(|f| f.delivered).for_each(|hook| hook(cx, message, pick));
}

/// Calls every feature's `available`.
pub fn on_available(cx: &mut Cx<'_>, session: SessionId) {
    ALL.iter().filter_map(|f| f.available).for_each(|hook| hook(cx, session));
}

/// Calls every feature's `amend_presence`.
pub fn on_amend_presence(cx: &mut Cx<'_>, id: SessionId, stanza: &mut Stanza, again: bool) {
    ALL.iter().filter_map(|f| f.amend_presence).for_each(|hook| hook(cx, id, stanza, again));
}

/// Calls every feature's `presence`.
pub fn on_presence(cx: &mut Cx<'_>, session: SessionId, first: bool) {
    ALL.iter().filter_map(|f| f.presence).for_each(|hook| hook(cx, session, first));
}

/// Asks the features' `answer` until one knows the question. Other answers are nobody's.
pub fn on_answer(cx: &mut Cx<'_>, session: SessionId, iq: &Stanza) {
    ALL.iter().filter_map(|f| f.answer).any(|hook| hook(cx, session, iq));
}

/// Calls every feature's `interested`.
pub fn on_interested(cx: &mut Cx<'_>, session: SessionId, nodes: &[&str]) {
    ALL.iter().filter_map(|f| f.interested).for_each(|hook| hook(cx, session, nodes));
}

/// Calls every feature's `published`.
pub fn on_published(cx: &mut Cx<'_>, node: &str, change: &pep::Change<'_>) {
    ALL.iter().filter_map(|f| f.published).for_each(|hook| hook(cx, node, change));
}

/// Calls every feature's `closed`.
pub fn on_closed(cx: &mut Cx<'_>, session: SessionId) {
    ALL.iter().filter_map(|f| f.closed).for_each(|hook| hook(cx, session));
}

/// Calls every feature's `removed`.
pub fn on_removed(cx: &mut Cx<'_>) {
    ALL.iter().filter_map(|f| f.removed).for_each(|hook| hook(cx));
}

/// The stream features after log-in.
#[must_use]
pub fn stream_features(daemon: &Arc<Daemon>) -> Vec<Element> {
    ALL.iter().filter_map(|f| f.stream_feature).map(|make| make(daemon)).collect()
}

/// What a session can begin with (XEP-0386 §3.1).
#[must_use]
pub fn inline_features() -> Vec<&'static str> {
    ALL.iter().filter_map(|f| f.inline.as_ref()).map(|inline| inline.ns).collect()
}
