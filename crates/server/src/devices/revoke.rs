//! Devices and tokens that are over.
//!
//! Invariants: a token that is taken away lets nobody in from the moment on that its batch was
//! handed to the store; devices that nobody uses any more are forgotten.

use store::{Batch, Span, Store, StoreError};
use xmpp::jid::BareJid;

use super::{DEVICES, Device, DeviceName, all_of};
use crate::daemon::Daemon;
use crate::features::push;
use crate::limits::{DEVICE_UNSEEN_SECONDS_MAX, DEVICES_PER_ACCOUNT_MAX, ROWS_PER_READ};
use crate::registry::{self, Account, Bound, SessionId};

/// Why tokens are taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Revoke {
    /// The account has a new password: no device knows it but the one on which it was chosen, if
    /// it was on one. That one keeps its token, since its person has just shown to be there.
    NewPassword {
        /// That device.
        by: Option<DeviceName>,
    },
    /// Nobody may log in.
    LockedOut,
}

/// Takes the tokens of all devices of `owner` away, in `batch`. The caller holds the account's
/// lock until `batch` is with the store.
pub(crate) fn revoke_all(
    store: &Store,
    batch: &mut Batch,
    owner: &BareJid,
    why: &Revoke,
) -> Result<(), StoreError> {
    for ((_, name), device) in store.scan(&DEVICES, &all_of(owner), DEVICES_PER_ACCOUNT_MAX)? {
        if let Revoke::NewPassword { by: Some(by) } = why
            && by.as_str() == name
        {
            let device = Device { password: true, ..device };
            batch.put(&DEVICES, &(owner.as_str(), name.as_str()), &device);
            continue;
        }
        let password = device.password && *why == Revoke::LockedOut;
        let device = Device { password, current: None, new: None, ..device };
        batch.put(&DEVICES, &(owner.as_str(), name.as_str()), &device);
    }
    Ok(())
}

/// What came of [`forget`].
#[derive(Debug, Default)]
pub(crate) struct Forgotten {
    /// There was such a device, or such a session.
    pub(crate) found: bool,
    /// The write that takes it out of the store.
    pub(crate) batch: Batch,
    /// Its sessions, to be ended.
    pub(crate) sessions: Vec<SessionId>,
}

/// Forgets what `id` names in the list of an account ([`super::list`]), with its tokens and with
/// what wakes it (XEP-0357). The caller holds the account's lock until the batch is with the store.
pub(crate) fn forget(
    daemon: &Daemon,
    account: &mut Account,
    id: &str,
    now: u64,
) -> Result<Forgotten, StoreError> {
    let mut forgotten = Forgotten::default();
    let listed = super::list(daemon, account, now)?.into_iter().find(|listed| listed.id == id);
    let Some(listed) = listed else { return Ok(forgotten) };
    forgotten.found = true;
    let of = |s: &&Bound| s.slots.get::<DeviceName>().is_some_and(|name| name.as_str() == id);
    let its = |s: &&Bound| listed.session == Some(s.id) || of(s);
    forgotten.sessions = account.sessions.iter().filter(its).map(|s| s.id).collect();
    if listed.kept {
        forgotten.batch.delete(&DEVICES, &(account.jid.as_str(), id));
    }
    push::signed_out(daemon, account, (id, &forgotten.sessions), &mut forgotten.batch)?;
    Ok(forgotten)
}

/// Deletes all devices of an account that is removed, in `batch`.
pub(crate) fn remove_all_of(batch: &mut Batch, owner: &BareJid) {
    batch.delete_span(&DEVICES, &all_of(owner));
}

/// Forgets devices that were not seen for [`DEVICE_UNSEEN_SECONDS_MAX`].
pub(crate) fn sweep(daemon: &Daemon, now: u64) -> Result<(), StoreError> {
    let mut span = Span::all();
    loop {
        let page = daemon.store.scan(&DEVICES, &span, ROWS_PER_READ)?;
        let Some(((owner, name), _)) = page.last() else { return Ok(()) };
        span = Span::all().after(&(owner.as_str(), name.as_str()));
        for ((owner, name), device) in &page {
            if is_over(device, now) {
                forget_unseen(daemon, owner, name, now)?;
            }
        }
    }
}

fn is_over(device: &Device, now: u64) -> bool {
    device.last_seen + DEVICE_UNSEEN_SECONDS_MAX <= now
}

fn forget_unseen(daemon: &Daemon, owner: &str, name: &str, now: u64) -> Result<(), StoreError> {
    let Ok(jid) = BareJid::parse(owner) else { return Ok(()) };
    let entry = daemon.registry.entry(&jid);
    let account = registry::lock(&entry);
    // A client may stay connected for longer.
    let connected = account
        .sessions
        .iter()
        .any(|s| s.slots.get::<DeviceName>().is_some_and(|d| d.as_str() == name));
    // Again, under the lock: it may have come back this very moment.
    let device = daemon.store.get(&DEVICES, &(owner, name))?;
    if !connected && device.is_some_and(|device| is_over(&device, now)) {
        let mut batch = Batch::new();
        batch.delete(&DEVICES, &(owner, name));
        daemon.durability.commit(batch);
    }
    Ok(())
}
