//! RFC 6121 §3: presence subscriptions.
//!
//! Carries out what [`state`] decides: for presence of the four subscription types that the
//! account's own sessions send ([`outbound`]) or that comes to the account ([`inbound`]).
//! Spec: §3.1 requesting, §3.2 cancelling, §3.3 unsubscribing, §3.4 approving in advance, and
//! the tables of appendix A.
//!
//! State: in the roster. Invariants: nothing of what is agreed is said to anybody before it is
//! durable; subscriptions are between bare JIDs, so no resource is told (§3); nobody sees the
//! owner whom the owner did not let (§3.1.3).

use xmpp::element::Element;
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza::{PresenceType, Stanza};

use super::presence::{self, plain};
use super::roster::{Roster, is_interested};
use super::{Cx, Feature, Spec, blocking};
use crate::daemon::Daemon;
use crate::effect::Handled;
use crate::limits::PENDING_IN_SHOWN_MAX;
use crate::registry::{Bound, SessionId};

pub(in crate::features) mod requests;
pub mod state;

#[cfg(test)]
mod tests;

use state::{Act, Standing, SubState};

/// Tables of this feature.
pub const TABLES: &[&str] = &[requests::REQUESTS.name()];

/// See the module.
pub const FEATURE: Feature = Feature {
    // §3.4
    stream_feature: Some(stream_feature),
    ..Feature::new("subscription", Spec::Rfc { number: 6121, sections: "§3, A" })
};

fn stream_feature(_: &Daemon) -> Element {
    Element::new("sub", ns::PRE_APPROVAL)
}

fn act_of(stanza: &Stanza) -> Option<Act> {
    match stanza.presence_type()? {
        PresenceType::Subscribe => Some(Act::Subscribe),
        PresenceType::Subscribed => Some(Act::Subscribed),
        PresenceType::Unsubscribe => Some(Act::Unsubscribe),
        PresenceType::Unsubscribed => Some(Act::Unsubscribed),
        _ => None,
    }
}

/// A session of the account sends `stanza`, of a subscription type, to the contact `to`.
pub fn outbound(cx: &mut Cx<'_>, to: &BareJid, stanza: &Stanza) {
    let Some(act) = act_of(stanza) else { return };
    // §4.2.2: everybody sees themselves; there is nothing to agree on.
    if *to == cx.account.jid {
        return;
    }
    if let Err(error) = send(cx, to, act, stanza) {
        cx.refuse(stanza, &error);
    }
}

fn send(cx: &mut Cx<'_>, to: &BareJid, act: Act, stanza: &Stanza) -> Handled {
    let roster = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let before = roster.standing(to);
    let step = state::outbound(before, act);
    let writes = &mut cx.effects.writes;
    let mut push = roster.agree(writes, to, step.after)?;
    // §3.2.2: refusing a request changes nothing that shows, and is pushed all the same.
    if push.is_none() && act == Act::Unsubscribed && step.route {
        push = roster.repeat(writes, to);
    }
    let text = "The server could not save this; nothing was changed.";
    cx.effects.refuse_on_failure(stanza, text);
    hide_if_ended(cx, to, before, step.after);
    if step.route {
        cx.effects.routed.push(between(stanza.clone(), &cx.account.jid, to));
    }
    show_if_granted(cx, to, before, step.after);
    if let Some(push) = push {
        push.send(&cx.account.sessions, &mut cx.effects.own);
    }
    Ok(())
}

/// Somebody sends `stanza`, of a subscription type, to the account.
pub fn inbound(cx: &mut Cx<'_>, stanza: &Stanza) {
    let (Some(act), Some(from)) = (act_of(stanza), stanza.from()) else { return };
    let contact = from.to_bare();
    if contact == cx.account.jid {
        return;
    }
    // RFC 6121 §8.5.3.2.2: for a resource that is not there only a request counts.
    let resource = stanza.to().and_then(Jid::resource);
    if act != Act::Subscribe && resource.is_some_and(|r| cx.account.resource(r).is_none()) {
        return;
    }
    // Unreadable: as if it had been lost on the way. The contact may say it again.
    if let Err(error) = receive(cx, &contact, act, stanza) {
        tracing::error!(condition = %error.condition, "a subscription stanza is lost");
    }
}

/// Somebody whom the owner wants to hear nothing of ends a subscription: it ends in the roster,
/// without a word to or of the sender.
pub(in crate::features) fn inbound_unheard(cx: &mut Cx<'_>, stanza: &Stanza) {
    let (Some(act), Some(from)) = (act_of(stanza), stanza.from()) else { return };
    let contact = from.to_bare();
    // Unreadable: it was logged, and is as if it had been lost on the way.
    let roster = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots);
    let Ok(roster) = roster else { return };
    let step = state::inbound(roster.standing(&contact), act);
    if let Ok(Some(push)) = roster.agree(&mut cx.effects.writes, &contact, step.after) {
        push.send(&cx.account.sessions, &mut cx.effects.own);
    }
}

