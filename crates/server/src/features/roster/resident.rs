//! The home's own contact in every roster: the concierge.
//!
//! Spec: none; to clients it is an ordinary contact (RFC 6121 §2.1.2). An account gets it when one
//! of its clients first asks for the roster, so that accounts of before, made just now and moved
//! here are all the same. Who removes it does not get it again.
//!
//! State: that an account has met it, in the store. Invariant: given once; a contact that is there
//! already keeps its name and groups.

use store::{Batch, Raw, Table};
use xmpp::error::StanzaError;
use xmpp::jid::BareJid;

use super::Roster;
use crate::concierge;
use crate::features::Cx;
use crate::features::subscription::state::{Half, Standing, SubState};

/// Owner; nothing more is to be known.
pub(super) const MET: Table<String, Raw> = Table::new("concierge_met");

/// What clients call it, until its owner does otherwise.
const NAME: &str = "Concierge";
const GROUP: &str = "Snug";

/// Gives the account the contact if it has not met it. `true` = now.
///
/// # Errors
/// `internal-server-error` if the roster cannot be read.
pub(super) fn introduce(cx: &mut Cx<'_>) -> Result<bool, StanzaError> {
    let Cx { daemon, account, effects, .. } = cx;
    let owner = account.jid.clone();
    let Some(resident) = concierge::address(owner.domain()) else { return Ok(false) };
    // Unreadable: it can wait for the next time. The health log-in is nobody.
    let met = !matches!(daemon.store.get(&MET, owner.as_str()), Ok(None));
    if met || daemon.accounts.is_probe(&owner) {
        return Ok(false);
    }
    let roster = Roster::of(daemon, &owner, &mut account.slots)?;
    if roster.contact(&resident).is_none() {
        let named =
            roster.name(&mut effects.writes, &resident, NAME.to_owned(), vec![GROUP.to_owned()]);
        if named.is_err() {
            // The roster is full.
            return Ok(false);
        }
    }
    let both = SubState { to: Half::Yes, from: Half::Yes };
    let standing = Standing { state: both, approved: false };
    let push = roster.agree(&mut effects.writes, &resident, standing)?;
    effects.writes.put(&MET, owner.as_str(), &Raw(Vec::new()));
    if let Some(push) = push {
        push.send(&account.sessions, &mut effects.own);
    }
    // Who is available has asked for everybody's presence before.
    let here = |id, jid| Some((id, concierge::presence_for(&resident, jid)?));
    effects.own.extend(account.available().filter_map(|s| here(s.id, &s.jid)));
    Ok(true)
}

/// `owner` has met it.
#[cfg(test)]
pub(in crate::features) fn have_met(store: &store::Store, owner: &BareJid) {
    let mut batch = Batch::new();
    batch.put(&MET, owner.as_str(), &Raw(Vec::new()));
    store.commit_blocking(batch).unwrap();
}

/// The account starts anew.
pub(super) fn forget(batch: &mut Batch, owner: &BareJid) {
    batch.delete(&MET, owner.as_str());
}
