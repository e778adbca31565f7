//! The devices of an account, with what is connected of them.
//!
//! Spec: XEP-0494 §3.1. Invariant: every session is in the list, as a device's or on its own.

use store::StoreError;

use super::{DEVICES, Device, DeviceName, all_of};
use crate::daemon::Daemon;
use crate::limits::DEVICES_PER_ACCOUNT_MAX;
use crate::registry::{Account, Bound, SessionId};

/// A device, or a session of a client that does not say which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Names it within the account.
    pub id: String,
    /// The program, as it says.
    pub software: Option<String>,
    /// What it runs on, as it says.
    pub device: Option<String>,
    /// Unix time; a day's midnight for a device.
    pub first_seen: u64,
    /// Unix time; a day's midnight for a device.
    pub last_seen: u64,
    /// It knows the account's password.
    pub password: bool,
    /// It has a token.
    pub token: bool,
    /// Its session, connected or asleep.
    pub session: Option<SessionId>,
    /// It is kept apart from its session.
    pub kept: bool,
}

/// The devices of `account`, oldest first seen first, then sessions without a device.
///
/// # Errors
/// [`StoreError`].
pub fn list(daemon: &Daemon, account: &Account, now: u64) -> Result<Vec<Listed>, StoreError> {
    let rows = daemon.store.scan(&DEVICES, &all_of(&account.jid), DEVICES_PER_ACCOUNT_MAX)?;
    let mut all: Vec<_> = rows
        .into_iter()
        .map(|((_, name), device)| {
            let of = |s: &&Bound| s.slots.get::<DeviceName>().is_some_and(|d| d.as_str() == name);
            let session = account.sessions.iter().find(of).map(|s| s.id);
            Listed::device(name, device, session, now)
        })
        .collect();
    all.sort_by(|a, b| (a.first_seen, &a.id).cmp(&(b.first_seen, &b.id)));
    let known = |s: &Bound| all.iter().any(|listed| listed.session == Some(s.id));
    let others: Vec<_> =
        account.sessions.iter().filter(|s| !known(s)).map(|s| Listed::session(s, now)).collect();
    all.extend(others);
    Ok(all)
}

impl Listed {
    fn device(name: String, device: Device, session: Option<SessionId>, now: u64) -> Self {
        let good = [&device.current, &device.new].into_iter().flatten().any(|t| t.expires > now);
        Self {
            id: name,
            software: device.software,
            device: device.device,
            first_seen: device.first_seen,
            last_seen: device.last_seen,
            password: device.password,
            token: good,
            session,
            kept: true,
        }
    }

    fn session(session: &Bound, now: u64) -> Self {
        Self {
            id: format!("session-{}", session.id),
            software: None,
            device: None,
            first_seen: session.about.since,
            last_seen: now,
            password: true,
            token: false,
            session: Some(session.id),
            kept: false,
        }
    }
}
