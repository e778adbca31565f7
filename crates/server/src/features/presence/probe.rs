//! Answers to presence probes.
//!
//! Spec: RFC 6121 §4.3.2 and §4.6.6. State: none. Invariants: who may not see the account hears
//! nothing of its resources; a probe of one resource is told of no other.

use xmpp::jid::Jid;
use xmpp::stanza::{PresenceType, Stanza};

use super::{directed, plain};
use crate::registry::{Account, Bound};

/// What `asker` is told in answer to its `probe` of `account`. `allowed`: may it see the
/// account's presence?
pub(super) fn answers(
    account: &Account,
    probe: &Stanza,
    asker: &Jid,
    allowed: bool,
) -> Vec<Stanza> {
    match probe.to() {
        Some(full) if full.is_full() => vec![of_one(account, probe, asker, (full, allowed))],
        _ if allowed => of_all(account, probe, asker),
        _ => vec![refusal(account, probe, asker)],
    }
}

/// §4.3.2: for a probe of one resource, only whether it is there.
fn of_one(account: &Account, probe: &Stanza, asker: &Jid, (full, allowed): (&Jid, bool)) -> Stanza {
    let session = full.resource().and_then(|resource| account.resource(resource));
    // §4.6.6: who was told by the session may ask whether it is still there.
    let shown = |s: &&Bound| (allowed && s.priority.is_some()) || directed::was_told(s, asker);
    match session.filter(shown) {
        Some(session) => plain(PresenceType::Available, &session.jid, asker),
        None if allowed => mirrored(probe, plain(PresenceType::Unavailable, full, asker)),
        None => refusal(account, probe, asker),
    }
}

/// §4.3.2 rules 3 and 4.
fn of_all(account: &Account, probe: &Stanza, asker: &Jid) -> Vec<Stanza> {
    let all: Vec<Stanza> = account.available().filter_map(|s| current(s, asker)).collect();
    if !all.is_empty() {
        return all;
    }
    let gone = plain(PresenceType::Unavailable, &Jid::from(&account.jid), asker);
    vec![mirrored(probe, gone)]
}

/// §4.3.2 rule 1: between bare JIDs, which tells of no resource.
fn refusal(account: &Account, probe: &Stanza, asker: &Jid) -> Stanza {
    let (own, asker) = (Jid::from(&account.jid), Jid::from(asker.to_bare()));
    mirrored(probe, plain(PresenceType::Unsubscribed, &own, &asker))
}

/// The last available presence of `session`, complete, to `to`.
pub(super) fn current(session: &Bound, to: &Jid) -> Option<Stanza> {
    let mut presence = Stanza::clone(session.presence.as_deref()?);
    presence.set_to(Some(to.clone()));
    Some(presence)
}

/// §4.3.2.1: an answer that repeats no presence of a client's has the `id` of the probe.
fn mirrored(probe: &Stanza, mut answer: Stanza) -> Stanza {
    if let Some(id) = probe.id() {
        answer.set_id(id);
    }
    answer
}