fn receive(cx: &mut Cx<'_>, contact: &BareJid, act: Act, stanza: &Stanza) -> Handled {
    let roster = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let before = roster.standing(contact);
    let step = state::inbound(before, act);
    let writes = &mut cx.effects.writes;
    // §3.1.3: the address is treated as the bare JID.
    let words = between(stanza.clone(), contact, &cx.account.jid);
    let push = roster.agree(writes, contact, step.after)?;
    if act == Act::Subscribe && step.deliver {
        roster.requests.keep(writes, contact, &words, cx.now.unix);
    }
    if step.deliver {
        deliver(cx, act, &words);
    }
    hide_if_ended(cx, contact, before, step.after);
    if let Some(reply) = step.reply {
        reply_as_account(cx, contact, reply);
    }
    // §3.1.6, §3.2.3, §3.3.3: the stanza comes before the push.
    if let Some(push) = push {
        push.send(&cx.account.sessions, &mut cx.effects.own);
    }
    Ok(())
}

/// §2.2: requests go to the available sessions, and news of what is agreed to those that asked
/// for the roster (§3.1.6, §3.2.3, §3.3.3).
fn deliver(cx: &mut Cx<'_>, act: Act, words: &Stanza) {
    let is_meant: fn(&Bound) -> bool = match act {
        Act::Subscribe => |session| session.priority.is_some(),
        _ => is_interested,
    };
    let sessions = cx.account.sessions.iter().filter(|s| is_meant(s));
    cx.effects.own.extend(sessions.map(|s| (s.id, words.clone())));
}

/// What the server says on the owner's behalf.
fn reply_as_account(cx: &mut Cx<'_>, contact: &BareJid, reply: Act) {
    let ty = match reply {
        Act::Subscribe => PresenceType::Subscribe,
        Act::Subscribed => PresenceType::Subscribed,
        Act::Unsubscribe => PresenceType::Unsubscribe,
        Act::Unsubscribed => PresenceType::Unsubscribed,
    };
    let own = Jid::from(&cx.account.jid);
    cx.effects.routed.push(plain(ty, &own, &Jid::from(contact)));
    // §3.1.5: with the approval comes the presence. Also where the contact may see the owner
    // already: it asked again because it does not know.
    if reply == Act::Subscribed {
        show(cx, contact);
    }
}

fn show_if_granted(cx: &mut Cx<'_>, contact: &BareJid, before: Standing, after: Standing) {
    if after.state.is_seen() && !before.state.is_seen() {
        show(cx, contact);
    }
}

/// §3.1.5: the contact gets the presence of each available resource. It is answered as if it
/// had asked once this is durable, so that what a session says meanwhile is not overtaken by
/// what it said before.
fn show(cx: &mut Cx<'_>, contact: &BareJid) {
    let probe = plain(PresenceType::Probe, &Jid::from(contact), &Jid::from(&cx.account.jid));
    cx.effects.routed.push(probe);
}

/// §3.2.2 and §3.3.3: who may see the owner no longer sees each available resource go. Who
/// merely asked is told of no resource.
fn hide_if_ended(cx: &mut Cx<'_>, contact: &BareJid, before: Standing, after: Standing) {
    if before.state.is_seen() && !after.state.is_seen() {
        presence::hide(cx, contact);
    }
}

/// `stanza` from one bare JID to another (§3).
fn between(mut stanza: Stanza, from: &BareJid, to: &BareJid) -> Stanza {
    stanza.set_from(Jid::from(from));
    stanza.set_to(Some(Jid::from(to)));
    stanza
}

/// The account removed `contact`, with which `state` was agreed: §2.5.2. A request that either
/// side has waiting ends as well.
pub(in crate::features) fn end(cx: &mut Cx<'_>, contact: &BareJid, state: SubState) {
    let nothing = Standing::default();
    let before = Standing { state, approved: false };
    let (own, contact_jid) = (Jid::from(&cx.account.jid), Jid::from(contact));
    if state::outbound(before, Act::Unsubscribe).after != before {
        cx.effects.routed.push(plain(PresenceType::Unsubscribe, &own, &contact_jid));
    }
    hide_if_ended(cx, contact, before, nothing);
    if state::outbound(before, Act::Unsubscribed).route {
        cx.effects.routed.push(plain(PresenceType::Unsubscribed, &own, &contact_jid));
    }
}

/// §3.1.3: a session that became available is shown the requests that wait for an answer, each
/// time, and whatever its priority.
pub(in crate::features) fn show_requests(cx: &mut Cx<'_>, session: SessionId) {
    let roster = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots);
    if !roster.is_ok_and(|roster| roster.requests.contacts().next().is_some()) {
        return;
    }
    match requests::waiting(&cx.daemon.store, &cx.account.jid) {
        Ok(mut waiting) => {
            waiting.retain(|stanza| !stanza.from().is_some_and(|f| blocking::is_blocked(cx, f)));
            let shown = waiting.into_iter().take(PENDING_IN_SHOWN_MAX);
            cx.effects.own.extend(shown.map(|stanza| (session, stanza)));
        }
        Err(e) => tracing::error!(error = %e, "subscription requests cannot be read"),
    }
}

/// §3.1.2: the requests of the owner's that were not answered are made again when the owner
/// comes online, in case they were lost.
pub(in crate::features) fn ask_again(cx: &mut Cx<'_>) {
    let own = Jid::from(&cx.account.jid);
    let Ok(roster) = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots) else { return };
    let unanswered = roster.subscriptions().filter(|(_, to)| *to == state::Half::Pending);
    let contacts: Vec<BareJid> = unanswered.map(|(jid, _)| jid.clone()).collect();
    let contacts = blocking::unblocked(cx, contacts);
    let requests = contacts.iter().map(|jid| plain(PresenceType::Subscribe, &own, &Jid::from(jid)));
    cx.effects.routed.extend(requests);
}
